"""The compiled chart: one look-up from (configuration, event) to what happens.

Used by `chart`, which compiles itself when it is built, and by `check`. Imports `model` and `tree`.

How parallel regions answer together
------------------------------------
A region takes part in a step when some row of it answers the event; the others are silent.

1. If any region refuses, the step is refused with the first such reason and nothing changes.
   A refusal is the rule "this must not happen now", and it has to hold whatever the other regions
   would do: half a step is never taken.
2. Otherwise, if any region defers, the event is deferred. Taking it now in one region and again
   later in the other would let one event happen twice.
3. Otherwise, if any region goes, all that go do so at once; actions come in region order.
4. Otherwise it is dropped.

This is the synchronous product of processes that share the event, with a veto.

Guards
------
Where rows have conditions, the pair compiles to a small decision tree. A guard is asked only when
the answer depends on it and once per step, so a later guard may rely on what an earlier one
established, and regions that ask the same guard cannot disagree. Compilation follows both sides of
each guard, so all that any combination of guards can reach is in the table.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeAlias

from statechart.model import Answer, Edge, Guard, UnknownConfiguration, UnknownEvent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from statechart.tree import Tree

__all__ = ["Configuration", "Outcome", "Table"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Configuration:
    """Which states are active together: one object per combination and table, compared by `is`.

    `atomic` has one atomic state for each region, in order; `states` adds all their ancestors.
    `final` holds when every region that has final states is in one of them, and at least one
    region has any. To store a configuration keep `atomic`; `Table.configuration` finds it again.
    """

    atomic: tuple[str, ...]
    states: frozenset[str] = field(default=frozenset())
    final: bool = False

    def __contains__(self, name: object) -> bool:
        return name in self.states

    def __repr__(self) -> str:
        return f"<{' | '.join(self.atomic)}>"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an event does in a configuration.

    `configuration` is the one that holds afterwards, the same object as before unless the answer
    is GO. `reason` is empty for GO. `edges` are the rows that decided: all that go together, or
    those that refused, deferred or dropped; rows that were outvoted are not among them.
    """

    answer: Answer
    configuration: Configuration
    actions: tuple[str, ...] = ()
    reason: str = ""
    edges: tuple[Edge, ...] = ()


@dataclass(frozen=True, slots=True)
class _Choice:
    """Ask `guard`, then continue on one of two sides."""

    guard: Guard
    yes: _Node
    no: _Node


_Node: TypeAlias = Outcome | _Choice


