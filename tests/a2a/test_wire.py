"""Our streaming routes beside the SDK's, over one handler: the same bytes but for the ids."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from a2a.client.client import ClientCallContext
from a2a.client.transports.jsonrpc import JsonRpcTransport
from a2a.client.transports.rest import RestTransport
from a2a.server.context import ServerCallContext
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import GetTaskRequest, Task
from a2a.utils import json_utils
from a2a.utils.errors import InternalError
from starlette.applications import Starlette

from actors.a2a import RequestHandler
from actors.a2a.errors import RateLimitedError, StorageAwayError
from actors.a2a.wire import jsonrpc_routes, rest_routes
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, card
from tests.sse import HEADERS

VERSION = ClientCallContext(service_parameters={"A2A-Version": "1.0"})
VARYING = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    rb"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
)


@pytest.fixture
async def handler() -> AsyncIterator[RequestHandler]:
    made = RequestHandler(Actor(), None, card(), journal=MemoryJournal())
    yield made
    await made.aclose()


@pytest.fixture
async def both(handler: RequestHandler) -> AsyncIterator[tuple[httpx.AsyncClient, ...]]:
    """A client of our routes and one of the SDK's."""
    ours = Starlette(routes=[*rest_routes(handler, "/rest"), *jsonrpc_routes(handler, "/")])
    rpc, rest = (
        create_jsonrpc_routes(handler, "/"),
        create_rest_routes(handler, path_prefix="/rest"),
    )
    theirs = Starlette(routes=[*rest, *rpc])
    clients = [
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")
        for app in (ours, theirs)
    ]
    yield tuple(clients)
    for client in clients:
        await client.aclose()


def plain(body: bytes) -> bytes:
    """A body without SSE ids, and without what differs between any two tasks."""
    lines = [line for line in body.split(b"\r\n") if not line.startswith(b"id: ")]
    return VARYING.sub(b"#", b"\r\n".join(lines))


def _spaced(body: bytes) -> bytes:
    """A body as events are written."""
    return json_utils.dumps(json.loads(body)).encode()


def rpc(method: str, params: object) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": "seven", "method": method, "params": params})


