"""The codec: round trips, damage, strictness, and frames of each format version for ever."""

from pathlib import Path
from typing import Any
from zlib import crc32

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.journal.errors import JournalCorrupt, StorageError
from actors.runtime.journal.record import CLAIM, Record
from actors.storage import codec
from actors.storage.codec import (
    FORMAT,
    MAX_KIND,
    SEVERAL,
    UPCASTERS,
    decode,
    decoded,
    encode,
    several,
)

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_LOG = "8c5c8d0e-task-é"
GOLDEN_RECORDS = {
    "v1-task": Record(1, 1, 1_700_000_000_123, 1, b"\n\x06task-1\x12\x05ctx-1"),
    "v1-status": Record(2, 1, 0, 2, bytes(range(256))),
    "v1-artifact": Record(2**40, 2**33, 2**50, 3, b"x" * 70_000),
    "v1-reply": Record(3, 1, 1, 4, b""),
    "v1-accepted": Record(4, 1, 9, 16, b"request", {"extensions": ["https://example.org/ext", ""]}),
    "v1-refused": Record(5, 1, 9, 17, facts={"message": 4}),
    "v1-started": Record(6, 2, 9, 18, facts={"run": 1, "message": 4, "again": -1}),
    "v1-ended": Record(7, 2, 9, 19, b"failure", {"run": 1, "outcome": "abandoned ☠"}),
    "v1-cancel-asked": Record(8, 2, 9, 20),
    "v1-epoch-claimed": Record(9, 3, 9, CLAIM, facts={"extensions": []}),
    "v2-claim": Record(1, 2, 1_700_000_000_123, CLAIM, facts={"by": "é☠"}),
    "v2-public": Record(2**40, 2**33, 2**50, 15, b"x" * 300, {"n": -1, "list": ["a", ""]}),
    "v2-private": Record(3, 1, 0, 16, bytes(range(256))),
    "v2-21-is-no-claim": Record(4, 1, 9, 21, b"21"),
    "v2-last-kind": Record(5, 1, 9, MAX_KIND),
}
GOLDEN_SEVERAL = {
    "v3-facts": [
        Record(7, 2, 1_700_000_000_123, CLAIM, facts={"by": "é☠"}),
        Record(8, 2, 0, 3, bytes(range(256))),
        Record(9, 2, 2**50, MAX_KIND, b"", {"n": -1, "list": ["a", ""]}),
    ],
    "v3-no-facts": [Record(2**40 + n, 2**33, n, n, b"x" * n) for n in range(20)],
}

numbers = st.integers(1, 2**63 - 1)
facts = st.dictionaries(
    st.text(max_size=20),
    st.integers(-(2**63), 2**64 - 1) | st.text() | st.lists(st.text(), max_size=5),
    max_size=5,
)
records = st.builds(
    Record,
    seq=numbers,
    epoch=numbers,
    at=st.integers(0, 2**63 - 1),
    kind=st.integers(0, MAX_KIND),
    payload=st.binary(max_size=300),
    facts=facts,
)


@given(records, st.text(max_size=40))
def test_a_record_comes_back_as_it_was(record: Record, log: str) -> None:
    assert decode(encode(record, log), log) == record


@given(records, st.lists(records, min_size=1, max_size=9), st.text(max_size=40))
def test_several_records_come_back_as_they_were(
    first: Record, more: list[Record], log: str
) -> None:
    seq = min(first.seq, 2**62)
    given = [each._replace(seq=seq + n, epoch=1) for n, each in enumerate((first, *more))]
    assert decoded(several(given, log), log) == given


@given(records, st.text(max_size=40), st.data())
def test_any_changed_byte_is_found(record: Record, log: str, data: st.DataObject) -> None:
    frame = bytearray(encode(record, log))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(JournalCorrupt):
        decode(bytes(frame), log)


