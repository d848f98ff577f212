"""A process of a simulation: what runs in it ends with it.

Requests are served in tasks of the process, so that a client can lose its server, and a server its
client, at any moment. A process ends at once (`end`), or stops for a while (`paused`).

Neighbours: `loop.py` (runs it), `node.py` and `server.py` (what is inside).
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any

from actors.simulation.actions import EVERYTHING, PLACE, Action, step_of
from actors.simulation.loop import SimLoop


class Disconnected(ConnectionError):  # noqa: N818 - says what happened
    """The process that was asked is gone; what became of the request is unknown."""


class Process:
    """Something that can end at once, or pause.

    Args:
        name: for the trace.
        loop: where it runs.
    """

    def __init__(self, name: str, loop: SimLoop) -> None:
        self.name = name
        self.loop = loop
        self.down = False
        self.paused = False
        self.context = contextvars.Context()
        """Tasks and timers made in it belong to this process."""
        self.context.run(PLACE.set, self)
        self._requests: dict[asyncio.Task[Any], asyncio.Future[Any]] = {}

    def act(self, label: str, run: Callable[[], object]) -> None:
        """Let something of this process happen, sometime."""
        self.loop.add(Action(f"{self.name} {label}", run, self))

    def serve(self, name: str, work: Coroutine[Any, Any, Any]) -> Request:
        """Begin to serve a request; `name` is unique among all requests of the run."""
        answer = self.loop.create_future()
        if self.down:
            work.close()
            answer.set_exception(Disconnected(f"{self.name} is down"))
            return Request(self, None, answer)
        task = self.loop.create_task(work, name=f"{self.name} {name}", context=self.context.copy())
        self._requests[task] = answer
        task.add_done_callback(self._served, context=self.context)
        return Request(self, task, answer)

    def _served(self, task: asyncio.Task[Any]) -> None:
        answer = self._requests.pop(task)
        if answer.done():
            return
        if task.cancelled():
            answer.set_exception(Disconnected("the client has gone"))
        elif task.exception() is not None:
            answer.set_exception(task.exception() or Exception())
        else:
            answer.set_result(task.result())

    def end(self) -> None:
        """End at once: nothing of it happens any more, and whoever waits for it hears so."""
        self.loop.touch(EVERYTHING)
        for answer in self._requests.values():
            if not answer.done():
                answer.set_exception(Disconnected(f"{self.name} crashed"))
                _heard(answer)  # what a process does by itself is nobody's request
        self.loop.crash(self)


class Request:
    """A request under way, as its client holds it."""

    def __init__(
        self, process: Process, task: asyncio.Task[Any] | None, answer: asyncio.Future[Any]
    ) -> None:
        self._process = process
        self._task = task
        self.answer = answer

    def leave(self) -> None:
        """Close the connection: the server notices, and cancels its part."""
        self.answer.add_done_callback(_heard)
        if self._task is not None and not self._process.down:
            self._process.loop.touch(step_of(self._task))
            self._task.cancel()


def _heard(answer: asyncio.Future[Any]) -> None:
    """Note that it is no defect if nobody hears this answer."""
    if not answer.cancelled():
        answer.exception()
