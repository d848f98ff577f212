"""What happens besides changes of state: timeouts, and actions that speak to the chart itself.

Plain immutable values, the words of `model`. Imports nothing of ours.

Actions are names, which `Table.step` returns and nobody here calls. Three of them the chart
understands: `Raise` an event in the same step, `Start` and `Stop` a timer that outlives states.
After, Quiet and At stand where an event would, as the trigger of a row; they are the state, event
and absolute timeouts of Erlang's gen_statem, and a started timer is its named one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Action",
    "Actions",
    "After",
    "At",
    "Quiet",
    "Raise",
    "Start",
    "Stop",
    "Time",
    "Timeout",
    "several",
]

Time: TypeAlias = "int | Callable[[Any, Any], int]"
"""Milliseconds, or a pure function of (context, data) that gives them."""


@dataclass(frozen=True, slots=True)
class After:
    """A state timeout: fires once, `delay` after its state was entered, unless it was left.

    `delay` is in milliseconds, or the name of an entry of the chart's `times`.
    """

    delay: int | str

    def __str__(self) -> str:
        return f"after {_delay(self.delay)}"


@dataclass(frozen=True, slots=True)
class Quiet:
    """An event timeout: fires when its state was active for `delay` and no event came.

    Any event that is answered, whatever the answer, starts the time anew.
    """

    delay: int | str

    def __str__(self) -> str:
        return f"quiet {_delay(self.delay)}"


@dataclass(frozen=True, slots=True)
class At:
    """An absolute timeout: fires at an instant, at once if that is past, while its state is active.

    `instant` names an entry of the chart's `times`, which gives milliseconds since 1970 UTC; it
    is asked when the state is entered.
    """

    instant: str

    def __str__(self) -> str:
        return f"at {self.instant}"


Timeout: TypeAlias = After | Quiet | At


def _delay(delay: int | str) -> str:
    return f"{delay} ms" if isinstance(delay, int) else delay


# -- actions ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Raise:
    """Let `event` happen within the same step, before anything from outside."""

    event: str

    def __str__(self) -> str:
        return f"raise {self.event}"


@dataclass(frozen=True, slots=True)
class Start:
    """Start the timer `timer`; started again it begins anew. It does not care about states.

    When it is over, `event` happens, by default one with the timer's own name. `delay` is in
    milliseconds, a name in the chart's `times`, or `At` an instant.
    """

    timer: str
    delay: int | str | At
    event: str = ""

    @property
    def fires(self) -> str:
        """The event that happens when the time is over."""
        return self.event or self.timer

    def __str__(self) -> str:
        due = self.delay if isinstance(self.delay, At) else After(self.delay)
        event = f" as {self.event}" if self.event else ""
        return f"start {self.timer} {due}{event}"


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the timer `timer`; nothing happens if it is not running."""

    timer: str

    def __str__(self) -> str:
        return f"stop {self.timer}"


Action: TypeAlias = str | Raise | Start | Stop
Actions: TypeAlias = Action | tuple[Action, ...]


def several(value: Actions) -> tuple[Action, ...]:
    """Return actions as a tuple, a single one as a tuple of one."""
    return tuple(value) if isinstance(value, tuple | list) else (value,)
