"""A chart at work, without a clock: postponed events, timers, and one event after the other.

`Table.step` knows one event and forgets it. A `Machine` keeps what lasts longer: the configuration,
the events that came too early, and the timers that run. It is an immutable value, so it can be
kept, compared, searched (`explore`) and stored; whoever drives it brings the time and performs the
actions. Imports `chart` and what is below it.

In which order things happen
----------------------------
1. Timers that were due before an event fire before it, in the order of their times.
2. The event is one step, run to completion.
3. If that changed the state, postponed events are tried again, the oldest first, and from the
   beginning whenever the state changes again (gen_statem: postpone).
4. Timers of no delay fire then, in the order in which they were started.

A timer that fires late counts from when it was due, so the result does not depend on how often
`advance` is called. An instant that is past counts as now.

What sees which context
-----------------------
All guards of one step see the context from before it, those of the transitions that follow by
themselves too, since the step was worked out in advance. `perform` then makes the next context,
which delays that are functions, and the next turn, see. If a guard, a time or `perform` raises, the
machine is as before; what an impure `perform` has done by then it will do again.

A final configuration stops nothing: look at `configuration.final`.

>>> from statechart import After, Chart, Go, Machine, State
>>> blinker = Chart(
...     name="blinker",
...     regions=(State("blinker", (State("on"), State("off")), initial="off"),),
...     events=("toggle",),
...     rows=(Go(("toggle", After(500)), "on", "off"), Go("toggle", "off", "on")),
... )
>>> lit = Machine.start(blinker).machine.send("toggle", now=1_000).machine
>>> lit, lit.due
(<Machine 'blinker' in <on> at 1000 ms>, 1500)
>>> lit.advance(1_500).machine.configuration
<off>
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from statechart.actions import At, Start
from statechart.chart import Chart
from statechart.errors import UnknownEvent
from statechart.model import Answer
from statechart.step import Configuration, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from statechart.actions import Stop

__all__ = ["MAX_TURNS", "Machine", "Perform", "Postponed", "Progress", "Timer", "Turn"]

MAX_TURNS = 10_000
"""Turns that one call may take; more is a chart whose timers of no delay never end."""

Perform: TypeAlias = "Callable[[Any, Turn], Any]"
"""Performs the actions of a turn on a context and returns the context to go on with."""


class Postponed(NamedTuple):
    """An event that came too early, with its data."""

    event: object
    data: object = None


class Timer(NamedTuple):
    """A running timer: when it is over (milliseconds), and the event that happens then."""

    name: str
    event: str
    due: int


class Turn(NamedTuple):
    """One event that was handled: what it was, when, and what it did. The start has event None."""

    event: object
    data: object
    outcome: Outcome
    at: int


@dataclass(frozen=True, slots=True)
class Progress:
    """What one call did: the machine afterwards, each turn in order, and the context.

    `outcome` is that of the event that was sent; with `advance` and nothing due there is none.
    """

    machine: Machine
    turns: tuple[Turn, ...] = ()
    context: Any = None
    sent: int | None = None

    @property
    def outcome(self) -> Outcome:
        """The outcome of the event that was sent, or of the start.

        Raises `LookupError` after `advance`, where no event was sent.
        """
        if self.sent is None:
            raise LookupError("nothing was sent; look at turns for the timers that fired")
        return self.turns[self.sent].outcome

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions of all turns, in order."""
        return tuple(action for turn in self.turns for action in turn.outcome.actions)


@dataclass(frozen=True, slots=True, repr=False)
class Machine:
    """A chart at one point of its life.

    `clock` is the time of the latest turn, in milliseconds on the clock of whoever drives the
    machine; where the chart has absolute timeouts, since 1970 UTC. `keep` bounds the postponed
    events; one too many is refused as `too_many_postponed`, so its sender hears of it.

    The fields are all there is to store; build a machine from them to go on
    (`chart.compile().configuration(...)` finds the configuration).
    """

    chart: Chart
    configuration: Configuration
    postponed: tuple[Postponed, ...] = ()
    timers: tuple[Timer, ...] = ()
    clock: int = 0
    keep: int = 1_000

    @classmethod
    def start(
        cls,
        chart: Chart,
        context: Any = None,
        *,
        now: int = 0,
        keep: int = 1_000,
        perform: Perform | None = None,
    ) -> Progress:
        """Enter the chart. `perform` gets the turn of the start like any other."""
        outcome = chart.compile().start(context)
        run = _Run(cls(chart, outcome.configuration, clock=now, keep=keep), context, perform)
        run.turn(None, None, outcome)
        run.advance(now)
        return run.progress(0)

    def send(
        self,
        event: object,
        context: Any = None,
        data: object = None,
        *,
        now: int | None = None,
        perform: Perform | None = None,
    ) -> Progress:
        """Let `event` happen at `now`, and everything that follows from it.

        `event` and `data` are as in `Table.step`. Guards see `context`, and behind each turn what
        `perform` made of it. Without `now` no time has passed.

        Raises what `Table.step` raises, `ValueError` if `now` is before the latest turn, and
        `RuntimeError` if timers of no delay follow each other for ever; this machine is as before.
        """
        run = _Run(self, context, perform)
        run.expect(event)
        run.advance(self._at(now))
        sent = len(run.turns)
        run.handle(event, data)
        run.advance(run.clock)
        return run.progress(sent)

    def advance(self, now: int, context: Any = None, *, perform: Perform | None = None) -> Progress:
        """Let time pass until `now`: each timer that is due fires, in order.

        Raises as `send` does.
        """
        run = _Run(self, context, perform)
        run.advance(self._at(now))
        return run.progress(None)

    @property
    def due(self) -> int | None:
        """When the next timer fires, None if none is running."""
        return min((timer.due for timer in self.timers), default=None)

    def _at(self, now: int | None) -> int:
        if now is None:
            return self.clock
        if not isinstance(now, int):
            raise TypeError(f"now={now!r} is not an int; time is in whole milliseconds")
        if now < self.clock:
            raise ValueError(
                f"now={now} is before the latest turn at {self.clock}; time only goes on"
            )
        return now

    def __repr__(self) -> str:
        later = f", {len(self.postponed)} postponed" if self.postponed else ""
        return f"<Machine {self.chart.name!r} in {self.configuration!r} at {self.clock} ms{later}>"


