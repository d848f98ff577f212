"""A second opinion: SCXML's algorithm, written down as the recommendation has it (appendix D).

It interprets a chart as it was written, keeps a configuration, a queue and history values that
change, and shares with the compiled table nothing but the words in `statechart.model`. The
procedures have the names of the recommendation; what is ours are the four answers (`answer`) and
the order of timers. Written to be read and compared, not to be fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from statechart import (
    Action,
    After,
    Answer,
    At,
    Chart,
    Defer,
    Drop,
    Go,
    History,
    Quiet,
    Raise,
    Refuse,
    Row,
    Start,
    State,
    Stop,
)
from statechart.actions import Timeout, several
from statechart.model import ALWAYS, names

ANSWERS = {Go: Answer.GO, Refuse: Answer.REFUSE, Drop: Answer.DROP, Defer: Answer.DEFER}


@dataclass(frozen=True)
class Step:
    """What one event did."""

    answer: Answer
    atomic: tuple[str, ...]
    actions: tuple[str, ...]
    timers: tuple[Start | Stop, ...]
    history: tuple[tuple[str, tuple[str, ...]], ...]
    reason: str = ""


@dataclass(eq=False)
class Node:
    """A state or history with its surroundings; the one above a region has no state."""

    state: State | History | None
    parent: Node | None
    order: int
    children: list[Node] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.state.name if self.state else ""

    @property
    def is_history(self) -> bool:
        return isinstance(self.state, History)

    @property
    def states(self) -> list[Node]:
        """getChildStates"""
        return [child for child in self.children if not child.is_history]

    @property
    def is_parallel(self) -> bool:
        return isinstance(self.state, State) and self.state.parallel

    @property
    def is_final(self) -> bool:
        return isinstance(self.state, State) and self.state.final

    @property
    def is_atomic(self) -> bool:
        return not self.is_history and not self.states

    @property
    def is_compound(self) -> bool:
        return bool(self.states) and not self.is_parallel

    def ancestors(self) -> Iterator[Node]:
        if self.parent:
            yield self.parent
            yield from self.parent.ancestors()

    def is_in(self, other: Node) -> bool:
        """isDescendant"""
        return any(ancestor is other for ancestor in self.ancestors())


@dataclass(eq=False)
class Transition:
    """One row at one source for one event."""

    row: Row
    answer: Answer
    event: str
    source: Node
    targets: list[Node]
    timeout: Timeout | None


class Oracle:
    """A running chart. `start` it, then let events `happen`."""

    def __init__(self, chart: Chart) -> None:
        self.nodes: dict[str, Node] = {}
        self.roots = [self._read(region, Node(None, None, -1)) for region in chart.regions]
        self.transitions = [found for row in chart.rows for found in self._transitions(row)]
        self.guards = chart.guards
        self.timeouts = {t.event for t in self.transitions if t.timeout}
        self.configuration: list[Node] = []
        self.history: dict[Node, list[Node]] = {}
        self.queue: list[str] = []
        self.actions: list[str] = []
        self.timers: list[Start | Stop] = []
        self.entered: list[Node] = []
        self.conflict = False
        """Two transitions of the last step could not both be taken."""
        self.nested = False
        """One was taken together with another at a state around its source."""

    def _read(self, state: State | History, parent: Node) -> Node:
        node = self.nodes[state.name] = Node(state, parent, len(self.nodes))
        parent.children.append(node)
        for child in state.children if isinstance(state, State) else ():
            self._read(child, node)
        return node

    def _transitions(self, row: Row) -> Iterator[Transition]:
        triggers = row.trigger if isinstance(row.trigger, tuple) else (row.trigger,)
        targets = [self.nodes[name] for name in names(row.dest)] if isinstance(row, Go) else []
        for source in names(row.source):
            for trigger in triggers:
                timeout = None if isinstance(trigger, str | type) else trigger
                event = trigger.__name__ if isinstance(trigger, type) else str(trigger)
                if timeout:
                    event = timer_of(timeout, source)
                answer = ANSWERS[type(row)]
                yield Transition(row, answer, event, self.nodes[source], targets, timeout)

    # -- what happens ------------------------------------------------------------------------------

    def start(self, context: object = None, data: object = None) -> Step:
        """Enter the chart: procedure interpret."""
        self._new_step()
        entry = Entry(self)
        for root in self.roots:
            entry.descendants(root)
        self._enter(entry)
        self._settle(self._guard(context, data))
        return self._step(Answer.GO)

    def happen(self, event: str, context: object = None, data: object = None) -> Step:
        """Let one event from outside happen: procedure mainEventLoop."""
        self._new_step()
        holds = self._guard(context, data)
        answer, enabled = self.answer(self.select(event, holds))
        if answer is None:
            assert event in self.timeouts, f"nothing answers {event!r}"
            return self._step(Answer.DROP, "stale_timeout")
        self._follow(answer, enabled)
        reason = "" if isinstance(enabled[0].row, Go) else enabled[0].row.reason
        if answer is Answer.GO:
            self._settle(holds)
        for node in in_order(self.configuration):
            if node not in self.entered:
                self.timers += self._state_timers(node, Quiet)
        return self._step(answer, reason)

    def _settle(self, holds: Callable[[str], bool]) -> None:
        for _ in range(10_000):
            answer, enabled = self.answer(self.select(ALWAYS, holds))
            if answer is None:
                if not self.queue:
                    return
                answer, enabled = self.answer(self.select(self.queue.pop(0), holds))
            if answer is not None:
                self._follow(answer, enabled)
        raise AssertionError("the chart never comes to rest")

    def _follow(self, answer: Answer, enabled: list[Transition]) -> None:
        if answer is Answer.GO:
            self._microstep(enabled)
        elif answer is not Answer.DEFER:
            for transition in enabled:
                self._execute(actions_of(transition.row))

    # -- who answers -------------------------------------------------------------------------------

    def select(self, event: str, holds: Callable[[str], bool]) -> list[Transition]:
        """selectTransitions, without removing conflicts."""
        enabled: list[Transition] = []
        for state in in_order(node for node in self.configuration if node.is_atomic):
            found = self._first(state, event, holds)
            if found and found not in enabled:
                enabled.append(found)
        return enabled

    def _first(self, state: Node, event: str, holds: Callable[[str], bool]) -> Transition | None:
        for node in (state, *state.ancestors()):
            for transition in self.transitions:
                asked = transition.source is node and transition.event == event
                if asked and all(map(holds, names(transition.row.conditions))):
                    return transition
        return None

    def _guard(self, context: object, data: object) -> Callable[[str], bool]:
        def holds(condition: str) -> bool:
            if condition.startswith("!"):
                return not holds(condition[1:])
            if condition.startswith("in:"):
                return self.nodes[condition[3:]] in self.configuration
            return self.guards[condition](context, data)

        return holds

    def answer(self, enabled: list[Transition]) -> tuple[Answer | None, list[Transition]]:
        """Our four answers: what the enabled rows say together, and which of them decide."""
        heard = [
            one
            for one in enabled
            if one.answer is Answer.GO
            or not any(other.source.is_in(one.source) for other in enabled)
        ]
        said = {answer: [one for one in heard if one.answer is answer] for answer in Answer}
        if said[Answer.REFUSE]:
            return Answer.REFUSE, said[Answer.REFUSE][:1]
        if said[Answer.DEFER]:
            return Answer.DEFER, said[Answer.DEFER]
        if said[Answer.GO]:
            return Answer.GO, self._without_conflicts(said[Answer.GO])
        return (Answer.DROP, said[Answer.DROP]) if said[Answer.DROP] else (None, [])

    def _without_conflicts(self, enabled: list[Transition]) -> list[Transition]:
        """removeConflictingTransitions"""
        filtered: list[Transition] = []
        for t1 in enabled:
            preempted, remove = False, []
            for t2 in filtered:
                if any(node in self._exit_set([t2]) for node in self._exit_set([t1])):
                    if t1.source.is_in(t2.source):
                        remove.append(t2)
                    else:
                        preempted = True
                        break
            self.conflict = self.conflict or preempted or bool(remove)
            if not preempted:
                filtered = [t2 for t2 in filtered if t2 not in remove] + [t1]
        return filtered

    # -- microstep ---------------------------------------------------------------------------------

    def _microstep(self, enabled: list[Transition]) -> None:
        self.nested |= any(a.source.is_in(b.source) for a in enabled for b in enabled)
        self._exit(self._exit_set(enabled))
        for transition in enabled:
            self._execute(actions_of(transition.row))
        entry = Entry(self)
        for transition in enabled:
            for target in transition.targets:
                entry.descendants(target)
            domain = self.domain(transition)
            for target in self.effective_targets(transition.targets):
                assert domain
                entry.ancestors(target, domain)
        self._enter(entry)

    def _exit_set(self, enabled: list[Transition]) -> list[Node]:
        """computeExitSet"""
        domains = [self.domain(transition) for transition in enabled]
        return [n for n in self.configuration if any(d and n.is_in(d) for d in domains)]

    def domain(self, transition: Transition) -> Node | None:
        """getTransitionDomain, with a history where it is written.

        The recommendation takes the states that the history leads to. From inside these it would
        find a domain below the history's parent, and then enter what is between, which is active
        and was never left. Other engines read it as we do.
        """
        targets = transition.targets
        if not targets:
            return None
        internal = isinstance(transition.row, Go) and transition.row.internal
        source = transition.source
        if internal and source.is_compound and all(target.is_in(source) for target in targets):
            return source
        for ancestor in source.ancestors():  # findLCCA
            if ancestor.is_compound and all(target.is_in(ancestor) for target in targets):
                return ancestor
        raise AssertionError("a row leads out of its region")

    def effective_targets(self, targets: Iterable[Node]) -> list[Node]:
        """getEffectiveTargetStates"""
        found: list[Node] = []
        for target in targets:
            if not target.is_history:
                found.append(target)
            elif target in self.history:
                found += self.history[target]
            else:
                found += self.effective_targets(self.default(target))
        return found

    def default(self, history: Node) -> list[Node]:
        """Where a history leads that has nothing to remember."""
        assert isinstance(history.state, History)
        return [self.nodes[name] for name in names(history.state.default)]

    def _exit(self, leaving: list[Node]) -> None:
        """exitStates"""
        leaving = in_order(leaving)[::-1]
        for node in leaving:
            for history in (child for child in node.children if child.is_history):
                assert isinstance(history.state, History)
                if history.state.deep:
                    active = [n for n in self.configuration if n.is_atomic and n.is_in(node)]
                else:
                    active = [n for n in self.configuration if n.parent is node]
                self.history[history] = in_order(active)
        for node in leaving:
            assert isinstance(node.state, State)
            self._execute(several(node.state.exit))
            self.timers += [Stop(timer.timer) for timer in self._state_timers(node)]
            self.configuration.remove(node)

    def _enter(self, entry: Entry) -> None:
        """enterStates"""
        for node in in_order(entry.states):
            assert isinstance(node.state, State)
            self.configuration.append(node)
            self.entered.append(node)
            self._execute(several(node.state.entry))
            self.timers += self._state_timers(node)
            if node in entry.by_default:
                self._execute(several(node.state.initial_actions))
            self._execute(entry.history_actions.get(node, ()))
            if node.is_final and node.parent and node.parent.state:
                self.queue.append(f"done.state.{node.parent.name}")
                around = node.parent.parent
                # The procedure stops at the first; 3.4 says it of each that ends with this one.
                while around and around.is_parallel and self._ended(around):
                    self.queue.append(f"done.state.{around.name}")
                    around = around.parent

    def _ended(self, node: Node) -> bool:
        """isInFinalState"""
        if node.is_compound:
            return any(child.is_final and child in self.configuration for child in node.states)
        return node.is_parallel and all(self._ended(child) for child in node.states)

    # -- effects -----------------------------------------------------------------------------------

    def _execute(self, content: Iterable[Action]) -> None:
        for action in content:
            if isinstance(action, str):
                self.actions.append(action)
            elif isinstance(action, Raise):
                self.queue.append(action.event)
            else:
                self.timers.append(action)

    def _state_timers(self, node: Node, kind: type = object) -> list[Start]:
        found: list[Start] = []
        for transition in self.transitions:
            timeout = transition.timeout
            if transition.source is node and timeout and isinstance(timeout, kind):
                due = timeout if isinstance(timeout, At) else timeout.delay
                if all(timer.timer != transition.event for timer in found):
                    found.append(Start(transition.event, due))
        return found

    def _new_step(self) -> None:
        self.actions, self.timers, self.entered = [], [], []
        self.conflict = self.nested = False

    def _step(self, answer: Answer, reason: str = "") -> Step:
        return Step(
            answer=answer,
            atomic=names_of(node for node in self.configuration if node.is_atomic),
            actions=tuple(self.actions),
            timers=tuple(self.timers),
            history=tuple((h.name, names_of(self.history[h])) for h in in_order(self.history)),
            reason=reason,
        )


class Entry:
    """computeEntrySet"""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.states: list[Node] = []
        self.by_default: list[Node] = []
        self.history_actions: dict[Node, tuple[Action, ...]] = {}

    def descendants(self, node: Node) -> None:
        """addDescendantStatesToEnter"""
        if node.is_history:
            assert node.parent
            assert isinstance(node.state, History)
            if node in self.oracle.history:
                targets = self.oracle.history[node]
            else:
                self.history_actions[node.parent] = several(node.state.actions)
                targets = self.oracle.default(node)
            self._all(targets, node.parent)
            return
        self._add(node)
        if node.is_compound:
            assert isinstance(node.state, State)
            self.by_default.append(node)
            self._all([self.oracle.nodes[name] for name in names(node.state.initial)], node)
        elif node.is_parallel:
            self._regions(node)

    def ancestors(self, node: Node, end: Node) -> None:
        """addAncestorStatesToEnter"""
        for ancestor in node.ancestors():
            if ancestor is end:
                return
            self._add(ancestor)
            if ancestor.is_parallel:
                self._regions(ancestor)

    def _all(self, targets: list[Node], end: Node) -> None:
        for target in targets:
            self.descendants(target)
        for target in targets:
            self.ancestors(target, end)

    def _regions(self, node: Node) -> None:
        for child in node.states:
            if not any(state.is_in(child) for state in self.states):
                self.descendants(child)

    def _add(self, node: Node) -> None:
        if node not in self.states:
            self.states.append(node)


def timer_of(timeout: Timeout, state: str) -> str:
    """Return the name of a state's timer, as the model promises it."""
    if isinstance(timeout, After):
        return f"after.{timeout.delay}.{state}"
    if isinstance(timeout, Quiet):
        return f"quiet.{timeout.delay}.{state}"
    return f"at.{timeout.instant}.{state}"


def actions_of(row: Row) -> tuple[Action, ...]:
    return () if isinstance(row, Defer) else several(row.actions)


def in_order(nodes: Iterable[Node]) -> list[Node]:
    """Document order."""
    return sorted(nodes, key=lambda node: node.order)


def names_of(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(node.name for node in in_order(nodes))