def message(text: str, **more: object) -> dict[str, object]:
    return {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": text}], **more}


BODIES = {
    "a task": {"message": message("work — ünïcode")},
    "a bare message": {"message": message("reply")},
    "a question": {"message": message("ask"), "configuration": {"historyLength": 0}},
    "an agent that raises": {"message": message("fail")},
    "an agent that raises first": {"message": message("fail_first")},
    "an unknown task": {"message": message("work", taskId="none")},
    "missing fields": {"message": {"role": "ROLE_USER"}},
    "a negative history": {"message": message("work"), "configuration": {"historyLength": -1}},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("version", ["1.0", "0.3", "nonsense"])
async def test_json_rpc_streams(
    both: tuple[httpx.AsyncClient, ...], body: object, version: str
) -> None:
    headers = {**HEADERS, "A2A-Version": version}
    call = rpc("SendStreamingMessage", body)
    ours, theirs = [await client.post("/", content=call, headers=headers) for client in both]
    if body is BODIES["an agent that raises first"] and version == "1.0":
        # Ours has answered when the message was stored: the same error comes as an event.
        assert plain(ours.content) == b"event: error\r\ndata: %b\r\n\r\n" % _spaced(theirs.content)
        return
    assert plain(ours.content) == plain(theirs.content)
    assert (ours.status_code, ours.headers["content-type"]) == (
        theirs.status_code,
        theirs.headers["content-type"],
    )


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_rest_streams(both: tuple[httpx.AsyncClient, ...], body: object) -> None:
    call = json.dumps(body)
    ours, theirs = [
        await client.post("/rest/message:stream", content=call, headers=HEADERS) for client in both
    ]
    if "fail" in call:
        # The SDK's REST hides the error of an agent that raises; the text is the agent's to show.
        assert b"unknown exception" not in ours.content
        return
    assert plain(ours.content) == plain(theirs.content)
    assert ours.status_code == theirs.status_code


async def test_r88_tenants_have_their_rest_below_the_prefix(
    both: tuple[httpx.AsyncClient, ...],
) -> None:
    ours, _ = both
    body = {"message": message("work")}
    sent = await ours.post("/rest/acme/message:send", json=body, headers=HEADERS)
    task = sent.json()["task"]["id"]
    statuses = [
        (await ours.get(f"/rest/{tenant}tasks/{task}", headers=HEADERS)).status_code
        for tenant in ("acme/", "", "other/")
    ]
    assert statuses == [200, 404, 404]
    streamed = await ours.post("/rest/acme/message:stream", json=body, headers=HEADERS)
    assert streamed.headers["content-type"].startswith("text/event-stream")


async def test_a_retryable_refusal_says_when_to_come_back(
    handler: RequestHandler, both: tuple[httpx.AsyncClient, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StorageAwayError("The server cannot reach its storage; try again shortly.")

    monkeypatch.setattr(handler._entry._runtime, "running", lambda: None)
    monkeypatch.setattr(handler._entry, "_begun", away)
    ours, _ = both
    body = {"message": message("work")}
    rest = await ours.post("/rest/message:stream", json=body, headers=HEADERS)
    assert (rest.status_code, rest.headers["retry-after"]) == (503, "1")
    details = rest.json()["error"]["details"][0]["metadata"]
    assert details == {
        "retryable": True,
        "retryAfterMs": 1000,
        "reason": "storage_unavailable",
    }
    assert rest.json()["error"]["code"] == 503
    for path in ("/rest/tasks/x", "/rest/tasks", "/rest/tasks/x:subscribe", "/rest/acme/tasks/x"):
        read = await ours.get(path, headers=HEADERS)
        assert (read.status_code, read.headers["retry-after"]) == (503, "1"), path
    for method, params in (
        ("SendStreamingMessage", body),
        ("SendMessage", body),
        ("GetTask", {"id": "x"}),
    ):
        called = await ours.post("/", content=rpc(method, params), headers=HEADERS)
        assert (called.status_code, called.headers["retry-after"]) == (200, "1")
        assert called.json()["error"]["code"] == -32603


async def test_the_sdks_client_hears_that_a_refusal_is_worth_another_try(
    handler: RequestHandler, both: tuple[httpx.AsyncClient, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over JSON-RPC because the status is 200: of any other it would tell the number alone."""

    async def away(*_: object) -> None:
        raise StorageAwayError("The server cannot reach its storage; try again shortly.")

    monkeypatch.setattr(handler._entry._runtime, "running", lambda: None)
    monkeypatch.setattr(handler._entry, "_begun", away)
    http, _ = both
    for transport in (
        JsonRpcTransport(http, card(), "http://test/"),
        RestTransport(http, card(), "http://test/rest"),
    ):
        with pytest.raises(InternalError, match="try again shortly") as caught:
            await transport.get_task(GetTaskRequest(id="x"), context=VERSION)
        assert caught.value.data == {
            "retryable": True,
            "retryAfterMs": 1000,
            "reason": "storage_unavailable",
        }


async def test_what_a_users_own_parts_raise_ends_a_stream_as_the_sdks_routes_end_it() -> None:
    class Away(InMemoryTaskStore):
        async def get(self, task_id: str, context: ServerCallContext) -> Task | None:
            raise OSError("no database")

    handler = RequestHandler(Actor(), Away(), card())
    ours = Starlette(routes=[*rest_routes(handler, "/rest"), *jsonrpc_routes(handler, "/")])
    rest = create_rest_routes(handler, path_prefix="/rest")
    theirs = Starlette(routes=[*rest, *create_jsonrpc_routes(handler, "/")])
    answers = []
    for app in (ours, theirs):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            call = rpc("SubscribeToTask", {"id": "x"})
            said = [
                await client.post("/", content=call, headers=HEADERS),
                await client.get("/rest/tasks/x:subscribe", headers=HEADERS),
            ]
            answers.append([(answer.status_code, plain(answer.content)) for answer in said])
    assert answers[0] == answers[1]
    await handler.aclose()


@pytest.mark.parametrize(("wait", "says"), [(1, "1"), (1000, "1"), (1001, "2"), (2500, "3")])
async def test_who_waits_as_long_as_told_does_not_come_too_early(
    handler: RequestHandler,
    both: tuple[httpx.AsyncClient, ...],
    monkeypatch: pytest.MonkeyPatch,
    wait: int,
    says: str,
) -> None:
    async def too_fast(*_: object) -> None:
        raise RateLimitedError("Too fast.", wait)

    monkeypatch.setattr(handler._entry, "admit", too_fast)
    ours, _ = both
    refused = await ours.get("/rest/tasks/x", headers=HEADERS)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, says)
    assert refused.json()["error"]["details"][0]["metadata"]["retryAfterMs"] == wait
