"""Which rows answer an event: SCXML's selection of transitions, and the four answers.

Used by `compiler`. Imports `model`, `tree`. What the transitions that were selected do is in
`algorithm`.

How the parts of a configuration answer together
------------------------------------------------
Each atomic state is asked, and then the states around it, nearest first; the first row whose
conditions hold is its answer. A row without a transition (Refuse, Drop, Defer) yields to any row
that was found further inside, as a transition does in SCXML. Of what remains:

1. If any refuses, the event is refused with the first such reason and nothing changes. A refusal
   is the rule "this must not happen now", and it has to hold whatever the other regions would do:
   half a step is never taken.
2. Otherwise, if any defers, the event is deferred. Taking it now in one region and again later in
   the other would let one event happen twice.
3. Otherwise all transitions are taken together, as SCXML does. Of two that leave the same state
   the inner one is taken; if neither is inside the other, the first in document order.
4. Otherwise it is dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from statechart.model import Answer, Edge, split, state_asked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from statechart.tree import Tree

__all__ = ["Holds", "Selection", "select"]

Holds: TypeAlias = "Callable[[str], bool]"
"""Tells whether a guard holds; asked by name."""


class Selection(NamedTuple):
    """The rows that decide together, all of one answer; `beaten` are transitions in conflict.

    A pair in `beaten` is a transition that gave way to another only because it is listed later.
    """

    answer: Answer
    edges: tuple[Edge, ...]
    beaten: tuple[tuple[Edge, Edge], ...] = ()


def select(tree: Tree, states: frozenset[str], event: str, holds: Holds) -> Selection | None:
    """Return the rows that answer `event`, None if there are none.

    `holds` is asked no more than the answer needs, and not at all behind a refusal.
    """
    atoms = tree.atoms(states)
    found: list[Edge] = []
    for number, leaf in enumerate(atoms):
        edge = _first(tree.candidates(leaf, event), states, holds)
        if edge is None:
            continue
        if not any(edge is other for other in found):
            found.append(edge)
        inside = (*(other.source for other in found), *atoms[number + 1 :])
        if edge.answer is Answer.REFUSE and not any(tree.below(x, edge.source) for x in inside):
            break  # it yields to nothing, now or later
    return _together(tree, found) if found else None


def _first(candidates: Sequence[Edge], active: frozenset[str], holds: Holds) -> Edge | None:
    return next(
        (
            edge
            for edge in candidates
            if all(_met(condition, active, holds) for condition in edge.conditions)
        ),
        None,
    )


def _met(condition: str, active: frozenset[str], holds: Holds) -> bool:
    name, wanted = split(condition)
    state = state_asked(condition)
    return (holds(name) if state is None else state in active) is wanted


def _together(tree: Tree, found: list[Edge]) -> Selection:
    edges = [
        edge
        for edge in found
        if edge.answer is Answer.GO
        or not any(tree.below(other.source, edge.source) for other in found)
    ]
    for answer in (Answer.REFUSE, Answer.DEFER, Answer.GO, Answer.DROP):
        winners = [edge for edge in edges if edge.answer is answer]
        if winners:
            break
    if answer is not Answer.GO or len(winners) == 1:
        return Selection(answer, tuple(winners))
    return _without_conflicts(tree, winners)


def _without_conflicts(tree: Tree, edges: list[Edge]) -> Selection:
    """SCXML: removeConflictingTransitions."""
    domains = {edge: tree.domain(edge) for edge in edges if edge.targets}
    kept: list[Edge] = []
    beaten: list[tuple[Edge, Edge]] = []
    for edge in edges:
        rivals = [other for other in kept if _clash(tree, domains, edge, other)]
        winner = next((o for o in rivals if not tree.below(edge.source, o.source)), None)
        if winner is None:
            kept = [other for other in kept if other not in rivals]
            kept.append(edge)
        elif not tree.below(winner.source, edge.source):
            beaten.append((edge, winner))
    return Selection(Answer.GO, tuple(kept), tuple(beaten))


def _clash(tree: Tree, domains: dict[Edge, str | None], one: Edge, other: Edge) -> bool:
    """Tell whether two transitions leave a state in common.

    What a transition leaves is all that is active inside its domain, which is never nothing. So
    they do just when one domain is inside the other.
    """
    if one not in domains or other not in domains:
        return False
    if tree.region_of[one.source] != tree.region_of[other.source]:
        return False
    a, b = domains[one], domains[other]
    return a is None or b is None or a in tree.path(b) or b in tree.path(a)
