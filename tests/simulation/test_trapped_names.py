"""Traps find names wherever they were imported to, and put everything back."""

from __future__ import annotations

import copyreg
import datetime
import random
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from datetime import datetime as moment
from random import Random
from time import time as clock
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from actors.simulation.traps import NotRepeatable, Trapped, Traps
from tests.simulation.trapping import INSTALLED, NOW, run, traps

# -- where names were imported to


def in_default(at: Callable[[], float] = time.time) -> float:
    return at()


def in_keyword_default(*, at: Callable[[], float] = time.monotonic) -> float:
    return at()


def closed_over(at: Callable[[], float]) -> Callable[[], float]:
    def inner() -> float:
        return at()

    return inner


in_closure = closed_over(time.perf_counter)
SYSTEM = random.SystemRandom()


@dataclass
class Order:
    made: float = field(default_factory=time.time)


class Ticket:
    at: Any = time.time

    def price(self, draw: Callable[[], float] = random.random) -> float:
        return draw()

    @classmethod
    def today(cls, kind: Any = moment) -> object:
        return kind.now()


class OwnRandom(Random):
    """Made of a class that was there before."""


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: clock(), "time.time"),
        (lambda: uuid4(), "uuid.uuid4"),
        (lambda: moment.now(datetime.UTC), "datetime.datetime.now"),
        (lambda: date.today(), "datetime.date.today"),
        (in_default, "time.time"),
        (in_keyword_default, "time.monotonic"),
        (in_closure, "time.perf_counter"),
        (Order, "time.time"),
        (lambda: Ticket().at(), "time.time"),
        (lambda: Ticket().price(), "random.random"),
        (Ticket.today, "datetime.datetime.now"),
        (lambda: SYSTEM.randint(1, 6), "random.SystemRandom.randint"),
        (OwnRandom, "random.OwnRandom"),
    ],
)
def test_names_imported_earlier_are_trapped(call: Callable[[], object], name: str) -> None:
    with traps() as set_traps, pytest.raises(NotRepeatable):
        call()
    assert [each.call for each in set_traps.found] == [name]
    call()


def test_a_function_kept_by_a_class_is_still_bound_to_no_instance() -> None:
    with Traps(lambda: NOW, Random(1), user=lambda _: False):
        assert Ticket().at() == Ticket.at() == NOW
    assert Ticket.__dict__["at"] is time.time


def filled(full: bool) -> Callable[[], float]:
    if full:
        at = time.time
    return lambda: at()


empty = filled(False)


def test_a_closure_that_is_empty_stays_so() -> None:
    with traps(), pytest.raises(NameError):
        empty()


def test_the_caller_of_made_code_is_the_module_it_was_made_in() -> None:
    maker = ModuleType("maker")
    maker.__file__ = INSTALLED
    source = (
        "import time\nfrom dataclasses import dataclass, field\n"
        "@dataclass\nclass Made:\n    at: float = field(default_factory=time.time)\n"
    )
    sys.modules["maker"] = maker
    try:
        exec(compile(source, INSTALLED, "exec"), vars(maker))
        with traps() as set_traps:
            assert vars(maker)["Made"]().at == NOW
    finally:
        del sys.modules["maker"]
    assert set_traps.found == []


# -- everything is put back


def everything() -> dict[tuple[str, str], int]:
    """Every function and class of every module, and what `Traps` changes besides; by identity."""
    modules: list[tuple[str, object]] = list(sys.modules.items())
    found = {
        (name, key): id(value)
        for name, module in modules
        if isinstance(module, ModuleType)
        for key, value in list(vars(module).items())
        if callable(value)  # numbers change by themselves
    }
    found["random", "Random.seed"] = id(Random.__dict__["seed"])
    found["copyreg", "table"] = len(copyreg.dispatch_table)
    found["here", "default"] = id((in_default.__defaults__ or ())[0])
    found["here", "keyword"] = id((in_keyword_default.__kwdefaults__ or {})["at"])
    found["here", "closure"] = id((in_closure.__closure__ or ())[0].cell_contents)
    found["here", "class"] = id(Ticket.__dict__["at"])
    found["here", "method"] = id((Ticket.price.__defaults__ or ())[0])
    return found


