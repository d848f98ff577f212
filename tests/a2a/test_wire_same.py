"""Our routes beside the SDK's over real sockets, on one handler: the same bytes, whatever is asked.

Requests come in pairs that differ only in where they go and in which of two equal tasks they mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import httpx
import pytest
import pytest_asyncio
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryPushNotificationConfigStore
from a2a.types import Task
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from actors.a2a import RequestHandler
from actors.a2a.wire import jsonrpc_routes, rest_routes
from actors.a2a.wire.methods import METHODS, STREAMS
from actors.a2a.wire.rest import OPERATIONS
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.wire_requests import CALLS, ODD_CALLS, rest_requests, rpc
from tests.sockets import listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

VARYING = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    rb"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
)
OURS_ALONE = re.compile(rb"(?:id: \d+|: ping[^\r]*)\r\n(?:\r\n)?")
"""What our streams have besides: ids, comments."""

NAMES = ("ours", "theirs")


class Answer(NamedTuple):
    """What must be the same."""

    status: int
    content_type: str
    allow: str
    body: bytes


class Pair:
    """Our routes and the SDK's, and two tasks of each kind, alike."""

    def __init__(self, client: httpx.AsyncClient, tasks: Mapping[str, tuple[str, str]]) -> None:
        self._client = client
        self._tasks = tasks

    async def same(
        self, method: str, path: str, body: str | bytes = b"", **headers: str
    ) -> tuple[Answer, Answer]:
        """Ask both the same; returns their answers, which are to be equal."""
        ours, theirs = [
            await self._ask(side, method, path, body, headers) for side in range(len(NAMES))
        ]
        return ours, theirs

    async def _ask(
        self, side: int, method: str, path: str, body: str | bytes, headers: dict[str, str]
    ) -> Answer:
        content = body.encode() if isinstance(body, str) else body
        for name, pair in self._tasks.items():
            content = content.replace(name.encode(), pair[side].encode())
            path = path.replace(name, pair[side])
        response = await self._client.request(
            method, f"/{NAMES[side]}{path}", content=content, headers=_headers(headers)
        )
        plain = VARYING.sub(b"#", OURS_ALONE.sub(b"", response.content))
        found = response.headers
        return Answer(
            response.status_code, found.get("content-type", ""), found.get("allow", ""), plain
        )


def _headers(more: dict[str, str]) -> dict[str, str]:
    found = {"A2A-Version": "1.0", "Content-Type": "application/json"}
    found.update({name.replace("_", "-"): value for name, value in more.items()})
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair() -> AsyncIterator[Pair]:
    described = card(push_notifications=True, extended_agent_card=True)
    handler = RequestHandler(
        Actor(),
        None,
        described,
        None,
        InMemoryPushNotificationConfigStore(),
        extended_agent_card=described,
        journal=MemoryJournal(),
    )
    sides = {
        "ours": [
            *rest_routes(handler, "/rest", enable_v0_3_compat=True),
            *jsonrpc_routes(handler, "/", enable_v0_3_compat=True),
        ],
        "theirs": [
            *create_rest_routes(handler, None, enable_v0_3_compat=True, path_prefix="/rest"),
            *create_jsonrpc_routes(handler, "/", None, enable_v0_3_compat=True),
        ],
    }
    app = Starlette(routes=[Mount(f"/{name}", routes=routes) for name, routes in sides.items()])
    async with (
        listening(app) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client,
    ):
        kinds = {"DONE": "work", "ASKED": "ask", "GONE": "ask"}
        tasks = {
            name: (await _new(handler, text), await _new(handler, text))
            for name, text in kinds.items()
        }
        yield Pair(client, tasks)
    await handler.aclose()


async def _new(handler: RequestHandler, text: str) -> str:
    task = await handler.on_message_send(ask(text), as_user(""))
    assert isinstance(task, Task)
    return task.id


async def test_every_method_is_called() -> None:
    assert METHODS.keys() | STREAMS.keys() <= CALLS.keys()
    assert {operation.method for operation in OPERATIONS.values()} <= CALLS.keys()


@pytest.mark.parametrize("method", CALLS)
async def test_json_rpc(pair: Pair, method: str) -> None:
    for params in CALLS[method]:
        ours, theirs = await pair.same("POST", "/", rpc(method, params))
        assert ours == theirs, params


@pytest.mark.parametrize("version", ["", "0.3", "1.9", "nonsense"])
async def test_versions(pair: Pair, version: str) -> None:
    for method in ("GetTask", "SendStreamingMessage"):
        call = rpc(method, CALLS[method][0])
        ours, theirs = await pair.same("POST", "/", call, A2A_Version=version)
        assert ours == theirs
    for path in ("/rest/tasks/DONE", "/rest/tasks", "/rest/v1/tasks/DONE"):
        ours, theirs = await pair.same("GET", path, A2A_Version=version)
        assert ours == theirs


