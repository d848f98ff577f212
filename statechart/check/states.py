"""Rules on states: entering one leads to atomic states, and only to such as fit together.

Used by `check`. Imports `model`, `written`.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from statechart.check.words import near
from statechart.errors import Finding
from statechart.model import State, names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from statechart.check.written import Written
    from statechart.model import History
    from statechart.tree import Tree

__all__ = ["check_entries", "check_histories", "check_states", "clash"]


def _place(tree: Tree, name: str) -> str:
    parent = tree.parent(name)
    return parent if parent and name in tree.histories else name


def clash(tree: Tree, found: Sequence[str]) -> tuple[str, str] | None:
    """Return two of `found` that cannot be active together, None if all can.

    They can if their ways down to them part at parallel states only. A history counts as its
    parent, since it leads to anywhere in there.
    """
    came: dict[str | None, tuple[str, int]] = {}  # where we were -> where we went on, for which
    for number, name in enumerate(found):
        below = ""
        for step in (*tree.path(_place(tree, name)), None):
            went, first = came.setdefault(step, (below, number))
            parallel = step is not None and tree.states[step].parallel
            if first != number and (not (below and went) or (went != below and not parallel)):
                return found[first], name
            below = step or ""
    return None


# -- what is written at a state --------------------------------------------------------------------


def check_states(written: Written) -> Iterator[Finding]:
    """Yield what is wrong with `initial`, with parallel states and with final ones."""
    for state in written.tree.states.values():
        where = f"state {state.name!r}"
        yield from _check_initial(written.tree, state, where)
        if state.parallel:
            yield from _check_parallel(written.tree, state, where)
        if state.final and state.children:
            yield Finding(
                "final-compound",
                where,
                "a final state is where its parent ends, so nothing can move inside it",
                "mark the children final instead",
            )


def _check_initial(tree: Tree, state: State, where: str) -> Iterator[Finding]:
    found, children = names(state.initial), [child.name for child in state.children]
    if state.initial_actions and not found:
        why = "it has initial_actions and no initial, so nothing ever does them"
        yield Finding("idle-actions", where, why, "set initial, or make them entry actions")
    if state.parallel:
        if state.initial is not None:
            yield Finding(
                "parallel-with-initial",
                where,
                "all children of a parallel state are entered together, none of them first",
                "remove initial, or parallel",
            )
        return
    if state.initial is not None and not found:
        yield Finding("wrong-initial", where, "its initial names nothing", "name a child")
    wrong = [name for name in found if name not in tree.order or not tree.below(name, state.name)]
    for name in wrong:
        yield Finding(
            "wrong-initial",
            where,
            f"initial {name!r} is not inside it",
            near(name, children, "name a child, or remove initial"),
        )
    pair = None if wrong else clash(tree, found)
    if pair:
        yield Finding(
            "clashing-initial",
            where,
            f"{pair[0]!r} and {pair[1]!r} cannot be active together",
            "name one of them, or states in different regions of a parallel state",
        )


def _check_parallel(tree: Tree, state: State, where: str) -> Iterator[Finding]:
    children = tree.children(state.name)
    for name in children:
        if tree.states[name].final:
            yield Finding(
                "parallel-with-final",
                f"state {name!r}",
                f"it is a region of {state.name!r}, which would begin and end there",
                "remove final, or put a final state into it",
            )
    if len(children) < 2:
        yield Finding(
            "parallel-of-one",
            where,
            f"{len(children)} states are in it, and parallel means several",
            "remove parallel, and set initial" if children else "remove parallel",
        )


# -- histories -------------------------------------------------------------------------------------


def check_histories(written: Written) -> Iterator[Finding]:
    """Yield what is wrong with histories, and those that nothing leads to."""
    tree = written.tree
    led = {target for edge in tree.edges for target in edge.targets}
    led |= {name for state in tree.states.values() for name in names(state.initial)}
    for state in tree.states.values():
        for history in tree.histories_of(state.name):
            where = f"history {history.name!r}"
            yield from _check_default(tree, state, history, where)
            if history.name not in led:
                repair = f"write a Go to it, or remove it from {state.name!r}"
                yield Finding("unused-history", where, "nothing leads to it", repair)


def _check_default(tree: Tree, state: State, history: History, where: str) -> Iterator[Finding]:
    children, found = tree.children(state.name), names(history.default)
    if not children:
        why = f"nothing else is in {state.name!r}, so there is nothing to remember"
        yield Finding("history-alone", where, why, "remove it, or add states beside it")
        return
    if not found:
        why = "where it leads before anything was left is not said"
        yield Finding("history-without-default", where, why, f"set default={children[0]!r}")
    wrong = [name for name in found if not _inside(tree, name, state, deep=history.deep)]
    for name in wrong:
        place = f"a state inside {state.name!r}" if history.deep else f"a child of {state.name!r}"
        why = f"its default {name!r} is not {place}"
        yield Finding("wrong-default", where, why, near(name, children, f"name {children[0]!r}"))
    pair = None if wrong else clash(tree, found)
    if pair:
        why = f"its defaults {pair[0]!r} and {pair[1]!r} cannot be active together"
        yield Finding("wrong-default", where, why, "name one of them")


def _inside(tree: Tree, name: str, state: State, *, deep: bool) -> bool:
    if name not in tree.states:
        return False
    return tree.below(name, state.name) if deep else tree.parent(name) == state.name


# -- entering --------------------------------------------------------------------------------------


def check_entries(written: Written) -> Iterator[Finding]:
    """Follow everything that enters a state by name, and yield those that do not say where to."""
    entries = _Entries(written.tree)
    for region in written.tree.regions:
        entries.enter((region,), None, "the chart starts in it")
    for edge in written.transitions:
        entries.enter(edge.targets, written.tree.domain(edge), f"row {edge.row} enters it")
    return entries.follow()


class _Entries:
    """The states that are entered by name, each once: with a reason, and what they lead to."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._seen: set[str] = set()
        self._whole: set[str] = set()  # parallel states with nothing new beside anything
        self._found: deque[tuple[str, str]] = deque()

    def enter(self, targets: Sequence[str], domain: str | None, why: str) -> None:
        """Note `targets`, and the regions beside them of every parallel state up to `domain`."""
        held = {name for target in targets for name in self._tree.path(target)}
        for target in targets:
            self._add(target, why)
            for around in self._tree.path(target)[1:]:
                if around == domain:
                    break
                if self._tree.states[around].parallel and around not in self._whole:
                    self._beside(around, held)

    def _beside(self, parallel: str, held: set[str]) -> None:
        children = self._tree.children(parallel)
        for child in children:
            if child not in held:
                self._add(child, f"it is entered together with the rest of {parallel!r}")
        if self._seen.issuperset(children):
            self._whole.add(parallel)

    def _add(self, name: str, why: str) -> None:
        if name in self._tree.order and name not in self._seen:
            self._seen.add(name)
            self._found.append((name, why))

    def follow(self) -> Iterator[Finding]:
        """Yield the compound states that do not say which child to enter."""
        while self._found:
            name, why = self._found.popleft()
            if name in self._tree.histories:
                self._recall(name)
            elif self._tree.states[name].parallel:
                for child in self._tree.children(name):
                    self._add(child, f"it is entered with {name!r}")
            elif self._tree.children(name):
                yield from self._descend(self._tree.states[name], why)

    def _descend(self, state: State, why: str) -> Iterator[Finding]:
        if state.initial is None:
            child = self._tree.children(state.name)[0]
            yield Finding(
                "missing-initial",
                f"state {state.name!r}",
                f"{why}, and it does not say which child to enter",
                f"set initial={child!r}, or lead to a child",
            )
        inside = [name for name in names(state.initial) if name in self._tree.order]
        self.enter(inside, state.name, f"it is the initial of {state.name!r}")

    def _recall(self, name: str) -> None:
        """Note where a history may lead; a deep one recalls atomic states only."""
        history, parent = self._tree.histories[name], self._tree.parent(name)
        inside = [each for each in names(history.default) if each in self._tree.states]
        self.enter(inside, parent, f"it is the default of {name!r}")
        if parent and not history.deep:
            for child in self._tree.children(parent):
                self._add(child, f"{name!r} may return to it")
