"""R67 to R69: whose tasks a list has, in which order, on which page.

Neighbours: `filters.py` (R72 and R73), `shown.py` (R70 and R71: what of each task).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
from a2a.server.context import ServerCallContext
from a2a.types import ListTasksRequest, ListTasksResponse, Task, TaskState
from a2a.utils.errors import InvalidParamsError
from google.protobuf.json_format import MessageToDict
from google.protobuf.timestamp_pb2 import Timestamp

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.registry import GRPC, JSONRPC, REST, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.wire_defects import changing_answers
from tests.a2a.rules.world import World

COMPLETED = TaskState.TASK_STATE_COMPLETED


def ids(page: ListTasksResponse) -> list[str]:
    """The ids of a page, in its order."""
    return [task.id for task in page.tasks]


def at(task: Task) -> int:
    """The time of a task's status in milliseconds, which is how exactly lists are ordered."""
    return task.status.timestamp.ToMilliseconds()


async def listed_json(world: World, **fields: Any) -> dict[str, Any]:
    """Return a page as JSON, as it was on the wire if that is JSON."""
    request = ListTasksRequest(**fields)
    body = MessageToDict(request)
    if world.binding == REST:
        query = {name: str(value).lower() for name, value in body.items()}
        return dict((await world.rest("GET", f"/tasks?{httpx.QueryParams(query)}")).json())
    if world.binding == GRPC:
        page = await world.remote.stub.ListTasks(request, metadata=world.metadata)
        return MessageToDict(page, always_print_fields_with_no_presence=True)
    return dict((await world.rpc("ListTasks", body))["result"])


@rule("R67", "a list has the caller's tasks only, filtered or not, with any page token")
async def r67(world: World) -> None:
    context = f"c {world.user}"
    mine = [(await world.task(plays.work, context=context)).id for _ in range(3)]
    bob, nobody = world.as_("bob"), world.as_(None)
    his = (await bob.task(plays.work, context=context)).id
    token = (await world.list(page_size=1)).next_page_token
    long_ago = Timestamp(seconds=1)
    filters: list[dict[str, Any]] = [
        {},
        {"context_id": context},
        {"status": COMPLETED},
        {"status_timestamp_after": long_ago},
        {"context_id": context, "status": COMPLETED, "include_artifacts": True},
    ]
    for fields in filters:
        page = await world.list(**fields)
        assert (sorted(ids(page)), page.total_size) == (sorted(mine), 3)
        page = await bob.list(**fields)
        assert (ids(page), page.total_size) == ([his], 1)
        page = await nobody.list(**fields)
        assert not {*ids(page)} & {*mine, his}
    assert not {*ids(await bob.list(page_token=token))} & {*mine}
    assert not {*ids(await nobody.list(page_token=token))} & {*mine, his}


@breaks("R67")
def lists_for_whoever_asked_first(setup: Setup) -> Setup:
    class First(Defect):
        asked: ServerCallContext | None = None

        async def on_list_tasks(
            self, params: ListTasksRequest, context: ServerCallContext
        ) -> ListTasksResponse:
            self.asked = self.asked or context
            return await super().on_list_tasks(params, self.asked)

    return with_handler(setup, First)


@breaks("R67")
def lists_a_context_for_anybody(setup: Setup) -> Setup:
    class Shared(Defect):
        asked: ServerCallContext | None = None

        async def on_list_tasks(
            self, params: ListTasksRequest, context: ServerCallContext
        ) -> ListTasksResponse:
            self.asked = self.asked or context
            who = self.asked if params.context_id else context
            return await super().on_list_tasks(params, who)

    return with_handler(setup, Shared)


@rule("R68", "the task whose status is the newest comes first")
async def r68(world: World) -> None:
    asked = await world.task(plays.ask)
    done = [await world.task(plays.work) for _ in range(3)]
    times = [at(task) for task in (await world.list()).tasks]
    assert len(times) == 4
    assert times == sorted(times, reverse=True)
    assert min(times) == at(asked)
    answered = await world.task(plays.work, task=asked.id)
    page = await world.list()
    times = [at(task) for task in page.tasks]
    assert times == sorted(times, reverse=True)
    assert max(times) == at(answered) >= at(done[-1])
    assert page.tasks[0].id == asked.id or at(page.tasks[0]) == at(answered)


@breaks("R68")
def lists_the_oldest_first(setup: Setup) -> Setup:
    return _changing_pages(setup, lambda tasks: tasks[::-1])


@breaks("R68")
def lists_by_creation(setup: Setup) -> Setup:
    born: list[str] = []

    def by_birth(tasks: list[Task]) -> list[Task]:
        born.extend(task.id for task in tasks[::-1] if task.id not in born)
        return sorted(tasks, key=lambda task: -born.index(task.id))

    return _changing_pages(setup, by_birth)


def _changing_pages(setup: Setup, change: Callable[[list[Task]], list[Task]]) -> Setup:
    class Changes(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "list":
                tasks = change(list(answer.tasks))
                del answer.tasks[:]
                answer.tasks.extend(tasks)
            return answer

    return with_handler(setup, Changes)


@rule(
    "R69",
    "pages follow a cursor: what changes in between moves nothing else; nextPageToken is always "
    "there, empty at the end; a token that is none of ours is IP",
)
async def r69(world: World) -> None:
    asked = await world.task(plays.ask)
    others = [(await world.task(plays.work)).id for _ in range(4)]
    raw = await listed_json(world, page_size=2)
    assert len(raw["tasks"]) == 2
    token = raw["nextPageToken"]
    assert token
    new = (await world.task(plays.work)).id
    await world.task(plays.work, task=asked.id)  # from the last page to the first
    found = [task["id"] for task in raw["tasks"]]
    while token:
        page = await world.list(page_size=2, page_token=token)
        assert 0 < len(page.tasks) <= 2
        found, token = found + ids(page), page.next_page_token
    assert sorted(found) == sorted(others)
    assert sorted(ids(await world.list())) == sorted([asked.id, new, *others])
    whole = await listed_json(world)
    assert whole.get("nextPageToken") == ""
    for wrong in ("none of ours", token + "x", "2"):
        error = await world.refused(InvalidParamsError, world.list(page_token=wrong))
        assert "pageToken" in str(error)


@breaks("R69")
def counts_pages_by_offset(setup: Setup) -> Setup:
    class Offset(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op != "list":
                return await go(params)
            skip, size = int(params.page_token or 0), params.page_size or 50
            page = await go(ListTasksRequest())
            tasks = list(page.tasks)[skip : skip + size]
            more = skip + size < len(page.tasks)
            return ListTasksResponse(tasks=tasks, next_page_token=str(skip + size) if more else "")

    return with_handler(setup, Offset)


@breaks("R69", binding=JSONRPC)
@breaks("R69", binding=REST)
def leaves_out_an_empty_token(setup: Setup) -> Setup:
    def without(answer: Any) -> Any:
        page = answer.get("result", answer)
        if page.get("nextPageToken") == "":
            del page["nextPageToken"]
        return answer

    return changing_answers(setup, without)


@breaks("R69")
def begins_anew_at_a_token_that_it_does_not_know(setup: Setup) -> Setup:
    class Lenient(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            try:
                return await go(params)
            except InvalidParamsError:
                return await go(ListTasksRequest())

    return with_handler(setup, Lenient)
