"""DataclassCodec: what it takes, what it refuses, and how old events are lifted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from decimal import Decimal
from enum import Enum, Flag, IntEnum
from typing import Any, Final, Literal

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime import Caller
from actors.runtime.events import DataclassCodec, Schema, UnreadableEvent
from actors.runtime.journal.record import Record
from actors.runtime.keys import NO_KEYS, packed, remembered, scoped, unpacked
from actors.storage import decode, encode


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    SMALL = 1
    LARGE = 2


@dataclass(frozen=True)
class Line:
    item: str
    count: int


@dataclass(frozen=True)
class Everything:
    text: str
    number: int
    real: float
    flag: bool
    data: bytes
    price: Decimal
    colour: Colour
    size: Size
    maybe: str | None
    either: int | str
    lines: tuple[Line, ...]
    pair: tuple[str, int]
    stock: Mapping[str, int]
    deep: dict[str, tuple[Line | None, ...]]


@dataclass(frozen=True)
class Marked:
    colour: Colour | None = None
    price: Decimal | None = None


@dataclass(frozen=True)
class Positive:
    number: int

    def __post_init__(self) -> None:
        if self.number < 1:
            raise ValueError(self.number)


CODEC: DataclassCodec[Everything | Line | Marked | Positive] = DataclassCodec(
    Everything, Line, Marked, Positive
)


def record(payload: bytes, seq: int = 7) -> Record:
    return Record(seq, 1, 0, 1, payload)


def stored(*parts: Any) -> Record:
    return record(msgpack.packb(list(parts)))


TEXT = st.text(max_size=5)
INT = st.integers(-(2**63), 2**64 - 1)
LINE = st.builds(Line, TEXT, INT)
VALUES = st.one_of(
    LINE,
    st.builds(
        Everything,
        text=TEXT,
        number=INT,
        real=st.floats(allow_nan=False),
        flag=st.booleans(),
        data=st.binary(max_size=5),
        price=st.decimals(allow_nan=False),
        colour=st.sampled_from(Colour),
        size=st.sampled_from(Size),
        maybe=st.none() | TEXT,
        either=INT | TEXT,
        lines=st.lists(LINE, max_size=3).map(tuple),
        pair=st.tuples(TEXT, INT),
        stock=st.dictionaries(TEXT, INT, max_size=3),
        deep=st.dictionaries(TEXT, st.lists(st.none() | LINE, max_size=3).map(tuple), max_size=3),
    ),
    st.builds(Marked, st.none() | st.sampled_from(Colour), st.none() | st.just(Decimal("1.50"))),
)


@settings(derandomize=True, deadline=None)
@given(VALUES)
def test_what_is_stored_is_read_back_equal(value: Any) -> None:
    kind, payload, facts = CODEC.encode(value)
    frame = encode(Record(1, 1, 0, kind, payload, facts), "order/1")
    found = CODEC.decode(decode(frame, "order/1"))
    assert found == value
    assert repr(found) == repr(value)
    assert CODEC.unpack(CODEC.pack(value)) == value


@settings(derandomize=True, deadline=None)
@given(st.binary(max_size=40), VALUES, st.integers(0, 200))
def test_other_bytes_are_unreadable_or_a_value(noise: bytes, value: Any, at: int) -> None:
    good = CODEC.pack(value)
    for payload in (noise, good[: at % len(good)], good[:at] + noise + good[at:]):
        try:
            found = CODEC.decode(record(payload))
        except UnreadableEvent:
            continue
        assert CODEC.unpack(CODEC.pack(found)) == found


@pytest.mark.parametrize(
    "value",
    [
        Line("x", 2**64),
        Line("x", True),
        Line(3, 3),  # type: ignore[arg-type] # the point
        Line("x", 1.0),  # type: ignore[arg-type] # the point
        Marked(colour="red"),  # type: ignore[arg-type] # the point
        "no event",
    ],
)
def test_what_does_not_fit_is_not_stored(value: Any) -> None:
    with pytest.raises(TypeError):
        CODEC.encode(value)


@dataclass(frozen=True)
class Weight:
    grams: float


@pytest.mark.parametrize("grams", [2**53 + 1, 10**400, -(2**63) - 1])
def test_an_int_that_is_no_float_is_not_stored_as_one(grams: int) -> None:
    codec = DataclassCodec(Weight)
    assert codec.unpack(codec.pack(Weight(2**53))) == Weight(2.0**53)
    with pytest.raises(TypeError, match="no float is equal to"):
        codec.pack(Weight(grams))


def test_an_error_names_the_place_and_quotes_nothing() -> None:
    with pytest.raises(TypeError, match="'deep': 'value': 1: 'count': found str, expected int"):
        CODEC.encode(
            Everything(
                *("", 0, 0, False, b"", Decimal(0), Colour.RED, Size.SMALL, None, 1, (), ("", 1)),
                {},
                {"k": (None, Line("x", "secret"))},  # type: ignore[arg-type] # the point
            )
        )


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        (("Gone", 1, {}), "record 7: found 'Gone', expected one of Everything, Line, Marked"),
        (("Line", 2, {"item": "x", "count": 1}), "version 2, expected at most 1: a newer"),
        (("Line", 0, {}), "expected at least 1"),
        (("Line", True, {}), "other msgpack"),
        (("Line", 1, {"item": "x"}), "missing or superfluous: 'count'"),
        (("Line", 1, {"item": "x", "count": 1, "odd": 1}), "superfluous: 'odd'"),
        (("Line", 1, {"item": "x", "count": True}), "'count': found bool, expected int"),
        (("Line", 1, {"item": b"x", "count": 1}), "'item': found bytes, expected str"),
        (("Line", 1, {"item": "x", "count": 1.0}), "found float, expected int"),
        (("Marked", 1, {"colour": "green", "price": None}), "a member of Colour"),
        (("Marked", 1, {"colour": None, "price": "much"}), "no number"),
        (("Positive", 1, {"number": 0}), "Positive refuses: ValueError"),
        (("Line", 1), "other msgpack"),
        (("Line", 1, []), "other msgpack"),
    ],
)
def test_what_does_not_fit_is_not_read(parts: tuple[Any, ...], says: str) -> None:
    with pytest.raises(UnreadableEvent, match=says):
        CODEC.decode(stored(*parts))


def test_bytes_that_would_build_something_else_are_refused() -> None:
    with pytest.raises(UnreadableEvent, match="no msgpack"):
        CODEC.decode(stored("Line", 1, {"item": msgpack.ExtType(1, b"x"), "count": 1}))


# -- declarations


@dataclass(frozen=True)
class Nested:
    inner: tuple[Nested, ...]


@dataclass
class Loose:
    text: str


@dataclass(frozen=True)
class Hidden:
    text: str = field(init=False, default="")


@dataclass(frozen=True)
class Vague:
    items: list[int]


class Right(Flag):
    READ = 1
    WRITE = 2


@dataclass(frozen=True)
class Allowed:
    right: Right


@dataclass(frozen=True)
class Seeded:
    number: int
    seed: InitVar[int] = 1


@dataclass(frozen=True)
class Fixed:
    text: Literal["a"]


@dataclass(frozen=True)
class Last:
    text: Final[str]


@dataclass(frozen=True)
class Twins:
    either: Line | Marked


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (Nested, "contains itself"),
        (Loose, "not frozen"),
        (Hidden, "init=False"),
        (Vague, "field 'items' of Vague: list.int. cannot be stored; what can is bool"),
        (Twins, "cannot be told apart"),
        (int, "no dataclass"),
        (Allowed, "it is a Flag"),
        (Seeded, "'seed' of Seeded is an InitVar"),
        (Fixed, "field 'text' of Fixed: .*Literal.* cannot be stored"),
        (Last, "field 'text' of Last: .*Final.* cannot be stored"),
    ],
)
def test_what_cannot_be_stored_is_said_when_it_is_declared(kind: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        DataclassCodec(kind)


def test_two_types_have_two_names() -> None:
    with pytest.raises(ValueError, match="both stored as 'Line'"):
        DataclassCodec[Any](Line, Schema(Marked, name="Line"))


def test_each_version_needs_an_upcaster() -> None:
    with pytest.raises(ValueError, match=r"version 3 and has upcasters for \[1\]"):
        Schema(Line, version=3, upcasters={1: dict})


@pytest.mark.parametrize("kind", [0, -1, 2**31])
def test_kind_0_is_the_journals_own(kind: int) -> None:
    with pytest.raises(ValueError, match="expected at least 1"):
        Schema(Line, kind=kind)


# -- versions


@dataclass(frozen=True)
class Priced:
    item: str
    cents: int
    currency: str


def _cents(fields: dict[str, Any]) -> dict[str, Any]:
    return {"item": fields["item"], "cents": fields["price"] * 100}


def _currency(fields: dict[str, Any]) -> dict[str, Any]:
    return {**fields, "currency": "EUR"}


PRICED: DataclassCodec[Priced] = DataclassCodec(
    Schema(Priced, "priced", 3, {1: _cents, 2: _currency}, formerly=("Offered",), kind=17)
)


@pytest.mark.parametrize(
    "parts",
    [
        ("priced", 1, {"item": "x", "price": 2}),
        ("Offered", 1, {"item": "x", "price": 2}),
        ("priced", 2, {"item": "x", "cents": 200}),
        ("priced", 3, {"item": "x", "cents": 200, "currency": "EUR"}),
    ],
)
def test_old_events_are_lifted(parts: tuple[Any, ...]) -> None:
    assert PRICED.decode(stored(*parts)) == Priced("x", 200, "EUR")


def test_the_present_shape_is_written() -> None:
    kind, payload, facts = PRICED.encode(Priced("x", 1, "EUR"))
    assert (kind, facts) == (17, {})
    assert payload.hex() == (
        "93a670726963656403" + "83a46974656da178a563656e747301a863757272656e6379a3455552"
    )


def test_an_upcaster_that_raises_is_a_clear_error() -> None:
    with pytest.raises(UnreadableEvent, match="the upcaster of version 1 raised KeyError"):
        PRICED.decode(stored("priced", 1, {"item": "x"}))


# -- keys


def test_the_latest_keys_are_remembered() -> None:
    keys = NO_KEYS
    for key in ("a", "b", "a", "c"):
        keys = remembered(keys, key, 2)
    assert list(keys) == ["a", "c"]
    assert unpacked(packed(keys, b"\n{state}\n")) == (keys, b"\n{state}\n")


def test_keys_are_those_of_one_caller() -> None:
    callers = [Caller("a", "b"), Caller("b", "a"), Caller('a", "b', ""), Caller("ba", "")]
    assert len({scoped(caller, key) for caller in callers for key in ("k", "")}) == 8


@pytest.mark.parametrize("payload", [b"", b"[1, []]", b"[2, []]\n", b"[1, [3]]\n", b"{\n"])
def test_other_snapshots_are_refused(payload: bytes) -> None:
    with pytest.raises(UnreadableEvent):
        unpacked(payload)
