"""Dates: what stands in for `datetime.date` and `datetime.datetime`, which are classes.

A stand-in makes instances of the real class and of no other, so none outlives a simulation, and
`isinstance`, `issubclass` and `==` take it for the real class. `type(instance) is datetime` does
not hold meanwhile, and a subclass of the real class that was made before keeps its own `now`.

Neighbours: `traps.py` (puts them in place), `standins.py` (the functions).
"""

from __future__ import annotations

import copyreg
import datetime
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from actors.simulation.standins import DATE, Rule

DATE_TODAY = Rule("datetime.date.today", DATE)
NOW = Rule("datetime.datetime.now", DATE)
TODAY = Rule("datetime.datetime.today", DATE)
UTCNOW = Rule("datetime.datetime.utcnow", DATE)


class Gate(Protocol):
    """What a class needs to know (`traps.Traps`)."""

    def now(self) -> float:
        """Virtual UTC seconds."""

    def passes(self, rule: Rule, frame: FrameType) -> bool:
        """True: the real one answers. False: the stand-in does. Raises: nobody may."""


class Like(type):
    """Classes that pass for the real one in their attribute `real`; their subclasses do not."""

    def __instancecheck__(cls, instance: object) -> bool:
        real = vars(cls).get("real")
        return isinstance(instance, real) if real else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        real = vars(cls).get("real")
        return issubclass(subclass, real) if real else super().__subclasscheck__(subclass)

    def __eq__(cls, other: object) -> bool:
        return cls is other or other is vars(cls).get("real", cls)

    def __hash__(cls) -> int:
        return hash(vars(cls).get("real", id(cls)))


def like_date(gate: Gate) -> type[datetime.date]:
    """Make the class that stands in for `datetime.date`."""
    real_date = datetime.date

    class Date(datetime.date, metaclass=Like):
        real = real_date

        def __new__(cls, *args: Any, **options: Any) -> Any:
            made = real_date if "real" in vars(cls) else cls
            return real_date.__new__(made, *args, **options)

        @classmethod
        def today(cls) -> Any:
            if gate.passes(DATE_TODAY, sys._getframe(1)):  # noqa: SLF001 - the way to a caller
                return super().today()
            return cls.fromtimestamp(gate.now())

    _name(Date, "date")
    return Date


def like_datetime(gate: Gate) -> type[datetime.datetime]:
    """Make the class that stands in for `datetime.datetime`."""
    real_datetime = datetime.datetime

    class Datetime(datetime.datetime, metaclass=Like):
        real = real_datetime

        def __new__(cls, *args: Any, **options: Any) -> Any:
            made = real_datetime if "real" in vars(cls) else cls
            return real_datetime.__new__(made, *args, **options)

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            if gate.passes(NOW, sys._getframe(1)):  # noqa: SLF001 - as above
                return super().now(tz)
            return cls.fromtimestamp(gate.now(), tz)

        @classmethod
        def today(cls) -> Any:
            if gate.passes(TODAY, sys._getframe(1)):  # noqa: SLF001 - as above
                return super().now()
            return cls.fromtimestamp(gate.now())

        @classmethod
        def utcnow(cls) -> Any:
            if gate.passes(UTCNOW, sys._getframe(1)):  # noqa: SLF001 - as above
                return super().utcnow()
            return cls.fromtimestamp(gate.now(), datetime.UTC).replace(tzinfo=None)

    _name(Datetime, "datetime")
    return Datetime


def _name(made: type, name: str) -> None:
    """Give a stand-in the name of the real class, by which pickle finds it, now and later."""
    made.__name__ = made.__qualname__ = name
    made.__module__ = "datetime"


def pickled_by_name(real: type, made: type) -> Callable[[], None]:
    """Let instances of `real` be pickled while its name means `made`; returns what undoes it."""
    before = copyreg.dispatch_table.get(real)
    copyreg.pickle(real, lambda instance: (made, instance.__reduce_ex__(4)[1]))

    def undo() -> None:
        if before is None:
            del copyreg.dispatch_table[real]
        else:
            copyreg.dispatch_table[real] = before

    return undo