class _Run:
    """One call: mutable while it lasts, and never seen outside."""

    def __init__(self, machine: Machine, context: Any, perform: Perform | None) -> None:
        self._machine = machine
        self._table = machine.chart.compile()
        self._context = context
        self._perform = perform
        self._configuration = machine.configuration
        self._postponed = list(machine.postponed)
        self._timers = {timer.name: timer for timer in machine.timers}
        self.clock = machine.clock
        self.turns: list[Turn] = []
        self._rested = 0  # turns before the clock went on

    def progress(self, sent: int | None) -> Progress:
        machine = replace(
            self._machine,
            configuration=self._configuration,
            postponed=tuple(self._postponed),
            timers=tuple(self._timers.values()),
            clock=self.clock,
        )
        return Progress(machine, tuple(self.turns), self._context, sent)

    def expect(self, event: object) -> None:
        """Raise `UnknownEvent` before anything has happened, if `event` cannot."""
        if self._table.recognise(event) in self._table.timeouts:
            raise UnknownEvent(
                f"{event!r} is a timeout of chart {self._machine.chart.name!r}, which only time "
                "brings: use advance"
            )

    def advance(self, now: int) -> None:
        """Fire what is due until `now`, including what that starts."""
        while self._timers:
            timer = min(self._timers.values(), key=lambda each: each.due)
            if timer.due > now:
                break
            del self._timers[timer.name]
            if timer.due > self.clock:
                self.clock, self._rested = timer.due, len(self.turns)
            self.handle(timer.event, None)
        self.clock = max(self.clock, now)

    def handle(self, event: object, data: object) -> None:
        """Take one event, and try postponed ones again as long as the state changes."""
        before = self._configuration.states
        outcome = self._step(event, data)
        if outcome.answer is Answer.DEFER:
            outcome = self._postpone(Postponed(event, data), outcome)
        self.turn(event, data, outcome)
        number = 0 if self._configuration.states != before else len(self._postponed)
        while number < len(self._postponed):
            before = self._configuration.states
            if not self._retry(number):
                number += 1
            elif self._configuration.states != before:
                number = 0

    def _retry(self, number: int) -> bool:
        """Try a postponed event again; return whether it is done with."""
        event, data = self._postponed[number]
        try:
            outcome = self._step(event, data)
        except Exception as error:
            error.add_note(f"while the postponed event {event!r} was tried again")
            raise
        if outcome.answer is Answer.DEFER:
            return False
        del self._postponed[number]
        self.turn(event, data, outcome)
        return True

    def _step(self, event: object, data: object) -> Outcome:
        return self._table.step(self._configuration, event, self._context, data)

    def _postpone(self, event: Postponed, outcome: Outcome) -> Outcome:
        if len(self._postponed) < self._machine.keep:
            self._postponed.append(event)
            return outcome
        return replace(outcome, answer=Answer.REFUSE, reason="too_many_postponed")

    def turn(self, event: object, data: object, outcome: Outcome) -> None:
        """Take over what a step did."""
        if len(self.turns) - self._rested == MAX_TURNS:
            raise RuntimeError(
                f"chart {self._machine.chart.name!r} does not come to rest: {MAX_TURNS} events "
                f"followed one another at {self.clock} ms, the latest {event!r}; look for a timer "
                "that starts itself again without a delay"
            )
        self._configuration = outcome.configuration
        turn = Turn(event, data, outcome, self.clock)
        self.turns.append(turn)
        if self._perform is not None:
            self._context = self._perform(self._context, turn)
        self._set(outcome.timers, data)

    def _set(self, timers: Iterable[Start | Stop], data: object) -> None:
        for each in timers:
            self._timers.pop(each.timer, None)  # so that one started anew is behind the others
            if isinstance(each, Start):
                self._timers[each.timer] = Timer(each.timer, each.fires, self._due(each, data))

    def _due(self, start: Start, data: object) -> int:
        if isinstance(start.delay, At):
            return max(self.clock, self._time(start.delay.instant, data))
        if isinstance(start.delay, int):
            return self.clock + start.delay
        delay = self._time(start.delay, data)
        if delay < 0:
            raise ValueError(f"times[{start.delay!r}] gave {delay}; a delay is not negative")
        return self.clock + delay

    def _time(self, name: str, data: object) -> int:
        time = self._machine.chart.times[name]
        found = time if isinstance(time, int) else time(self._context, data)
        if isinstance(found, bool) or not isinstance(found, int):
            raise TypeError(f"times[{name!r}] gave {found!r}; expected whole milliseconds, an int")
        return found
