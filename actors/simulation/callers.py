"""Callers: whose code asked for the time, or for chance.

A file is known by where it lies. The answer decides what `traps.py` does with a call: user code is
told, libraries get the simulation's values, the machinery that really waits gets the real ones.

Neighbours: `traps.py` (asks), `namespaces.py` (which modules are left as they are).
"""

from __future__ import annotations

import enum
import os
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import statechart


class Kind(enum.Enum):
    """Whose a source file is."""

    USER = enum.auto()
    LIBRARY = enum.auto()
    MACHINERY = enum.auto()
    """What really waits or measures around a simulation: real event loops, pytest, Hypothesis."""
    THROUGH = enum.auto()
    """Standard modules that only pass chance on; whoever called them counts."""


class Caller(NamedTuple):
    """Who called, past the modules that only pass chance on."""

    kind: Kind
    frame: FrameType
    through: FrameType | None
    """The call into such a module, where there was one: `uuid4`, when that called os.urandom."""


WAITING = ("asyncio", "concurrent", "multiprocessing", "tempfile", "threading")
"""tempfile is one of them, because its names must differ between processes."""
MACHINERY = frozenset((*WAITING, "_pytest", "hypothesis", "pytest", "pytest_asyncio"))
"""Top-level names."""
THROUGH = frozenset(("random", "secrets", "uuid"))

_STDLIB = str(Path(os.__file__).parent) + os.sep
_OURS = tuple(
    str(each) + os.sep
    for each in (Path(__file__).parent.parent, Path(statechart.__file__ or "").parent)
)
_INSTALLED = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
_MADE = ("<frozen ", "<attrs generated ", "<__array_function__")


def is_user_code(filename: str) -> bool:
    """Whether a source file is user code: not of Python, not installed, not ours, not generated."""
    return package(filename) is None and not filename.startswith((*_OURS, *_MADE))


def package(filename: str) -> str | None:
    """The top-level name of a standard or an installed module; None for any other file."""
    for marker in _INSTALLED:
        if marker in filename:
            return _top(filename.rpartition(marker)[2])
    return _top(filename.removeprefix(_STDLIB)) if filename.startswith(_STDLIB) else None


def _top(path: str) -> str:
    return path.partition(os.sep)[0].removesuffix(".py")


class Callers:
    """Tells whose code a frame runs; each file is looked at once.

    Args:
        user: whether a file (as in `co_filename`) is user code.
    """

    def __init__(self, user: Callable[[str], bool]) -> None:
        self._user = user
        self._kinds: dict[str, Kind] = {}

    def of(self, frame: FrameType) -> Caller:
        """Who called: `frame`, or the first frame below it that did not only pass chance on."""
        through = None
        while (kind := self._kind(frame)) is Kind.THROUGH and frame.f_back is not None:
            through, frame = frame, frame.f_back
        return Caller(kind, frame, through)

    def _kind(self, frame: FrameType) -> Kind:
        filename = frame.f_code.co_filename
        if filename.startswith("<") and not filename.startswith(_MADE):
            # Made from text, as a dataclass's __init__: it belongs to the module of the class.
            filename = frame.f_globals.get("__file__") or filename
        kind = self._kinds.get(filename)
        if kind is None:
            kind = self._kinds[filename] = self._look(filename)
        return kind

    def _look(self, filename: str) -> Kind:
        name = package(filename)
        if name in MACHINERY:
            return Kind.MACHINERY
        if name in THROUGH:
            return Kind.THROUGH
        return Kind.USER if self._user(filename) else Kind.LIBRARY
