"""Over real sockets: what a stranger is sent is, byte for byte, what an unknown id is sent (R81).

Status, headers and body on HTTP; code, details and trailing metadata on gRPC. Only the id itself
differs, where an answer repeats it, and the date.

Neighbours: `test_isolation.py` (the same on the handler, and what the server does for it).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import httpx
import pytest
import uvicorn
from a2a.auth.user import User
from a2a.server.request_handlers import GrpcHandler
from a2a.server.request_handlers.grpc_handler import DefaultGrpcServerCallContextBuilder
from a2a.server.routes.common import DefaultServerCallContextBuilder
from a2a.types import (
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    SubscribeToTaskRequest,
    TaskPushNotificationConfig,
)
from a2a.types.a2a_pb2_grpc import A2AServiceStub, add_A2AServiceServicer_to_server
from starlette.applications import Starlette
from starlette.requests import Request

from actors.a2a import RequestHandler
from actors.a2a.wire import jsonrpc_routes, rest_routes
from actors.storage import MemoryJournal
from tests.a2a.agents import ask
from tests.a2a.isolation import HOOK, SCENES, UNKNOWN, House, house_of
from tests.users import Named

WHO = "x-user"
"""The header that names the user: who they are is not what is tested here."""
VERSION = {"A2A-Version": "1.0"}
STRANGERS = [("bob", "red"), ("alice", "blue")]


class HttpUsers(DefaultServerCallContextBuilder):
    def build_user(self, request: Request) -> User:
        return Named(request.headers.get(WHO, ""))


class GrpcUsers(DefaultGrpcServerCallContextBuilder):
    def build_user(self, context: grpc.aio.ServicerContext[Any, Any]) -> User:
        return Named(str(dict(context.invocation_metadata() or ()).get(WHO, "")))


@asynccontextmanager
async def over_http(handler: RequestHandler) -> AsyncIterator[httpx.AsyncClient]:
    options: dict[str, Any] = {"context_builder": HttpUsers(), "enable_v0_3_compat": True}
    app = Starlette(
        routes=[*rest_routes(handler, "/rest", **options), *jsonrpc_routes(handler, "/", **options)]
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve([listening]))
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=base, timeout=5) as client:
            yield client
        server.should_exit = True
        await serving


@asynccontextmanager
async def over_grpc(handler: RequestHandler) -> AsyncIterator[A2AServiceStub]:
    server = grpc.aio.server()
    served = GrpcHandler(handler, GrpcUsers())
    add_A2AServiceServicer_to_server(served, server)  # type: ignore[no-untyped-call] # generated
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield A2AServiceStub(channel)  # type: ignore[no-untyped-call] # generated
    await server.stop(None)


def _said(task: str, **more: Any) -> dict[str, Any]:
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "work"}], "taskId": task}
    return {"message": message, **more}


def jsonrpc_requests(task: str, tenant: str) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Bodies and headers of everything that names a task."""
    hook = {"taskId": task, "id": "h"}
    calls: list[tuple[str, dict[str, Any]]] = [
        ("GetTask", {"id": task}),
        ("CancelTask", {"id": task}),
        ("SendMessage", _said(task)),
        ("SendStreamingMessage", _said(task)),
        ("SubscribeToTask", {"id": task}),
        ("CreateTaskPushNotificationConfig", {**hook, "url": HOOK}),
        ("GetTaskPushNotificationConfig", hook),
        ("ListTaskPushNotificationConfigs", {"taskId": task}),
        ("DeleteTaskPushNotificationConfig", hook),
    ]
    for method, params in calls:
        body = {"jsonrpc": "2.0", "id": 7, "method": method}
        body["params"] = {**params, "tenant": tenant}
        yield body, VERSION
    yield (
        body | {"method": "SubscribeToTask", "params": {"id": task}},
        VERSION | {"Last-Event-ID": "1"},
    )
    old = {"kind": "message", "messageId": "m", "role": "user", "taskId": task}
    old_calls: list[tuple[str, dict[str, Any]]] = [
        ("tasks/get", {"id": task}),
        ("tasks/cancel", {"id": task}),
        ("message/send", {"message": old | {"parts": [{"kind": "text", "text": "work"}]}}),
        ("tasks/pushNotificationConfig/list", {"id": task}),
    ]
    for method, params in old_calls:
        yield {"jsonrpc": "2.0", "id": 7, "method": method, "params": params}, {}


def rest_requests(task: str) -> Iterator[tuple[str, str, Any, dict[str, str]]]:
    """Methods, paths, bodies and headers of everything that names a task."""
    hooks = f"/tasks/{task}/pushNotificationConfigs"
    yield "GET", f"/tasks/{task}", None, {}
    yield "GET", f"/tasks/{task}?historyLength=1", None, {}
    yield "POST", f"/tasks/{task}:cancel", {}, {}
    yield "GET", f"/tasks/{task}:subscribe", None, {}
    yield "POST", f"/tasks/{task}:subscribe", None, {}
    yield "GET", f"/tasks/{task}:subscribe", None, {"Last-Event-ID": "1"}
    yield "GET", f"/tasks/{task}:subscribe", None, {"Last-Event-ID": "999999"}
    yield "POST", "/message:send", _said(task), {}
    yield "POST", "/message:stream", _said(task), {}
    yield "POST", hooks, {"url": HOOK, "id": "h"}, {}
    yield "GET", hooks, None, {}
    yield "GET", f"{hooks}/h", None, {}
    yield "DELETE", f"{hooks}/h", None, {}