@pytest.mark.parametrize(
    "frame",
    [encode(GOLDEN_RECORDS["v1-accepted"], "t"), several(GOLDEN_SEVERAL["v3-facts"], "t")],
    ids=["one", "several"],
)
def test_every_flipped_bit_of_a_frame_is_found(frame: bytes) -> None:
    for at in range(len(frame)):
        for bit in range(8):
            damaged = bytearray(frame)
            damaged[at] ^= 1 << bit
            with pytest.raises(JournalCorrupt):
                decoded(bytes(damaged), "t")


@given(records, st.data())
def test_a_torn_frame_is_found(record: Record, data: st.DataObject) -> None:
    frame = encode(record, "t")
    with pytest.raises(JournalCorrupt):
        decode(frame[: data.draw(st.integers(0, len(frame) - 1))], "t")


def test_a_frame_under_another_log_is_found() -> None:
    frame = encode(GOLDEN_RECORDS["v1-task"], "t")
    with pytest.raises(JournalCorrupt, match=r"log 'u'.*CRC .* expected"):
        decode(frame, "u")


@given(st.binary(max_size=200) | st.none() | st.text() | st.integers())
def test_anything_else_is_found(frame: object) -> None:
    with pytest.raises(JournalCorrupt):
        decode(frame, "t")


def sealed(*fields: object) -> bytes:
    """A frame whose CRC is right, whatever is in it."""
    rest: bytes = msgpack.packb((*fields, 0xFFFF_FFFF))[:-4]
    return rest + crc32(rest, crc32(b"t")).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ((4, 1, 1, 1, 1, b"", {}), "format version 4"),
        ((0, 1, 1, 1, 1, b"", {}), "format version 0"),
        ((2, 0, 1, 1, 1, b"", {}), "epoch 0"),
        ((2, 1, 0, 1, 1, b"", {}), "seq 0"),
        ((2, 1, True, 1, 1, b"", {}), "seq True"),
        ((2, 1, "1", 1, 1, b"", {}), "seq '1'"),
        ((2, 1, 1, -1, 1, b"", {}), "at -1"),
        ((2, 1, 1, 1.5, 1, b"", {}), "at 1.5"),
        ((2, 1, 1, 1, -1, b"", {}), "record kind -1"),
        ((2, 1, 1, 1, 2**31, b"", {}), "record kind 2147483648"),
        ((2, 1, 1, 1, False, b"", {}), "record kind False"),
        ((1, 1, 1, 1, 0, b"", {}), "record kind 0 in format 1"),
        ((1, 1, 1, 1, 5, b"", {}), "record kind 5 in format 1"),
        ((1, 1, 1, 1, 22, b"", {}), "record kind 22 in format 1"),
        ((1, 1, 1, 1, True, b"", {}), "record kind True in format 1"),
        ((1, 1, 1, 1, [], b"", {}), r"record kind \[\] in format 1"),
        ((1, 1, 1, 1, 21, "", {}), "a str as payload"),
        ((2, 1, 1, 1, [], b"", {}), r"record kind \[\]"),
        ((2, 1, 1, 1, 1, "", {}), "a str as payload"),
        ((2, 1, 1, 1, 1, None, {}), "a NoneType as payload"),
        ((2, 1, 1, 1, 1, b"", []), "a list as facts"),
        ((2, 1, 1, 1, 1, b"", {b"a": 1}), "b'a' as name"),
        ((2, 1, 1, 1, 1, b"", {1: 1}), "no msgpack"),
        ((2, 1, 1, 1, 1, b"", {"a": True}), "fact 'a' = True"),
        ((2, 1, 1, 1, 1, b"", {"a": None}), "fact 'a' = None"),
        ((2, 1, 1, 1, 1, b"", {"a": b""}), "fact 'a' = b''"),
        ((2, 1, 1, 1, 1, b"", {"a": ["b", 1]}), "fact 'a' ="),
        ((2, 1, 1, 1, 1, b"", {"a": {}}), "fact 'a' ="),
        ((2, 1, 1, 1, 1, b"", {"a": msgpack.ExtType(5, b"x")}), "no msgpack"),
        ((2, 1, 1, 1, 1, b"", {"a": msgpack.Timestamp(1)}), "no msgpack"),
        ((3, 1, 1, [1, 1], [1, 1], [b"", b""], []), "2 records"),
        ((3, 1, "1", [1, 1], [1, 1], [b"", b""], []), "seq '1'"),
        ((3, 1, 0, [1, 1], [1, 1], [b"", b""], []), "seq 0"),
        ((3, 0, 1, [1, 1], [1, 1], [b"", b""], []), "epoch 0"),
        ((3, 1, 1, 1, 1, b"", {}), r"lists of \[None, None, None, None\] items"),
        ((3, 1, 1, [1], [1], [b""], [{}]), r"lists of \[1, 1, 1, 1\] items"),
        ((3, 1, 1, [], [], [], []), r"lists of \[0, 0, 0, 0\] items"),
        ((3, 1, 1, [1, 1], [1, 1], [b""], []), r"lists of \[2, 2, 1, 2\] items"),
        ((3, 1, 1, [1, 1], [1, 1], [b"", b""], [{}]), r"lists of \[2, 2, 2, 1\] items"),
        ((3, 1, 1, [1, 1], [1, 1], {0: b"", 1: b""}, []), "no msgpack"),
        ((3, 1, 1, [1, 1], [1, 1], b"xx", []), r"lists of \[2, 2, None, 2\] items"),
        ((3, 1, 1, [1, -1], [1, 1], [b"", b""], []), "at -1"),
        ((3, 1, 1, [1, 1], [1, True], [b"", b""], []), "record kind True"),
        ((3, 1, 1, [1, 1], [1, 1], [b"", ""], []), "a str as payload"),
        ((3, 1, 1, [1, 1], [1, 1], [b"", b""], [{}, []]), "a list as facts"),
        ((3, 1, 1, [1, 1], [1, 1], [b"", b""], [{}, {"a": None}]), "fact 'a' = None"),
        ((2, 1, 1, 1, b"", {}), "first byte 0x97"),
        ((2, 1, 1, 1, 1, b"", {}, 1), "first byte 0x99"),
    ],
)
def test_decoding_is_strict_even_when_the_crc_is_right(
    fields: tuple[object, ...], found: str
) -> None:
    with pytest.raises(JournalCorrupt, match=rf"log 't'.*found {found}.*expected"):
        decode(sealed(*fields), "t")


