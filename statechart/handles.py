"""Handles: states and histories that are still being made, and go by no name.

Used by `builder`, which is a `StateMaker` too. Imports `model`. A handle knows what is inside it;
its name is asked for when the chart is built, not when a rule mentions it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from statechart.actions import Actions, several
from statechart.model import History, Names, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["HistoryHandle", "StateHandle", "StateMaker", "named"]


class StateMaker(ABC):
    """Makes states: a `StateHandle` inside itself, a `Builder` inside its root region.

    What is said of states here is what `State` and `History` say of them.
    """

    __slots__ = ()

    @abstractmethod
    def _place(self) -> StateHandle:
        """Return the state to make states in."""

    def state(
        self,
        name: str,
        *,
        entry: Actions = (),
        exit: Actions = (),  # noqa: A002 - the word of statecharts
        initial_actions: Actions = (),
        note: str = "",
    ) -> StateHandle:
        """Make a state in here; it becomes compound when it gets states of its own."""
        made = StateHandle(
            name=name, entry=entry, exit=exit, initial_actions=initial_actions, note=note
        )
        return self._add(made)

    def parallel(
        self,
        name: str,
        *,
        entry: Actions = (),
        exit: Actions = (),  # noqa: A002 - as above
        note: str = "",
    ) -> StateHandle:
        """Make a state in here whose children will all be active together."""
        made = StateHandle(name=name, is_parallel=True, entry=entry, exit=exit, note=note)
        return self._add(made)

    def final(
        self,
        name: str,
        *,
        entry: Actions = (),
        exit: Actions = (),  # noqa: A002 - as above
        note: str = "",
    ) -> StateHandle:
        """Make a final state in here; its `exit` is done when what is around it is left."""
        made = StateHandle(name=name, is_final=True, entry=entry, exit=exit, note=note)
        return self._add(made)

    def history(
        self,
        name: str,
        default: StateHandle,
        *more: StateHandle,
        deep: bool = False,
        actions: Actions = (),
        note: str = "",
    ) -> HistoryHandle:
        """Make a history in here, which leads to `default` at first, by way of `actions`.

        A deep one may lead to several states, one for each region of a parallel state.
        """
        made = HistoryHandle(
            name=name, default=(default, *more), deep=deep, actions=actions, note=note
        )
        self._place().children.append(made)
        return made

    def start(self, *initial: StateHandle | HistoryHandle) -> None:
        """Say where entering this leads, if not to its first state.

        That is a child or something further in, or several of these, one for each region of a
        parallel state. None at all means that it is a group, entered only through its children.
        """
        self._place().initial = initial

    def _add(self, made: StateHandle) -> StateHandle:
        self._place().children.append(made)
        return made


@dataclass(slots=True, kw_only=True, eq=False)
class StateHandle(StateMaker):
    """A state being built. The first state made inside another is its initial one.

    `initial` is what `start` was told, None if it was not.
    """

    name: str
    is_final: bool = False
    is_parallel: bool = False
    entry: Actions = ()
    exit: Actions = ()
    initial_actions: Actions = ()
    note: str = ""
    initial: tuple[StateHandle | HistoryHandle, ...] | None = None
    children: list[StateHandle | HistoryHandle] = field(default_factory=list)

    def _place(self) -> StateHandle:
        return self

    def walk(self) -> Iterator[StateHandle | HistoryHandle]:
        """Yield this state and everything inside it, histories too."""
        yield self
        for child in self.children:
            if isinstance(child, StateHandle):
                yield from child.walk()
            else:
                yield child

    def build(self) -> State:
        """Return the state with everything inside it."""
        initial: Sequence[StateHandle | HistoryHandle] | None = self.initial
        if initial is None and not self.is_parallel:
            initial = [each for each in self.children if isinstance(each, StateHandle)][:1]
        return State(
            self.name,
            tuple(child.build() for child in self.children),
            named(initial or ()) or None,
            final=self.is_final,
            note=self.note,
            parallel=self.is_parallel,
            entry=several(self.entry),
            exit=several(self.exit),
            initial_actions=several(self.initial_actions),
        )


@dataclass(slots=True, kw_only=True, eq=False)
class HistoryHandle:
    """A history being built, made by `history`."""

    name: str
    default: tuple[StateHandle, ...]
    deep: bool = False
    actions: Actions = ()
    note: str = ""

    def build(self) -> History:
        """Return the history."""
        default = named(self.default)
        return History(self.name, default, self.deep, several(self.actions), self.note)


def named(handles: Sequence[StateHandle | HistoryHandle]) -> Names:
    """Return the names of handles, that of a single one by itself."""
    names = tuple(handle.name for handle in handles)
    return names[0] if len(names) == 1 else names