def grpc_requests(task: str, tenant: str) -> Iterator[tuple[str, Any]]:
    """Methods and requests of everything that names a task."""
    yield "GetTask", GetTaskRequest(id=task, tenant=tenant)
    yield "CancelTask", CancelTaskRequest(id=task, tenant=tenant)
    yield "SubscribeToTask", SubscribeToTaskRequest(id=task, tenant=tenant)
    said = ask("work", task)
    said.tenant = tenant
    yield "SendMessage", said
    yield "SendStreamingMessage", said
    hook: dict[str, Any] = {"task_id": task, "id": "h", "tenant": tenant}
    yield "CreateTaskPushNotificationConfig", TaskPushNotificationConfig(url=HOOK, **hook)
    yield "GetTaskPushNotificationConfig", GetTaskPushNotificationConfigRequest(**hook)
    yield "DeleteTaskPushNotificationConfig", DeleteTaskPushNotificationConfigRequest(**hook)
    listed = ListTaskPushNotificationConfigsRequest(task_id=task, tenant=tenant)
    yield "ListTaskPushNotificationConfigs", listed


def in_bytes(response: httpx.Response, task: str) -> tuple[int, list[tuple[str, str]], bytes]:
    headers = [pair for pair in response.headers.multi_items() if pair[0] != "date"]
    return response.status_code, headers, response.content.replace(task.encode(), b"ID")


STATES = ("accepted", "working", "completed", "a bare message")


@pytest.fixture(params=STATES)
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    assert request.param in SCENES
    policy = "sdk" if request.param == "a bare message" else "spec"
    made = await house_of(MemoryJournal(), policy, request.param, "as it is")
    yield made
    await made.close()


async def test_r81_json_rpc(house: House) -> None:
    async with over_http(house.handler) as client:

        async def sent(task: str, user: str, tenant: str) -> list[httpx.Response]:
            """All at once: one after another each would wait for a delayed acknowledgement."""
            requests = jsonrpc_requests(task, tenant)
            calls = (client.post("/", json=body, headers=to | {WHO: user}) for body, to in requests)
            return await asyncio.gather(*calls)

        for user, tenant in STRANGERS:
            for answer in await alike(sent, house.task, user, tenant):
                assert b"-32001" in answer.content
            params = {"tenant": tenant}
            listing = {"jsonrpc": "2.0", "id": 1, "method": "ListTasks", "params": params}
            page = await client.post("/", json=listing, headers={**VERSION, WHO: user})
            assert page.json()["result"].get("totalSize", 0) == 0
    assert house.hooks.asked == []


async def test_r81_rest(house: House) -> None:
    async with over_http(house.handler) as client:

        async def sent(task: str, user: str, tenant: str) -> list[httpx.Response]:
            calls = (
                client.request(
                    method,
                    f"/{tenant}/rest{path}",
                    json=body,
                    headers={**VERSION, **headers, WHO: user},
                )
                for method, path, body, headers in rest_requests(task)
            )
            return await asyncio.gather(*calls)

        for user, tenant in STRANGERS:
            for answer in await alike(sent, house.task, user, tenant):
                assert answer.status_code == 404
                assert b"TASK_NOT_FOUND" in answer.content
            page = await client.get(f"/{tenant}/rest/tasks", headers={**VERSION, WHO: user})
            assert page.json().get("totalSize", 0) == 0
    assert house.hooks.asked == []


async def alike(
    sent: Callable[[str, str, str], Awaitable[list[httpx.Response]]], task: str, *who: str
) -> list[httpx.Response]:
    """Compare what is answered for a task with what is answered for an id that nobody has."""
    answers, absent = await sent(task, *who), await sent(UNKNOWN, *who)
    assert [in_bytes(each, task) for each in answers] == [
        in_bytes(each, UNKNOWN) for each in absent
    ]
    return answers


async def test_r81_grpc(house: House) -> None:
    async with over_grpc(house.handler) as stub:
        for user, tenant in STRANGERS:
            both = zip(
                grpc_requests(house.task, tenant), grpc_requests(UNKNOWN, tenant), strict=True
            )
            for (method, theirs), (_, nobodys) in both:
                answer = await refusal(getattr(stub, method), theirs, user)
                absent = await refusal(getattr(stub, method), nobodys, user)
                assert answer.replace(house.task, "ID") == absent.replace(UNKNOWN, "ID")
                assert "NOT_FOUND" in answer
            listing = ListTasksRequest(tenant=tenant)
            page = await stub.ListTasks(listing, metadata=metadata_of(user))
            assert page.total_size == 0
    assert house.hooks.asked == []


def metadata_of(user: str) -> tuple[tuple[str, str], ...]:
    return (("a2a-version", "1.0"), (WHO, user))


async def refusal(method: Any, request: Any, user: str) -> str:
    """What a call is refused with: code, details, and all metadata."""
    call = method(request, metadata=metadata_of(user), timeout=5)
    try:
        if isinstance(call, grpc.aio.UnaryStreamCall):
            async for event in call:
                return f"answered {event!r}"
        return f"answered {await call!r}"
    except grpc.aio.AioRpcError as error:
        told = (error.code(), error.details(), error.trailing_metadata())
        return repr((*told, error.initial_metadata()))