def changed(before: dict[tuple[str, str], int]) -> list[tuple[str, str]]:
    after = everything()
    return [place for place, value in before.items() if after.get(place) != value]


@pytest.fixture
def untouched() -> Iterator[dict[tuple[str, str], int]]:
    before = everything()
    yield before
    assert changed(before) == []


def test_everything_is_put_back(untouched: dict[tuple[str, str], int]) -> None:
    stamp = vars(uuid)["_last_timestamp"]
    with traps():
        run("uuid.uuid1(5)", INSTALLED)
        swapped = changed(untouched)
        assert len(swapped) > 60
        assert {"queue", "threading", "_pytest"}.isdisjoint(
            name.partition(".")[0] for name, _ in swapped
        )
    assert vars(uuid)["_last_timestamp"] == stamp


def test_everything_is_put_back_after_an_error(untouched: dict[tuple[str, str], int]) -> None:
    with pytest.raises(NotRepeatable), traps():
        clock()
    with traps():
        assert changed(untouched)


class Sealed(type):
    """Of a kind that takes no changes."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise AttributeError(f"{cls.__name__}.{name} cannot be set")


def test_traps_that_cannot_be_set_leave_nothing(untouched: dict[tuple[str, str], int]) -> None:
    module = ModuleType("sealed")
    module.Kept = Sealed("Kept", (), {"at": time.time, "__module__": "sealed"})  # type: ignore[attr-defined] # made by hand
    sys.modules["sealed"] = module
    try:
        with pytest.raises(AttributeError, match=r"Kept\.at"), traps():
            pass
    finally:
        del sys.modules["sealed"]
    assert changed(untouched) == []
    with traps():
        assert changed(untouched)


def test_modules_imported_inside_keep_no_stand_in() -> None:
    source = (
        "import time\nfrom time import time as clock\nfrom datetime import datetime\n"
        "def ask(at=time.time):\n    return at()\n"
        "class Held:\n    at = time.time\n"
    )
    late = ModuleType("late")
    late.__file__ = INSTALLED
    try:
        with traps():
            sys.modules["late"] = late
            exec(compile(source, INSTALLED, "exec"), vars(late))
            assert vars(late)["ask"]() == NOW
    finally:
        sys.modules.pop("late", None)
    names = vars(late)
    kept = [
        names["clock"],
        names["datetime"],
        names["ask"].__defaults__[0],
        vars(names["Held"])["at"],
    ]
    assert kept == [time.time, moment, time.time, time.time]
    assert names["datetime"] is moment


def test_what_somebody_else_has_put_since_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = object()
    monkeypatch.setattr(time, "ctime", time.ctime)  # so that it is put back for other tests
    with traps():
        vars(time)["ctime"] = mine
    assert vars(time)["ctime"] is mine


def test_a_function_kept_from_inside_is_the_real_one_after() -> None:
    with traps():
        kept, day = time.time, moment
    before = time.time()
    assert before <= kept() <= time.time()
    assert before <= day.now(datetime.UTC).timestamp() <= time.time()


def test_traps_are_set_once_at_a_time(untouched: dict[tuple[str, str], int]) -> None:
    outer = traps()
    with outer:
        for inner in (outer, traps(2)):
            with pytest.raises(RuntimeError, match=r"set already.*reseed"), inner:
                pass
        assert run("time.time()", INSTALLED) == NOW
    with outer, pytest.raises(NotRepeatable):
        time.time()
    assert outer.found == [Trapped("time.time", *outer.found[0][1:])]


class SaysModule:
    """As libraries of cffi do, which are among the modules too."""

    @property  # type: ignore[misc] # it lies, as they do
    def __class__(self) -> type:
        return ModuleType


def test_what_only_says_that_it_is_a_module_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tests.simulation.lib", SaysModule())
    with traps():
        pass
