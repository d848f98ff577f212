"""R11 to R13: what a request must hold, what it may hold besides, and when that is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    Part,
    Role,
    SendMessageRequest,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
)
from a2a.utils.errors import InvalidParamsError, TaskNotFoundError
from google.protobuf.json_format import MessageToDict

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.registry import GRPC, REST, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.wire_defects import refusing
from tests.a2a.rules.world import World

REQUIRED: dict[str, Any] = {"message_id": "", "role": Role.ROLE_UNSPECIFIED, "parts": []}
"""The required fields of a Message, each as it is when it is missing."""


@rule("R11", "each required field that is missing, each required array that is empty, is IP")
async def r11(world: World) -> None:
    for name, missing in REQUIRED.items():
        lacking = world.request(plays.work, message={name: missing})
        blocking = await world.refused(InvalidParamsError, world.send(lacking))
        streaming = await world.refused(InvalidParamsError, world.stream(lacking))
        assert name in str(blocking.data), blocking.data
        assert name in str(streaming.data), streaming.data
    await world.refused(InvalidParamsError, world.send(SendMessageRequest()))
    if world.binding != REST:  # there the id is the path, so another path without it
        client, call_context = world.remote.blocking, world.call
        await world.refused(
            InvalidParamsError, client.get_task(GetTaskRequest(), context=call_context)
        )
        await world.refused(
            InvalidParamsError, client.cancel_task(CancelTaskRequest(), context=call_context)
        )
        subscribing = world.remote.streaming.subscribe(
            SubscribeToTaskRequest(), context=call_context
        )
        await world.refused(InvalidParamsError, subscribing)
    task = await world.task(plays.ask)
    config = TaskPushNotificationConfig(task_id=task.id)
    await world.refused(
        InvalidParamsError,
        world.remote.blocking.create_task_push_notification_config(config, context=world.call),
    )
    assert len(world.seen) == 1


@breaks("R11")
def makes_up_a_message_id(setup: Setup) -> Setup:
    return _filling(setup, "message_id", "made up")


@breaks("R11")
def makes_up_a_role(setup: Setup) -> Setup:
    return _filling(setup, "role", Role.ROLE_USER)


@breaks("R11")
def makes_up_a_part(setup: Setup) -> Setup:
    return _filling(setup, "parts", [Part(text="made up")])


def _filling(setup: Setup, name: str, value: Any) -> Setup:
    class Fills(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send" and not getattr(params.message, name):
                params.message.MergeFrom(type(params.message)(**{name: value}))
            return await go(params)

    return with_handler(setup, Fills)


@rule("R12", "unknown fields are ignored, at every depth")
async def r12(world: World) -> None:
    request = world.request(plays.work)
    if world.binding == GRPC:
        unknown = bytes([0xFA, 0xFF, 0x01, 0x01]) + b"x"  # field 4095, one byte
        request = SendMessageRequest.FromString(request.SerializeToString() + unknown)
        answer = await world.remote.stub.SendMessage(request, metadata=world.metadata)
        assert answer.task.id
        return
    body = MessageToDict(request)
    body["xUnknown"] = {"deep": [1]}
    body["message"]["xUnknown"] = "x"
    body["message"]["parts"][0]["xUnknown"] = None
    if world.binding == REST:
        answer = (await world.rest("POST", "/message:send", body)).json()
    else:
        answer = (await world.rpc("SendMessage", body)).get("result", {})
    assert "task" in answer, answer
    assert len(world.seen) == 1


@breaks("R12")
def refuses_unknown_fields(setup: Setup) -> Setup:
    return refusing(setup, lambda body: b"xUnknown" in body)


@rule("R13", "nothing of a bad request reaches the agent, and nothing is stored of it")
async def r13(world: World) -> None:
    asked = await world.task(plays.ask)
    bad: list[tuple[type[Exception], SendMessageRequest]] = [
        (InvalidParamsError, world.request(plays.work, message={"parts": []})),
        (InvalidParamsError, world.request(plays.work, message={"parts": []}, task=asked.id)),
        (InvalidParamsError, world.request(plays.work, history_length=-1)),
        (InvalidParamsError, world.request(plays.work, history_length=-1, task=asked.id)),
        (InvalidParamsError, world.request(plays.work, task=asked.id, context="another")),
        (TaskNotFoundError, world.request(plays.work, task="unknown")),
    ]
    for kind, request in bad:
        await world.refused(kind, world.send(request))
        await world.refused(kind, world.stream(request))
    assert len(world.seen) == 1
    assert await world.get(asked.id) == asked
    assert (await world.list()).total_size == 1


@breaks("R13")
def validates_afterwards(setup: Setup) -> Setup:
    def valid(params: SendMessageRequest) -> SendMessageRequest:
        better = SendMessageRequest()
        better.CopyFrom(params)
        better.configuration.ClearField("history_length")
        return better

    return _doing_first(setup, valid)


def _doing_first(setup: Setup, valid: Callable[[SendMessageRequest], SendMessageRequest]) -> Setup:
    class Late(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send" and params.configuration.history_length < 0:
                await go(valid(params))
            return await go(params)

    return with_handler(setup, Late)