def test_text_that_is_not_utf8_is_found() -> None:
    rest = sealed(2, 1, 1, 1, 1, b"", {"a": "xx"})[:-4].replace(b"xx", b"\xff\xff")
    with pytest.raises(JournalCorrupt, match="no msgpack"):
        decode(rest + crc32(rest, crc32(b"t")).to_bytes(4, "big"), "t")


def test_a_truth_is_kept_as_the_number_that_it_is() -> None:
    frame = encode(Record(1, 1, 1, 18, facts={"again": True}), "t")
    assert type(decode(frame, "t").facts["again"]) is int


@pytest.mark.parametrize("fact", [None, 1.5, b"x", {}, ["a", 1], ("a",)])
def test_what_is_no_fact_is_not_encoded(fact: object) -> None:
    record = Record(1, 1, 1, 18, facts={"a": fact})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="fact 'a' is"):
        encode(record, "t")


def test_a_record_too_large_is_refused_before_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_FRAME", 1_000)
    fits = Record(1, 1, 1, 3, b"x" * 900)
    assert decode(encode(fits, "t"), "t") == fits
    with pytest.raises(StorageError, match="several chunks"):
        encode(fits._replace(payload=b"x" * 1_000), "t")
    size = len(encode(fits, "t"))
    monkeypatch.setattr(codec, "MAX_FRAME", size)
    assert decode(encode(fits, "t"), "t") == fits
    monkeypatch.setattr(codec, "MAX_FRAME", size - 1)
    with pytest.raises(StorageError, match="several chunks"):
        encode(fits, "t")
    monkeypatch.setattr(codec, "MAX_FRAME", 500)
    frame = sealed(2, 1, 1, 1, 1, b"x" * 900, {})
    with pytest.raises(JournalCorrupt, match="at most 500"):
        decode(frame, "t")


