"""Codec: a record as a msgpack frame around its protobuf payload, and back.

Format version 1 is one msgpack array, the CRC always its last four bytes:

    [version, epoch, seq, at, kind, payload, facts, crc]

The CRC-32 covers the task's id and every byte before the CRC, so that a flipped bit, a torn write
and a frame that ended up under another task are all found. The task's id is not repeated in the
frame: whoever stores frames knows it. Decoding is strict and builds nothing but data.

Neighbours: `actors/task/record.py` (what is encoded), the journals beside this file. A new format
version gets a new decoder here; version 1 stays readable for ever (golden frames in the tests).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NoReturn
from zlib import crc32

import msgpack

from actors.task.ports import JournalCorrupt, StorageError
from actors.task.record import NO_FACTS, Fact, Kind, Record

FORMAT = 1
MAX_FRAME = 64 * 1024 * 1024
"""Bytes. A bound so that a damaged length cannot ask for the whole memory."""

_FIELDS = 8
_CRC_BYTES = 4
_CRC_ROOM = 0xFFFF_FFFF
"""Packs into the five bytes that the real CRC then overwrites four of."""
_ARRAY_OF_FIELDS = 0x90 | _FIELDS
_UINT32 = 0xCE
_PACKER = msgpack.Packer()
"""Shared, as making one costs more than packing a record; holds nothing between two calls."""
_KINDS: Mapping[int, Kind] = MappingProxyType({int(kind): kind for kind in Kind})


def encode(record: Record, task: str) -> bytes:
    """The frame that stores `record` in the log of `task`.

    Raises:
        StorageError: the record is larger than MAX_FRAME.
        TypeError: a fact is no int, str or list of str (a defect of the caller).
    """
    seq, epoch, at, kind, payload, given = record
    facts = {name: _plain(name, fact) for name, fact in given.items()} if given else {}
    fields = (FORMAT, epoch, seq, at, kind, payload, facts, _CRC_ROOM)
    rest: bytes = _PACKER.pack(fields)[:-_CRC_BYTES]
    if len(rest) + _CRC_BYTES > MAX_FRAME:
        raise StorageError(
            f"record {seq} of task {task!r} takes {len(rest)} bytes, the journal stores at "
            f"most {MAX_FRAME}: send large artifacts in several chunks, or as a URL"
        )
    return rest + _crc(rest, task)


def decode(frame: object, task: str) -> Record:
    """The record in a frame that was stored in the log of `task`.

    Raises:
        JournalCorrupt: these are not bytes that `encode` made for this task.
    """
    if not isinstance(frame, bytes):
        _corrupt(task, f"a {type(frame).__name__}", "the bytes of a frame")
    _check_frame(frame, task)
    try:
        fields = msgpack.unpackb(frame, raw=False, strict_map_key=True, max_ext_len=0)
    except Exception as error:  # noqa: BLE001 - msgpack raises whatever the bytes provoke
        _corrupt(task, f"no msgpack ({error!r})", "a msgpack array")
    _, epoch, seq, at, number, payload, facts, _ = fields
    for name, value, least in (("epoch", epoch, 1), ("seq", seq, 1), ("at", at, 0)):
        if type(value) is not int or value < least:
            _corrupt(task, f"{name} {value!r}", f"an integer of at least {least}")
    kind = _KINDS.get(number) if type(number) is int else None
    if kind is None:
        _corrupt(task, f"record kind {number!r}", f"one of {sorted(_KINDS)}", seq)
    if type(payload) is not bytes:
        _corrupt(task, f"a {type(payload).__name__} as payload", "bytes", seq)
    return Record(seq, epoch, at, kind, payload, _checked_facts(facts, task, seq))


def checksum(payload: bytes, task: str, seq: int) -> int:
    """CRC-32 of a snapshot's payload, bound to its task and sequence number."""
    return crc32(payload, crc32(f"{task}/{seq}".encode()))


def _check_frame(frame: bytes, task: str) -> None:
    if not _FIELDS < len(frame) <= MAX_FRAME:
        _corrupt(
            task, f"a frame of {len(frame)} bytes", f"more than {_FIELDS}, at most {MAX_FRAME}"
        )
    if frame[0] != _ARRAY_OF_FIELDS:
        _corrupt(task, f"first byte {frame[0]:#04x}", f"{_ARRAY_OF_FIELDS:#04x}")
    if frame[-_CRC_BYTES - 1] != _UINT32:
        _corrupt(task, f"{frame[-_CRC_BYTES - 1]:#04x} before the CRC", f"{_UINT32:#04x}")
    if frame[1] != FORMAT:
        _corrupt(
            task, f"format version {frame[1]}", f"{FORMAT}: a newer release may have written it"
        )
    found, expected = frame[-_CRC_BYTES:], _crc(frame[:-_CRC_BYTES], task)
    if found != expected:
        _corrupt(task, f"CRC {found.hex()}", f"{expected.hex()} for these bytes and this task")


def _crc(rest: bytes, task: str) -> bytes:
    return crc32(rest, crc32(task.encode())).to_bytes(_CRC_BYTES, "big")


def _plain(name: str, fact: object) -> Fact:
    """A fact as exactly one of the three types; a bool becomes the int that it is."""
    if isinstance(fact, int):
        return int(fact)
    if isinstance(fact, str) or (isinstance(fact, list) and _all_text(fact)):
        return fact
    raise TypeError(f"fact {name!r} is {fact!r}; a fact is an int, a str or a list of str")


def _checked_facts(facts: object, task: str, seq: int) -> Mapping[str, Fact]:
    if type(facts) is not dict:
        _corrupt(task, f"a {type(facts).__name__} as facts", "a map", seq)
    for name, value in facts.items():
        if type(name) is not str:
            _corrupt(task, f"{name!r} as name of a fact", "text", seq)
        if type(value) not in (int, str) and not (type(value) is list and _all_text(value)):
            _corrupt(task, f"fact {name!r} = {value!r}", "an int, a str or a list of str", seq)
    return facts or NO_FACTS


def _all_text(items: list[Any]) -> bool:
    return all(type(item) is str for item in items)


def _corrupt(task: str, found: str, expected: str, seq: int | None = None) -> NoReturn:
    record = "a record" if seq is None else f"record {seq}"
    raise JournalCorrupt(
        f"{record} of task {task!r} cannot be read: found {found}, expected {expected}"
    )
