"""One server, three bindings, the SDK's own client: the same trace on each (R95)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import grpc.aio
import httpx
import pytest
import pytest_asyncio
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.client import Client
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    TaskState,
)
from a2a.utils.constants import TransportProtocol
from a2a.utils.errors import (
    A2AError,
    InternalError,
    InvalidAgentResponseError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from tests import sse
from tests.servers import Server, free_port, running

BINDINGS = (TransportProtocol.JSONRPC, TransportProtocol.HTTP_JSON, TransportProtocol.GRPC)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    port, database = free_port(), tmp_path_factory.mktemp("bindings") / "tasks.db"
    arguments = ["-m", "actors", "serve", "tests.a2a.agents:Actor", "--port", str(port)]
    options = ["--grpc-port", str(free_port()), "--database", str(database)]
    async with running([*arguments, *options], port) as started:
        yield started


class Caller(NamedTuple):
    """The SDK's client over one binding, streaming and not."""

    streaming: Client
    blocking: Client


@pytest_asyncio.fixture(params=BINDINGS, scope="module", loop_scope="module")
async def caller(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Caller]:
    async with httpx.AsyncClient(timeout=20) as http:
        base = f"http://127.0.0.1:{server.port}"
        card = await A2ACardResolver(http, base).get_agent_card()
        clients = []
        for streaming in (True, False):
            config = ClientConfig(
                streaming=streaming,
                httpx_client=http,
                grpc_channel_factory=grpc.aio.insecure_channel,
                supported_protocol_bindings=[request.param],
            )
            clients.append(ClientFactory(config).create(card))
        yield Caller(*clients)
        if request.param == TransportProtocol.GRPC:
            for client in clients:
                await client.close()


pytestmark = pytest.mark.asyncio(loop_scope="module")


def message(text: str, task: str = "") -> SendMessageRequest:
    said = Message(
        message_id=f"m {text}", role=Role.ROLE_USER, parts=[Part(text=text)], task_id=task
    )
    return SendMessageRequest(message=said)


async def trace(stream: AsyncIterator[StreamResponse]) -> list[str]:
    """A stream in short, without what differs between any two tasks."""
    return [_short(response) async for response in stream]


def _short(response: StreamResponse) -> str:
    kind = str(response.WhichOneof("payload"))
    match kind:
        case "artifact_update":
            update = response.artifact_update
            last = " last" if update.last_chunk else ""
            return f"{update.artifact.parts[0].text}{last}"
        case "message":
            return f"message {response.message.parts[0].text}"
        case _:
            status = getattr(response, kind).status
            said = "".join(f": {part.text}" for part in status.message.parts)
            return f"{kind} {TaskState.Name(status.state).removeprefix('TASK_STATE_')}{said}"


WORK = [
    "task SUBMITTED",
    "status_update WORKING: on it",
    "chunk 0",
    "chunk 1",
    "chunk 2 last",
    "status_update COMPLETED",
]


async def test_r95_a_streamed_task(caller: Caller) -> None:
    assert await trace(caller.streaming.send_message(message("work"))) == WORK


async def test_r95_a_blocking_send_and_a_get(caller: Caller) -> None:
    (answer,) = [r async for r in caller.blocking.send_message(message("work"))]
    task = await caller.blocking.get_task(GetTaskRequest(id=answer.task.id))
    assert task == answer.task
    assert task.status.state == TaskState.TASK_STATE_COMPLETED
    listed = await caller.blocking.list_tasks(ListTasksRequest(context_id=task.context_id))
    assert [found.id for found in listed.tasks] == [task.id]


async def test_r95_a_bare_message(caller: Caller) -> None:
    assert await trace(caller.streaming.send_message(message("reply"))) == ["message just a reply"]
    assert await trace(caller.blocking.send_message(message("reply"))) == ["message just a reply"]


async def test_r95_a_question_its_answer_and_a_subscription(caller: Caller) -> None:
    stream = caller.streaming.send_message(message("ask"))
    asked = [response async for response in stream]
    assert [_short(response) for response in asked] == [
        "task SUBMITTED",
        "status_update INPUT_REQUIRED: which one?",
    ]
    task = asked[0].task.id
    subscription = caller.streaming.subscribe(SubscribeToTaskRequest(id=task))
    assert _short(await anext(subscription)) == "task INPUT_REQUIRED: which one?"
    assert await trace(caller.streaming.send_message(message("work", task))) == WORK[1:]
    assert await trace(subscription) == WORK[1:]


async def test_r95_a_cancel(caller: Caller) -> None:
    stream = caller.streaming.send_message(message("wait"))
    task = (await anext(stream)).task.id
    cancelled = await caller.blocking.cancel_task(CancelTaskRequest(id=task))
    assert cancelled.status.state == TaskState.TASK_STATE_CANCELED
    assert (await trace(stream))[-1] == "status_update CANCELED"


async def _finished(caller: Caller) -> str:
    (answer,) = [r async for r in caller.blocking.send_message(message("work"))]
    return answer.task.id


