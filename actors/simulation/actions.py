"""Actions: what can happen next in a simulated run, and where.

Neighbours: `loop.py` (chooses among them), `process.py` (a place), `exhaustive.py` (asks which of
them commute).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import Any, Protocol

EVERYTHING = "everything"
"""Touched by what no other action commutes with: time, a crash, a new process."""


class Place(Protocol):
    """Where an action happens: a process that can stop, or pause."""

    down: bool
    paused: bool


PLACE: contextvars.ContextVar[Place | None] = contextvars.ContextVar("place", default=None)
"""The process in which asyncio code runs; inherited by the tasks and timers it makes."""


class Action:
    """Something that can happen next."""

    __slots__ = ("label", "place", "run")

    def __init__(self, label: str, run: Callable[[], object], place: Place | None = None) -> None:
        self.label = label
        self.run = run
        self.place = place

    def __repr__(self) -> str:
        return f"<Action {self.label}>"


class TaskStep(Action):
    """An asyncio task that can go on."""

    __slots__ = ("handle", "task")

    def __init__(
        self, task: asyncio.Task[Any], handle: asyncio.Handle, place: Place | None
    ) -> None:
        super().__init__(f"task {task.get_name()}", handle._run, place)  # noqa: SLF001 - how every loop runs handles
        self.handle = handle
        self.task = task

    def wakes_with(self) -> list[object]:
        """What the task has awaited and gets now, as plain data."""
        return [_outcome(each) for each in self.handle._args or ()]  # noqa: SLF001 - no public way


class SimFuture(asyncio.Future[Any]):
    """A future that says in which task's course it was made; the same in every run that gets there.

    Args:
        loop: where it is awaited.
        name: of the task, and a number of its own.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        super().__init__(loop=loop)
        self._name = name

    def __fingerprint__(self) -> object:
        """Whose it is; what comes of it is in the course of its task."""
        return self._name


def step_of(task: asyncio.Task[Any]) -> tuple[str, str]:
    """What is touched by a step of `task`, by what wakes it and by what cancels it."""
    return ("task", task.get_name())


def _outcome(future: asyncio.Future[Any]) -> object:
    """What a future came to, as plain data."""
    if future.cancelled():
        return "cancelled"
    error = future.exception()
    return future.result() if error is None else (type(error).__name__, str(error))
