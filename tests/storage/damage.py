"""Frames that nobody wrote: made of real ones by every kind of damage, deterministic by seed.

Half of them have their CRC computed anew, so that what lies behind the CRC is reached.

Neighbours: `damaged_files.py` (whole files), `test_fuzz.py` and `tests/soak/fuzz.py` (use both).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from zlib import crc32

import msgpack

from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.record import Fact, Record
from actors.storage.codec import decoded
from actors.storage.stretches import joined

GOLDEN: Final = Path(__file__).parent / "golden"
GOLDEN_LOG: Final = "8c5c8d0e-task-é"
LONGEST_MESSAGE: Final = 2_000
"""Characters of an error; what was found is told, not all of it."""

_LIES: Final = """
    ddffffffff dd00010000 dcffff dfffffffff df00010000 deffff dbffffffff daffff d9ff
    c6ffffffff c5ffff c4ff c9ffffffff01 c8ffff01 c7ff01 c70001 d4ff d5ff d6ff d7ff d8ff
    c70cff c1 c0 c2 c3 cb7ff8000000000000 cfffffffffffffffff d38000000000000000
"""
"""Lengths that are lies, extension types, numbers at the edge, and the byte that has no meaning."""


_PLAIN: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**63, 2**64 - 1, -(2**63), 1.5, float("nan")),
    *("", "é", b"", b"x" * 300, msgpack.ExtType(5, b"x"), msgpack.Timestamp(1, 2)),
)


class Sample(NamedTuple):
    """A frame as it was written."""

    log: str
    frame: bytes


class Mutant(NamedTuple):
    """A frame as it was not written, or under another log."""

    log: str
    frame: bytes
    how: str
    resealed: bool
    """Its CRC is right for its bytes."""


def samples(seed: int, count: int = 60) -> list[Sample]:
    """Golden frames of every format, and some of every shape in the present ones."""
    rng = random.Random(f"{seed} samples")
    golden = [Sample(GOLDEN_LOG, path.read_bytes()) for path in sorted(GOLDEN.glob("*.frame"))]
    logs = ("", "t", "task-ü", "x" * 200)
    made = [(rng.choice(logs), _records(rng)) for _ in range(count)]
    return golden + [Sample(log, joined(records, log)) for log, records in made]


def _records(rng: random.Random) -> list[Record]:
    """One, or some that follow one another."""
    first = _record(rng)
    more = [_record(rng) for _ in range(rng.choice((0, 0, 0, 1, 4)))]
    following = enumerate(more, first.seq + 1)
    return [first, *(each._replace(seq=seq, epoch=first.epoch) for seq, each in following)]


def _record(rng: random.Random) -> Record:
    facts: dict[str, Fact] = {}
    for name in rng.sample(("run", "message", "extensions", "by", "☠", ""), rng.randrange(4)):
        facts[name] = rng.choice((rng.getrandbits(40), -1, "é" * rng.randrange(40), ["a", "☠"] * 3))
    payload = rng.randbytes(rng.choice((0, 1, 5, 30, 255, 256, 3_000)))
    number = rng.choice((1, 127, 128, 65_536, 2**40))
    return Record(
        number, rng.choice((1, 200)), rng.getrandbits(45), rng.randrange(40), payload, facts
    )


def mutant(rng: random.Random, known: Sequence[Sample]) -> Mutant:
    """One more of them."""
    sample = rng.choice(known)
    how = rng.choice(_WAYS)
    frame, log = sample.frame, sample.log
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        frame = how(rng, frame, known)
    if rng.random() < 0.05:
        log = rng.choice(known).log
    resealed = rng.random() < 0.5 and len(frame) > 4
    if resealed:
        frame = sealed(rng, frame, log)
    return Mutant(log, frame, how.__name__, resealed)


def sealed(rng: random.Random, frame: bytes, log: str) -> bytes:
    """The same bytes with a right CRC; mostly also with what marks a frame as one."""
    rest = bytearray(frame[:-4])
    if rest and rng.random() < 0.8:
        rest[-1], rest[0] = 0xCE, 0x98
    return bytes(rest) + crc32(rest, crc32(log.encode())).to_bytes(4, "big")


# -- ways to damage a frame


def _flip(rng: random.Random, frame: bytes, _: Sequence[Sample]) -> bytes:
    """One bit, mostly where the fields are and not in a long payload."""
    if not frame:
        return frame
    damaged = bytearray(frame)
    damaged[_place(rng, frame)] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def _overwrite(rng: random.Random, frame: bytes, _: Sequence[Sample]) -> bytes:
    at, size = _place(rng, frame), rng.choice((1, 2, 4, 16))
    return frame[:at] + rng.randbytes(size) + frame[at + size :]


def _cut(rng: random.Random, frame: bytes, _: Sequence[Sample]) -> bytes:
    """From the end, the beginning or the middle."""
    one, two = sorted((_place(rng, frame), rng.randrange(len(frame) + 1)))
    return rng.choice((frame[:one], frame[one:], frame[:one] + frame[two:]))


def _insert(rng: random.Random, frame: bytes, _: Sequence[Sample]) -> bytes:
    at = _place(rng, frame)
    return frame[:at] + rng.randbytes(rng.choice((1, 3, 40))) + frame[at:]


def _splice(rng: random.Random, frame: bytes, known: Sequence[Sample]) -> bytes:
    """The beginning of one frame and the end of another."""
    other = rng.choice(known).frame
    return frame[: _place(rng, frame)] + other[_place(rng, other) :]


def _lie(rng: random.Random, frame: bytes, _: Sequence[Sample]) -> bytes:
    """A header of msgpack in place of what was there, with or without moving the rest."""
    at, header = _place(rng, frame), bytes.fromhex(rng.choice(_LIES.split()))
    return frame[:at] + header + frame[at + rng.choice((0, 1, len(header))) :]


def _nest(rng: random.Random, frame: bytes, _: Sequence[Sample]) -> bytes:
    """Arrays or maps in one another, shallow or beyond any stack."""
    at, depth = _place(rng, frame), rng.choice((3, 100, 600, 5_000))
    opening = rng.choice((b"\x91", b"\x81\xa1a", b"\xdd\x00\x00\x00\xff", b"\x81"))
    return frame[:at] + opening * depth + frame[at:]


def _exchange(rng: random.Random, frame: bytes, _: Sequence[Sample]) -> bytes:
    """Another value in place of one field, one field less or one more; all of it sound msgpack."""
    try:
        fields = msgpack.unpackb(frame, strict_map_key=False)
    except Exception:  # noqa: BLE001 - damaged before: damaged further
        return _flip(rng, frame, ())
    if type(fields) is not list or not fields:
        return _flip(rng, frame, ())
    at = rng.randrange(len(fields))
    fields[at : at + rng.choice((1, 1, 1, 1, 0))] = [_value(rng)] * rng.choice((1, 1, 1, 1, 0, 2))
    try:
        packed: bytes = msgpack.packb(fields)
    except (ValueError, OverflowError, TypeError):
        return frame
    # The array ends as a frame does, or with the CRC inside of its last value.
    return packed + rng.choice((b"", b"", b"\xce" + bytes(4)))


def _hide(rng: random.Random, frame: bytes, _: Sequence[Sample]) -> bytes:
    """The CRC as the end of another value than the number that it is."""
    header = rng.choice((b"\xc4\x05", b"\xa5", b"\xcf\x00\x00\x00", b"\xc7\x05\x01", b"\x92\x01"))
    return frame[:-5] + header + frame[-5:]


def _place(rng: random.Random, frame: bytes) -> int:
    if not frame:
        return 0
    near = min(len(frame), 40)
    return rng.choice(
        (rng.randrange(len(frame)), rng.randrange(near), len(frame) - 1 - rng.randrange(near))
    )


def _value(rng: random.Random, depth: int = 0) -> Any:
    """Anything that msgpack can say."""
    kind = rng.randrange(6 if depth < 3 else 4)
    if kind < 4:
        return rng.choice(_PLAIN)
    if kind == 4:
        return [_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    keys = ("a", "run", b"a", 1, "extensions")
    return {rng.choice(keys): _value(rng, depth + 1) for _ in range(rng.randrange(4))}


Way = Callable[[random.Random, bytes, Sequence[Sample]], bytes]
_WAYS: Final[tuple[Way, ...]] = (
    _flip,
    _overwrite,
    _cut,
    _insert,
    _splice,
    _lie,
    _nest,
    _exchange,
    _exchange,
    _hide,
)


# -- what must come of them


def judged(mutant: Mutant, known: frozenset[Sample]) -> str:
    """What decoding made of it: "refused", "as written", or "well-formed" behind a new CRC.

    Raises:
        AssertionError: anything else; it says what.
    """
    try:
        records = decoded(mutant.frame, mutant.log)
    except JournalCorrupt as error:
        tells_shortly(error)
        return "refused"
    assert all(map(well_formed, records)), records
    if Sample(mutant.log, mutant.frame) in known:
        return "as written"
    assert mutant.resealed, f"accepted {mutant}"
    assert decoded(joined(records, mutant.log), mutant.log) == records
    fields = msgpack.unpackb(mutant.frame, strict_map_key=False)
    crc = int.from_bytes(mutant.frame[-4:], "big")
    assert fields[-1] == crc, f"the last field is {fields[-1]!r}, no CRC"
    return "well-formed"


def tells_shortly(error: Exception) -> None:
    """See that an error does not tell the whole of what was found.

    Raises:
        AssertionError: it does.
    """
    size = len(str(error))
    assert size < LONGEST_MESSAGE, f"an error of {size} characters"


def well_formed(record: Record) -> bool:
    """Whether it is data and nothing else, of exactly the types that a record has."""
    numbers = (record.seq, record.epoch, record.at, record.kind)
    return (
        type(record) is Record
        and all(type(number) is int and number >= 0 for number in numbers)
        and type(record.payload) is bytes
        and all(type(name) is str and _is_fact(fact) for name, fact in record.facts.items())
    )


def _is_fact(fact: object) -> bool:
    if type(fact) is list:
        return all(type(each) is str for each in fact)
    return type(fact) in (int, str)