class Table:
    """All that a chart can do, worked out in advance. Made by `Chart.compile`."""

    def __init__(
        self,
        name: str,
        tree: Tree,
        roots: Sequence[str],
        events: Sequence[str],
        guards: Mapping[str, Guard],
    ) -> None:
        self.name = name
        self.events: tuple[str, ...] = tuple(events)
        self.unanswered: list[tuple[Configuration, str]] = []
        self._tree = tree
        self._guards = guards
        self._known: dict[tuple[str, ...], Configuration] = {}
        self._cells: dict[Configuration, dict[str, _Node]] = {}
        self._found: deque[Configuration] = deque()
        self.initial: Configuration = self._intern(tuple(tree.entry(root) for root in roots))
        while self._found:
            configuration = self._found.popleft()
            self._cells[configuration] = {
                event: self._compile(configuration, event) for event in self.events
            }

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """Everything reachable, the initial one first, in order of discovery."""
        return tuple(self._cells)

    def step(
        self, configuration: Configuration, event: str, context: object = None, data: object = None
    ) -> Outcome:
        """Return what `event` does in `configuration`.

        `context` and `data` are handed to guards and to nothing else. Raises `UnknownEvent` for an
        event the chart does not declare, `UnknownConfiguration` for a configuration of another
        table, and whatever a guard raises.
        """
        try:
            node = self._cells[configuration][event]
        except KeyError:
            raise self._unknown(configuration, event) from None
        while isinstance(node, _Choice):
            node = node.yes if node.guard(context, data) else node.no
        return node

    def configuration(self, atomic: Sequence[str]) -> Configuration:
        """Return the reachable configuration with these atomic states, one per region in order.

        Raises `UnknownConfiguration` if there is none.
        """
        try:
            return self._known[tuple(atomic)]
        except KeyError:
            raise UnknownConfiguration(
                f"chart {self.name!r} cannot reach {tuple(atomic)!r}; a configuration is stored as "
                f"one atomic state for each region, in order, such as {self.initial.atomic!r}"
            ) from None

    def outcomes(self, configuration: Configuration, event: str) -> tuple[Outcome, ...]:
        """Return every outcome that some combination of guards leads to, without repetition."""
        try:
            node = self._cells[configuration][event]
        except KeyError:
            raise self._unknown(configuration, event) from None
        return tuple(dict.fromkeys(_leaves(node)))

    def _unknown(self, configuration: Configuration, event: str) -> LookupError:
        if configuration not in self._cells:
            return UnknownConfiguration(
                f"{configuration!r} is not a configuration of chart {self.name!r}; configurations "
                "are compared by identity: start from Table.initial, or find a stored one with "
                "Table.configuration"
            )
        near = get_close_matches(str(event), self.events, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "add it to its events"
        return UnknownEvent(f"chart {self.name!r} has no event {event!r}; {hint}")

    def _intern(self, atomic: tuple[str, ...]) -> Configuration:
        """Return the configuration for `atomic`; a new one is queued to be compiled."""
        if atomic not in self._known:
            tree = self._tree
            ends = [
                tree.states[leaf].final
                for leaf, leaves in zip(atomic, tree.leaves, strict=True)
                if any(tree.states[name].final for name in leaves)
            ]
            self._known[atomic] = Configuration(
                atomic=atomic,
                states=frozenset(name for leaf in atomic for name in tree.path(leaf)),
                final=bool(ends) and all(ends),
            )
            self._found.append(self._known[atomic])
        return self._known[atomic]

    def _compile(self, configuration: Configuration, event: str) -> _Node:
        parts = [self._tree.candidates(leaf, event) for leaf in configuration.atomic]
        return self._decide(configuration, event, parts, {})

    def _decide(
        self,
        configuration: Configuration,
        event: str,
        parts: list[tuple[Edge, ...]],
        known: dict[str, bool],
    ) -> _Node:
        """Build the decision tree for one pair, `known` being the guards asked above this node."""
        taken: list[Edge | None] = []
        for candidates in parts:
            found = _first(candidates, known)
            if isinstance(found, str):
                return _Choice(
                    guard=self._guards[found],
                    yes=self._decide(configuration, event, parts, {**known, found: True}),
                    no=self._decide(configuration, event, parts, {**known, found: False}),
                )
            taken.append(found)
            if found is not None and found.answer is Answer.REFUSE:
                break  # a veto: what the other regions would say is not asked for
        return self._outcome(configuration, event, taken)

    def _outcome(
        self, configuration: Configuration, event: str, taken: list[Edge | None]
    ) -> Outcome:
        edges = [edge for edge in taken if edge is not None]
        for answer in (Answer.REFUSE, Answer.DEFER, Answer.GO, Answer.DROP):
            winners = tuple(edge for edge in edges if edge.answer is answer)
            if winners:
                break
        else:
            # The check turns this into a finding, so no table that anybody can hold contains it.
            self.unanswered.append((configuration, event))
            return Outcome(Answer.REFUSE, configuration, reason="unanswered")
        if answer is Answer.GO:
            atomic = tuple(
                self._tree.target(leaf, edge) if edge is not None else leaf
                for leaf, edge in zip(configuration.atomic, taken, strict=True)
            )
            configuration = self._intern(atomic)
        return Outcome(
            answer=answer,
            configuration=configuration,
            actions=tuple(action for edge in winners for action in edge.actions),
            reason=winners[0].reason,
            edges=winners,
        )


def _first(candidates: tuple[Edge, ...], known: dict[str, bool]) -> Edge | str | None:
    """Return the first row whose conditions hold, or the guard to ask to find out."""
    for edge in candidates:
        for condition in edge.conditions:
            guard = condition.removeprefix("!")
            if guard not in known:
                return guard
            if known[guard] == condition.startswith("!"):
                break
        else:
            return edge
    return None


def _leaves(node: _Node) -> Iterator[Outcome]:
    if isinstance(node, _Choice):
        yield from _leaves(node.yes)
        yield from _leaves(node.no)
    else:
        yield node
