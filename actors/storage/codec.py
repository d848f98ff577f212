"""Codec: a record as a msgpack frame around its payload, and back.

Format version 2 is one msgpack array, the CRC always its last four bytes:

    [version, epoch, seq, at, kind, payload, facts, crc]

Version 3 holds two records or more, which follow one another in one epoch: seq is that of the
first, and at, kind, payload and facts are arrays with an item for each (facts may be empty: then
none has any). Version 1 differs in the kinds alone (see `_claim_was_21`). All may stand in one log:
`encode` and `several` write the present formats, and `decoded` reads every one by lifting the
fields of an older version to the next, step by step. So a new version needs one function here, and
no old one goes away (golden frames in the tests).

The CRC-32 covers the name of the log and every byte before the CRC, so that a flipped bit, a torn
write and a frame that ended up under another log are all found. The name is not repeated in the
frame: whoever stores frames knows it. Decoding is strict and builds nothing but data.

Neighbours: `actors/runtime/journal/record.py` (what is encoded), the journals beside this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count, repeat
from reprlib import Repr
from types import MappingProxyType
from typing import Any, Final, NoReturn
from zlib import crc32

import msgpack

from actors.runtime.journal.errors import JournalCorrupt, StorageError
from actors.runtime.journal.record import CLAIM, NO_FACTS, Fact, Record

FORMAT: Final = 2
SEVERAL: Final = 3
"""The format of frames that hold several records."""
MAX_FRAME = 64 * 1024 * 1024
"""Bytes. A bound so that a damaged length cannot ask for the whole memory."""
MAX_KIND: Final = 2**31 - 1

Fields = list[Any]
"""What stands in the array, as msgpack read it: nothing is checked yet but the CRC."""

_NO_KINDS = frozenset({bool, float})
"""Types that compare with numbers and are packed, but not as whole ones."""
_INTS, _BYTES = {int}, {bytes}
_FIELDS = 8
_KIND = 4
_CRC_BYTES = 4
_CRC_ROOM = 0xFFFF_FFFF
"""Packs into the five bytes that the real CRC then overwrites four of."""
_ARRAY_OF_FIELDS = 0x90 | _FIELDS
_UINT32 = 0xCE
_PACKER = msgpack.Packer()
"""Shared, as making one costs more than packing a record; holds nothing between two calls."""
_NOTHING: Final[dict[str, Fact]] = {}
_PLAIN = frozenset({int, str})
_KINDS_OF_1 = frozenset({1, 2, 3, 4, 16, 17, 18, 19, 20, 21})
_TOLD = Repr()
"""How what was found is told: not all of it, since it may be a whole payload."""
_TOLD.maxother = _TOLD.maxstring = 100


def encode(record: Record, log: str) -> bytes:
    """The frame that stores `record` in `log`; see `encoded`."""
    return encoded((record,), log)[0]


def encoded(records: Iterable[Record], log: str) -> list[bytes]:
    """The frames that store records in `log`.

    Raises:
        StorageError: a record is larger than MAX_FRAME.
        TypeError: a payload is not bytes, a number is no int, the name of a fact is not text, or a
            fact is no int, str or list of str (a defect of the caller).
        ValueError: a number is out of range (likewise).
    """
    of_log, pack = crc32(log.encode()), _PACKER.pack
    frames: list[bytes] = []
    for record in records:
        seq, epoch, at, kind, payload, given = record
        if not (
            type(payload) is bytes
            and type(seq) is type(epoch) is type(at) is int
            and seq > 0 < epoch
            and at >= 0
            and 0 <= kind <= MAX_KIND
            and type(kind) not in _NO_KINDS
        ):
            _refuse(record, log)
        facts = _packable(given) if given else _NOTHING
        fields = (FORMAT, epoch, seq, at, kind, payload, facts, _CRC_ROOM)
        frames.append(_sealed(pack(fields)[:-_CRC_BYTES], seq, log, of_log))
    return frames


def several(records: Sequence[Record], log: str) -> bytes:
    """The frame that stores two records or more, which follow one another in one epoch.

    Raises:
        ValueError: they do not; or as `encoded`.
        StorageError, TypeError: as `encoded`.
    """
    seqs, epochs, ats, kinds, payloads, given = zip(*records, strict=True)
    first, epoch = seqs[0], epochs[0]
    # Column by column, and with one CRC, this takes a third of the time of `encoded`.
    if not (
        type(first) is type(epoch) is int
        and first > 0 < epoch
        and seqs == tuple(range(first, first + len(seqs)))
        and epochs.count(epoch) == len(epochs)
        and {*map(type, payloads)} == _BYTES
        and {*map(type, ats)} == _INTS
        and min(ats) >= 0 <= min(kinds)
        and max(kinds) <= MAX_KIND
        and _NO_KINDS.isdisjoint(map(type, kinds))
    ):
        encoded(records, log)  # says what is wrong with one of them
        raise ValueError(f"records {seqs} of log {log!r}, of epochs {epochs}, are no one frame")
    facts = [_packable(each) if each else _NOTHING for each in given] if any(given) else ()
    fields = (SEVERAL, epoch, first, ats, kinds, payloads, facts, _CRC_ROOM)
    return _sealed(_PACKER.pack(fields)[:-_CRC_BYTES], first, log, crc32(log.encode()))


def _sealed(rest: bytes, seq: int, log: str, of_log: int) -> bytes:
    """A frame, from all of it but the CRC."""
    if len(rest) > MAX_FRAME - _CRC_BYTES:
        raise StorageError(
            f"record {seq} of log {log!r} takes {len(rest)} bytes, the journal stores at "
            f"most {MAX_FRAME}: send what is large in several chunks, or as a URL"
        )
    return rest + crc32(rest, of_log).to_bytes(_CRC_BYTES, "big")


def decode(frame: object, log: str) -> Record:
    """The record in a frame that was stored in `log`.

    Raises:
        JournalCorrupt: these are not bytes that `encode`, of this release or an earlier one, made
            for this log.
    """
    record, *more = decoded(frame, log)
    if more:
        _corrupt(log, f"{1 + len(more)} records", "one", record.seq)
    return record


def decoded(frame: object, log: str) -> list[Record]:
    """The records in a frame that was stored in `log`; at least one.

    Raises:
        JournalCorrupt: these are not bytes that `encode` or `several`, of this release or an
            earlier one, made for this log.
    """
    if not isinstance(frame, bytes):
        _corrupt(log, f"a {type(frame).__name__}", "the bytes of a frame")
    _check_frame(frame, log)
    try:
        fields: Fields = msgpack.unpackb(frame, raw=False, strict_map_key=True, max_ext_len=0)
    except Exception as error:  # noqa: BLE001 - msgpack raises whatever the bytes provoke
        _corrupt(log, f"no msgpack ({_TOLD.repr(error)})", "a msgpack array")
    crc = int.from_bytes(frame[-_CRC_BYTES:], "big")
    if type(fields[-1]) is not int or fields[-1] != crc:
        _corrupt(log, f"{_TOLD.repr(fields[-1])} as last field", f"the CRC, {crc}")
    if frame[1] == SEVERAL:
        return _records(fields, log)
    for version in range(frame[1], FORMAT):
        fields = UPCASTERS[version](fields, log)
    return [_record(fields, log)]


def _records(fields: Fields, log: str) -> list[Record]:
    """The records that columns are, when all of them are what they may be."""
    _, epoch, first, ats, kinds, payloads, facts, _ = fields
    if type(first) is not int:
        _corrupt(log, f"seq {_TOLD.repr(first)}", "an integer of at least 1")
    columns = (ats, kinds, payloads, facts)
    lengths = [len(column) if type(column) is list else None for column in columns]
    if lengths[-1] == 0:
        facts, lengths[-1] = repeat(_NOTHING), lengths[0]
    if len({*lengths}) > 1 or (lengths[0] or 0) < 2:
        _corrupt(log, f"lists of {lengths} items", "two or more in each, or no facts", first)
    each = zip(count(first), ats, kinds, payloads, facts, strict=False)
    return [_record([SEVERAL, epoch, *fields, 0], log) for fields in each]


def _record(fields: Fields, log: str) -> Record:
    """The record that fields are, when all of them are what they may be."""
    _, epoch, seq, at, kind, payload, facts, _ = fields
    if not (
        type(epoch) is type(seq) is type(at) is type(kind) is int
        and epoch > 0 < seq
        and at >= 0 <= kind <= MAX_KIND
        and type(payload) is bytes
    ):
        _misread(fields, log)
    if facts or type(facts) is not dict:
        facts = _checked_facts(facts, log, seq)
    return Record(seq, epoch, at, kind, payload, facts or NO_FACTS)


def _misread(fields: Fields, log: str) -> NoReturn:
    """Say what no record has."""
    _, epoch, seq, at, kind, payload, _, _ = fields
    for name, value, least in (("epoch", epoch, 1), ("seq", seq, 1), ("at", at, 0)):
        if type(value) is not int or value < least:
            _corrupt(log, f"{name} {_TOLD.repr(value)}", f"an integer of at least {least}")
    if type(kind) is not int or not 0 <= kind <= MAX_KIND:
        found = f"record kind {_TOLD.repr(kind)}"
        _corrupt(log, found, f"an integer from 0 to {MAX_KIND}", seq)
    _corrupt(log, f"a {type(payload).__name__} as payload", "bytes", seq)


def checksum(payload: bytes, log: str, seq: int) -> int:
    """CRC-32 of a snapshot's payload, bound to its log and sequence number."""
    return crc32(payload, crc32(f"{log}/{seq}".encode()))


