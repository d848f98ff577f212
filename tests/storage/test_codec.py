"""The codec: round trips, damage, strictness, and frames of each format version for ever."""

from pathlib import Path
from zlib import crc32

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.storage import codec
from actors.storage.codec import FORMAT, decode, encode
from actors.task.ports import JournalCorrupt, StorageError
from actors.task.record import Kind, Record

GOLDEN = Path(__file__).parent / "golden"
GOLDEN_TASK = "8c5c8d0e-task-é"
GOLDEN_RECORDS = {
    "v1-task": Record(1, 1, 1_700_000_000_123, Kind.TASK, b"\n\x06task-1\x12\x05ctx-1"),
    "v1-status": Record(2, 1, 0, Kind.STATUS, bytes(range(256))),
    "v1-artifact": Record(2**40, 2**33, 2**50, Kind.ARTIFACT, b"x" * 70_000),
    "v1-reply": Record(3, 1, 1, Kind.REPLY, b""),
    "v1-accepted": Record(
        4, 1, 9, Kind.ACCEPTED, b"request", {"extensions": ["https://example.org/ext", ""]}
    ),
    "v1-refused": Record(5, 1, 9, Kind.REFUSED, facts={"message": 4}),
    "v1-started": Record(6, 2, 9, Kind.STARTED, facts={"run": 1, "message": 4, "again": -1}),
    "v1-ended": Record(7, 2, 9, Kind.ENDED, b"failure", {"run": 1, "outcome": "abandoned ☠"}),
    "v1-cancel-asked": Record(8, 2, 9, Kind.CANCEL_ASKED),
    "v1-epoch-claimed": Record(9, 3, 9, Kind.EPOCH_CLAIMED, facts={"extensions": []}),
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
    kind=st.sampled_from(Kind),
    payload=st.binary(max_size=300),
    facts=facts,
)


@given(records, st.text(max_size=40))
def test_a_record_comes_back_as_it_was(record: Record, task: str) -> None:
    assert decode(encode(record, task), task) == record


@given(records, st.text(max_size=40), st.data())
def test_any_changed_byte_is_found(record: Record, task: str, data: st.DataObject) -> None:
    frame = bytearray(encode(record, task))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(JournalCorrupt):
        decode(bytes(frame), task)


def test_every_flipped_bit_of_a_frame_is_found() -> None:
    frame = encode(GOLDEN_RECORDS["v1-accepted"], "t")
    for at in range(len(frame)):
        for bit in range(8):
            damaged = bytearray(frame)
            damaged[at] ^= 1 << bit
            with pytest.raises(JournalCorrupt):
                decode(bytes(damaged), "t")


@given(records, st.data())
def test_a_torn_frame_is_found(record: Record, data: st.DataObject) -> None:
    frame = encode(record, "t")
    with pytest.raises(JournalCorrupt):
        decode(frame[: data.draw(st.integers(0, len(frame) - 1))], "t")


