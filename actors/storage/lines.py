"""JSON lines: the form of a journal outside of any database, for backups, moves and people.

    {"journal": 1, "projections": [{"name": "tasks", "columns": {"owner": "str", ...}, ...}]}
    {"log": "4f1c", "seq": 7, "epoch": 1, "active": false, "floor": 0, "row": {...}, ...}
    {"seq": 1, "epoch": 1, "at": 1732200000000, "kind": 16, "payload": "<base64>", "facts": {...}}
    ...
    {"end": {"logs": 1, "records": 7}}

Each log is followed by its records after `floor`. `says`, in a record, is what its payload says; it
is for people, and nobody reads it back. The last line tells a whole file from one cut off.

Neighbours: `export.py` (writes them), `imports.py` (reads them).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from a2a.types import SendMessageRequest, StreamResponse
from google.protobuf.json_format import MessageToDict, SerializeToJsonError
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Proto
from google.protobuf.struct_pb2 import Struct

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Head, Snapshot
from actors.runtime.journal.projection import Projection, Row, Value
from actors.runtime.journal.record import NO_FACTS, Fact, Record
from actors.storage.codec import MAX_KIND
from actors.storage.source import Kept, projection_of
from actors.task.record import Kind

FORMAT: Final = 1
MAX_INT: Final = 2**63 - 1
_COLUMN: Final = range(-(2**63), 2**63)
"""What an integer of a row may be, for a database."""
_FACT: Final = range(-(2**63), 2**64)
"""The same of a fact, for a frame."""

Line = dict[str, Any]

_TYPES: Final[dict[str, type[Value]]] = {"str": str, "int": int}


class BadLine(StorageError):  # noqa: N818 - what was found, as JournalCorrupt
    """A line is not as `export` writes it; says what was found and what was expected."""


# -- written


def header_line(projections: Mapping[str, Projection]) -> Line:
    """The first line."""
    told = [
        {
            "name": each.name,
            "columns": {column: kind.__name__ for column, kind in each.columns.items()},
            "newest": each.newest,
            "listed": each.listed,
        }
        for each in projections.values()
    ]
    return {"journal": FORMAT, "projections": told}


def log_line(kept: Kept, projections: Mapping[str, Projection]) -> Line:
    """The line of one log; a snapshot is told only where it stands for records."""
    head, snapshot = kept.head, kept.snapshot if kept.head.floor else None
    told = None if snapshot is None else {"seq": snapshot.seq, "payload": _text(snapshot.payload)}
    return {
        **head._asdict(),
        "row": _row_told(kept.row, projections),
        "keys": dict(sorted(kept.keys.items())),
        "consumers": dict(sorted(kept.consumers.items())),
        "snapshot": told,
    }


def record_line(record: Record, *, of_task: bool) -> Line:
    """The line of one record.

    Args:
        record: which.
        of_task: its log is that of a task, so that it says something to people.
    """
    line = {
        **record._asdict(),
        "payload": _text(record.payload),
        "facts": dict(sorted(record.facts.items())),
    }
    says = saying(record) if of_task else None
    return line if says is None else {**line, "says": says}


def saying(record: Record) -> Line | None:
    """What the payload of a task's record says; None if it cannot be read or said in JSON."""
    kind = _payload_type(record.kind)
    if kind is None or not record.payload:
        return None
    message = kind()
    try:
        message.ParseFromString(record.payload)
    except DecodeError:
        return None
    return said(message)


def said(message: Proto) -> Line | None:
    """A message in its JSON form; None if it has none, as it holds NaN or an infinity."""
    try:
        told = json.dumps(MessageToDict(message), sort_keys=True, allow_nan=False)
    except (SerializeToJsonError, ValueError, RecursionError):
        return None
    found: Line = json.loads(told)
    return found  # in an order that does not depend on the process, as that of maps does


def _payload_type(kind: int) -> type[Proto] | None:
    if kind in (Kind.TASK, Kind.STATUS, Kind.ARTIFACT, Kind.REPLY):
        return StreamResponse
    if kind == Kind.ACCEPTED:
        return SendMessageRequest
    return Struct if kind in (Kind.REFUSED, Kind.ENDED) else None


def _row_told(row: Row | None, projections: Mapping[str, Projection]) -> Line | None:
    for name, projection in projections.items():
        if row is not None and type(row) is projection.row:
            return {"projection": name, "values": dict(zip(projection.columns, row, strict=True))}
    return None


def _text(payload: bytes) -> str:
    return base64.b64encode(payload).decode()


# -- read


