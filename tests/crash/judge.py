"""What must be true of a journal whose process was killed: nothing is lost, twice or torn.

First the journal itself is checked, as it lies there, by `actors.storage.check`. Then it is opened
and compared with what clients had been shown: every event that a stream carried is the stored
record (or, where records are no longer kept, part of the Task); every Task that was shown is the
fold of the records up to it; every accepted message is in exactly one log, once; rows are what the
fold says. Then a handler takes over: it settles what was going on, clients repeat what was not
answered, streams resume after each record, webhooks hear what they have not heard, and all of that
is checked once more.

Neighbours: `compare.py` (shown and stored), `script.py` (what was going on),
`actors/storage/check.py` (rows, snapshots, links).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import aclosing
from pathlib import Path
from typing import Any

from a2a.types import GetTaskRequest, StreamResponse, SubscribeToTaskRequest
from a2a.utils.errors import A2AError, TaskNotFoundError

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Journal, settled
from actors.runtime.journal.record import Record
from actors.storage.check_sqlite import check_file
from actors.storage.findings import Tally
from actors.task.listing import TASKS
from actors.task.record import Kind
from tests.crash.compare import Log, Told, compare, kept
from tests.crash.journals import journal_of
from tests.crash.script import ME, Stage, again, crc

LOST = "of the -wal damaged"
"""Of a finding in SQLite's log: commits are lost, as the latest may be in a power cut."""


async def judge(
    kind: str, directory: Path, told: Told, *, lossy: bool = False, cut: bool = False
) -> dict[str, Any]:
    """What is wrong with what a victim left, and how much was looked at.

    Args:
        kind: of the journal.
        directory: where it is.
        told: what clients were shown.
        lossy: the latest of that may be missing; what is there must be sound.
        cut: the power went: a commit that was under way, and shown to nobody, may lie there in
            part. Only the file that goes with a running server would tell it from a lost one.
    """
    shown = len([each for each in told if each["told"] == "event"])
    if lossy:
        told = [each for each in told if each["told"] == "sent"]
    lying = await _as_it_lies(kind, directory, told)
    wrong = [each for each in lying if not (cut and LOST in each)]
    problems = [f"as it lies there: {each}" for each in wrong]
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
            async for each in stream:
                found.append(each.seq)  # noqa: PERF401 - what came before an error counts, too
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
