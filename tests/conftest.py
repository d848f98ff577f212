"""What holds after every test: nothing of an actor system is left over (invariant 31).

Each ActorSystem made during a test has been shut down, or is quiescent (no mail, no stash) and can
be shut down without a trace; and no asyncio task made in an async test is still pending.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from actors.runtime import ActorStopped, ActorSystem

_made: list[ActorSystem] = []
_make = ActorSystem.__init__

TURNS = 20
"""Iterations of the loop that a cancelled asyncio task may take to end."""


def _noted(system: ActorSystem, *args: Any, **options: Any) -> None:
    _make(system, *args, **options)
    if type(system) is ActorSystem:  # a simulated one dies with its process; its trace says `Quiet`
        _made.append(system)


@pytest.fixture(scope="session", autouse=True)
def _systems_are_noted() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setattr(ActorSystem, "__init__", _noted)
    yield
    patch.undo()


def _of_a_library(task: asyncio.Task[Any]) -> bool:
    """sse-starlette starts one task for each loop with streams, which ends with the process."""
    return getattr(task.get_coro(), "__qualname__", "") == "_shutdown_watcher"


@pytest.fixture
async def _no_task_is_left() -> AsyncIterator[None]:
    yield
    mine = {asyncio.current_task()}
    for _ in range(TURNS):
        left = {task for task in asyncio.all_tasks() - mine if not _of_a_library(task)}
        if not left:
            return
        await asyncio.sleep(0)
    raise AssertionError(f"asyncio tasks are still pending at the end of the test: {left}")


@pytest.fixture(autouse=True)
def _nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    _made.clear()
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("_no_task_is_left")
    yield
    systems = tuple(_made)
    _made.clear()
    for system in systems:
        waiting = [line for line in system.leftovers() if "messages" in line]
        assert not waiting, "nobody waits for these any more, and nobody shut the system down"
        system.shutdown(ActorStopped("the test is over"))
        assert system.leftovers() == []
