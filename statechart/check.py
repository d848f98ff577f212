"""The rules that make a chart sound, proven once when it is built.

Used by `chart`, which refuses to exist while there are findings. Imports `model`, `structure`,
`tree`, `step`. Rules come in two passes, since what is reachable can only be asked of a chart
whose names are sound: `check_structure` reads what was written, `check_table` what was compiled
from it.

Rule 1. Names are well formed, declared, and mean one thing.
Rule 2. Entering a state leads to exactly one atomic state in its region.
Rule 3. Rows have a priority: behind an unconditional row nothing can be reached.
Rule 4. Every event has an answer in every reachable configuration, whatever the guards say.
Rule 5. Everything declared is of use: states are reachable, events have rows.
Rule 6. Final states absorb, and where there are final states no other state is a trap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from statechart.model import Answer, Finding
from statechart.structure import check_structure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from statechart.chart import Chart
    from statechart.step import Configuration, Table
    from statechart.tree import Tree

__all__ = ["check_structure", "check_table"]


def check_table(chart: Chart, tree: Tree, table: Table) -> tuple[Finding, ...]:
    """Return what is wrong with the chart's behaviour: answers, reachability, final states."""
    active = frozenset(name for found in table.configurations for name in found.states)
    return (
        *_check_unreachable(tree, active),
        *_check_final(chart, tree),
        *_check_traps(chart, tree, active),
        *_check_partial(chart, tree),
        *_check_unanswered(tree, table),
    )


# -- rule 4 ----------------------------------------------------------------------------------------


def _check_partial(chart: Chart, tree: Tree) -> Iterator[Finding]:
    found: dict[str, list[str]] = {}
    for leaf in (leaf for leaves in tree.leaves for leaf in leaves):
        for event in chart.events:
            candidates = tree.candidates(leaf, event)
            if candidates and candidates[-1].conditions:
                found.setdefault(str(candidates[-1]), []).append(leaf)
    for where, leaves in found.items():
        yield Finding(
            "partial",
            where,
            f"in {', '.join(leaves)} nothing answers when no condition holds",
            "add a row without conditions behind it, at this state or at one around it",
        )


def _check_unanswered(tree: Tree, table: Table) -> Iterator[Finding]:
    found: dict[str, list[Configuration]] = {}
    for configuration, event in dict.fromkeys(table.unanswered):
        # A region with rows that all failed their conditions is already a finding of its own.
        if not any(tree.candidates(leaf, event) for leaf in configuration.atomic):
            found.setdefault(event, []).append(configuration)
    for event, configurations in found.items():
        yield Finding(
            "unanswered",
            f"event {event!r} in {' '.join(map(repr, configurations))}",
            "no row of any region answers it there",
            "add a Go, Refuse, Drop or Defer for one of these states or a state around them",
        )


# -- rule 5 ----------------------------------------------------------------------------------------


def _check_unreachable(tree: Tree, active: frozenset[str]) -> Iterator[Finding]:
    for name in tree.states:
        parent = tree.parent(name)
        if name not in active and (parent is None or parent in active):
            yield Finding(
                "unreachable",
                f"state {name!r}",
                "no sequence of events leads into it",
                "add a Go to it, or remove it",
            )


# -- rule 6 ----------------------------------------------------------------------------------------


def _check_final(chart: Chart, tree: Tree) -> Iterator[Finding]:
    for name, state in tree.states.items():
        if not state.final or state.children:
            continue
        for event in chart.events:
            for edge in tree.candidates(name, event):
                if edge.answer is Answer.GO and edge.dest is not None:
                    yield Finding(
                        "final-exit",
                        f"final state {name!r}",
                        f"{edge} leads out of it, and final states absorb",
                        f"answer {event!r} in {name!r} with a Refuse or Drop of its own",
                    )


def _check_traps(chart: Chart, tree: Tree, active: frozenset[str]) -> Iterator[Finding]:
    for leaves in tree.leaves:
        if not any(tree.states[leaf].final for leaf in leaves):
            continue
        for leaf in leaves:
            if leaf in active and not tree.states[leaf].final and not _leaves(chart, tree, leaf):
                yield Finding(
                    "trap",
                    f"state {leaf!r}",
                    "no Go leads out of it, so its region can never reach a final state",
                    "add a Go out of it, or mark it final",
                )


def _leaves(chart: Chart, tree: Tree, leaf: str) -> bool:
    return any(
        tree.target(leaf, edge) != leaf
        for event in chart.events
        for edge in tree.candidates(leaf, event)
    )