def _claim_was_21(fields: Fields, log: str) -> Fields:
    """Version 1 knew the kinds of the task core alone, and a claim of an epoch as 21 of them."""
    kind = fields[_KIND]
    if type(kind) is not int or kind not in _KINDS_OF_1:
        found = f"record kind {_TOLD.repr(kind)} in format 1"
        _corrupt(log, found, f"one of {sorted(_KINDS_OF_1)}")
    if kind == 21:
        fields[_KIND] = CLAIM
    return fields


UPCASTERS: Final[Mapping[int, Callable[[Fields, str], Fields]]] = MappingProxyType(
    {1: _claim_was_21}
)
"""Version -> what makes its fields those of the next one."""


def _check_frame(frame: bytes, log: str) -> None:
    if not _FIELDS < len(frame) <= MAX_FRAME:
        _corrupt(log, f"a frame of {len(frame)} bytes", f"more than {_FIELDS}, at most {MAX_FRAME}")
    if frame[0] != _ARRAY_OF_FIELDS:
        _corrupt(log, f"first byte {frame[0]:#04x}", f"{_ARRAY_OF_FIELDS:#04x}")
    if frame[-_CRC_BYTES - 1] != _UINT32:
        _corrupt(log, f"{frame[-_CRC_BYTES - 1]:#04x} before the CRC", f"{_UINT32:#04x}")
    if not 1 <= frame[1] <= SEVERAL:
        _corrupt(
            log,
            f"format version {frame[1]}",
            f"1 to {SEVERAL}: a newer release may have written it",
        )
    found, expected = frame[-_CRC_BYTES:], _crc(frame[:-_CRC_BYTES], log)
    if found != expected:
        _corrupt(log, f"CRC {found.hex()}", f"{expected.hex()} for these bytes and this log")


