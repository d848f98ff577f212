"""R74, R81 and R87: tasks of others, which look like tasks that there are not.

Neighbours: `listing.py` (R67: lists), `tests/a2a/test_isolation.py` (what the journal is asked).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc.aio
from a2a.server.context import ServerCallContext
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    SubscribeToTaskRequest,
    Task,
)
from a2a.utils.errors import TaskNotFoundError

from actors.a2a import RequestHandler
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.hearing import create, delete, found, hooks
from tests.a2a.rules.registry import GRPC, REST, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World

UNKNOWN = "0f5e0f5e-0f5e-4f5e-8f5e-0f5e0f5e0f5e"
"""An id that nobody has, as long as any."""
HOOK = "http://hook.test/"


@rule("R74", "a task that there is not, and one of somebody else, is TNF in the same words")
async def r74(world: World) -> None:
    task = await world.task(plays.work)
    assert await world.get(task.id) == task
    said = []
    for who, asked in (
        (world, UNKNOWN),
        (world.as_("bob"), task.id),
        (world.as_("bob"), UNKNOWN),
        (world.as_(None), task.id),
    ):
        error = await who.refused(TaskNotFoundError, who.get(asked))
        said.append(str(error).replace(asked, "..."))
    assert len(set(said)) == 1
    assert await world.get(task.id) == task


@breaks("R74")
@breaks("R74", binding=GRPC)
def shows_tasks_of_others(setup: Setup) -> Setup:
    class Shows(Defect):
        owner: ServerCallContext

        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params) if op != "get" else None
            if op == "send":
                self.owner = context
            return answer or await super(Defect, self).on_get_task(params, self.owner)

    return with_handler(setup, Shows)


@breaks("R74")
def says_whose_it_is(setup: Setup) -> Setup:
    return _tells(setup, lambda mine: "Task not found" if mine else "this task is Alice's")


@breaks("R74", error=AssertionError)
def has_no_task_at_all(setup: Setup) -> Setup:
    class Empty(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op != "get":
                return await go(params)
            try:
                return await go(params)
            except TaskNotFoundError:
                return Task(id=params.id)

    return with_handler(setup, Empty)


def _tells(setup: Setup, words: Callable[[bool], str]) -> Setup:
    """A handler that knows which ids there are, and says so."""

    class Tells(Defect):
        known: frozenset[str] = frozenset()

        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            try:
                answer = await go(params)
            except TaskNotFoundError as error:
                task = getattr(params, "id", "")
                raise TaskNotFoundError(words(task not in self.known)) from error
            if op == "send":
                self.known |= {answer.id}
            return answer

    return with_handler(setup, Tells)


# -- on the wire

Raw = Callable[[World, str], Awaitable[str]]
REST_CALLS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/tasks/{task}", None),
    ("POST", "/tasks/{task}:cancel", {}),
    ("GET", "/tasks/{task}:subscribe", None),
    ("POST", "/tasks/{task}:subscribe", None),
    ("GET", "/tasks/{task}/pushNotificationConfigs", None),
    ("GET", "/tasks/{task}/pushNotificationConfigs/h", None),
    ("DELETE", "/tasks/{task}/pushNotificationConfigs/h", None),
    ("POST", "/tasks/{task}/pushNotificationConfigs", {"url": HOOK, "id": "h"}),
    ("POST", "/message:send", "message"),
    ("POST", "/message:stream", "message"),
)
CALLS: tuple[tuple[str, dict[str, str]], ...] = (
    ("GetTask", {"id": "{task}"}),
    ("CancelTask", {"id": "{task}"}),
    ("SubscribeToTask", {"id": "{task}"}),
    ("ListTaskPushNotificationConfigs", {"taskId": "{task}"}),
    ("GetTaskPushNotificationConfig", {"taskId": "{task}", "id": "h"}),
    ("DeleteTaskPushNotificationConfig", {"taskId": "{task}", "id": "h"}),
    ("CreateTaskPushNotificationConfig", {"taskId": "{task}", "url": HOOK, "id": "h"}),
    ("SendMessage", {}),
    ("SendStreamingMessage", {}),
)
GRPC_CALLS = (
    ("GetTask", GetTaskRequest, "id"),
    ("CancelTask", CancelTaskRequest, "id"),
    ("SubscribeToTask", SubscribeToTaskRequest, "id"),
    ("ListTaskPushNotificationConfigs", ListTaskPushNotificationConfigsRequest, "task_id"),
)


def message(task: str) -> dict[str, Any]:
    """A message that names a task, in JSON."""
    parts = [{"text": "x"}]
    return {"message": {"messageId": "m", "role": "ROLE_USER", "parts": parts, "taskId": task}}


async def bytes_of(world: World, task: str) -> list[bytes]:
    """Return what this caller hears of a task, for each operation, to the byte."""
    if world.binding == GRPC:
        return [await _grpc_bytes(world, call, task) for call in GRPC_CALLS]
    headers = dict(world.metadata)
    said = []
    if world.binding == REST:
        for verb, path, body in REST_CALLS:
            json = message(task) if body == "message" else body
            url = "/rest" + path.format(task=task)
            answer = await world.remote.http.request(verb, url, json=json, headers=headers)
            said.append(str(answer.status_code).encode() + answer.content)
        return said
    for method, template in CALLS:
        params = {name: value.format(task=task) for name, value in template.items()}
        call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or message(task)}
        answer = await world.remote.http.post("/", json=call, headers=headers)
        said.append(str(answer.status_code).encode() + answer.content)
    return said


async def _grpc_bytes(world: World, call: tuple[str, Any, str], task: str) -> bytes:
    name, kind, field = call
    made = getattr(world.remote.stub, name)(kind(**{field: task}), metadata=world.metadata)
    try:
        await (made.read() if name == "SubscribeToTask" else made)
    except grpc.aio.AioRpcError as error:
        packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        said = packed if isinstance(packed, bytes) else packed.encode()
        return f"{error.code()} {error.details()}".encode() + said
    return b"an answer"


@rule("R81", "what is said of a task of somebody else is, to the byte, what is said of none")
async def r81(world: World) -> None:
    asking, done = await world.task(plays.ask), await world.task(plays.work)
    await create(world, asking.id, HOOK, id="h")
    for stranger in (world.as_("bob"), world.as_(None)):
        of_none = await bytes_of(stranger, UNKNOWN)
        for task in (asking.id, done.id):
            of_this = await bytes_of(stranger, task)
            assert len(of_this) == len(of_none)
            for this, none in zip(of_this, of_none, strict=True):
                assert this.replace(task.encode(), UNKNOWN.encode()) == none


@breaks("R81")
@breaks("R81", binding=REST)
@breaks("R81", binding=GRPC)
def forbids_instead(setup: Setup) -> Setup:
    return _tells(setup, lambda none: "Task not found" if none else "Task not yours")


@rule(
    "R87", "every operation on a task of somebody else is TNF, whatever its state, and does nothing"
)
async def r87(world: World) -> None:
    asking = await world.task(plays.ask)
    done = await world.task(plays.work)
    await create(world, asking.id, HOOK, id="h")
    await create(world, done.id, HOOK, id="h")
    for stranger in (world.as_("bob"), world.as_(None)):
        for task in (done, asking):
            for operation in on_task(stranger, task.id):
                await stranger.refused(TaskNotFoundError, operation())
            context = stranger.send(plays.work, task=task.id, context=task.context_id)
            await stranger.refused(TaskNotFoundError, context)
        assert not stranger.seen
    for task in (asking, done):
        assert await world.get(task.id) == task
        assert await hooks(world, task.id) == ["h"]
    assert len(world.seen) == 2


def on_task(world: World, task: str) -> list[Callable[[], Any]]:
    """All operations that name a task."""
    return [
        lambda: world.get(task),
        lambda: world.cancel(task),
        lambda: world.subscribe(task),
        lambda: world.send(plays.work, task=task),
        lambda: world.stream(plays.work, task=task),
        lambda: create(world, task, HOOK, id="other"),
        lambda: found(world, task, "h"),
        lambda: hooks(world, task),
        lambda: delete(world, task, "h"),
    ]


@breaks("R87")
@breaks("R87", binding=GRPC)
def cancels_for_anybody(setup: Setup) -> Setup:
    return _serving_as_owner(setup, "cancel")


@breaks("R87")
def subscribes_anybody(setup: Setup) -> Setup:
    class Subscribes(Defect):
        owner: ServerCallContext

        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send" and not params.message.task_id:
                self.owner = context
            return await go(params)

        async def subscribed(
            self, params: Any, context: ServerCallContext, after: Any = None
        ) -> Any:
            return await super(Defect, self).subscribed(params, self.owner, after)

    return with_handler(setup, Subscribes)


def _serving_as_owner(setup: Setup, which: str) -> Setup:
    class Serves(Defect):
        owner: ServerCallContext

        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send" and not params.message.task_id:
                self.owner = context
            if op == which:
                return await super(Defect, self).on_cancel_task(params, self.owner)
            return await go(params)

    return with_handler(setup, Serves)


@breaks("R87")
@breaks("R87", binding=REST)
def lists_webhooks_for_anybody(setup: Setup) -> Setup:
    class Lists(RequestHandler):
        async def on_list_task_push_notification_configs(
            self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
        ) -> ListTaskPushNotificationConfigsResponse:
            return ListTaskPushNotificationConfigsResponse()

    return with_handler(setup, Lists)
