"""R101: contexts, which last unless the user says how long."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import patch

from a2a.server.context import ServerCallContext
from a2a.utils.errors import TaskNotFoundError

from actors.a2a import Limit, Retention
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.hearing import beside
from tests.a2a.rules.registry import LOCAL, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World


def keeping_one(setup: Setup) -> Setup:
    """Return the setup of a server that keeps the newest finished task only."""
    kept = Retention.terminal(Limit(count=1), every=0.01)
    return replace(setup, options=lambda: {"retention": kept})


@rule(
    "R101",
    "contexts last for ever by default; with `retention`, documented in its docstring, what has "
    "expired is TNF, and its context can be used anew",
    bindings=LOCAL,
)
async def r101(world: World) -> None:
    context = f"c {world.user}"
    tasks = [(await world.task(plays.work, context=context)).id for _ in range(3)]
    assert (await world.list(context_id=context)).total_size == 3
    for task in tasks:
        assert (await world.get(task)).context_id == context
    with patch("actors.task.retention.OFTEN", 0.0):
        async with beside(world, keeping_one) as other:
            await expires(other, context)
    assert "what is kept" in str(Retention.__doc__).lower()


async def expires(world: World, context: str) -> None:
    """See that a context is forgotten, and is as good as a new one then."""
    old = await world.task(plays.work, context=context)
    await world.task(plays.work, context="another")
    while (await world.list(context_id=context)).total_size:
        pass
    await world.refused(TaskNotFoundError, world.get(old.id))
    await world.refused(TaskNotFoundError, world.send(plays.work, task=old.id))
    again = await world.task(plays.ask, context=context)
    assert again.id != old.id
    assert [task.id for task in (await world.list(context_id=context)).tasks] == [again.id]
    assert len(again.history) + again.status.HasField("message") == 2


@breaks("R101")
def forgets_without_being_told(setup: Setup) -> Setup:
    class Forgets(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            answer = await go(params)
            if op == "list":
                answer.total_size = min(answer.total_size, 1)
            return answer

    return with_handler(setup, Forgets)


@breaks("R101")
def shows_what_has_expired(setup: Setup) -> Setup:
    class Shows(Defect):
        known: dict[str, Any] = {}  # noqa: RUF012 - of one check, by task

        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "get":
                return self.known[params.id]
            answer = await go(params)
            if op == "send":
                self.known[answer.id] = answer
            return answer

    return with_handler(setup, Shows)
