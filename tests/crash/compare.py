"""What clients were shown, against what a journal has.

Neighbours: `judge.py` (asks), `script.py` (told it).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any, NamedTuple

from a2a.types import SendMessageRequest, StreamResponse

from actors.runtime.journal.port import Journal, Stored, settled
from actors.runtime.journal.record import Record
from actors.task.fold import Fold
from actors.task.listing import TaskRow
from actors.task.record import Kind
from tests.crash.script import crc

Told = list[dict[str, Any]]
"""What a victim, or a judge, has told: one dictionary for each thing that somebody was shown."""


class Log(NamedTuple):
    """One log as it is kept."""

    stored: Stored
    records: dict[int, Record]
    """Those that are kept, by number."""
    fold: Fold

    @property
    def floor(self) -> int:
        return self.stored.head.floor

    @property
    def seq(self) -> int:
        return self.stored.head.seq

    def upto(self, seq: int) -> Fold:
        """The fold of the first records; there is no floor."""
        fold = Fold()
        for number in range(1, seq + 1):
            fold.apply(self.records[number])
        return fold

    def accepted(self) -> Counter[str]:
        """How often each message was accepted: in its records, or else in the Task's history."""
        if self.floor and self.fold.task is not None:
            return Counter(message.message_id for message in self.fold.task.history)
        payloads = (each.payload for each in self.records.values() if each.kind == Kind.ACCEPTED)
        return Counter(SendMessageRequest.FromString(each).message.message_id for each in payloads)


async def kept(journal: Journal) -> dict[str, Log]:
    """Every log, read in both ways that there are."""
    logs: dict[str, Log] = {}
    after = ""
    while heads := await settled(journal.heads(after)):
        for head in heads:
            stored = await settled(journal.read(head.log))
            page = await settled(journal.page(head.log, head.floor, head.seq + 1))
            assert stored is not None, f"{head} is not there"
            assert page is not None, f"{head} has no records after its floor"
            numbers = [record.seq for record in page]
            assert numbers == list(range(head.floor + 1, head.seq + 1)), f"{head}: {numbers}"
            known = stored.snapshot.seq if stored.snapshot else 0
            assert stored.tail == page[len(page) - (head.seq - known) :], f"{head}: tail"
            logs[head.log] = Log(stored, {record.seq: record for record in page}, folded(stored))
        after = heads[-1].log
    return logs


def folded(stored: Stored) -> Fold:
    """Snapshot and tail."""
    fold = Fold.unpack(stored.snapshot.payload) if stored.snapshot else Fold()
    for record in stored.tail:
        fold.apply(record)
    return fold


# -- what was shown, against what is stored


def compare(told: Told, logs: dict[str, Log]) -> list[str]:
    """Everything that was shown and is not so."""
    problems: list[str] = []
    going = {each["task"] for each in told if each["told"] == "cancelling"}
    for each in told:
        task = each.get("task", "")
        if each["told"] not in ("event", "accepted", "answer", "cancelled") or not task:
            continue
        log = logs.get(task)
        if log is None:
            if task not in going:  # cancelled tasks are removed by the retention
                problems.append(f"lost: {each}, and there is no such log")
            continue
        wrong = _event(each, log) if each["told"] == "event" else _message(each, log)
        problems += [f"{wrong}: {each}, head {log.seq}, floor {log.floor}"] if wrong else []
    problems += _twice(logs) + _gaps(told, logs) + _torn(logs)
    return problems


def _event(each: dict[str, Any], log: Log) -> str:
    seq = each["seq"]
    if seq > log.seq:
        return "lost"
    if seq <= log.floor:
        return ""
    record = log.records[seq]
    if each["kind"] != "task" or record.kind == Kind.TASK:
        same = crc(StreamResponse.FromString(record.payload)) == each["crc"]
        return "" if same else "not what is stored"
    if log.floor:
        return ""
    fold = log.upto(seq)
    same = fold.task is not None and crc(StreamResponse(task=fold.task)) == each["crc"]
    return "" if same else "not the fold of the records up to it"


def _message(each: dict[str, Any], log: Log) -> str:
    if each["told"] == "cancelled":
        return "" if log.fold.final else "a cancelled task that goes on"
    count = log.accepted()[each["id"]]
    return "" if count == 1 else f"accepted {count} times"


def _twice(logs: dict[str, Log]) -> list[str]:
    """Messages that were carried out more than once, in one log or two."""
    counts = sum((log.accepted() for log in logs.values()), Counter[str]())
    return [f"message {name!r} was accepted {n} times" for name, n in counts.items() if n > 1]


def _gaps(told: Told, logs: dict[str, Log]) -> list[str]:
    """Streams in which an event was missing, or came twice."""
    streams: dict[tuple[str, str], list[int]] = defaultdict(list)
    for each in told:
        if each["told"] == "event" and each["task"] in logs:
            streams[each["who"], each["task"]].append(each["seq"])
    problems = []
    for (who, task), seqs in streams.items():
        log = logs[task]
        between = range(seqs[0] + 1, seqs[-1] + 1)
        due = [n for n in between if n > log.floor and log.records[n].public]
        found = [n for n in seqs[1:] if n > log.floor]
        # A stream that a later message has begun starts anew.
        if sorted(set(found) | {seqs[0]}) != sorted({*due, seqs[0]}) or len(set(seqs)) != len(seqs):
            problems.append(f"{who} of {task} saw {seqs}, stored after the floor are {due}")
    return problems


def _torn(logs: dict[str, Log]) -> list[str]:
    """Tasks that are not whole."""
    problems = []
    for name, log in logs.items():
        row = log.stored.row
        if not isinstance(row, TaskRow) or row.state != log.fold.state:
            problems.append(f"{name}: row {row}, the fold is in state {log.fold.state}")
        if log.fold.version != log.seq:
            problems.append(f"{name}: fold at {log.fold.version}, head at {log.seq}")
        for artifact in log.fold.task.artifacts if log.fold.task else ():
            texts = [part.text.split() for part in artifact.parts]
            numbers = [int(words[1] if words[0] == "chunk" else words[0]) for words in texts]
            if numbers != list(range(len(numbers))):
                problems.append(f"{name}: its chunks are {numbers}")
    return problems
