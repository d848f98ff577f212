"""SimLoop: an asyncio event loop whose order and time are choices.

Whatever can happen next is an `Action`: a mailbox head to be delivered, an asyncio task to be
stepped, an operation of a port to be completed. The loop picks one of them, runs it, and picks
again. Time is virtual: it moves only when the next timer fires, which may happen although other
actions wait (a slow machine) and happens by itself when nothing else can.

asyncio runs callbacks in the order in which they were made, and so does this loop, for everything
but the steps of tasks: two tasks that could both go on may do so in either order, as they may on
a real loop that waits for sockets. Without choices (0 for ever) the order is asyncio's own.

User code runs unchanged; what a replay could not repeat (threads, sockets) is refused by name
(`outside.py`).

Neighbours: `actions.py` and `timers.py` (what can happen), `choices.py` (decides), `system.py`
(actors as actions), `process.py` (what dies at once).
"""

from __future__ import annotations

import asyncio
import contextvars
import math
import sys
from asyncio import _get_running_loop, _set_running_loop  # what asyncio has for loop authors
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import suppress
from typing import Any, TypeVar

from actors.runtime.fingerprint import fingerprint
from actors.simulation.actions import EVERYTHING, PLACE, Action, Place, SimFuture, TaskStep, step_of
from actors.simulation.choices import Choices, Recorded
from actors.simulation.outside import Inside
from actors.simulation.timers import Timers, callback_name

T = TypeVar("T")
START = 1_767_225_600.0
"""UTC seconds at which every simulation begins: 2026-01-01."""
EARLY = 60.0
"""Seconds by which other actions may be late: a timer further off does not fire before them."""
STEPS_BOUND = 20_000
"""Steps of one run; more mean that something goes round in circles."""
PLUMBING_BOUND = 100_000
"""Callbacks between two actions; more mean the same."""


class RunsInCircles(Exception):  # noqa: N818 - says what happened
    """A run took more steps than any sensible one."""


class Stuck(Exception):  # noqa: N818 - says what happened
    """Somebody waits for what can never happen: nothing is left to run and no timer is armed."""


