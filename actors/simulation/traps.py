"""Traps: what a replay cannot repeat is found where it is called.

A simulation is repeated from its choices alone, so nothing in it may depend on the machine's clock
or on chance of its own. While `Traps` are set, user code that asks for either is told so, at the
call; libraries that ask get virtual time and seeded chance; event loops, pytest and Hypothesis,
which really wait and measure, and other threads get the real answers.

The direct caller counts: what user code asks of a library is that library's business. `uuid`,
`secrets` and `random` are no callers, whoever calls them is.

Out of reach: C extensions with clocks or generators of their own (numpy.random), functions held by
objects since before (`partial(time.time)`), set order and `id()`.

Neighbours: `standins.py` and `dates.py` (the answers), `callers.py` (whose call), `namespaces.py`
(where the names are), `loop.py` (whose time it is).
"""

from __future__ import annotations

import datetime
import functools
import random
import sys
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from threading import get_ident
from types import FrameType, TracebackType
from typing import Any, ClassVar, NamedTuple, Self

from actors.simulation.callers import Caller, Callers, Kind, is_user_code
from actors.simulation.dates import like_date, like_datetime, pickled_by_name
from actors.simulation.namespaces import Swap
from actors.simulation.standins import IDS, Rule, StandIn, World, functions

NOWHERE = 0
"""No thread's id."""


class Trapped(NamedTuple):
    """A call that a replay could not repeat."""

    call: str
    """What was called: `time.time`."""
    where: str
    """Who called: `agent.py:12 in execute`."""
    instead: str
    """What to use."""
    why: str


class NotRepeatable(Exception):  # noqa: N818 - says what is wrong
    """Code in a simulation asked for what a replay cannot repeat. Says what, where, what else."""

    def __init__(self, trapped: Trapped) -> None:
        super().__init__(trapped)
        self.trapped = trapped

    def __str__(self) -> str:
        call, where, instead, why = self.trapped
        return f"{call}() was called in a simulation, at {where}: {why}; use {instead}"


class Traps:
    """Set while a simulation runs: `with Traps(loop.utc, Random(seed)) as traps: ...`.

    Everything is put back at the end, also in modules imported meanwhile. Setting them takes some
    milliseconds, `reseed` none.

    Args:
        now: virtual UTC seconds.
        random: where libraries' random numbers, bytes and ids come from; seeded.
        user: whether a source file (as in `co_filename`) is user code; by default what is neither
            Python's nor installed nor ours.
    """

    _set: ClassVar[Traps | None] = None

    def __init__(
        self,
        now: Callable[[], float],
        random: random.Random,
        *,
        user: Callable[[str], bool] | None = None,
    ) -> None:
        self.found: list[Trapped] = []
        """Every trapped call, in order; raised where it happened, and perhaps swallowed there."""
        self._world = World(now, random)
        self._callers = Callers(user or is_user_code)
        self._thread = NOWHERE
        self._undo = ExitStack()

    def now(self) -> float:
        """Virtual UTC seconds."""
        return self._world.now()

    def reseed(self, now: Callable[[], float], random: random.Random) -> None:
        """Take time and chance from elsewhere, for the next run; as if set anew."""
        self._world = World(now, random)
        if self._thread != NOWHERE:
            _forget_last_ids()

    def __enter__(self) -> Self:
        """Set the traps.

        Raises:
            RuntimeError: they are set already; time and chance are there once per process.
        """
        if Traps._set is not None:
            raise RuntimeError(
                "traps are set already, by this or another `with Traps(...)`, and there is one "
                "clock and one source of chance for all; leave that block first, or use reseed() "
                "between two runs"
            )
        Traps._set = self
        with ExitStack() as undo:
            undo.callback(self._unset)
            self._replace(undo)
            self._undo = undo.pop_all()
        self._thread = get_ident()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put everything back."""
        self._thread = NOWHERE
        self._undo.close()

    def passes(self, rule: Rule, frame: FrameType) -> bool:
        """Whether the real one answers a call from `frame`; else its stand-in does.

        Raises:
            NotRepeatable: neither; it was user code, or nobody may.
        """
        if get_ident() != self._thread:
            return True
        caller = self._callers.of(frame)
        if caller.kind is Kind.MACHINERY:
            return True
        if caller.kind is not Kind.USER and not rule.nobody:
            return False
        call = _call(rule, caller)
        instead = IDS if call.startswith("uuid.") else rule.instead
        trapped = Trapped(call, _where(caller.frame), instead, rule.why)
        self.found.append(trapped)
        raise NotRepeatable(trapped)

    def _unset(self) -> None:
        Traps._set = None

    def _replace(self, undo: ExitStack) -> None:
        """Put stand-ins in every place; `undo` learns to put back, whatever happens on the way."""
        undo.callback(_restore_ids, _forget_last_ids())
        pairs: list[tuple[Any, Any]] = []
        for each in functions(lambda: self._world):
            original = getattr(each.owner, each.name)
            pairs.append((original, self._stand_in(each, original)))
            if isinstance(each.owner, type):
                setattr(each.owner, each.name, pairs[-1][1])
                undo.callback(setattr, each.owner, each.name, original)
        for real, made in _dates(self):
            pairs.append((real, made))
            undo.callback(pickled_by_name(real, made))
        there = frozenset(sys.modules)
        undo.callback(lambda: Swap((new, old) for old, new in pairs).everywhere(seen=there))
        swap = Swap(pairs)
        undo.callback(swap.undo)
        swap.everywhere()

    def _stand_in(self, stand_in: StandIn, original: Callable[..., Any]) -> Callable[..., Any]:
        _, _, rule, answer, repeatable = stand_in

        @functools.wraps(original)
        def called(*args: Any, **options: Any) -> Any:
            if repeatable(*args, **options):
                return original(*args, **options)
            if self.passes(rule, sys._getframe(1)):  # noqa: SLF001 - the way to a caller
                return original(*args, **options)
            return answer(*args, **options)

        return called


def _dates(traps: Traps) -> tuple[tuple[type, type], ...]:
    date, moment = datetime.date, datetime.datetime
    return (date, like_date(traps)), (moment, like_datetime(traps))


def _where(frame: FrameType) -> str:
    code = frame.f_code
    return f"{Path(code.co_filename).name}:{frame.f_lineno} in {code.co_name}"


def _call(rule: Rule, caller: Caller) -> str:
    """What the caller called: the primitive, or what passed the call on to it."""
    through = caller.through
    if through is None:
        return rule.call
    name = through.f_code.co_qualname
    if "self" in through.f_locals:  # a method; told by the class of its instance
        name = f"{type(through.f_locals['self']).__name__}.{through.f_code.co_name}"
    return f"{through.f_globals['__name__']}.{name.removesuffix('.__init__')}"


def _forget_last_ids() -> dict[str, Any]:
    """Make `uuid` forget which time it gave last, which may be real or of another run."""
    last = {name: value for name, value in vars(uuid).items() if name.startswith("_last_")}
    for name in last:
        setattr(uuid, name, None if "timestamp" in name else 0)
    return last


def _restore_ids(last: dict[str, Any]) -> None:
    vars(uuid).update(last)
