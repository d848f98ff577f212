"""Every way in which a chart may go on from a node: `Machine`, without a clock and for all worlds.

Used by `explore`, which searches what these moves lead to. Imports `environment` and what is below
it. The order of events is that of `machine`; a test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from statechart.actions import At, Start
from statechart.explore.environment import Armed, Cause, Environment, Move, Node, Step
from statechart.machine import Postponed, Turn
from statechart.model import Answer, event_name
from statechart.step import Configuration, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from statechart.actions import Stop
    from statechart.chart import Chart

__all__ = ["Moves"]

Case: TypeAlias = tuple[Mapping[str, bool], Outcome]


class _Event(NamedTuple):
    """An event in the words of the table: its key there, and what its guards get as data."""

    event: object
    data: object
    key: str
    asked: object


class Moves:
    """The steps of a chart in an environment. Deterministic: asked again, it says the same.

    Raises `ValueError` if `environment.free` names a guard that the chart does not have, later
    `UnknownEvent` for an event that it does not have, and whatever guards and `perform` raise.
    """

    def __init__(self, chart: Chart, environment: Environment | None = None) -> None:
        self._chart = chart
        self._table = chart.compile()
        self._world = environment or Environment(free=tuple(chart.guards))
        self._free = frozenset(self._world.free)
        self._cases: dict[tuple[Configuration, str], tuple[Case, ...]] = {}
        self._overflow: dict[int, Outcome] = {}
        events = self._world.events
        self._events = () if callable(events) else self._read(chart.events, events)
        if unknown := sorted(self._free - set(chart.guards)):
            raise ValueError(
                f"chart {chart.name!r} has no guard {unknown[0]!r} to be free; its guards are "
                f"{', '.join(sorted(chart.guards)) or 'none'}"
            )

    def starts(self) -> Iterator[Move]:
        """Yield each way in which the chart may start, as a move of one step."""
        context = self._world.context
        for said, outcome in self._agreed(self._table.starts(), context, None):
            nowhere = Node(outcome.configuration, context=context)
            yield (self._step(Cause.START, nowhere, Turn(None, None, outcome, 0), said),)

    def behind(self, node: Node) -> Iterator[Move]:
        """Yield each move out of `node`: events in the order of the environment, then timers."""
        if not any(timer.delay == 0 for timer in node.armed):
            world = self._world.events
            found = self._read((), world(node)) if callable(world) else self._events
            for event in found:
                yield from self._handle(Cause.EVENT, node, event)
        for timer in node.armed:
            if not timer.behind:
                fired = node._replace(armed=_without(node.armed, timer.name))
                event = _Event(timer.event, None, timer.event, None)
                yield from self._handle(Cause.TIMER, fired, event)

    # -- one event ---------------------------------------------------------------------------------

    def _handle(self, cause: Cause, node: Node, event: _Event) -> Iterator[Move]:
        """Take one event in each way that guards allow; what `Machine` does, without its clock."""
        for said, outcome in self._answers(node, event):
            kept = node
            if outcome.answer is Answer.DEFER:
                if len(node.postponed) < self._world.keep:
                    later = Postponed(event.event, event.data)
                    kept = node._replace(postponed=(*node.postponed, later))
                else:
                    outcome = self._refused(outcome)
            step = self._step(cause, kept, Turn(event.event, event.data, outcome, 0), said)
            if not step.node.postponed:
                yield (step,)
            else:
                changed = outcome.configuration.states != node.configuration.states
                yield from self._retry((step,), 0 if changed else len(step.node.postponed))

    def _retry(self, done: Move, number: int) -> Iterator[Move]:
        """Try postponed events again, the oldest first, from the beginning after each change."""
        node = done[-1].node
        if number >= len(node.postponed):
            yield done
            return
        event = self._event(*node.postponed[number])
        rest = node._replace(postponed=_but(node.postponed, number))
        waits = False
        for said, outcome in self._answers(node, event):
            if outcome.answer is Answer.DEFER:
                waits = True
                continue
            turn = Turn(event.event, event.data, outcome, 0)
            step = self._step(Cause.POSTPONED, rest, turn, said)
            changed = outcome.configuration.states != node.configuration.states
            yield from self._retry((*done, step), 0 if changed else number)
        if waits:
            yield from self._retry(done, number + 1)

    def _step(self, cause: Cause, node: Node, turn: Turn, said: Mapping[str, bool]) -> Step:
        outcome, context = turn.outcome, node.context
        armed = self._arm(node.armed, outcome.timers) if outcome.timers else node.armed
        if self._world.perform is not None:
            context = self._world.perform(context, turn)
        return Step(cause, turn, said, Node(outcome.configuration, node.postponed, armed, context))

    def _refused(self, outcome: Outcome) -> Outcome:
        """Return the answer to an event that cannot be kept, one object for each outcome."""
        if id(outcome) not in self._overflow:
            self._overflow[id(outcome)] = replace(
                outcome, answer=Answer.REFUSE, reason="too_many_postponed"
            )
        return self._overflow[id(outcome)]

    # -- guards ------------------------------------------------------------------------------------

    def _answers(self, node: Node, event: _Event) -> Iterable[Case]:
        key = (node.configuration, event.key)
        cases = self._cases.get(key)
        if cases is None:
            cases = self._cases[key] = self._table.cases(*key)
        return self._agreed(cases, node.context, event.asked)

    def _agreed(self, cases: tuple[Case, ...], context: Any, data: Any) -> Iterable[Case]:
        """Return the cases that agree with the guards that are asked."""
        if len(cases) == 1:
            return cases
        heard: dict[str, bool] = {}
        return [case for case in cases if self._agrees(case[0], heard, context, data)]

    def _agrees(
        self, said: Mapping[str, bool], heard: dict[str, bool], context: Any, data: Any
    ) -> bool:
        """Tell whether guards say this. In order, so none is asked behind one that says no."""
        for name, value in said.items():
            if name in self._free:
                continue
            if name not in heard:
                heard[name] = bool(self._chart.guards[name](context, data))
            if heard[name] is not value:
                return False
        return True

    # -- events and timers -------------------------------------------------------------------------

    def _read(
        self, default: Iterable[object], found: Iterable[object] | None
    ) -> tuple[_Event, ...]:
        """Return events as they are written in an environment, without repetition."""
        events = (
            self._event(*each) if type(each) is tuple and len(each) == 2 else self._event(each)
            for each in (default if found is None else found)
        )
        try:
            return tuple(dict.fromkeys(events))
        except TypeError as error:
            error.add_note("the events of an environment and their data must be hashable")
            raise

    def _event(self, event: object, data: object = None) -> _Event:
        if isinstance(event, type):
            event = event_name(event)  # an environment may list the events of the chart as they are
        key = event_name(self._table.recognise(event))
        if isinstance(event, str):
            return _Event(key, data, key, data)
        return _Event(event, data, key, event if data is None else data)

    def _arm(self, armed: tuple[Armed, ...], timers: Iterable[Start | Stop]) -> tuple[Armed, ...]:
        """Start and stop timers of one turn. Those started together begin at the same instant."""
        together: set[str] = set()
        for each in timers:
            armed = _without(armed, each.timer)
            together.discard(each.timer)
            if isinstance(each, Start):
                delay = self._constant(each.delay)
                before = tuple(timer.name for timer in armed if _first(timer.delay, delay))
                timer = Armed(each.timer, each.fires, delay, before)
                armed = tuple(_behind(a, timer) if a.name in together else a for a in armed)
                armed = tuple(sorted((*armed, timer), key=lambda timer: timer.name))
                together.add(each.timer)
        return armed

    def _constant(self, delay: int | str | At) -> int | None:
        """Return a delay that is the same each time, None for one that is not."""
        if isinstance(delay, At) or not self._world.ordered:
            return None
        time = self._chart.times[delay] if isinstance(delay, str) else delay
        return time if isinstance(time, int) else None


def _first(started: int | None, later: int | None) -> bool:
    """Tell whether a timer is over before one that is started later, as far as this is known."""
    return started is not None and later is not None and started <= later


def _behind(started: Armed, later: Armed) -> Armed:
    """Return `started`, which waits for `later` if both began together and that takes less time."""
    if started.delay is None or later.delay is None or started.delay <= later.delay:
        return started
    return started._replace(behind=tuple(sorted((*started.behind, later.name))))


def _without(armed: tuple[Armed, ...], name: str) -> tuple[Armed, ...]:
    if all(timer.name != name for timer in armed):
        return armed
    return tuple(
        timer._replace(behind=tuple(each for each in timer.behind if each != name))
        for timer in armed
        if timer.name != name
    )


def _but(found: tuple[Postponed, ...], number: int) -> tuple[Postponed, ...]:
    return (*found[:number], *found[number + 1 :])