class SimLoop(Inside):
    """An event loop on virtual time that asks `choices` what happens next."""

    _closed = False
    _clearing = False
    """The run is over, and what is left of it unwinds."""
    _running = False

    def __init__(self, choices: Choices) -> None:
        super().__init__()
        self.choices = choices
        self.ready: list[Action] = []
        """What can happen next, oldest first."""
        self.steps = 0
        self.early = True
        """Timers may fire although other actions wait; False while liveness is examined."""
        self.lag: float | None = None
        """Seconds by which work may fall behind in all, so that no longer deadline is missed; None:
        each timer up to `EARLY` ahead may fire early, however late the work is already."""
        self.horizon = math.inf
        """Virtual time beyond which no timer fires: somebody may look again every hour for ever."""
        self.faults: Callable[[], list[Action]] = list
        """What may go wrong now, beside what can happen by itself."""
        self.idle: list[asyncio.Future[None]] = []
        """Resolved, first come first served, when nothing is left that can happen but time."""
        self.on_step: Callable[[Action], None] | None = None
        """Told each action just before it runs."""
        self.touched: set[object] | None = None
        """What the present action has read or changed, for whoever searches; None: nobody does."""
        self.replaying = False
        """The way to here was taken before; whoever searches knows the courses at its end."""
        self.courses: dict[str, bytes] = {}
        """Task -> digest of everything it has awaited: where a deterministic task has got to."""
        self._futures: dict[str, int] = {}
        self._now = 0.0
        self._abreast = 0.0
        """When there was nothing left to do but wait, for the last time."""
        self._time = Action("time passes", self._fire)
        self._plumbing: deque[asyncio.Handle] = deque()
        self._buried: list[asyncio.Handle] = []
        """What would have gone on in places that are down; only `close` lets it, to unwind."""
        self._timers = Timers()
        self._tasks: list[tuple[asyncio.Task[Any], Place | None]] = []
        self.errors: list[dict[str, Any]] = []
        """What asyncio would have logged: exceptions that nobody retrieved."""

    # -- time

    def time(self) -> float:
        """Virtual seconds since the start of the run."""
        return self._now

    def utc(self) -> float:
        """Virtual UTC seconds."""
        return START + self._now

    # -- what happens next

    def add(self, action: Action) -> None:
        """Let `action` happen sometime from now on, unless its place is down."""
        if action.place is None or not action.place.down:
            self.ready.append(action)

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Run until `until()` holds or nothing is left that could happen.

        Raises:
            RunsInCircles: that takes too many steps.
        """
        before, hooks = _get_running_loop(), sys.get_asyncgen_hooks()
        _set_running_loop(self)
        sys.set_asyncgen_hooks(finalizer=self._close_generator)
        self._running = True
        try:
            while not until() and self._step():
                pass
        finally:
            self._running = False
            sys.set_asyncgen_hooks(*hooks)
            _set_running_loop(before)

    def _close_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        """Let an async generator unwind that nobody reads any more, in a task as asyncio does."""
        if not self._closed:
            name = f"close {generator.__qualname__}#{len(self._tasks)}"  # type: ignore[attr-defined] # the ABC has no name, every generator has
            self.create_task(generator.aclose(), name=name)

    def _step(self) -> bool:
        """Run plumbing, then one action; False when there is none."""
        self._plumb()
        enabled = self._enabled()
        timer = self._timers.next()
        if not enabled and self.idle:
            self.idle.pop(0).set_result(None)
            return True
        early = timer is not None and self._may_fire(timer.when, bool(enabled))
        if not enabled and not early:
            return False
        self._count()
        quiet = not enabled
        self._happen(enabled, early)
        if quiet:  # after time has passed, if it has, and not something else has happened
            self._abreast = self._now
        return True

    def _plumb(self) -> None:
        """Run every callback that steps no task, and those that they make."""
        left = PLUMBING_BOUND
        while self._plumbing:
            handle = self._plumbing.popleft()
            if not left:
                raise RunsInCircles(
                    f"{PLUMBING_BOUND} callbacks and no end, while no task could go on; the next: "
                    f"{callback_name(handle)}"
                )
            left -= 1
            self._run_handle(handle)

    def _may_fire(self, when: float, others: bool) -> bool:
        if others and self.lag is not None:
            return self.early and when - self._abreast <= self.lag
        if others:
            return self.early and when - self._now <= EARLY
        return when <= self.horizon

    def _happen(self, enabled: list[Action], early: bool) -> None:
        """Choose one of what is enabled, of time passing, and of faults; it happens."""
        rare = [self._time, *self.faults()] if early else self.faults()
        actions = [*enabled, *rare] if rare else enabled
        chosen = self.choices.pick(actions, len(rare))
        action = actions[chosen]
        if chosen < len(enabled):
            self.ready.remove(action)
        if self.touched is not None:
            self._follow(action, self.touched)
        if self.on_step is not None:
            self.on_step(action)
        action.run()

    def touch(self, *what: object) -> None:
        """Note what the present action reads or changes, beside what the loop sees itself."""
        if self.touched is not None:
            self.touched.update(what)

    def _follow(self, action: Action, touched: set[object]) -> None:
        """Note which task goes on, and with what."""
        if action is self._time:
            touched.add(EVERYTHING)
        if not isinstance(action, TaskStep):
            return
        touched.add(step_of(action.task))
        if self.replaying:
            return
        before = self.courses.get(action.label, b"")
        self.courses[action.label] = fingerprint((before, action.wakes_with()))

    def _count(self) -> None:
        self.steps += 1
        if self.steps > STEPS_BOUND:
            waiting = ", ".join(action.label for action in self.ready[:5])
            raise RunsInCircles(
                f"{STEPS_BOUND} steps and no end; what could happen next: {waiting or 'a timer'}"
            )

    def _enabled(self) -> list[Action]:
        for action in self.ready:
            place = action.place
            if place is not None and place.paused:
                break
        else:
            return self.ready
        return [action for action in self.ready if action.place is None or not action.place.paused]

    def _run_handle(self, handle: asyncio.Handle) -> None:
        if not handle.cancelled():
            handle._run()  # noqa: SLF001 - how every loop runs its handles

    # -- timers

    def _fire(self) -> None:
        """Let time pass until the next timer, and run it."""
        entry = self._timers.next()
        assert entry is not None  # noqa: S101 - `_step` has just seen it
        self._timers.take(entry)
        self._now = max(self._now, entry.when)
        self._run_handle(entry.handle)

    @property
    def armed(self) -> list[str]:
        """Timers that would still fire, by what they call."""
        return self._timers.armed()

    # -- what asyncio asks of a loop

    def call_soon(  # type: ignore[override] # the stub wants a TypeVarTuple; asyncio does not care
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Run a callback soon: at once if it is plumbing, when it is chosen if it steps a task.

        What belongs to a place that is down is kept for `close`.
        """
        handle = asyncio.Handle(callback, args, self, context)
        place = PLACE.get() if context is None else context.get(PLACE)
        task = getattr(callback, "__self__", None)
        if place is not None and place.down and not self._clearing:
            self._buried.append(handle)
        elif isinstance(task, asyncio.Task):
            self.touch(step_of(task))
            self.ready.append(TaskStep(task, handle, place))
        else:
            self._plumbing.append(handle)
        return handle

    def call_at(  # type: ignore[override] # as call_soon
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback at a virtual time."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        self._timers.arm(timer)
        return timer

    def call_later(  # type: ignore[override] # as call_soon
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback after virtual seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Count it: a cancelled timer is passed over when its time has come, or dropped before."""
        self._timers.cancelled()

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        if self.touched is None:
            return asyncio.Future(loop=self)
        task = asyncio.current_task(self)
        name = task.get_name() if task is not None else ""
        number = self._futures[name] = self._futures.get(name, 0) + 1
        return SimFuture(self, f"{name} {number}")

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """Start a task; it is named by its order, so that a replay names it alike."""
        label = str(name) if name else f"{getattr(coro, '__qualname__', 'task')}#{len(self._tasks)}"
        task: asyncio.Task[T] = asyncio.Task(coro, loop=self, name=label, context=context)
        place = (context or contextvars.copy_context()).get(PLACE)
        self._tasks.append((task, place))
        return task

    @property
    def pending(self) -> list[asyncio.Task[Any]]:
        """Tasks that have not ended, in order of their start; not those of places that are down."""
        alive = (task for task, place in self._tasks if place is None or not place.down)
        return [task for task in alive if not task.done()]

    def unretrieved(self) -> list[str]:
        """Tasks that raised and that nobody has asked, by name; not those of a crashed process."""
        return [
            f"exception never retrieved: task {task.get_name()} raised {task._exception!r}"  # noqa: SLF001 - `exception()` would count as asking
            for task, place in self._tasks
            if task._log_traceback and not (place is not None and place.down)  # noqa: SLF001 - what asyncio itself goes by
        ]

    def crash(self, place: Place) -> None:
        """End a process: nothing of it happens any more, as nothing is run by a process killed.

        Its tasks stay where they are, with what they hold, until `close` unwinds them.
        """
        place.down = True
        for action in self.ready:
            if isinstance(action, TaskStep) and action.place is place:
                self._buried.append(action.handle)
        self.ready = [action for action in self.ready if action.place is not place]

    def run_until_complete(self, future: Any) -> Any:
        """Run until `future` is done.

        Raises:
            Stuck: it waits for what cannot happen.
        """
        task = asyncio.ensure_future(future, loop=self)
        self.run(task.done)
        if not task.done():
            waiting = ", ".join(repr(each.get_name()) for each in self.pending)
            limit = "" if self.horizon == math.inf else f" in {self.horizon:.0f} virtual seconds"
            raise Stuck(f"nothing more can happen{limit} and these tasks still wait: {waiting}")
        return task.result()

    def call_soon_threadsafe(  # type: ignore[override] # as call_soon
        self,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """As `call_soon`: there are no other threads here."""
        return self.call_soon(callback, *args, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep what asyncio would have logged."""
        self.errors.append(context)

    def get_debug(self) -> bool:
        """False: asyncio's debug mode measures real time."""
        return False

    def is_running(self) -> bool:
        """Whether an action is being run."""
        return self._running

    def is_closed(self) -> bool:
        """Whether the run is over."""
        return self._closed

    def __del__(self, _warn: object = None) -> None:
        """Nothing: a simulated loop holds nothing of the machine that could be left open."""

    async def shutdown_asyncgens(self) -> None:
        """Nothing: generators are closed by whoever uses them."""

    def close(self) -> None:
        """End the run: every task that is left is cancelled and unwinds, also those of the dead.

        Nothing that happens here is part of the run: whoever writes its trace stops before.
        """
        self._clearing = True
        self.early = False
        self.steps = 0  # a run that went round in circles is cleared away too
        self.faults = list
        self.choices = Recorded()  # how a run is cleared away is nobody's choice
        self.touched = None
        self._plumbing.extend(self._buried)
        self._buried.clear()
        with suppress(RunsInCircles):  # what does not want to unwind is left as it is
            for _ in range(3):  # a task may need a second word, as with asyncio.run
                for task, _ in self._tasks:
                    task.cancel()
                self.run(lambda: all(task.done() for task, _ in self._tasks))
        self._closed = True