@pytest.mark.parametrize("body", ODD_CALLS.values(), ids=ODD_CALLS)
async def test_odd_json_rpc(pair: Pair, body: str | bytes) -> None:
    version = "0.3" if "/" in str(body) else "1.0"
    ours, theirs = await pair.same("POST", "/", body, A2A_Version=version)
    assert ours == theirs


@pytest.mark.parametrize("body", [b"\xff", b"[" * 100_000], ids=["not utf-8", "too deep"])
async def test_what_cannot_even_be_read_is_the_clients_fault(pair: Pair, body: bytes) -> None:
    """The SDK's routes say that they have failed, in Python's words."""
    ours, _ = await pair.same("POST", "/", body)
    assert (ours.status, json.loads(ours.body)["error"]["code"]) == (200, -32700)
    ours, _ = await pair.same("POST", "/rest/message:send", body)
    assert (ours.status, json.loads(ours.body)["error"]["code"]) == (400, 400)


async def test_rest(pair: Pair) -> None:
    for method, path, body in rest_requests():
        version = "0.3" if path.startswith("/v1") else "1.0"
        ours, theirs = await pair.same(method, f"/rest{path}", body, A2A_Version=version)
        assert ours == theirs, (method, path, body)


async def test_rest_without_a_prefix_has_its_tenants_where_the_sdk_has_them(pair: Pair) -> None:
    """With a prefix the SDK's routes are elsewhere than its client asks: ours are there, too."""
    for path in ("/acme/rest/tasks/DONE", "/acme/rest/tasks?contextId=none"):
        ours, theirs = await pair.same("GET", path)
        assert ours == theirs


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 2**40)
    | st.sampled_from(
        [
            "",
            "DONE",
            "ASKED",
            "none",
            "work",
            "ROLE_USER",
            "ü\n",
            "TASK_STATE_WORKING",
            "1970-01-01T00:00:00Z",
        ]
    )
)
names = st.sampled_from(
    [
        "id",
        "taskId",
        "message",
        "messageId",
        "role",
        "parts",
        "text",
        "contextId",
        "metadata",
        "data",
        "configuration",
        "historyLength",
        "tenant",
        "pageSize",
        "pageToken",
        "status",
        "url",
        "name",
        "more",
    ]
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
QUIET = tuple(name for name in (*METHODS, *STREAMS) if name != "CancelTask")
"""Methods that leave tasks as they are, or make new ones: both sides find the same, always."""


def _with(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {**base, **changes}


params = st.builds(
    _with,
    st.sampled_from([{}, {"id": "DONE"}, {"taskId": "DONE", "id": "h"}, {"contextId": "none"}]),
    st.dictionaries(names, values, max_size=3),
)
generated = settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@generated
@given(
    method=st.sampled_from(QUIET),
    params=params,
    more=st.dictionaries(st.sampled_from(["id", "jsonrpc", "x"]), scalars, max_size=1),
)
async def test_generated_json_rpc(
    pair: Pair, method: str, params: Any, more: dict[str, Any]
) -> None:
    ours, theirs = await pair.same("POST", "/", rpc(method, params, **more))
    assert ours == theirs


@generated
@given(
    message=st.dictionaries(names, values, max_size=3),
    configuration=st.dictionaries(names, values, max_size=2),
    where=st.sampled_from(["/message:send", "/message:stream", "/v1/message:send"]),
)
async def test_generated_rest_messages(
    pair: Pair, message: dict[str, Any], configuration: dict[str, Any], where: str
) -> None:
    said = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "reply"}], **message}
    body = json.dumps({"message": said, "configuration": configuration})
    ours, theirs = await pair.same("POST", f"/rest{where}", body)
    assert ours == theirs


@generated
@given(
    path=st.sampled_from(
        ["/tasks/DONE", "/tasks/none", "/tasks", "/tasks/DONE/pushNotificationConfigs"]
    ),
    query=st.dictionaries(
        names.filter(lambda name: name != "status")
        | st.sampled_from(["includeArtifacts", "status"]),
        st.sampled_from(["", "0", "1", "-1", "101", "x", "true", "false", "DONE", "none", "ü"]),
        max_size=3,
    ),
)
async def test_generated_rest_reads(pair: Pair, path: str, query: dict[str, str]) -> None:
    asked = str(httpx.QueryParams({"contextId": "none", **query}))
    ours, theirs = await pair.same("GET", f"/rest{path}?{asked}")
    assert ours == theirs
