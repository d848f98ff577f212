"""A fingerprint is the same for equal values, in every process, and for no others."""

from __future__ import annotations

import asyncio
import datetime
import os
import subprocess
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from decimal import Decimal
from enum import Enum, IntEnum
from functools import cached_property
from ipaddress import ip_interface, ip_network
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from a2a.types import Part, Task
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime import (
    fingerprint,
)
from actors.runtime.fingerprint import parts_of
from tests.runtime.puppets import (
    Alarm,
    Note,
    Seen,
)


class Colour(Enum):
    RED = 1
    BLUE = 2


class Size(IntEnum):
    SMALL = 1


class Slotted:
    __slots__ = ("__hidden", "missing", "value")

    def __init__(self, value: object, hidden: object = 0) -> None:
        self.value = value
        self.__hidden = hidden

    def shown(self) -> object:
        return self.__hidden


class Plain:
    def __init__(self, **attributes: object) -> None:
        self.__dict__.update(attributes)


class Words(list[str]):
    pass


class Odd(dict[str, object]):
    pass


def cyclic(*names: str) -> dict[str, Any]:
    """A ring of dictionaries."""
    ring: list[dict[str, Any]] = [{"name": name} for name in names]
    for entry, following in zip(ring, [*ring[1:], ring[0]], strict=True):
        entry["next"] = following
    return ring[0]


SHARED = ["shared"]
DIFFERENT: list[Callable[[], object]] = [
    lambda: None,
    lambda: 1,
    lambda: True,
    lambda: 1.0,
    lambda: "1",
    lambda: b"1",
    lambda: bytearray(b"1"),
    lambda: [1],
    lambda: (1,),
    lambda: ((1,),),
    lambda: {1},
    lambda: frozenset({1}),
    lambda: deque([1]),
    lambda: {1: 1},
    lambda: {"1": 1},
    dict,
    lambda: OrderedDict({1: 1}),
    lambda: Odd({"1": 1}),
    lambda: MappingProxyType({1: 1}),
    lambda: Words(["1"]),
    lambda: Words(["2"]),
    lambda: Colour.RED,
    lambda: Colour.BLUE,
    lambda: Size.SMALL,
    lambda: Colour,
    lambda: Task,
    lambda: Part,
    lambda: Note(1),
    lambda: Note(2),
    lambda: Alarm(1),
    lambda: Seen(("x",)),
    lambda: (("x",), ()),
    lambda: Task(id="1"),
    lambda: Task(id="2"),
    lambda: Part(text="1"),
    lambda: Slotted(1),
    lambda: Slotted(1, 1),
    lambda: Slotted(2),
    lambda: Plain(a=1),
    lambda: Plain(b=1),
    lambda: ValueError("x"),
    lambda: ValueError("y"),
    lambda: KeyError("x"),
    lambda: fingerprint,
    lambda: parts_of,
    lambda: len,
    lambda: asyncio,
    lambda: Slotted(1).shown,
    lambda: Slotted(2).shown,
    lambda: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    lambda: datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    lambda: Decimal("1.0"),
    lambda: Path("a"),
    lambda: Path("b"),
    lambda: range(3),
    lambda: range(4),
    threading.Lock,
    lambda: cyclic("a"),
    lambda: cyclic("b"),
    lambda: cyclic("a", "b"),
    lambda: cyclic("a", "b", "a"),
    lambda: [[1], [2]],
    lambda: [[1, 2]],
    lambda: ["a", "b"],
    lambda: ["ab"],
    lambda: ["a", "bsc"],
    lambda: ["asb", "c"],
    lambda: [SHARED, SHARED],
    lambda: [[SHARED], SHARED],
    lambda: 10**5000,
    lambda: "lone \ud800",
    lambda: ...,
]


