"""Points: every call and return of the code that stores, and every call of SQLite in it.

Found by running, not listed: a profile function sees each function of the journal, its actors and
the parts of a task that acknowledge, publish and deliver. A first run writes the points down; a
later one dies at the n-th time of one.

Neighbours: `shim.py` (the same below SQLite), `matrix.py` (chooses points).
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

import actors

ROOT: Final = Path(actors.__file__).parent
PLACES: Final = (
    "storage/",
    "runtime/journal/",
    *(
        f"task/{name}.py"
        for name in ("release", "fanout", "outbox", "courier", "sweeping", "revive")
    ),
)
"""Below `actors/`: whose functions are points."""

STEPS: Final = (
    "between",
    "append",
    "acknowledge",
    "publish",
    "deliver",
    "snapshot",
    "consumed",
    "compact",
    "remove",
    "open",
    "close",
    "checkpoint",
)
"""What a process can be at. "checkpoint" is never told by a function: `matrix.py` sees it in the
files."""

_JOURNAL: Final = {
    "append": "append",
    "save_snapshot": "snapshot",
    "consumed": "consumed",
    "compact": "compact",
    "remove": "remove",
    "open": "open",
    "close": "close",
}
_OTHERS: Final = {
    ("runtime/journal/actor.py", "_stored"): "acknowledge",
    ("task/release.py", "release"): "acknowledge",
    ("task/fanout.py", "step"): "publish",
    ("task/outbox.py", "step"): "deliver",
}


class Point(NamedTuple):
    """One place in a run: the n-th time that something is done."""

    name: str
    number: int
    step: str


class _Known(NamedTuple):
    name: str
    step: str | None
    """The step that begins with this function."""


class Tracer:
    """Sees the points of this process from `start` on.

    Args:
        at: the name and the number of the point to die at; ("", 0) for none.
        stepped: told which step begins.
        kill: kills whoever is to die there.
        seen: collects the points, if given.
    """

    def __init__(
        self,
        at: tuple[str, int],
        stepped: Callable[[int], None],
        kill: Callable[[], None],
        seen: list[Point] | None = None,
    ) -> None:
        self._kill = kill
        self._name, self._number = at
        self._stepped = stepped
        self._seen = seen
        self._counts: Counter[str] = Counter()
        self._known: dict[CodeType, _Known | None] = {}
        self._steps: list[tuple[FrameType, str]] = []

    def start(self) -> None:
        sys.setprofile(self._event)

    def _event(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        try:
            known = self._known[code]
        except KeyError:
            known = self._known[code] = _known(code)
        if known is None:
            return
        if event in ("call", "return"):
            if event == "call" and known.step is not None:
                self._enter(frame, known.step)
            self._point(f"{known.name} {event}")
            if event == "return" and self._steps and self._steps[-1][0] is frame:
                self._leave()
        elif type(getattr(argument, "__self__", None)).__module__ == "sqlite3":
            when = "before" if event == "c_call" else "after"
            self._point(f"{known.name}:{frame.f_lineno} {when} {argument.__name__}")

    def _enter(self, frame: FrameType, step: str) -> None:
        self._steps.append((frame, step))
        self._stepped(STEPS.index(step))

    def _leave(self) -> None:
        self._steps.pop()
        self._stepped(STEPS.index(self._steps[-1][1]) if self._steps else 0)

    def _point(self, name: str) -> None:
        self._counts[name] += 1
        if name == self._name and self._counts[name] == self._number:
            self._kill()
        if self._seen is not None:
            step = self._steps[-1][1] if self._steps else "between"
            self._seen.append(Point(name, self._counts[name], step))


def _known(code: CodeType) -> _Known | None:
    try:
        place = Path(code.co_filename).relative_to(ROOT).as_posix()
    except ValueError:
        return None
    if not place.startswith(PLACES) or code.co_name.startswith("<"):
        return None
    return _Known(f"{place} {code.co_qualname}", _step(place, code))


def _step(place: str, code: CodeType) -> str | None:
    owner = code.co_qualname.rpartition(".")[0]
    if place.startswith("storage/") and owner.endswith("Journal"):
        return _JOURNAL.get(code.co_name)
    return _OTHERS.get((place, code.co_name))
