"""From a chart to its table: every step of every configuration, whatever the guards say.

Used by `chart`. Imports `selection`, `algorithm`, `step` and what is below them.

The compiler starts the chart and follows each event from each configuration it finds. A step is
run with the guards known so far; when it asks another, it is run again once for each answer. So
the code that runs a step knows nothing of decision trees. What cannot go into a sound table, such
as an event without an answer, is kept in `Problems` for `check`. A step without an end, or a table
without one, ends the work.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statechart import algorithm
from statechart.actions import Quiet, Start
from statechart.algorithm import Effects, Moment
from statechart.errors import Finding
from statechart.model import ALWAYS, Answer, Edge, Guard, event_name
from statechart.selection import Holds, Selection, select
from statechart.step import Cells, Choice, Configuration, Node, Outcome, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from statechart.tree import Tree

__all__ = ["MAX_ACTIVE", "MAX_GUARDS", "MAX_MICROSTEPS", "MAX_WORK", "Problems", "compile_table"]

MAX_WORK = 500_000
"""Rows that may be looked at, and states that may be entered, to work out a table: some seconds."""

MAX_ACTIVE = 256
"""Atomic states that may be active together."""

MAX_GUARDS = 12
"""Guards that one step may depend on, since each doubles what has to be worked out."""

MAX_MICROSTEPS = 1_000
"""Transitions that may follow one event by themselves."""


@dataclass(slots=True)
class Problems:
    """What was met on the way that a sound chart does not have. Where, by configuration."""

    unanswered: list[tuple[Configuration, str]] = field(default_factory=list)
    unheard: list[tuple[Configuration, Edge]] = field(default_factory=list)
    conflicts: dict[tuple[Edge, Edge], Configuration] = field(default_factory=dict)
    unfinished: Finding | None = None
    taken: set[Edge] = field(default_factory=set)
    entered: set[str] = field(default_factory=set)


class _Ask(Exception):  # noqa: N818 - a question, not an error
    """A step depends on a guard that was not answered yet."""

    def __init__(self, guard: str) -> None:
        super().__init__(guard)
        self.guard = guard


class _Unfinished(Exception):  # noqa: N818 - carries a finding
    """There is no table to be had: one step never ends, or there is too much of it."""

    def __init__(self, rule: str, where: str, why: str, repair: str) -> None:
        super().__init__(why)
        self.finding = Finding(rule, where, why, repair)


def compile_table(
    name: str, tree: Tree, events: Sequence[str | type], guards: Mapping[str, Guard]
) -> tuple[Table, Problems]:
    """Return the table of a chart and what is wrong with it; a table with problems is no use."""
    found = _Compiler(name, tree, [event_name(event) for event in events], guards)
    start, cells = found.run()
    for typed in (event for event in events if isinstance(event, type)):
        for row in cells.values():
            if typed.__name__ in row:
                row[typed] = row[typed.__name__]
    return Table(name, found.events, found.timeouts, start, cells), found.problems


class _Compiler:
    def __init__(
        self, name: str, tree: Tree, events: list[str], guards: Mapping[str, Guard]
    ) -> None:
        self._name = name
        self._work = 0
        self.events = events
        self.timeouts = list(dict.fromkeys(e.trigger for e in tree.edges if e.timeout))
        self.problems = Problems()
        self._tree = tree
        self._guards = guards
        self._ending = [region for region in tree.regions if tree.can_end(region)]
        self._eventless = any(edge.trigger == ALWAYS for edge in tree.edges)
        self._known: dict[Moment, Configuration] = {}
        self._found: deque[tuple[Configuration, Moment]] = deque()

    def run(self) -> tuple[Node, Cells]:
        """Return the decision tree of the start, and the cells of everything it leads to."""
        cells: Cells = {}
        start: Node = Outcome(Answer.GO, Configuration(()))
        try:
            start = self._decide(self._begin, {})
            while self._found:
                configuration, moment = self._found.popleft()
                cells[configuration] = self._cells(configuration, moment)
        except _Unfinished as end:
            self.problems.unfinished = end.finding
        return start, cells

    def _cells(self, configuration: Configuration, moment: Moment) -> dict[str | type, Node]:
        events = (*self.events, *self.timeouts)

        def cell(event: str) -> Node:
            return self._decide(lambda known: self._step(configuration, moment, event, known), {})

        return {event: cell(event) for event in events}

    def _decide(self, run: Callable[[dict[str, bool]], Outcome], known: dict[str, bool]) -> Node:
        """Build the decision tree for one step, `known` being the guards asked above this node."""
        try:
            return run(known)
        except _Ask as ask:
            if len(known) == MAX_GUARDS:
                raise self._too_large(
                    f"one step depends on more than {MAX_GUARDS} guards: {', '.join(known)}"
                ) from None
            return Choice(
                name=ask.guard,
                guard=self._guards[ask.guard],
                yes=self._decide(run, {**known, ask.guard: True}),
                no=self._decide(run, {**known, ask.guard: False}),
            )

    def _too_large(self, why: str) -> _Unfinished:
        repair = "make several charts of it, or let it depend on less at once"
        return _Unfinished("too-large", f"chart {self._name!r}", why, repair)

    # -- one step ----------------------------------------------------------------------------------

    def _begin(self, known: dict[str, bool]) -> Outcome:
        effects = Effects()
        moment = algorithm.begin(self._tree, effects)
        moment, after = self._settle(moment, effects, known, "the start")
        return self._outcome(moment, effects, (), after)

    def _step(
        self, here: Configuration, moment: Moment, event: str, known: dict[str, bool]
    ) -> Outcome:
        chosen = self._select(moment, event, known)
        if chosen is None:
            if event in self.timeouts:
                return Outcome(Answer.DROP, here, reason=self._idle_timeout(moment, event))
            # The check turns this into a finding, so no table that anybody can hold contains it.
            self.problems.unanswered.append((here, event))
            return Outcome(Answer.REFUSE, here, reason="unanswered")
        self.problems.taken.update(chosen.edges)
        self.problems.conflicts.update((pair, here) for pair in chosen.beaten)
        effects = Effects()
        if chosen.answer is not Answer.GO:
            for edge in chosen.edges:
                effects.add(edge.actions)
            return Outcome(
                answer=chosen.answer,
                configuration=here,
                actions=tuple(effects.actions),
                reason=chosen.edges[0].reason,
                edges=chosen.edges,
                timers=self._restarts(moment, set()),
            )
        after = algorithm.take(self._tree, moment, chosen.edges, effects)
        after, more = self._settle(after, effects, known, f"{event!r} in {here!r}")
        effects.timers += self._restarts(after, effects.entered)
        return self._outcome(after, effects, chosen.edges, more)

    def _select(self, moment: Moment, event: str, known: dict[str, bool]) -> Selection | None:
        """Return the rows that answer; every row looked at counts as work."""
        atoms = self._tree.atoms(moment.states)
        if len(atoms) > MAX_ACTIVE:
            raise self._too_large(f"{len(atoms)} states are active together, {MAX_ACTIVE} may be")
        self._work += sum(len(self._tree.candidates(leaf, event)) + 1 for leaf in atoms)
        if self._work > MAX_WORK:
            raise self._too_large(
                f"{len(self._known)} configurations with {len(self.events)} events, what follows "
                f"by itself and what guards decide take more than {MAX_WORK} looks at rows"
            )
        return select(self._tree, moment.states, event, _holds(known))

    def _idle_timeout(self, moment: Moment, event: str) -> str:
        """Return why a timeout does nothing: its state was left, or its conditions do not hold."""
        running = (
            edge.trigger == event
            for name in moment.states
            for edge in self._tree.timers.get(name, ())
        )
        return "unmet_condition" if any(running) else "stale_timeout"

    def _settle(
        self, moment: Moment, effects: Effects, known: dict[str, bool], where: str
    ) -> tuple[Moment, list[Edge]]:
        """Follow what happens by itself until nothing does (SCXML: mainEventLoop, the inner loop).

        Guards do not change within a step, so a moment that comes again comes for ever.
        """
        taken: list[Edge] = []
        seen: set[tuple[Moment, tuple[str, ...]]] = set()
        while True:
            state = (moment, tuple(effects.raised))
            if state in seen or len(seen) == MAX_MICROSTEPS:
                raise _Unfinished(
                    "endless",
                    where,
                    f"what follows never ends: {', '.join(map(str, taken[-3:]))}, and so on",
                    "give one of these rows a condition that comes to fail, or an event",
                )
            seen.add(state)
            chosen = None
            if self._eventless:
                chosen = self._select(moment, ALWAYS, known)
            if chosen is None:
                if not effects.raised:
                    return moment, taken
                event = effects.raised.pop(0)
                chosen = self._select(moment, event, known)
            if chosen is not None:
                moment = self._follow(chosen, moment, effects)
                taken += chosen.edges

    def _follow(self, chosen: Selection, moment: Moment, effects: Effects) -> Moment:
        here = self._seen(moment)
        self.problems.taken.update(chosen.edges)
        self.problems.conflicts.update((pair, here) for pair in chosen.beaten)
        if chosen.answer is Answer.GO:
            return algorithm.take(self._tree, moment, chosen.edges, effects)
        if chosen.answer is not Answer.DROP:
            self.problems.unheard += [(here, edge) for edge in chosen.edges]
        for edge in chosen.edges:
            effects.add(edge.actions)
        return moment

    def _restarts(self, moment: Moment, entered: set[str]) -> tuple[Start, ...]:
        """Return the event timeouts that begin anew: those whose state was not just entered."""
        return tuple(
            {
                edge.trigger: Start(edge.trigger, edge.timeout.delay)
                for name in sorted(moment.states - entered, key=self._tree.order.__getitem__)
                for edge in self._tree.timers.get(name, ())
                if isinstance(edge.timeout, Quiet)
            }.values()
        )

    def _outcome(
        self, moment: Moment, effects: Effects, edges: tuple[Edge, ...], after: Iterable[Edge]
    ) -> Outcome:
        self.problems.entered |= effects.entered
        return Outcome(
            answer=Answer.GO,
            configuration=self._intern(moment),
            actions=tuple(effects.actions),
            edges=edges,
            after=tuple(after),
            timers=tuple(effects.timers),
        )

    def _intern(self, moment: Moment) -> Configuration:
        """Return the configuration for `moment`; a new one is queued to be compiled."""
        if moment not in self._known:
            self._known[moment] = self._seen(moment)
            self._found.append((self._known[moment], moment))
        return self._known[moment]

    def _seen(self, moment: Moment) -> Configuration:
        ends = [self._tree.at_end(moment.states, region) for region in self._ending]
        return Configuration(
            atomic=self._tree.atoms(moment.states),
            states=moment.states,
            final=bool(ends) and all(ends),
            history=moment.history,
        )


def _holds(known: dict[str, bool]) -> Holds:
    def holds(guard: str) -> bool:
        if guard not in known:
            raise _Ask(guard)
        return known[guard]

    return holds
