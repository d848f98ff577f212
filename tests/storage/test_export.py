"""Export and import: what goes out comes in again, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.port import Ack, Copy, Head, Journal, Place, Snapshot, settled
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.choose import source_at
from actors.storage.export import export
from actors.storage.imports import Imported, import_lines
from actors.storage.lines import BadLine
from actors.storage.samples import ITEMS, appending, claiming, store
from actors.storage.source import MemorySource, Source
from tests.storage.filled import fill

Maker = Callable[[Path], Journal]


def in_memory(_: Path) -> Journal:
    return MemoryJournal()


def in_a_file(path: Path) -> Journal:
    return SqliteJournal(path)


@asynccontextmanager
async def source_of(journal: Journal) -> AsyncIterator[Source]:
    if isinstance(journal, MemoryJournal):
        yield MemorySource(journal)
    else:
        assert isinstance(journal, SqliteJournal)
        async with source_at(journal.path) as source:
            yield source


async def lines_of(journal: Journal) -> list[str]:
    async with source_of(journal) as source:
        return [line async for line in export(source)]


async def sample() -> list[str]:
    journal = MemoryJournal()
    await fill(journal)
    return await lines_of(journal)


@pytest.mark.parametrize("make", [in_memory, in_a_file])
@pytest.mark.parametrize("seed", [0, 1, 2])
async def test_what_goes_out_comes_in_again(make: Maker, seed: int, tmp_path: Path) -> None:
    journal, other = make(tmp_path / "one.db"), make(tmp_path / "other.db")
    await fill(journal, seed)
    told = await lines_of(journal)
    done = await import_lines(lambda: told, other)
    assert await lines_of(other) == told
    records = sum("payload" in json.loads(line) for line in told)
    assert done == Imported(logs=10, records=records)


async def test_every_journal_tells_the_same(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "one.db")
    await fill(journal)
    assert await lines_of(journal) == await sample()


async def test_payloads_of_tasks_are_told_to_people() -> None:
    said = [json.loads(line).get("says") for line in await sample()]
    texts = [json.dumps(each) for each in said if each]
    assert any('"q1"' in text for text in texts)
    assert any("TASK_STATE_FAILED" in text for text in texts)
    assert any('"error": "InternalError"' in text for text in texts)


async def test_an_imported_journal_goes_on() -> None:
    other = MemoryJournal()
    told = await sample()
    await import_lines(lambda: told, other)
    other.open(ITEMS)
    place = await settled(other.find("kéy-2"))
    assert place == ("of epochs", 1)
    assert await settled(other.unconsumed("outbox")) == [("outbox", ("of epochs", 72))]
    assert await settled(other.unconsumed("audit")) == [("audit", ("of epochs", 74))]
    again = appending("new", 0, keys=("key-3",))
    assert await settled(other.append([again])) == [Ack.FENCED]
    await store(other, claiming("of epochs", 75, 4))


async def test_logs_that_exist_are_named_and_nothing_is_imported() -> None:
    told = await sample()
    other = MemoryJournal()
    other.open(ITEMS)
    await store(other, appending("task-0", 0), appending("of epochs", 0))
    before = await lines_of(other)
    with pytest.raises(StorageError, match=r"2 of 10 logs exist.*'of epochs', 'task-0'.* new"):
        await import_lines(lambda: told, other, (ITEMS,))
    assert (await lines_of(other))[1:] == before[1:]


class Failing(MemoryJournal):
    """Cannot store one log."""

    def __init__(self, log: str) -> None:
        super().__init__()
        self.log = log

    def restore(self, copy: Copy) -> bool:
        if copy.head.log == self.log:
            raise StorageUnavailable("the disk is full")
        return super().restore(copy)


@pytest.mark.parametrize("log", ["of epochs", "task-small"])
async def test_a_log_is_imported_as_a_whole_or_not_at_all(log: str) -> None:
    told = await sample()
    other = Failing(log)
    with pytest.raises(StorageUnavailable):
        await import_lines(lambda: told, other)
    names = [json.loads(line).get("log") for line in await lines_of(other)]
    whole = [json.loads(line)["log"] for line in told if '{"log"' in line]
    assert [name for name in names if name] == whole[: whole.index(log)]


async def test_what_a_newer_snapshot_stands_for_comes_along() -> None:
    journal, other = MemoryJournal(), MemoryJournal()
    journal.open(ITEMS)
    await store(journal, appending("x", 0, 3, keys=("early",)))
    await store(journal, appending("x", 3, 5, keys=("k",), consumers=("outbox",)))
    journal.save_snapshot("x", Snapshot(6, b"six"))
    assert await settled(journal.compact("x", 2))
    told = await lines_of(journal)
    done = await import_lines(lambda: told, other)
    assert done == Imported(logs=1, records=6)
    assert await settled(other.head("x")) == Head("x", 8, 1, False, 2)
    assert await settled(other.page("x", 2, 99)) == await settled(journal.page("x", 2, 99))
    assert await settled(other.find("early")) == Place("x", 1)
    assert await settled(other.place("outbox", "x")) == Place("x", 3)


async def test_a_key_that_another_log_has_by_now_is_said() -> None:
    told = await sample()
    other = MemoryJournal()
    other.open(ITEMS)
    await store(other, appending("new", 0, keys=("key-3",)))
    with pytest.raises(StorageError, match="'of epochs' was refused: it, or one of its keys"):
        await import_lines(lambda: told, other, (ITEMS,))
    assert await settled(other.head("of epochs")) is None


async def test_a_log_that_a_journal_cannot_keep_is_said() -> None:
    class Narrow(MemoryJournal):
        def restore(self, copy: Copy) -> bool:
            raise ValueError("the name of a log takes 9 bytes")

    told = await sample()
    with pytest.raises(StorageError, match="'of another kind' cannot be kept there: the name"):
        await import_lines(lambda: told, Narrow())


async def test_a_key_that_stands_twice_is_refused() -> None:
    told = changed(await sample(), '"log":"task-0"', keys={"key-1": 1})
    other = MemoryJournal()
    with pytest.raises(BadLine, match="found key 'key-1' in log 'task-0' too, expected it in one"):
        await import_lines(lambda: told, other)
    assert await settled(other.heads()) == []


def changed(lines: list[str], at: str, **changes: Any) -> list[str]:
    """The lines with the first that contains a text changed; None takes a field away."""
    number = next(number for number, line in enumerate(lines) if at in line)
    told = {**json.loads(lines[number]), **changes}
    return [*lines[:number], json.dumps(told), *lines[number + 1 :]]


@pytest.mark.parametrize(
    ("at", "changes", "said"),
    [
        ("{", {"journal": 2}, "line 1: found journal version 2, expected 1"),
        ("{", {"projections": [{"name": "x"}]}, "line 1: found columns None"),
        ('"of epochs"', {"seq": "a"}, "found seq 'a', expected an integer from 1"),
        ('"of epochs"', {"floor": 99}, "found floor 99, expected at most the seq, 75"),
        ('"of epochs"', {"log": ""}, "found a log without a name, expected the name of a log"),
        ('"of epochs"', {"active": 1}, "found active 1, expected a bool"),
        ('"of epochs"', {"epoch": 4}, "found epoch 3 at the end of its log, expected 4"),
        ('"of epochs"', {"seq": 74}, "found consumers 'audit': 74, expected a record from 0 to 73"),
        ('"of epochs"', {"keys": {"k": 0}}, "found keys 'k': 0, expected a record from 1 to 75"),
        ('"of epochs"', {"row": {"projection": "x"}}, "found a row of 'x', expected one of"),
        ('"of epochs"', {"row": {"projection": "items", "values": {}}}, "expected owner: str"),
        ('"task-small"', {"snapshot": None}, "expected one from 20 to"),
        ('"task-1"', {"snapshot": {"seq": 1, "payload": ""}}, "found a snapshot at 1, expected"),
        ('"seq":2,"epoch"', {"seq": 3}, "found seq 3, expected record 2 of its log"),
        ('"seq":2,"epoch"', {"payload": "?"}, "expected base64"),
        ('"seq":2,"epoch"', {"facts": {"a": 1.5}}, "found fact 'a' = 1.5, expected"),
        ('"seq":2,"epoch"', {"kind": 2**31}, "found kind 2147483648, expected at most"),
        ('"seq":74,"epoch"', {"epoch": 2}, "found epoch 2, expected 3 or a claim"),
        ('"seq":74,"epoch"', {"epoch": 4}, "found epoch 4, expected 3 or a claim"),
        ('"seq":2,"epoch"', {"facts": {"a": 2**64}}, "found fact 'a' = 18446744073709551616"),
        ('"seq":2,"epoch"', {"facts": {"a": "\ud800"}}, "found half of a character"),
        ('"of epochs"', {"log": "\ud800"}, "found half of a character"),
        ('"of epochs"', {"keys": {"\ud800": 1}}, "found half of a character"),
        ('"of epochs"', {"row": {"projection": []}}, "found projection [], expected a str"),
        ('"end"', {"end": {"logs": 9, "records": 0}}, "found end {'logs': 9"),
    ],
)
async def test_a_bad_line_is_said_and_nothing_is_imported(
    at: str, changes: dict[str, Any], said: str
) -> None:
    told = changed(await sample(), at, **changes)
    other = MemoryJournal()
    with pytest.raises(BadLine) as error:
        await import_lines(lambda: told, other)
    assert str(error.value).startswith("line ")
    assert said in str(error.value)
    assert await settled(other.heads()) == []


@pytest.mark.parametrize("make", [in_memory, in_a_file])
async def test_a_line_of_what_no_journal_can_keep_is_said(make: Maker, tmp_path: Path) -> None:
    journal = MemoryJournal()
    journal.open(ITEMS)
    await store(journal, appending("x", 0))
    told = await lines_of(journal)
    header, (row, *rest) = json.loads(told[0]), told[1:]
    values = {**json.loads(row)["row"]["values"], "state": 2**63}
    twice = {**header, "projections": header["projections"] * 2}
    large = {**json.loads(row), "row": {"projection": "items", "values": values}}
    for number, lines, said in (
        (1, [json.dumps(twice), row, *rest], "found projection 'items' a second time"),
        (2, [told[0], json.dumps(large), *rest], "found state 9223372036854775808 in the row"),
        (2, [told[0], "[" * 200_000], "expected JSON"),
        (2, [told[0], '{"log":"\ud800"}'], "found half of a character"),
    ):
        with pytest.raises(BadLine) as error:
            await import_lines(lambda lines=lines: lines, make(tmp_path / "x.db"))  # type: ignore[misc] # bound now
        assert str(error.value).startswith(f"line {number}: ")
        assert said in str(error.value)


async def test_a_file_cut_off_is_not_imported() -> None:
    told = await sample()
    for lines in (told[:-1], told[:-9], [], [*told[:-1], told[-1][:-2]], [*told, "{}"]):
        other = MemoryJournal()
        with pytest.raises(BadLine, match=rf"^line ({len(lines)}|{len(lines) + 1}): found"):
            await import_lines(lambda lines=lines: lines, other)  # type: ignore[misc] # bound now
        assert await settled(other.heads()) == []


async def test_a_log_that_stands_twice_is_refused() -> None:
    told = await sample()
    twice = [line.replace('"log":"task-1"', '"log":"task-0"') for line in told]
    with pytest.raises(BadLine, match="found log 'task-0' a second time"):
        await import_lines(lambda: twice, MemoryJournal())
