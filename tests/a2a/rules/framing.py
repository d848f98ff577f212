"""R46 and R47: streams on the wire, and agents that have none.

Neighbours: `streaming.py` (what streams carry).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import grpc.aio
from a2a.server.context import ServerCallContext
from a2a.types import (
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from google.protobuf.json_format import MessageToDict, ParseDict
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.a2a.app import REST_PREFIX
from actors.a2a.streams import Stream
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, stream_of, with_handler
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import GRPC, HTTP, JSONRPC, REST, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World

UNSUPPORTED = "UNSUPPORTED_OPERATION"


def no_streams(setup: Setup) -> Setup:
    """Return the setup of an agent that declares that it has no streams."""
    return replace(setup, capabilities={"streaming": False})


@rule(
    "R46",
    "without the streaming capability, denied or not mentioned, both streams are UNS",
    setup=no_streams,
)
async def r46(world: World) -> None:
    asked = await world.task(plays.ask)
    capabilities = world.server.card.capabilities
    for mentioned in (True, False):
        capabilities.streaming = False
        if not mentioned:
            capabilities.ClearField("streaming")
        assert capabilities.HasField("streaming") is mentioned
        assert not capabilities.streaming
        sending = world.request(plays.work, task=asked.id)
        assert await refusal(world, sending) == UNSUPPORTED
        assert await refusal(world, SubscribeToTaskRequest(id=asked.id)) == UNSUPPORTED
    assert await world.get(asked.id) == asked
    assert len(world.seen) == 1


async def refusal(world: World, request: SendMessageRequest | SubscribeToTaskRequest) -> str:
    """Return the reason for which a stream is refused; "" if it is not.

    By hand: a2a-sdk's client asks for no streams of an agent that declares none.
    """
    sending = isinstance(request, SendMessageRequest)
    body = MessageToDict(request)
    if world.binding == GRPC:
        stub = world.remote.stub
        method = stub.SendStreamingMessage if sending else stub.SubscribeToTask
        try:
            await method(request, metadata=world.metadata).read()
        except grpc.aio.AioRpcError as error:
            refused = error.code() == grpc.StatusCode.FAILED_PRECONDITION
            return UNSUPPORTED if refused else str(error.code())
        return ""
    if world.binding == JSONRPC:
        name = "SendStreamingMessage" if sending else "SubscribeToTask"
        call = {"jsonrpc": "2.0", "id": 1, "method": name, "params": body}
        answer = (await frames(world, "/", call))[0]
        reasons = {-32004: UNSUPPORTED}
        return reasons.get(answer.get("error", {}).get("code"), "")
    path = "/message:stream" if sending else f"/tasks/{body['id']}:subscribe"
    answer = (await frames(world, f"{REST_PREFIX}{path}", body))[0]
    details = answer.get("error", {}).get("details", [{}])
    return str(details[0].get("reason", ""))


@breaks("R46")
def streams_without_declaring_it(setup: Setup) -> Setup:
    return _anyway(setup, "stream")


@breaks("R46", binding=GRPC)
def serves_subscriptions_without_declaring_it(setup: Setup) -> Setup:
    return _anyway(setup, "subscribe")


@breaks("R46", binding=REST)
def serves_rest_subscriptions_without_declaring_it(setup: Setup) -> Setup:
    return _anyway(setup, "subscribe")


def _anyway(setup: Setup, which: str) -> Setup:
    class Streams(Defect):
        async def opened(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Stream:
            if op == which:
                return stream_of(StreamResponse(task=Task(id="1")))
            return await super().opened(op, params, context, go)

    return with_handler(setup, Streams)


@rule(
    "R47",
    "each event of JSON-RPC is a response with the id of the request; REST sends the bare event",
    bindings=HTTP,
)
async def r47(world: World) -> None:
    async def fails(stage: Stage) -> None:
        await stage.begin()
        await stage.status(TaskState.TASK_STATE_WORKING)
        raise RuntimeError("no luck")

    for play in (plays.work, fails):
        body = MessageToDict(world.request(play))
        if world.binding == REST:
            found = await frames(world, f"{REST_PREFIX}/message:stream", body)
            ends = found.pop() if "error" in found[-1] else found[-1]
            assert ends.keys() <= {"error", "statusUpdate"}
            check_events(found)
            continue
        for name in ("an id", 7):
            body["message"]["messageId"] += "'"
            world.server.agent.plays[body["message"]["messageId"]] = play
            call = {"jsonrpc": "2.0", "id": name, "method": "SendStreamingMessage", "params": body}
            found = await frames(world, "/", call)
            for frame in found:
                assert (frame.pop("jsonrpc"), frame.pop("id")) == ("2.0", name)
            if "error" in found[-1]:
                found.pop()
            check_events([frame.pop("result") for frame in found])


def check_events(events: list[dict[str, Any]]) -> None:
    """See that each is one event, and nothing besides."""
    assert len(events) >= 2
    assert events[0].keys() == {"task"}
    for event in events[1:]:
        assert len(event) == 1
        assert event.keys() <= {"statusUpdate", "artifactUpdate"}


async def frames(world: World, path: str, body: Any) -> list[dict[str, Any]]:
    """POST, and return the JSON of each server-sent event; or of the answer, if it is no stream."""
    headers = dict(world.metadata)
    response = await world.remote.http.post(path, json=body, headers=headers)
    if not response.headers["content-type"].startswith("text/event-stream"):
        return [response.json()]
    lines = response.text.splitlines()
    return [json.loads(line[5:]) for line in lines if line.startswith("data:")]


async def on_the_wire(world: World, request: SendMessageRequest) -> list[StreamResponse]:
    """Stream a message by hand: a2a-sdk's client reads no further than to a Message."""
    if world.binding == GRPC:
        call = world.remote.stub.SendStreamingMessage(request, metadata=world.metadata)
        return [event async for event in call]
    body = MessageToDict(request)
    if world.binding == REST:
        found = await frames(world, f"{REST_PREFIX}/message:stream", body)
    else:
        call = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": body}
        found = [frame["result"] for frame in await frames(world, "/", call)]
    return [ParseDict(event, StreamResponse()) for event in found]


@breaks("R47")
def forgets_the_id_of_the_request(setup: Setup) -> Setup:
    return _rewriting(setup, lambda frame: frame.replace(b'"an id"', b'"another"'))


@breaks("R47", binding=REST)
def wraps_events(setup: Setup) -> Setup:
    return _rewriting(setup, lambda frame: frame.replace(b"data: {", b'data: {"result":{},'))


def _rewriting(setup: Setup, change: Callable[[bytes], bytes]) -> Setup:
    """Return the setup with the bytes of every answer changed, streams included."""

    def middleware(app: ASGIApp) -> ASGIApp:
        async def changed(scope: Scope, receive: Receive, send: Send) -> None:
            async def rewritten(message: Message) -> None:
                if message["type"] == "http.response.body":
                    message["body"] = change(message.get("body", b""))
                await send(message)

            await app(scope, receive, rewritten)

        return changed

    return replace(setup, middleware=(*setup.middleware, middleware))
