"""Reads the states and callbacks of a machine of `transitions`.

Used by `incoming`. Imports `words`, `model`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias

from statechart.library.words import ChartMachine, InexpressibleError
from statechart.model import State

if TYPE_CHECKING:
    from transitions import Machine

__all__ = ["Named", "Reader", "name_of", "refuse_callbacks"]

_EXTENSIONS = "transitions.extensions.states"

Named: TypeAlias = "dict[str, Any]"
"""Functions under the names by which the chart knows them."""


def refuse_callbacks(where: str, callbacks: object) -> None:
    """Raise `InexpressibleError` if there are callbacks at a place that a chart does not have."""
    if callbacks:
        raise InexpressibleError(
            f"{where}: {callbacks!r} are callbacks that a chart has no place for; make them entry "
            "or exit actions of states, or actions of rows"
        )


class Reader:
    """Reads the states of one machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine: Any = machine
        self._separator = getattr(machine.state_cls, "separator", None)
        self._actions: Named = {}
        self._seen: set[str] = set()

    def last(self, path: str | Enum) -> str:
        """Return the name of the state that a path leads to."""
        name = path.name if isinstance(path, Enum) else path
        return name.rsplit(self._separator, 1)[-1] if self._separator else name

    def regions(self) -> tuple[State, ...]:
        """Return the top states; in a chart of one region, unless `to_machine` had several."""
        tops = list(self._machine.states.values())
        if isinstance(self._machine, ChartMachine) and self._machine.regions > 1:
            return tuple(map(self._state, tops[0].states.values()))
        states = tuple(map(self._state, tops))
        initial = self._machine.initial
        several = isinstance(initial, list)
        found = {self.last(path) for path in (initial if several else [initial])}
        if len(states) == 1 and (several or found == {states[0].name}):
            return states
        if several and found != {state.name for state in states}:
            raise InexpressibleError(
                f"machine, initial: {initial!r} are some of its states and not all; only states "
                "that are always active together are parallel"
            )
        root = "all_states"
        while root in self._seen:
            root += "_"
        return (State(root, states, None if several else found.pop(), parallel=several),)

    def _state(self, state: Any) -> State:
        where = f"state {state.name!r}"
        self._seen.add(self.last(state.name))
        refuse_callbacks(f"{where}, on_final", getattr(state, "on_final", None))
        if any(kind.__module__ == _EXTENSIONS for kind in type(state).__mro__):
            raise InexpressibleError(
                f"{where}: it has features of {_EXTENSIONS}; write a timeout as a "
                "row with After, and tags as a note"
            )
        if bool(state.ignore_invalid_triggers) != bool(self._machine.ignore_invalid_triggers):
            raise InexpressibleError(
                f"{where}, ignore_invalid_triggers: it is not that of the machine; set it for the "
                "whole machine, or add transitions with dest None"
            )
        children = tuple(map(self._state, getattr(state, "states", {}).values()))
        inner: Any = getattr(state, "initial", None)
        parallel = isinstance(inner, list)
        if parallel and {self.last(each) for each in inner} != {child.name for child in children}:
            raise InexpressibleError(
                f"{where}, initial: {inner!r} are some of its children and not all; only children "
                "that are always active together are parallel"
            )
        return State(
            self.last(state.name),
            children,
            None if parallel or inner is None else self.last(inner),
            bool(state.final),
            parallel=parallel,
            entry=self._names(f"{where}, on_enter", state.on_enter),
            exit=self._names(f"{where}, on_exit", state.on_exit),
        )

    def _names(self, where: str, callbacks: list[Any]) -> tuple[str, ...]:
        return tuple(name_of(where, callback, self._actions) for callback in callbacks)


def name_of(where: str, callback: object, known: Named) -> str:
    """Return the name of a callback; one name is one function."""
    if isinstance(callback, str):
        return callback
    name = str(getattr(callback, "__name__", "<unnamed>"))
    if not name.isidentifier():
        raise InexpressibleError(f"{where}: {name} has no name of its own; use a def")
    if known.setdefault(name, callback) != callback:
        raise InexpressibleError(
            f"{where}: two different functions are called {name!r}; rename one"
        )
    return name
