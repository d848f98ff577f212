"""What must be true of a journal whose process was killed: nothing lost, nothing twice, nothing torn.

First the journal itself is checked, as it lies there, by `actors.storage.check`. Then it is opened
and compared with what clients had been shown: every event that a stream carried is the stored
record (or, where records are no longer kept, part of the Task); every Task that was shown is the
fold of the records up to it; every accepted message is in exactly one log, once; rows are what the
fold says. Then a handler takes over: it settles what was going on, clients repeat what was not
answered, streams resume after each record, webhooks hear what they have not heard, and all of that
is checked once more.

Neighbours: `script.py` (what was going on), `actors/storage/check.py` (rows, snapshots, links).
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

from a2a.types import GetTaskRequest, SendMessageRequest, StreamResponse, SubscribeToTaskRequest
from a2a.utils.errors import A2AError, TaskNotFoundError

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Journal, Stored
from actors.runtime.journal.record import Record
from actors.storage.check_sqlite import check_file
from actors.storage.findings import Tally
from actors.storage.samples import settled
from actors.task.fold import Fold
from actors.task.listing import TASKS, TaskRow
from actors.task.record import Kind
from tests.crash.journals import journal_of
from tests.crash.script import ME, Stage, again, crc

Told = list[dict[str, Any]]

WAL = "of the -wal damaged"
"""Of a finding in SQLite's log. A kill between the head and the page of a commit's last frame looks
like damage; whether anything is lost shows in the comparison with what was shown."""


async def judge(
    kind: str, directory: Path, told: Told, *, lossy: bool = False
) -> dict[str, Any]:
    """What is wrong with what a victim left, and how much was looked at.

    Args:
        kind: of the journal.
        directory: where it is.
        told: what clients were shown.
        lossy: the latest of that may be missing; what is there must be sound.
    """
    shown = len([each for each in told if each["told"] == "event"])
    if lossy:
        told = [each for each in told if each["told"] == "sent"]
    lying = await _as_it_lies(kind, directory, told)
    problems = [f"as it lies there: {each}" for each in lying if WAL not in each]
    if problems:
        return {"problems": problems, "figures": {}}
    journal = journal_of(kind, directory)
    await settled(journal.open(TASKS))
    problems += compare(told, await kept(journal))
    await settled(journal.close())
    later = await take_over(journal_of(kind, directory), told, problems)
    problems += [f"after the take-over: {each}" for each in await findings(kind, directory)]
    await settled(journal.open(TASKS))
    logs = await kept(journal)
    await settled(journal.close())
    problems += [f"after the take-over: {each}" for each in compare(told + later, logs)]
    problems += [] if lossy else deliveries(told, later, logs)
    counted = figures(told, later, logs)
    counted["events"] = shown
    counted["alarms"] = len(lying)
    return {"problems": problems, "figures": counted}


async def _as_it_lies(kind: str, directory: Path, told: Told) -> list[str]:
    """The findings, unless the process died before there was a journal."""
    try:
        return await findings(kind, directory)
    except StorageError as error:
        shown = [each for each in told if each["told"] != "sent"]
        return [f"{error}, and these were shown: {shown[:3]}"] if shown else []


async def findings(kind: str, directory: Path) -> list[str]:
    """What `actors.storage.check` has to say."""
    if not kind.startswith("postgresql:"):
        path = directory / "tasks.db"
        if not path.exists():
            return []
        return [str(each) async for each in check_file(path, Tally()) if not each.harmless]
    from actors.storage.check import check
    from actors.storage.postgres_source import postgres_source

    dsn, _, schema = kind.rpartition(" ")
    async with postgres_source(dsn, schema=schema) as source:
        return [str(each) async for each in check(source, Tally()) if not each.harmless]


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


# -- going on


async def take_over(journal: Journal, told: Told, problems: list[str]) -> Told:
    """Let a new handler work with it; returns what its clients were told."""
    out = os.memfd_create("told")
    stage = Stage(journal, out)
    await stage.handler.start()
    await stage.watched.quiet()
    logs = await kept(journal)
    for name, log in logs.items():
        problems += [f"{name}: {each}" for each in await _served(stage, name, log)]
    active = [name for name, log in logs.items() if log.stored.head.active]
    if active:
        problems.append(f"not settled: {active}")
    over = {each["id"] for each in told if each["told"] in ("answer", "error")}
    open_ = [each for each in told if each["told"] == "sent" and each["id"] not in over]
    await again(stage, open_)
    said = [json.loads(line) for line in os.pread(out, 1 << 26, 0).splitlines()]
    os.close(out)
    due = {each["id"] for each in open_}
    heard = {each["id"] for each in said if each["told"] in ("answer", "error")}
    if due - heard or said[-1]["told"] != "done":
        problems.append(f"these got no answer in the end: {due - heard}")
    return said


async def _served(stage: Stage, name: str, log: Log) -> list[str]:
    """What is wrong with the task and with its stream, as a client gets them."""
    try:
        task = await stage.handler.on_get_task(GetTaskRequest(id=name), ME)
    except TaskNotFoundError:
        return [] if log.fold.task is None else ["GetTask does not find it"]
    if task != log.fold.task:
        return ["GetTask is not the fold of its records"]
    if not log.fold.final:
        return []
    return await _resumed(stage, name, log, log.floor) + await _resumed(
        stage, name, log, (log.floor + log.seq) // 2
    )


async def _resumed(stage: Stage, name: str, log: Log, after: int) -> list[str]:
    due = [n for n, record in log.records.items() if n > after and record.public]
    found: list[int] = []
    try:
        events = stage.handler.subscribe(SubscribeToTaskRequest(id=name), ME, after)
        async with aclosing(events) as stream:
            async for seq, *_ in stream:
                found.append(seq)
    except A2AError as error:
        if "the tool broke" not in str(error):
            return [f"resuming after {after}: {error!r}"]
        due.pop()  # the agent's failure is told as an error, not as a record, by this policy
    return [] if found == due else [f"resuming after {after}: {found}, expected {due}"]


# -- webhooks


PUSHED = (Kind.TASK, Kind.STATUS)
"""What webhooks hear of under the policy of the script."""


def deliveries(told: Told, later: Told, logs: dict[str, Log]) -> list[str]:
    """Webhooks that missed something, or heard it in another order."""
    problems = []
    for name, log in logs.items():
        if log.floor:
            continue
        pushed = [record for record in log.records.values() if record.kind in PUSHED]
        due = [crc(plain_of(record)) for record in pushed]
        first, second = (_without_repeats(_pushes(each, name)) for each in (told, later))
        begun = len(due) - len(second)
        if first != due[: len(first)] or begun > len(first) or second != due[begun:]:
            problems.append(f"{name}: webhooks heard {first}, then {second}; stored are {due}")
    return problems


def plain_of(record: Record) -> Any:
    """The event of a record as webhooks get it."""
    response = StreamResponse.FromString(record.payload)
    return getattr(response, str(response.WhichOneof("payload")))


def _without_repeats(heard: list[int]) -> list[int]:
    """What was heard twice in a row was heard: webhooks are told at least once."""
    return [each for each, before in zip(heard, [0, *heard], strict=False) if each != before]


def _pushes(told: Told, task: str) -> list[int]:
    return [each["crc"] for each in told if each["told"] == "push" and each["task"] == task]


def figures(told: Told, later: Told, logs: dict[str, Log]) -> dict[str, int]:
    """How much was looked at."""
    counts = Counter(each["told"] for each in told)
    pushes = [_pushes(each, name) for name in logs for each in (told, later)]
    return {
        "events": counts["event"],
        "answers": counts["answer"] + counts["error"],
        "logs": len(logs),
        "records": sum(len(log.records) for log in logs.values()),
        "compacted": sum(log.floor > 0 for log in logs.values()),
        "pushes": sum(map(len, pushes)),
        "repeated": sum(len(each) - len(_without_repeats(each)) for each in pushes),
    }
