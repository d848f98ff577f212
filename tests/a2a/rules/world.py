"""What a check works with: one user of one server over one binding.

Every case has a user of its own, so that checks share a server and do not meet.

Neighbours: `server.py`, `remote.py` (the two ends), `plays.py` (what the agent does).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, TypeVar

import httpx
from a2a.client.client import ClientCallContext
from a2a.client.errors import A2AClientError
from a2a.server.agent_execution import RequestContext
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import A2AError
from google.protobuf.json_format import MessageToDict

from actors.a2a.app import REST_PREFIX
from actors.task.policy import Policy
from tests.a2a.rules.plays import Play
from tests.a2a.rules.registry import GRPC, REST
from tests.a2a.rules.remote import Remote
from tests.a2a.rules.server import USER, Server

E = TypeVar("E", bound=Exception)

_ids = count(1)
SHORT = "TASK_STATE_"


@dataclass(frozen=True, slots=True)
class World:
    """Operations that are the same over every binding, as a user of this case's own."""

    server: Server
    binding: str
    remote: Remote
    user: str | None
    headers: dict[str, str] = field(default_factory=dict)
    """Service parameters that every call carries."""

    @property
    def policy(self) -> Policy:
        """The policy of the server."""
        return self.server.setup.policy

    @property
    def spec(self) -> bool:
        """Whether the server keeps to `Policy.spec()`."""
        return self.policy.name == "spec"

    @property
    def gate(self) -> asyncio.Event:
        """What plays of this user wait for."""
        return self.server.agent.gates[self.user or ""]

    @property
    def seen(self) -> list[RequestContext]:
        """The requests of this user that have reached the agent."""
        return self.server.agent.seen[self.user or ""]

    def as_(self, name: str | None, **headers: str) -> World:
        """Return the world of another user of this case, or of nobody."""
        user = None if name is None else f"{self.user}.{name}"
        return replace(self, user=user, headers={**self.headers, **headers})

    def when_cancelled(self, play: Play) -> None:
        """Have the agent do this on a cancel by this user."""
        self.server.agent.cancel_plays[self.user or ""] = play

    # -- requests

    def request(
        self,
        play: Play,
        text: str = "",
        *,
        task: str = "",
        context: str = "",
        message: dict[str, Any] | None = None,
        **configuration: Any,
    ) -> SendMessageRequest:
        """Return a message that has the agent play `play`.

        Args:
            play: what the agent does with it.
            text: of the message; the name of the play by default.
            task: the task that it names.
            context: the context that it names.
            message: further fields of the Message, or others than the usual.
            **configuration: fields of the SendMessageConfiguration.
        """
        fields: dict[str, Any] = {
            "message_id": f"m{next(_ids)}",
            "role": Role.ROLE_USER,
            "parts": [Part(text=text or play.__name__)],
            "task_id": task,
            "context_id": context,
            **(message or {}),
        }
        self.server.agent.plays[fields["message_id"]] = play
        return SendMessageRequest(
            message=Message(**fields), configuration=SendMessageConfiguration(**configuration)
        )

    async def send(self, what: Play | SendMessageRequest, *args: Any, **fields: Any) -> Any:
        """Send and wait for the answer: a Task or a Message."""
        stream = self.remote.blocking.send_message(
            self._request(what, *args, **fields), context=self.call
        )
        (answer,) = [response async for response in stream]
        return answer.task if answer.HasField("task") else answer.message

    async def task(self, what: Play | SendMessageRequest, *args: Any, **fields: Any) -> Task:
        """Send and wait for the answer, which must be a Task."""
        answer = await self.send(what, *args, **fields)
        assert isinstance(answer, Task), f"expected a Task, got {answer!r}"
        return answer

    async def message(self, what: Play | SendMessageRequest, *args: Any, **fields: Any) -> Message:
        """Send and wait for the answer, which must be a Message."""
        answer = await self.send(what, *args, **fields)
        assert isinstance(answer, Message), f"expected a Message, got {answer!r}"
        return answer

    def stream(
        self, what: Play | SendMessageRequest, *args: Any, **fields: Any
    ) -> AsyncIterator[StreamResponse]:
        """Send; yields the stream."""
        return self.remote.streaming.send_message(
            self._request(what, *args, **fields), context=self.call
        )

    async def get(self, task: str, **fields: Any) -> Task:
        """Return a task as the server tells it."""
        return await self.remote.blocking.get_task(
            GetTaskRequest(id=task, **fields), context=self.call
        )

    async def list(self, **fields: Any) -> ListTasksResponse:
        """Return a page of this user's tasks."""
        return await self.remote.blocking.list_tasks(ListTasksRequest(**fields), context=self.call)

    async def cancel(self, task: str) -> Task:
        """Cancel a task."""
        return await self.remote.blocking.cancel_task(CancelTaskRequest(id=task), context=self.call)

    def subscribe(self, task: str) -> AsyncIterator[StreamResponse]:
        """Subscribe; yields the stream."""
        return self.remote.streaming.subscribe(SubscribeToTaskRequest(id=task), context=self.call)

    # -- raw

    async def rpc(self, method: str, params: Any, **headers: str) -> dict[str, Any]:
        """POST a JSON-RPC request with these very parameters; returns the response object."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        response = await self.remote.http.post("/", json=body, headers=self._raw(headers))
        found: dict[str, Any] = response.json()
        return found

    async def rest(self, verb: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Make a REST request with this very body; the path without our prefix."""
        url = f"{REST_PREFIX}{path}"
        return await self.remote.http.request(verb, url, json=body, headers=self._raw(headers))

    async def sent_json(self, request: SendMessageRequest) -> dict[str, Any]:
        """Send and return the SendMessageResponse as JSON, as it was on the wire if that is JSON.

        Raises:
            AssertionError: the answer is an error.
        """
        body = MessageToDict(request)
        if self.binding == REST:
            answer = (await self.rest("POST", "/message:send", body)).json()
        elif self.binding == GRPC:
            answer = MessageToDict(
                await self.remote.stub.SendMessage(request, metadata=self.metadata)
            )
        else:
            answer = (await self.rpc("SendMessage", body)).get("result", {"error": "no result"})
        assert "error" not in answer, f"expected an answer, got {answer}"
        return dict(answer)

    async def got_json(self, task: str, **fields: Any) -> dict[str, Any]:
        """Return a Task as JSON, as it was on the wire if that is JSON."""
        request = GetTaskRequest(id=task, **fields)
        body = MessageToDict(request)
        if self.binding == REST:
            params = {name: value for name, value in body.items() if name != "id"}
            query = f"?{httpx.QueryParams(params)}" if params else ""
            return dict((await self.rest("GET", f"/tasks/{task}{query}")).json())
        if self.binding == GRPC:
            found = await self.remote.stub.GetTask(request, metadata=self.metadata)
            return MessageToDict(found)
        return dict((await self.rpc("GetTask", body))["result"])

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What raw gRPC calls carry."""
        return tuple((name.lower(), value) for name, value in self._raw({}).items())

    # -- outcomes

    async def refused(self, kind: type[E], call: Awaitable[Any] | AsyncIterator[Any]) -> E:
        """Return the error of a call, or of a stream read to its end.

        Raises:
            AssertionError: there was none, or one of another kind.
        """
        found: Exception | None = None
        answer: Any = None
        try:
            answer = await collect(call) if isinstance(call, AsyncIterator) else await call
        except (A2AError, A2AClientError) as error:
            found = error
        assert type(found) is kind, (
            f"expected {kind.__name__}, got {answer if found is None else found!r}"
        )
        return found

    @property
    def call(self) -> ClientCallContext:
        """The call context: who asks, and the service parameters."""
        return ClientCallContext(service_parameters={**self._who(), **self.headers})

    def _request(
        self, what: Play | SendMessageRequest, *args: Any, **fields: Any
    ) -> SendMessageRequest:
        return what if isinstance(what, SendMessageRequest) else self.request(what, *args, **fields)

    def _who(self) -> dict[str, str]:
        return {} if self.user is None else {USER: self.user}

    def _raw(self, headers: dict[str, str]) -> dict[str, str]:
        return {"A2A-Version": "1.0", **self._who(), **self.headers, **headers}


async def collect(stream: AsyncIterator[StreamResponse]) -> list[StreamResponse]:
    """Read a stream to its end."""
    return [response async for response in stream]


async def first(stream: AsyncIterator[StreamResponse], events: int = 1) -> list[StreamResponse]:
    """Read the first events of a stream and leave it."""
    async with aclosing(stream):  # type: ignore[type-var] # the client's are generators
        return [await anext(stream) for _ in range(events)]


def short(response: StreamResponse) -> str:
    """An event in short: its kind and the state, or the text, that it carries."""
    kind = str(response.WhichOneof("payload"))
    match kind:
        case "artifact_update":
            return f"artifact {response.artifact_update.artifact.parts[0].text}"
        case "message":
            return f"message {response.message.parts[0].text}"
        case _:
            return f"{kind.removesuffix('_update')} {state_of(getattr(response, kind))}"


def state_of(task: Any) -> str:
    """The state of a Task or a status update, without the prefix."""
    return TaskState.Name(task.status.state).removeprefix(SHORT)
