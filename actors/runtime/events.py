"""Events in a log: what a codec must do, and a ready one for frozen dataclasses.

`DataclassCodec` stores `[name, version, {field: value}]` as msgpack. A name and a version stay with
an event for ever; when its class changes, the version grows and an upcaster lifts the fields of the
version before to it, so old logs stay readable. Nothing is guessed: what no declared type fits is
`UnreadableEvent`. (What flipped bits and torn writes do is the journal's to find.)

Neighbours: `shapes.py` (field types), `commands.py` (actors have codecs), `journal/record.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, NoReturn, Protocol, TypeAlias, TypeVar

import msgpack

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.record import NO_FACTS, Fact, Record
from actors.runtime.shapes import Misfit, Shape, shape_of

E = TypeVar("E")
S = TypeVar("S")

EVENT = 1
"""Kind of the records of events, where a codec makes no difference between them; a public one."""

Fields: TypeAlias = dict[str, Any]
"""The fields of an event as plain data: what an upcaster is given, and returns."""
Upcaster: TypeAlias = Callable[[Fields], Fields]


class UnreadableEvent(StorageError):  # noqa: N818 - a state of a log
    """A stored event or state is of no type that this program knows how to read."""


class Encoded(NamedTuple):
    """An event as a record carries it."""

    kind: int
    """1 to 15: public, consumers of the log are shown it; from 16 on: private."""
    payload: bytes
    facts: Mapping[str, Fact] = NO_FACTS
    """What can be known of it without decoding; the name `by` and those with a dot are taken."""


class EventCodec(Protocol[E]):
    """How the events of an actor lie in its log. Pure; an event decodes equal to what it was."""

    def encode(self, event: E) -> Encoded:
        """Return what a record is to carry."""

    def decode(self, record: Record) -> E:
        """Return the event of a record.

        Raises:
            UnreadableEvent: it is none.
        """


class StateCodec(Protocol[S]):
    """How the states of an actor lie in snapshots. Pure; a state unpacks equal to what it was."""

    def pack(self, state: S) -> bytes:
        """Return the bytes of a state."""

    def unpack(self, payload: bytes) -> S:
        """Return the state of these bytes.

        Raises:
            UnreadableEvent: there is none in them.
        """


@dataclass(frozen=True)
class Schema(Generic[E]):
    """How one type lies in logs.

    Args:
        type: a frozen dataclass.
        name: as stored, for ever; the name of the class where none is given.
        version: of the fields; to be raised when they change.
        upcasters: version -> what makes its fields those of the next version.
        formerly: names that it was stored under before.
        kind: of its records.

    Raises:
        TypeError: a field has a type that cannot be stored.
        ValueError: an upcaster is missing or superfluous, or the kind is out of range.
    """

    type: type[E]
    name: str = ""
    version: int = 1
    upcasters: Mapping[int, Upcaster] = field(default_factory=dict)
    formerly: tuple[str, ...] = ()
    kind: int = EVENT
    shape: Shape = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not is_dataclass(self.type):
            raise TypeError(f"{self.type!r} is no dataclass; make it one, with frozen=True")
        if sorted(self.upcasters) != list(range(1, self.version)):
            raise ValueError(
                f"{self.type.__qualname__} is of version {self.version} and has upcasters for "
                f"{sorted(self.upcasters)}; expected one for each version from 1 to the one before"
            )
        if not 1 <= self.kind < 2**31:
            raise ValueError(
                f"{self.type.__qualname__} is of kind {self.kind}, expected at least 1"
            )
        object.__setattr__(self, "name", self.name or self.type.__name__)
        object.__setattr__(self, "upcasters", MappingProxyType(dict(self.upcasters)))
        object.__setattr__(self, "shape", shape_of(self.type))


class DataclassCodec(Generic[E]):
    """An `EventCodec` and a `StateCodec` for the frozen dataclasses that it is given.

    Args:
        *types: each a class, or a `Schema` where more than the class is to be said.

    Raises:
        TypeError: a type cannot be stored.
        ValueError: two have one name.
    """

    def __init__(self, *types: type[E] | Schema[E]) -> None:
        self._by_type: dict[type[Any], Schema[E]] = {}
        self._by_name: dict[str, Schema[E]] = {}
        for each in types:
            schema = each if isinstance(each, Schema) else Schema(each)
            self._by_type[schema.type] = schema
            for name in (schema.name, *schema.formerly):
                known = self._by_name.setdefault(name, schema)
                if known is not schema:
                    raise ValueError(
                        f"{known.type!r} and {schema.type!r} are both stored as {name!r}"
                    )

    def encode(self, event: E) -> Encoded:
        """Return the record of an event.

        Raises:
            TypeError: it, or a field of it, is not of a declared type.
        """
        return Encoded(self._schema(event).kind, self.pack(event))

    def decode(self, record: Record) -> E:
        """Return the event of a record.

        Raises:
            UnreadableEvent: its name, version or fields are none that were declared.
        """
        try:
            return self.unpack(record.payload)
        except UnreadableEvent as error:
            raise UnreadableEvent(f"record {record.seq}: {error}") from error

    def pack(self, value: E) -> bytes:
        """Return the bytes of a value of a declared type.

        Raises:
            TypeError: it, or a field of it, is not of a declared type.
        """
        schema = self._schema(value)
        try:
            data = schema.shape.pack(value)
        except Misfit as misfit:
            raise TypeError(f"{schema.type.__qualname__} cannot be stored: {misfit}") from misfit
        packed: bytes = msgpack.packb([schema.name, schema.version, data])
        return packed

    def unpack(self, payload: bytes) -> E:
        """Return the value of these bytes.

        Raises:
            UnreadableEvent: its name, version or fields are none that were declared.
        """
        name, version, data = _parts(payload)
        schema = self._by_name.get(name)
        if schema is None:
            known = ", ".join(sorted(self._by_name))
            _unreadable(
                f"found {name!r}, expected one of {known}: declare its type, or its "
                "new name with formerly="
            )
        if version > schema.version:
            _unreadable(
                f"found {name!r} of version {version}, expected at most {schema.version}: "
                "a newer release has written it"
            )
        try:
            value: E = schema.shape.unpack(_lifted(schema, version, data))
        except Misfit as misfit:
            raise UnreadableEvent(
                f"{name!r} of version {version}: {misfit}; if its class has changed, raise the "
                "version and give an upcaster"
            ) from misfit
        return value

    def _schema(self, value: E) -> Schema[E]:
        schema = self._by_type.get(type(value))
        if schema is None:
            known = ", ".join(kind.__qualname__ for kind in self._by_type)
            raise TypeError(
                f"found {type(value).__qualname__}, expected an instance of {known}: give its type "
                "to the codec"
            )
        return schema


def _parts(payload: bytes) -> tuple[str, int, Fields]:
    """Check what stands around the fields."""
    try:
        parts = msgpack.unpackb(payload, strict_map_key=True, max_ext_len=0)
    except Exception as error:  # msgpack raises whatever the bytes provoke
        raise UnreadableEvent(f"found no msgpack ({type(error).__qualname__})") from error
    if type(parts) is not list or [type(part) for part in parts] != [str, int, dict]:
        _unreadable("found other msgpack than [name, version, fields]")
    name, version, data = parts
    if version < 1:
        _unreadable(f"found {name!r} of version {version}, expected at least 1")
    return name, version, data


def _lifted(schema: Schema[Any], version: int, data: Fields) -> Fields:
    for older in range(version, schema.version):
        try:
            data = schema.upcasters[older](data)
        except Exception as error:  # a user's function, on whatever was stored
            raise UnreadableEvent(
                f"{schema.name!r}: the upcaster of version {older} raised "
                f"{type(error).__qualname__}"
            ) from error
    return data


def _unreadable(what: str) -> NoReturn:
    raise UnreadableEvent(what)
