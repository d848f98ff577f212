"""Namespaces: where a function or class was imported to, and how to put another in its place.

`from time import time` leaves the function in the importing module, `def f(clock=time.time)` in a
default value, `default_factory=time.time` in a closure. `swap` finds these places and says how to
undo what it did. It looks at the variables of modules, and at the defaults, closures and class
attributes of what a module defines; not into objects.

Neighbours: `traps.py` (says what to swap), `callers.py` (what is left alone).
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from types import CellType, FunctionType, ModuleType
from typing import Any

from actors.simulation.callers import MACHINERY

Undo = Callable[[], None]

DEFINING = frozenset(("datetime", "os", "random", "secrets", "time", "uuid"))
"""Standard modules whose own variables are swapped; the others keep what they imported."""


class Swap:
    """Puts objects in the place of others, and back.

    Args:
        pairs: (what is there, what comes in its place).
    """

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        self._pairs = {id(old): (old, new) for old, new in pairs}
        self._placed = frozenset(id(new) for _, new in self._pairs.values())
        self._undo: list[Undo] = []

    def everywhere(self, seen: Collection[str] = ()) -> None:
        """Swap in all modules; modules named in `seen` only in their variables."""
        modules: list[tuple[str, object]] = list(sys.modules.items())  # may hold None
        for name, module in modules:
            # By its type: what only says that it is a module (libraries of cffi) has no namespace.
            if not issubclass(type(module), ModuleType) or not _open(name):
                continue
            space = ModuleType.__getattribute__(module, "__dict__")  # wakes no lazy module
            self._space(space)
            if name not in seen and name not in DEFINING:
                self._insides(name, space)

    def undo(self) -> None:
        """Put back what was there, except where somebody else has put something since."""
        while self._undo:
            self._undo.pop()()

    def _held(self, values: Iterable[object]) -> bool:
        return not self._pairs.keys().isdisjoint(map(id, values))

    def _new(self, value: Any) -> Any:
        return self._pairs.get(id(value), (value, value))[1]

    def _space(self, space: MutableMapping[str, Any]) -> None:
        if not self._held(list(space.values())):
            return
        for key, old in list(space.items()):
            new = self._new(old)
            if new is not old:
                space[key] = new
                self._undo.append(functools.partial(_restore, space, key, old, new))

    def _insides(self, module: str, space: Mapping[str, Any]) -> None:
        for value in list(space.values()):
            if type(value) is FunctionType:
                if value.__module__ == module:
                    self._function(value)
            elif isinstance(value, type) and value.__module__ == module:
                self._class(value)

    def _class(self, owner: type) -> None:
        attributes = vars(owner)
        if self._held(list(attributes.values())):
            for name, value in list(attributes.items()):
                self._attribute(owner, name, value)
        for value in list(attributes.values()):
            function = value.__func__ if type(value) in (classmethod, staticmethod) else value
            if type(function) is FunctionType:
                self._function(function)

    def _attribute(self, owner: type, name: str, old: Any) -> None:
        new = self._new(old)
        if new is old:
            return
        if type(new) is FunctionType and type(old) is not FunctionType:
            new = staticmethod(new)  # as a builtin, which is bound to no instance
        setattr(owner, name, new)

        def undo() -> None:
            if vars(owner).get(name) is new:
                setattr(owner, name, old)

        self._undo.append(undo)

    def _function(self, function: FunctionType) -> None:
        if id(function) in self._placed:
            return  # its closure holds what it stands for
        if function.__defaults__ and self._held(function.__defaults__):
            self._defaults(function, function.__defaults__)
        if function.__kwdefaults__:
            self._space(function.__kwdefaults__)
        for cell in function.__closure__ or ():
            self._cell(cell)

    def _defaults(self, function: FunctionType, old: tuple[Any, ...]) -> None:
        new = tuple(map(self._new, old))
        function.__defaults__ = new

        def undo() -> None:
            if function.__defaults__ is new:
                function.__defaults__ = old

        self._undo.append(undo)

    def _cell(self, cell: CellType) -> None:
        old = _content(cell)
        new = self._new(old)
        if new is old:
            return
        cell.cell_contents = new

        def undo() -> None:
            if _content(cell) is new:
                cell.cell_contents = old

        self._undo.append(undo)


def _open(name: str) -> bool:
    top = name.partition(".")[0]
    return name in DEFINING or (top not in sys.stdlib_module_names and top not in MACHINERY)


def _restore(space: MutableMapping[str, Any], key: str, old: Any, new: Any) -> None:
    if space.get(key) is new:
        space[key] = old


def _content(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty: its variable has not been assigned yet
        return None
