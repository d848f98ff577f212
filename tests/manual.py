"""Time and answers in the hands of a test: no loop, no waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from actors.runtime.clock import TimerHandle


class Handle:
    """A timer of the manual clock."""

    def __init__(self, due: float, callback: Callable[[], object]) -> None:
        self.due = due
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class ManualClock:
    """Callbacks and timers that run when the test says so."""

    def __init__(self) -> None:
        self.time = 1_000.0
        self.soon: deque[Callable[[], object]] = deque()
        self.timers: list[Handle] = []

    def now(self) -> int:
        return int(self.time * 1000)

    def monotonic(self) -> float:
        return self.time

    def call_soon(self, callback: Callable[[], object]) -> None:
        self.soon.append(callback)

    def call_later(self, delay: float, callback: Callable[[], object]) -> TimerHandle:
        handle = Handle(self.time + delay, callback)
        self.timers.append(handle)
        return handle

    def run(self) -> None:
        """Run everything that is ready, to quiescence."""
        while self.soon:
            self.soon.popleft()()

    def advance(self, seconds: float) -> None:
        """Let time pass; due timers fire in order."""
        self.time += seconds
        for handle in sorted(self.timers, key=lambda timer: timer.due):
            if handle.due <= self.time and not handle.cancelled:
                handle.cancel()
                handle.callback()
                self.run()


class Answer:
    """Where the answer to one ask lands."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.errors: list[Exception] = []

    def resolve(self, value: Any) -> None:
        self.values.append(value)

    def reject(self, error: Exception) -> None:
        self.errors.append(error)

    @property
    def given(self) -> int:
        return len(self.values) + len(self.errors)

    @property
    def value(self) -> Any:
        assert len(self.values) == 1, self
        assert not self.errors, self
        return self.values[0]

    @property
    def error(self) -> Exception:
        assert len(self.errors) == 1, self
        assert not self.values, self
        return self.errors[0]

    def __repr__(self) -> str:
        return f"<Answer values={self.values} errors={self.errors}>"


def no_futures() -> Any:
    """For a system that is asked with `Answer` only."""
    raise AssertionError("ask with Answer, not with futures")
