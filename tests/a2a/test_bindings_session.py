"""One session, whatever the binding and the version: the same answers, word for word (R95).

A session over a binding is a transcript; ids are numbered as they come up, and times left out.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from typing import Any, NamedTuple

import grpc.aio
import httpx
import pytest
import pytest_asyncio
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.client import Client
from a2a.server.tasks import InMemoryPushNotificationConfigStore
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
)
from a2a.utils.constants import TransportProtocol
from a2a.utils.errors import A2AError
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message as Proto

from actors.a2a import Limits, RequestHandler
from actors.a2a.app import build_app, interfaces
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, ask, card
from tests.servers import free_port
from tests.sockets import listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

BINDINGS = (TransportProtocol.JSONRPC, TransportProtocol.HTTP_JSON, TransportProtocol.GRPC)
MOST_PARTS = 3

ERRORS = {
    "an unknown task",
    "a task that has ended",
    "likewise, streamed",
    "nothing to cancel",
    "nothing to subscribe to",
    "another context",
    "an agent that raises",
    "an agent that says nothing",
    "too many parts",
    "a history of less than nothing",
}
"""Parts of a session that end in one."""

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[AgentCard]:
    """The card of a server, as its clients get it."""
    grpc_port = free_port()
    described = card(push_notifications=True, extended_agent_card=True)
    extended = card(push_notifications=True, extended_agent_card=True)
    extended.description = "for those who are known"
    handler = RequestHandler(
        Actor(),
        None,
        described,
        None,
        InMemoryPushNotificationConfigStore(),
        extended_agent_card=extended,
        journal=MemoryJournal(),
        limits=Limits(parts=MOST_PARTS),
    )
    app = build_app(handler, described, f"127.0.0.1:{grpc_port}")
    async with app.router.lifespan_context(app), listening(app, lifespan="off") as port:
        for each in (described, extended):
            del each.supported_interfaces[:]
            each.supported_interfaces.extend(interfaces("127.0.0.1", port, grpc_port))
        async with httpx.AsyncClient() as http:
            yield await A2ACardResolver(http, f"http://127.0.0.1:{port}").get_agent_card()


Stream = AsyncGenerator[StreamResponse, None]


class Talk:
    """A session over one binding, as it is written down.

    Args:
        streaming: a client that streams.
        blocking: one that does not.
    """

    def __init__(self, streaming: Client, blocking: Client) -> None:
        self.streaming = streaming
        self.blocking = blocking
        self.lines: list[tuple[str, Any]] = []
        self._ids: dict[str, str] = {}

    def say(self, what: str, found: Any) -> None:
        """Write down an answer, or several."""
        self.lines.append((what, self._plain(found)))

    def _plain(self, found: Any) -> Any:
        match found:
            case Proto():
                return self._plain(MessageToDict(found))
            case dict():
                kept = {key: found[key] for key in found if key != "timestamp"}
                return {key: self._plain(value) for key, value in kept.items()}
            case list():
                return [self._plain(value) for value in found]
            case str():
                return _ID.sub(lambda met: self._numbered(met[0]), found)
            case _:
                return found

    def _numbered(self, uid: str) -> str:
        return self._ids.setdefault(uid, f"#{len(self._ids) + 1}")

    def open(self, request: SendMessageRequest) -> Stream:
        """A stream, to be closed."""
        stream = self.streaming.send_message(request)
        assert isinstance(stream, AsyncGenerator)
        return stream

    def subscribe(self, task: str) -> Stream:
        """A subscription, to be closed."""
        stream = self.streaming.subscribe(SubscribeToTaskRequest(id=task))
        assert isinstance(stream, AsyncGenerator)
        return stream

    async def stream(self, request: SendMessageRequest) -> list[StreamResponse]:
        """Everything that a stream says."""
        return [event async for event in self.open(request)]

    async def send(self, request: SendMessageRequest) -> StreamResponse:
        """The one answer to a message."""
        (answer,) = [event async for event in self.blocking.send_message(request)]
        return answer

    async def refused(self, what: str, call: Awaitable[Any]) -> None:
        """Write down an error."""
        with pytest.raises(A2AError) as caught:
            await call
        self.say(what, [type(caught.value).__name__, str(caught.value)])


async def session(talk: Talk, *, lists: bool = True) -> list[tuple[str, Any]]:
    """Everything that a client can do.

    Args:
        talk: to whom.
        lists: whether there is ListTasks, and removing webhooks; 0.3 has none over REST and gRPC.
    """
    client = talk.blocking
    talk.say("stream", await talk.stream(ask("work — ünïcode")))
    talk.say("reply", await talk.stream(ask("reply")))
    asked = (await talk.send(ask("ask"))).task
    talk.say("asked", asked)
    talk.say("get", await client.get_task(GetTaskRequest(id=asked.id)))
    talk.say("get a little", await client.get_task(GetTaskRequest(id=asked.id, history_length=1)))
    await _hooks(talk, asked.id, lists=lists)
    async with aclosing(talk.subscribe(asked.id)) as reading:
        talk.say("subscribed", await anext(reading))
        talk.say("follow-up", await talk.stream(ask("work", asked.id, asked.context_id)))
        talk.say("subscription", [event async for event in reading])
    async with aclosing(talk.open(ask("wait"))) as waiting:
        first = await anext(waiting)
        talk.say("cancel", await client.cancel_task(CancelTaskRequest(id=first.task.id)))
        talk.say("cancelled", [first, *[event async for event in waiting]])
    if lists:
        found = ListTasksRequest(context_id=asked.context_id, include_artifacts=True)
        talk.say("list", await client.list_tasks(found))
    await _errors(talk, asked.id)
    return talk.lines


async def _hooks(talk: Talk, task: str, *, lists: bool) -> None:
    client = talk.blocking
    hook = TaskPushNotificationConfig(task_id=task, id="h", url="http://127.0.0.1/h", token="t")
    talk.say("hook", await client.create_task_push_notification_config(hook))
    one = GetTaskPushNotificationConfigRequest(task_id=task, id="h")
    talk.say("hook again", await client.get_task_push_notification_config(one))
    if not lists:
        return
    every = ListTaskPushNotificationConfigsRequest(task_id=task)
    talk.say("hooks", await client.list_task_push_notification_configs(every))
    gone = DeleteTaskPushNotificationConfigRequest(task_id=task, id="h")
    await client.delete_task_push_notification_config(gone)
    talk.say("no hooks", await client.list_task_push_notification_configs(every))


async def _errors(talk: Talk, done: str) -> None:
    client, large = talk.blocking, ask("work")
    large.message.parts.extend([large.message.parts[0]] * MOST_PARTS)
    cases: dict[str, Awaitable[Any]] = {
        "an unknown task": client.get_task(GetTaskRequest(id="none")),
        "a task that has ended": talk.send(ask("work", done)),
        "likewise, streamed": talk.stream(ask("work", done)),
        "nothing to cancel": client.cancel_task(CancelTaskRequest(id=done)),
        "nothing to subscribe to": anext(talk.subscribe(done)),
        "another context": talk.send(ask("work", done, "another")),
        "an agent that raises": talk.send(ask("fail")),
        "an agent that says nothing": talk.send(ask("silent")),
        "too many parts": talk.send(large),
        "a history of less than nothing": client.get_task(
            GetTaskRequest(id=done, history_length=-1)
        ),
    }
    assert cases.keys() == ERRORS
    for what, call in cases.items():
        await talk.refused(what, call)


class Key(NamedTuple):
    """How to talk."""

    binding: str
    version: str


async def transcript(served: AgentCard, key: Key, *, lists: bool = True) -> list[tuple[str, Any]]:
    """Hold a session over one binding, in one version."""
    offered = AgentCard()
    offered.CopyFrom(served)
    kept = [each for each in served.supported_interfaces if each.protocol_version == key.version]
    del offered.supported_interfaces[:]
    offered.supported_interfaces.extend(kept)
    async with httpx.AsyncClient(timeout=5) as http:
        clients = [
            ClientFactory(
                ClientConfig(
                    streaming=streaming,
                    httpx_client=http,
                    grpc_channel_factory=grpc.aio.insecure_channel,
                    supported_protocol_bindings=[key.binding],
                )
            ).create(offered)
            for streaming in (True, False)
        ]
        talk = Talk(*clients)
        lines = await session(talk, lists=lists)
        extended = await clients[0].get_extended_agent_card(GetExtendedAgentCardRequest())
        lines.append(("extended card", extended.description))
        if key.binding == TransportProtocol.GRPC:
            for client in clients:
                await client.close()
        return lines


async def test_r95_one_session_over_three_bindings(served: AgentCard) -> None:
    said = {binding: await transcript(served, Key(binding, "1.0")) for binding in BINDINGS}
    first = said[TransportProtocol.JSONRPC]
    assert len(first) > 20
    for binding in BINDINGS[1:]:
        for ours, theirs in zip(first, said[binding], strict=True):
            assert ours == theirs, binding


async def test_r95_and_in_version_0_3(served: AgentCard) -> None:
    """But for errors over REST: the SDK's own 0.3 client cannot read what its routes say."""
    said = {
        binding: await transcript(served, Key(binding, "0.3"), lists=False) for binding in BINDINGS
    }
    assert said[TransportProtocol.GRPC] == said[TransportProtocol.JSONRPC]
    for ours, theirs in zip(
        said[TransportProtocol.JSONRPC], said[TransportProtocol.HTTP_JSON], strict=True
    ):
        assert ours == theirs or ours[0] in ERRORS


async def test_version_0_3_says_the_same_as_1_0(served: AgentCard) -> None:
    new = dict(await transcript(served, Key(TransportProtocol.JSONRPC, "1.0")))
    old = dict(await transcript(served, Key(TransportProtocol.JSONRPC, "0.3"), lists=False))
    for what in ("stream", "reply", "asked", "get", "follow-up", "subscription", "cancelled"):
        assert old[what] == new[what], what
