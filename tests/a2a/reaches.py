"""Clients over real sockets: the SDK's own on each binding, and raw ones that know about ids.

Neighbours: `random_clients.py` (uses them), `served.py` (the server at the other end).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

import grpc.aio
import httpx
from a2a.client import ClientConfig, ClientFactory
from a2a.client.client import Client
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
)
from a2a.utils.constants import TransportProtocol
from a2a.utils.errors import A2A_REASON_TO_ERROR, JSON_RPC_ERROR_CODE_MAP, A2AError
from google.protobuf.json_format import MessageToDict, ParseDict

from tests.a2a.witnessed import Told, Who
from tests.sse import HEADERS, frames

BINDINGS = (TransportProtocol.JSONRPC, TransportProtocol.HTTP_JSON, TransportProtocol.GRPC)
USER = "X-User"
"""The header by which the servers of these tests know who asks."""
_BY_CODE = {code: kind for kind, code in JSON_RPC_ERROR_CODE_MAP.items()}


class SdkReach:
    """The SDK's client over one binding."""

    numbered = False

    def __init__(self, who: Who, binding: str, blocking: Client, streaming: Client) -> None:
        self.who = who
        self.binding = binding
        self._blocking = blocking
        self._streaming = streaming

    async def send(self, params: SendMessageRequest) -> Task | Message:
        (answer,) = [each async for each in self._blocking.send_message(params)]
        return answer.task if answer.HasField("task") else answer.message

    async def stream(self, params: SendMessageRequest) -> AsyncGenerator[Told, None]:
        async with aclosing(_closable(self._streaming.send_message(params))) as events:
            async for event in events:
                yield Told(None, event)

    async def subscribe(self, task: str, after: int | None) -> AsyncGenerator[Told, None]:
        assert after is None
        params = SubscribeToTaskRequest(id=task, tenant=self.who.tenant)
        async with aclosing(_closable(self._streaming.subscribe(params))) as events:
            async for event in events:
                yield Told(None, event)

    async def get(self, task: str) -> Task:
        return await self._blocking.get_task(GetTaskRequest(id=task, tenant=self.who.tenant))

    async def cancel(self, task: str) -> Task:
        return await self._blocking.cancel_task(CancelTaskRequest(id=task, tenant=self.who.tenant))

    async def list(self, params: ListTasksRequest) -> ListTasksResponse:
        params.tenant = self.who.tenant
        return await self._blocking.list_tasks(params)


class RawReach(SdkReach):
    """The same, but for streams, which are read with the ids of their events."""

    numbered = True

    def __init__(self, under: SdkReach, http: httpx.AsyncClient) -> None:
        super().__init__(under.who, f"raw {under.binding}", under._blocking, under._streaming)
        self._rest = under.binding == TransportProtocol.HTTP_JSON
        self._http = http

    async def stream(self, params: SendMessageRequest) -> AsyncGenerator[Told, None]:
        body = MessageToDict(params)
        call = ("message:stream", "SendStreamingMessage")
        async with aclosing(self._read(call, body, None)) as events:
            async for told in events:
                yield told

    async def subscribe(self, task: str, after: int | None) -> AsyncGenerator[Told, None]:
        body = {"id": task, "tenant": self.who.tenant}
        call = (f"tasks/{task}:subscribe", "SubscribeToTask")
        async with aclosing(self._read(call, body, after)) as events:
            async for told in events:
                yield told

    async def _read(
        self, call: tuple[str, str], body: dict[str, Any], after: int | None
    ) -> AsyncGenerator[Told, None]:
        path, method = call
        headers = HEADERS if after is None else {**HEADERS, "Last-Event-ID": str(after)}
        url = "/"
        if self._rest:
            tenant = f"/{self.who.tenant}" if self.who.tenant else ""
            url = f"/rest{tenant}/{path}"
        else:
            body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": body}
        async with self._http.stream("POST", url, json=body, headers=headers) as response:
            if "text/event-stream" not in response.headers["content-type"]:
                await response.aread()
                raise _error(response.json())
            async with aclosing(_closable(frames(response))) as read:
                async for frame in read:
                    if frame.name == "error":
                        raise _error(frame.data)
                    yield Told(frame.id, ParseDict(frame.event, StreamResponse()))


def _error(body: dict[str, Any]) -> Exception:
    """The error in an answer, as the SDK's client would raise it."""
    error = body["error"]
    if "details" in error:
        reasons = [detail.get("reason") for detail in error["details"]]
        kinds = [A2A_REASON_TO_ERROR[reason] for reason in reasons if reason in A2A_REASON_TO_ERROR]
        kind = kinds[0] if kinds else None
    else:
        kind = _BY_CODE.get(error["code"])
    if kind is None:
        return RuntimeError(f"an error that is none of A2A's: {json.dumps(body)}")
    made: A2AError = kind(error["message"])
    return made


def _closable(stream: AsyncIterator[Any]) -> AsyncGenerator[Any, None]:
    """The SDK's streams are generators, and are closed as such."""
    assert isinstance(stream, AsyncGenerator)
    return stream


@asynccontextmanager
async def reaches_of(who: Who, card: AgentCard) -> AsyncIterator[list[SdkReach]]:
    """Everything by which one owner can reach a server; gRPC knows nobody by name."""
    async with AsyncExitStack() as stack:
        base = next(
            each.url
            for each in card.supported_interfaces
            if each.protocol_binding == TransportProtocol.JSONRPC
        )
        http = await stack.enter_async_context(
            httpx.AsyncClient(
                base_url=base,
                timeout=60,
                headers={USER: who.owner} if who.owner else {},
                limits=httpx.Limits(max_connections=None),
            )
        )
        found: list[SdkReach] = []
        for binding in BINDINGS:
            if binding == TransportProtocol.GRPC and who.owner:
                continue
            clients = []
            for streaming in (False, True):
                config = ClientConfig(
                    streaming=streaming,
                    httpx_client=http,
                    grpc_channel_factory=grpc.aio.insecure_channel,
                    supported_protocol_bindings=[binding],
                )
                clients.append(ClientFactory(config).create(card))
            if binding == TransportProtocol.GRPC:
                for client in clients:
                    stack.push_async_callback(client.close)
            reach = SdkReach(who, binding, *clients)
            found.append(reach)
            if binding != TransportProtocol.GRPC:
                found.append(RawReach(reach, http))
        yield found