@pytest.mark.parametrize("name", GOLDEN_RECORDS)
def test_a_frame_of_each_format_version_is_readable_for_ever(name: str) -> None:
    frame = (GOLDEN / f"{name}.frame").read_bytes()
    assert decode(frame, GOLDEN_LOG) == GOLDEN_RECORDS[name]


@pytest.mark.parametrize("name", GOLDEN_SEVERAL)
def test_a_frame_of_several_is_written_and_read_for_ever(name: str) -> None:
    frame = (GOLDEN / f"{name}.frame").read_bytes()
    assert decoded(frame, GOLDEN_LOG) == GOLDEN_SEVERAL[name]
    assert several(GOLDEN_SEVERAL[name], GOLDEN_LOG) == frame


@pytest.mark.parametrize("name", [name for name in GOLDEN_RECORDS if name.startswith(f"v{FORMAT}")])
def test_the_current_format_is_written_byte_for_byte(name: str) -> None:
    frame = (GOLDEN / f"{name}.frame").read_bytes()
    assert encode(GOLDEN_RECORDS[name], GOLDEN_LOG) == frame


def test_every_file_is_golden_and_every_version_can_be_read() -> None:
    golden = GOLDEN_RECORDS.keys() | GOLDEN_SEVERAL.keys()
    assert {path.stem for path in GOLDEN.glob("*.frame")} == golden
    versions = {f"v{number}" for number in (*UPCASTERS, FORMAT, SEVERAL)}
    assert {name.split("-")[0] for name in golden} == versions


def test_every_kind_of_the_first_format_is_golden() -> None:
    first = {record.kind for name, record in GOLDEN_RECORDS.items() if name.startswith("v1")}
    assert first == {CLAIM, 1, 2, 3, 4, 16, 17, 18, 19, 20}


@pytest.mark.parametrize("kind", [-1, MAX_KIND + 1])
def test_a_kind_out_of_range_is_not_encoded(kind: int) -> None:
    with pytest.raises(ValueError, match=f"kind {kind}, expected 0 to"):
        encode(Record(1, 1, 1, kind), "t")


@pytest.mark.parametrize(
    "changes",
    [
        {"at": -1},
        {"at": 1.5},
        {"seq": 0},
        {"seq": True},
        {"epoch": 0},
        {"epoch": 1.0},
        {"kind": -1},
        {"kind": MAX_KIND + 1},
        {"kind": True},
        {"kind": 3.0},
        {"payload": "text"},
        {"payload": None},
        {"payload": [1]},
        {"facts": {1: "one"}},
        {"facts": {b"one": "one"}},
    ],
    ids=str,
)
def test_nothing_is_written_that_could_not_be_read(changes: dict[str, Any]) -> None:
    wrong = Record(1, 1, 1, 3)._replace(**changes)
    with pytest.raises((TypeError, ValueError), match="expected"):
        encode(wrong, "t")
    for pair in ((wrong, Record(2, 1, 1, 3)), (Record(0, 1, 1, 3), wrong)):
        with pytest.raises((TypeError, ValueError), match="expected"):
            several(pair, "t")


@pytest.mark.parametrize("changes", [{"seq": 1}, {"seq": 3}, {"epoch": 2}])
def test_only_records_that_follow_one_another_are_one_frame(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="are no one frame"):
        several((Record(1, 1, 1, 3), Record(2, 1, 1, 3)._replace(**changes)), "t")
