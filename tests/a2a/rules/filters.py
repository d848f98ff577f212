"""R72 and R73: how many tasks a list has, and which.

Neighbours: `listing.py` (R67 to R69: whose, and in which order).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import ListTasksRequest, TaskState
from a2a.utils.errors import InvalidParamsError
from google.protobuf.timestamp_pb2 import Timestamp

from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.listing import COMPLETED, at, ids
from tests.a2a.rules.registry import GRPC, JSONRPC, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World
from tests.users import Named


@rule(
    "R72",
    "a page has 50 tasks unless 1 to 100 are asked for, anything else is IP; it says its size and "
    "how many tasks there are",
)
async def r72(world: World) -> None:
    many = 51 if world.binding == JSONRPC else 3
    send, caller = world.server.handler.on_message_send, Named(str(world.user))
    context = ServerCallContext(user=caller)
    await asyncio.gather(*(send(world.request(plays.ask), context) for _ in range(many)))
    page = await world.list()
    assert (len(page.tasks), page.page_size, page.total_size) == (min(many, 50), 50, many)
    for size in (1, 2, 100):
        page = await world.list(page_size=size)
        assert (len(page.tasks), page.page_size, page.total_size) == (min(many, size), size, many)
    for size in (0, -1, 101, 2**31 - 1):
        await world.refused(InvalidParamsError, world.list(page_size=size))


@breaks("R72")
def has_pages_of_twenty(setup: Setup) -> Setup:
    def twenty(params: ListTasksRequest) -> None:
        if not params.HasField("page_size"):
            params.page_size = 20

    return _changing_requests(setup, twenty)


@breaks("R72")
def cuts_a_page_size_to_what_is_allowed(setup: Setup) -> Setup:
    def cut(params: ListTasksRequest) -> None:
        if params.HasField("page_size"):
            params.page_size = max(1, min(100, params.page_size))

    return _changing_requests(setup, cut)


@breaks("R72", binding=GRPC)
def counts_the_page_only(setup: Setup) -> Setup:
    class Counts(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "list":
                answer.total_size = len(answer.tasks)
            return answer

    return with_handler(setup, Counts)


def _changing_requests(setup: Setup, change: Callable[[ListTasksRequest], None]) -> Setup:
    class Changes(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "list":
                change(params)
            return await go(params)

    return with_handler(setup, Changes)


@rule("R73", "statusTimestampAfter includes that time; state and context must be the very same")
async def r73(world: World) -> None:
    context = f"c {world.user}"
    asked = await world.task(plays.ask, context=context)
    done = await world.task(plays.work, context=f"{context} 2")
    for task in (asked, done):
        (found,) = [each for each in (await world.list()).tasks if each.id == task.id]
        assert task.id in ids(await world.list(status_timestamp_after=found.status.timestamp))
        later = Timestamp()
        later.FromMilliseconds(at(found) + 1000)
        assert task.id not in ids(await world.list(status_timestamp_after=later))
    for fields, expected in (
        ({"status": TaskState.TASK_STATE_INPUT_REQUIRED}, [asked.id]),
        ({"status": COMPLETED}, [done.id]),
        ({"status": TaskState.TASK_STATE_WORKING}, []),
        ({"context_id": context}, [asked.id]),
        ({"context_id": f"{context} 2"}, [done.id]),
        ({"context_id": context[:-1]}, []),
        ({"context_id": context.upper()}, []),
        ({"context_id": context, "status": COMPLETED}, []),
    ):
        page = await world.list(**fields)
        assert (ids(page), page.total_size) == (expected, len(expected)), fields


@breaks("R73")
def leaves_out_the_time_itself(setup: Setup) -> Setup:
    def after(params: ListTasksRequest) -> None:
        if params.HasField("status_timestamp_after"):
            now = params.status_timestamp_after
            now.FromMilliseconds(now.ToMilliseconds() + 1)

    return _changing_requests(setup, after)


@breaks("R73")
def takes_no_notice_of_the_state(setup: Setup) -> Setup:
    return _changing_requests(setup, lambda params: params.ClearField("status"))


@breaks("R73")
def takes_no_notice_of_the_time(setup: Setup) -> Setup:
    return _changing_requests(setup, lambda params: params.ClearField("status_timestamp_after"))