async def test_r78_r95_errors_are_the_same_kind_everywhere(caller: Caller) -> None:
    def streamed(text: str, task: str = "") -> Awaitable[Any]:
        return trace(caller.streaming.send_message(message(text, task)))

    def blocked(text: str) -> Awaitable[Any]:
        return trace(caller.blocking.send_message(message(text)))

    def cancel(task: str) -> Awaitable[Any]:
        return caller.blocking.cancel_task(CancelTaskRequest(id=task))

    done = await _finished(caller)
    cases: list[tuple[Callable[[], Awaitable[Any]], type[A2AError], str]] = [
        (
            lambda: caller.blocking.get_task(GetTaskRequest(id="none")),
            TaskNotFoundError,
            "not found",
        ),
        (lambda: streamed("work", "none"), TaskNotFoundError, "none"),
        (lambda: cancel("none"), TaskNotFoundError, "not found"),
        (lambda: cancel(done), TaskNotCancelableError, "cancel"),
        (lambda: streamed("work", done), UnsupportedOperationError, "TASK_STATE_COMPLETED"),
        (
            lambda: trace(caller.streaming.subscribe(SubscribeToTaskRequest(id=done))),
            UnsupportedOperationError,
            "TASK_STATE_COMPLETED",
        ),
        (lambda: blocked("fail"), InternalError, "the tool broke"),
        (lambda: streamed("fail"), InternalError, "the tool broke"),
        (lambda: blocked("silent"), InvalidAgentResponseError, "without a Task"),
        (
            lambda: caller.blocking.list_tasks(ListTasksRequest(page_size=101)),
            InvalidParamsError,
            "maximum page size is 100",
        ),
    ]
    for call, kind, text in cases:
        with pytest.raises(A2AError, match=text) as caught:
            await call()
        assert type(caught.value) is kind, caught.value


async def test_r11_missing_fields_are_named_on_every_binding(caller: Caller) -> None:
    empty = SendMessageRequest(message=Message(role=Role.ROLE_USER))
    for call in (caller.blocking.send_message(empty), caller.streaming.send_message(empty)):
        with pytest.raises(InvalidParamsError) as caught:
            await trace(call)
        assert "message_id" in str(caught.value.data), caught.value.data
        assert "parts" in str(caught.value.data)


async def test_events_after_completed_are_stored_nowhere(caller: Caller) -> None:
    assert await trace(caller.streaming.send_message(message("late"))) == WORK


class TestRaw:
    """What no client of the SDK would send."""

    async def rpc(self, server: Server, body: bytes | str) -> dict[str, Any]:
        response = await server.client.post("/", content=body, headers=sse.HEADERS)
        found: dict[str, Any] = response.json()
        return found

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ("{broken", -32700),
            ("[]", -32600),
            ('{"id":1,"method":"SendStreamingMessage","params":{}}', -32600),
            ('{"jsonrpc":"2.0","id":1,"method":"Nonsense","params":{}}', -32601),
            ('{"jsonrpc":"2.0","id":1,"method":"SubscribeToTask","params":[]}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"SubscribeToTask","params":{}}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"SendStreamingMessage","params":{}}', -32602),
            ('{"jsonrpc":"2.0","id":1,"method":"SubscribeToTask","params":{"id":"x"}}', -32001),
        ],
    )
    async def test_json_rpc_errors(self, server: Server, body: str, code: int) -> None:
        answer = await self.rpc(server, body)
        assert answer["error"]["code"] == code
        assert "Traceback" not in str(answer)

    async def test_r90_another_version(self, server: Server) -> None:
        body = '{"jsonrpc":"2.0","id":1,"method":"SubscribeToTask","params":{"id":"x"}}'
        response = await server.client.post("/", content=body, headers={"A2A-Version": "2.0"})
        assert response.json()["error"]["code"] == -32009
        response = await server.client.get("/rest/tasks/x:subscribe", headers={"A2A-Version": "9"})
        assert response.status_code == 400

    async def test_rest_errors(self, server: Server) -> None:
        for path, status in (("/rest/tasks/none", 404), ("/rest/tasks/none:subscribe", 404)):
            response = await server.client.get(path, headers=sse.HEADERS)
            assert response.status_code == status
            assert response.json()["error"]["details"][0]["reason"] == "TASK_NOT_FOUND"
        for body in ("{broken", '{"message": 5}', "{}"):
            for path in ("/rest/message:stream", "/rest/message:send"):
                response = await server.client.post(path, content=body, headers=sse.HEADERS)
                assert response.status_code == 400, (path, body, response.text)


class TestResume:
    """Last-Event-ID on our own routes (invariant 10)."""

    async def finished(self, server: Server) -> tuple[str, list[sse.Frame]]:
        params = {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "work"}]}}
        stream = sse.jsonrpc(server.client, "SendStreamingMessage", params)
        frames = [frame async for frame in stream]
        return frames[0].data["result"]["task"]["id"], frames

    async def test_from_every_cursor_of_a_finished_task(self, server: Server) -> None:
        task, frames = await self.finished(server)
        for index, frame in enumerate(frames):
            later = frames[index + 1 :]
            rest = [f async for f in sse.rest_subscribe(server.client, task, frame.id)]
            rpc = [
                f
                async for f in sse.jsonrpc(server.client, "SubscribeToTask", {"id": task}, frame.id)
            ]
            assert [(f.id, f.event) for f in rest] == [(f.id, f.event) for f in later]
            assert [(f.id, f.event) for f in rpc] == [(f.id, f.event) for f in later]

    @pytest.mark.parametrize("cursor", ["-1", "x", "1.5", "9" * 30, "٣"])
    async def test_a_cursor_that_is_none(self, server: Server, cursor: str) -> None:
        task, _ = await self.finished(server)
        headers = {**sse.HEADERS, "Last-Event-ID": cursor.encode()}
        response = await server.client.get(
            f"/rest/tasks/{task}:subscribe",
            headers=headers,  # type: ignore[arg-type] # bytes
        )
        assert response.status_code == 400
        assert "Last-Event-ID" in response.json()["error"]["message"]

    async def test_a_cursor_beyond_the_end(self, server: Server) -> None:
        task, _ = await self.finished(server)
        response = await server.client.get(
            f"/rest/tasks/{task}:subscribe", headers={**sse.HEADERS, "Last-Event-ID": "4711"}
        )
        assert response.status_code == 400
        assert "lies beyond" in response.json()["error"]["message"]