def projections_in(line: Line) -> dict[str, Projection]:
    """The projections that a header tells.

    Raises:
        BadLine: it is none, or of a newer release.
    """
    version = line.get("journal")
    if version != FORMAT:
        _bad(f"journal version {version!r}", f"{FORMAT}: a newer release may have written it")
    found: dict[str, Projection] = {}
    for told in _of(line, "projections", list):
        if type(told) is not dict:
            _bad(f"projection {told!r}", "an object")
        columns = _of(told, "columns", dict)
        try:
            fields = [(name, _TYPES[kind]) for name, kind in columns.items()]
            name = _of(told, "name", str)
            if name in found:
                _bad(f"projection {name!r} a second time", "it once")
            found[name] = projection_of(name, fields, told["newest"], told["listed"])
        except (KeyError, TypeError, ValueError) as error:
            _bad(f"projection {told!r} ({error!r})", "columns of str and int, newest, listed")
    return found


def kept_in(line: Line, projections: Mapping[str, Projection]) -> Kept:
    """The log that a line tells.

    Raises:
        BadLine: it tells none.
    """
    seq, floor = _number(line, "seq", 1), _number(line, "floor", 0)
    if floor > seq:
        _bad(f"floor {floor}", f"at most the seq, {seq}")
    active = _of(line, "active", bool)
    name = _of(line, "log", str)
    if not name:
        _bad("a log without a name", "the name of a log")
    head = Head(name, seq, _number(line, "epoch", 1), active, floor)
    snapshot = _snapshot_in(line.get("snapshot"))
    if floor and (snapshot is None or not floor <= snapshot.seq <= seq):
        _bad(f"snapshot {snapshot!r:.80}", f"one from {floor} to {seq}, as the floor is {floor}")
    if snapshot and not floor:
        _bad(f"a snapshot at {snapshot.seq}", "none, as the log has all its records")
    keys = _places(line, "keys", 1, seq)
    consumers = _places(line, "consumers", floor, seq - 1)
    return Kept(head, _row_in(line.get("row"), projections), snapshot, keys, consumers)


def record_in(seq: int, line: Line) -> Record:
    """The record that a line tells, which must be number `seq` of its log.

    Raises:
        BadLine: it tells none, or another.
    """
    if line.get("seq") != seq:
        _bad(f"seq {line.get('seq')!r}", f"record {seq} of its log")
    kind = _number(line, "kind", 0)
    if kind > MAX_KIND:
        _bad(f"kind {kind}", f"at most {MAX_KIND}")
    facts = _facts(_of(line, "facts", dict))
    at, epoch = _number(line, "at", 0), _number(line, "epoch", 1)
    return Record(seq, epoch, at, kind, _payload(line), facts or NO_FACTS)


def _facts(told: dict[str, Any]) -> dict[str, Fact]:
    for name, fact in told.items():
        texts = type(fact) is list and all(type(each) is str for each in fact)
        whole = type(fact) is int and fact in _FACT
        if not whole and type(fact) is not str and not texts:
            _bad(f"fact {name!r} = {fact!r:.80}", "an integer of 64 bits, text or a list of texts")
    return told


def _snapshot_in(told: object) -> Snapshot | None:
    if told is None:
        return None
    if type(told) is not dict:
        _bad(f"snapshot {told!r:.80}", "an object or null")
    return Snapshot(_number(told, "seq", 1), _payload(told))


def _row_in(told: object, projections: Mapping[str, Projection]) -> Row | None:
    if told is None:
        return None
    if type(told) is not dict:
        _bad(f"row {told!r:.80}", "an object or null")
    name = _of(told, "projection", str)
    projection = projections.get(name)
    if projection is None:
        _bad(f"a row of {name!r}", f"one of {sorted(projections)}")
    values = _of(told, "values", dict)
    if {name: type(value) for name, value in values.items()} != dict(projection.columns):
        due = ", ".join(f"{name}: {kind.__name__}" for name, kind in projection.columns.items())
        _bad(f"the row {values!r:.200}", due)
    for name, value in values.items():
        if type(value) is int and value not in _COLUMN:
            _bad(f"{name} {value!r:.80} in the row", "an integer of 64 bits")
    row: Row = projection.row(**values)
    return row


def _places(line: Line, name: str, least: int, most: int) -> dict[str, int]:
    found: dict[str, int] = _of(line, name, dict)
    for place, seq in found.items():
        if type(seq) is not int or not least <= seq <= most:
            _bad(f"{name} {place!r}: {seq!r}", f"a record from {least} to {most}")
    return found


def _payload(line: Line) -> bytes:
    told = _of(line, "payload", str)
    try:
        return base64.b64decode(told, validate=True)
    except (binascii.Error, ValueError) as error:
        _bad(f"payload {told!r:.80} ({error})", "base64")


def _number(line: Line, name: str, least: int) -> int:
    value = line.get(name)
    if type(value) is not int or not least <= value <= MAX_INT:
        _bad(f"{name} {value!r}", f"an integer from {least}")
    return value


def _of(line: Line, name: str, kind: type[Any]) -> Any:
    value = line.get(name)
    if type(value) is not kind:
        _bad(f"{name} {value!r:.80}", f"a {kind.__name__}")
    return value


def _bad(found: str, expected: str) -> NoReturn:
    raise BadLine(f"found {found}, expected {expected}")