def _crc(rest: bytes, log: str) -> bytes:
    return crc32(rest, crc32(log.encode())).to_bytes(_CRC_BYTES, "big")


def _refuse(record: Record, log: str) -> NoReturn:
    """Say what `decode` would not take."""
    where, payload = f"record {record.seq!r} of log {log!r}", record.payload
    if type(payload) is not bytes:
        raise TypeError(f"{where} has a {type(payload).__name__} as payload, expected bytes")
    numbers: dict[str, object] = {"seq": record.seq, "epoch": record.epoch, "at": record.at}
    for name, value in {**numbers, "kind": record.kind}.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{where} has {name} {value!r}, expected an int")
    if not 0 <= record.kind <= MAX_KIND:
        raise ValueError(f"{where} is of kind {record.kind}, expected 0 to {MAX_KIND}")
    raise ValueError(
        f"{where} has epoch {record.epoch} and time {record.at}; expected seq and epoch of at "
        "least 1 and a time of at least 0"
    )


def _packable(facts: Mapping[str, Fact]) -> Mapping[str, Fact]:
    """Facts as a dict of exactly what they may be."""
    for name, fact in facts.items():
        fits = type(fact) in _PLAIN or (type(fact) is list and _all_text(fact))
        if type(name) is not str or not fits:
            return {name: _plain(name, fact) for name, fact in facts.items()}
    return facts if type(facts) is dict else dict(facts)


def _plain(name: object, fact: object) -> Fact:
    """A fact as exactly one of the three types; a bool becomes the int that it is."""
    if type(name) is not str:
        raise TypeError(f"fact {name!r} has a {type(name).__name__} as name, expected text")
    if isinstance(fact, int):
        return int(fact)
    if isinstance(fact, str) or (isinstance(fact, list) and _all_text(fact)):
        return fact
    raise TypeError(f"fact {name!r} is {fact!r}; a fact is an int, a str or a list of str")


def _checked_facts(facts: object, log: str, seq: int) -> Mapping[str, Fact]:
    if type(facts) is not dict:
        _corrupt(log, f"a {type(facts).__name__} as facts", "a map", seq)
    for name, value in facts.items():
        if type(name) is not str:
            _corrupt(log, f"{_TOLD.repr(name)} as name of a fact", "text", seq)
        if type(value) not in (int, str) and not (type(value) is list and _all_text(value)):
            found = f"fact {_TOLD.repr(name)} = {_TOLD.repr(value)}"
            _corrupt(log, found, "an int, a str or a list of str", seq)
    return facts


def _all_text(items: list[Any]) -> bool:
    return not items or {*map(type, items)} == {str}


def _corrupt(log: str, found: str, expected: str, seq: int | None = None) -> NoReturn:
    record = "a record" if seq is None else f"record {seq}"
    raise JournalCorrupt(
        f"{record} of log {log!r} cannot be read: found {found}, expected {expected}"
    )