def test_a_frame_under_another_task_is_found() -> None:
    frame = encode(GOLDEN_RECORDS["v1-task"], "t")
    with pytest.raises(JournalCorrupt, match=r"task 'u'.*CRC .* expected"):
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
        ((2, 1, 1, 1, 1, b"", {}), "format version 2"),
        ((1, 0, 1, 1, 1, b"", {}), "epoch 0"),
        ((1, 1, 0, 1, 1, b"", {}), "seq 0"),
        ((1, 1, True, 1, 1, b"", {}), "seq True"),
        ((1, 1, "1", 1, 1, b"", {}), "seq '1'"),
        ((1, 1, 1, -1, 1, b"", {}), "at -1"),
        ((1, 1, 1, 1.5, 1, b"", {}), "at 1.5"),
        ((1, 1, 1, 1, 5, b"", {}), "record kind 5"),
        ((1, 1, 1, 1, [], b"", {}), r"record kind \[\]"),
        ((1, 1, 1, 1, 1, "", {}), "a str as payload"),
        ((1, 1, 1, 1, 1, None, {}), "a NoneType as payload"),
        ((1, 1, 1, 1, 1, b"", []), "a list as facts"),
        ((1, 1, 1, 1, 1, b"", {b"a": 1}), "b'a' as name"),
        ((1, 1, 1, 1, 1, b"", {1: 1}), "no msgpack"),
        ((1, 1, 1, 1, 1, b"", {"a": True}), "fact 'a' = True"),
        ((1, 1, 1, 1, 1, b"", {"a": None}), "fact 'a' = None"),
        ((1, 1, 1, 1, 1, b"", {"a": b""}), "fact 'a' = b''"),
        ((1, 1, 1, 1, 1, b"", {"a": ["b", 1]}), "fact 'a' ="),
        ((1, 1, 1, 1, 1, b"", {"a": {}}), "fact 'a' ="),
        ((1, 1, 1, 1, 1, b"", {"a": msgpack.ExtType(5, b"x")}), "no msgpack"),
        ((1, 1, 1, 1, 1, b"", {"a": msgpack.Timestamp(1)}), "no msgpack"),
        ((1, 1, 1, 1, b"", {}), "first byte 0x97"),
        ((1, 1, 1, 1, 1, b"", {}, 1), "first byte 0x99"),
    ],
)
def test_decoding_is_strict_even_when_the_crc_is_right(
    fields: tuple[object, ...], found: str
) -> None:
    with pytest.raises(JournalCorrupt, match=rf"task 't'.*found {found}.*expected"):
        decode(sealed(*fields), "t")


def test_text_that_is_not_utf8_is_found() -> None:
    rest = sealed(1, 1, 1, 1, 1, b"", {"a": "xx"})[:-4].replace(b"xx", b"\xff\xff")
    with pytest.raises(JournalCorrupt, match="no msgpack"):
        decode(rest + crc32(rest, crc32(b"t")).to_bytes(4, "big"), "t")


def test_a_truth_is_kept_as_the_number_that_it_is() -> None:
    frame = encode(Record(1, 1, 1, Kind.STARTED, facts={"again": True}), "t")
    assert type(decode(frame, "t").facts["again"]) is int


@pytest.mark.parametrize("fact", [None, 1.5, b"x", {}, ["a", 1], ("a",)])
def test_what_is_no_fact_is_not_encoded(fact: object) -> None:
    record = Record(1, 1, 1, Kind.STARTED, facts={"a": fact})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="fact 'a' is"):
        encode(record, "t")


def test_a_record_too_large_is_refused_before_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "MAX_FRAME", 1_000)
    fits = Record(1, 1, 1, Kind.ARTIFACT, b"x" * 900)
    assert decode(encode(fits, "t"), "t") == fits
    with pytest.raises(StorageError, match="several chunks"):
        encode(fits._replace(payload=b"x" * 1_000), "t")
    monkeypatch.setattr(codec, "MAX_FRAME", 500)
    frame = sealed(1, 1, 1, 1, 1, b"x" * 900, {})
    with pytest.raises(JournalCorrupt, match="at most 500"):
        decode(frame, "t")


@pytest.mark.parametrize("name", GOLDEN_RECORDS)
def test_a_frame_of_each_format_version_is_readable_for_ever(name: str) -> None:
    frame = (GOLDEN / f"{name}.frame").read_bytes()
    assert decode(frame, GOLDEN_TASK) == GOLDEN_RECORDS[name]


@pytest.mark.parametrize("name", [name for name in GOLDEN_RECORDS if name.startswith(f"v{FORMAT}")])
def test_the_current_format_is_written_byte_for_byte(name: str) -> None:
    frame = (GOLDEN / f"{name}.frame").read_bytes()
    assert encode(GOLDEN_RECORDS[name], GOLDEN_TASK) == frame


def test_every_kind_and_every_file_is_golden() -> None:
    assert {record.kind for record in GOLDEN_RECORDS.values()} == set(Kind)
    assert {path.stem for path in GOLDEN.glob("*.frame")} == set(GOLDEN_RECORDS)