def test_different_values_differ_and_equal_ones_agree() -> None:
    prints = [fingerprint(make()) for make in DIFFERENT]
    assert len(set(prints)) == len(DIFFERENT)
    assert prints == [fingerprint(make()) for make in DIFFERENT], "made anew, at other addresses"
    assert fingerprint([["shared"], ["shared"]]) == fingerprint([SHARED, SHARED])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=12,
)


@given(VALUES, VALUES)
@settings(derandomize=True, deadline=None, max_examples=300)
def test_values_agree_when_they_are_written_alike(one: object, other: object) -> None:
    # As repr tells 1 and True apart, and a list from a tuple; the order of a dict does not count.
    alike = _sorted(one) == _sorted(other)
    assert (fingerprint(one) == fingerprint(other)) is alike
    assert fingerprint([one, one]) == fingerprint([one, _copy(one)])


def _sorted(value: object) -> str:
    if isinstance(value, dict):
        pairs = sorted((key, _sorted(entry)) for key, entry in value.items())
        return f"dict{pairs}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}{[_sorted(entry) for entry in value]}"
    return repr(value)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(value[key]) for key in reversed(value)}
    if isinstance(value, list | tuple):
        return type(value)(_copy(entry) for entry in value)
    return value


def test_sharing_does_not_show_even_around_a_cycle() -> None:
    def ring(*, shared: bool) -> list[Any]:
        top: list[Any] = []
        first = [[top]]
        top.extend([first, [first if shared else [[top]]]])
        return top

    assert fingerprint(ring(shared=True)) == fingerprint(ring(shared=False))


def test_what_is_shared_many_times_over_is_walked_once() -> None:
    value: object = "leaf"
    for _ in range(60):
        value = [value, value]
    assert len(fingerprint(value)) == 16


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    code = (
        "from tests.runtime.test_fingerprint import *; "
        "print([fingerprint(make()).hex() for make in DIFFERENT]"
        " + [fingerprint({'a', 'b', 'c', 1, None}).hex()])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(told) == 1


def test_parts_are_named() -> None:
    assert parts_of(Note("x")) == {"text": "x"}
    assert parts_of(Seen()) == {"notes": (), "held": ()}
    assert parts_of(Plain(a=1)) == {"a": 1}
    assert parts_of(Slotted(1)) == {"value": 1, "_Slotted__hidden": 0}


class Cached:
    """Keeps what it has computed among its attributes."""

    def __init__(self, value: int) -> None:
        self.value = value

    @cached_property
    def double(self) -> int:
        return self.value * 2


class Constant:
    @cached_property
    def value(self) -> int:
        return 1


@pytest.mark.parametrize(
    ("value", "look"),
    [
        (Path("/a/b"), lambda path: (str(path), hash(path), path.parts)),
        (ip_network("10.0.0.0/8"), lambda net: (net.num_addresses, net.broadcast_address)),
        (ip_network("::/64"), lambda net: (net.hostmask, net.num_addresses)),
        (ip_interface("10.0.0.1/8"), lambda face: face.network.broadcast_address),
        (Cached(2), lambda cached: cached.double),
        (Constant(), lambda constant: constant.value),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_look_at_a_value_does_not_change_its_fingerprint(
    value: object, look: Callable[[Any], object]
) -> None:
    before = fingerprint(value)
    look(value)
    assert fingerprint(value) == before


def test_values_that_their_text_tells_are_told_apart() -> None:
    assert fingerprint(Path("/a")) != fingerprint(Path("/b"))
    assert fingerprint(ip_network("10.0.0.0/8")) != fingerprint(ip_network("10.0.0.0/9"))
    assert fingerprint(Cached(2)) != fingerprint(Cached(3))


def test_what_a_type_was_first_seen_with_does_not_show() -> None:
    def found(*, first: bool) -> bytes:
        kind = type("Later", (), {"__module__": __name__, "__qualname__": "Later"})
        if first:
            fingerprint(kind())
        value = kind()
        value.x = 1
        return fingerprint(value)

    assert found(first=True) == found(first=False)
