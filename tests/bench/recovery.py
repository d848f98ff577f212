"""Starting on a journal that a crash has left: time to serve, time to settle, memory.

    python -m tests.bench.recovery CHILD...   (run by `journal.py`)

A journal has many parked tasks (they wait for input) and some that were running. It is built
through the port, once, and copied for each start, which is a process of its own. All times are
from before that process was started; the imports alone are told too.

Neighbours: `journal.py` (runs this), `logs.py` (the rest of the journal's bench).
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from actors.runtime.journal.record import Record

PARKED_ID: Final = "parked-{:08}"
RUNNING_ID: Final = "running-{:07}"
BATCH: Final = 500
"""Tasks of one group while a journal is built."""
TURN: Final = 0.002
"""Seconds between two looks at how far a recovery is."""

Figures = dict[str, float]


@contextmanager
def built(parked: int, running: int) -> Iterator[Path]:
    """A journal with so many tasks, closed properly; deleted afterwards.

    What this process imports is not imported by those that are started.
    """
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "built.db"
        asyncio.run(_build(path, parked, running))
        yield path


async def _build(path: Path, parked: int, running: int) -> None:
    from actors.runtime.journal.port import Append, settled
    from actors.runtime.journal.record import Record
    from actors.storage import SqliteJournal
    from actors.task.fold import fold
    from actors.task.listing import TASKS, TaskRow
    from tests.bench.logs import CALLER

    journal = SqliteJournal(path)
    await settled(journal.open(TASKS))
    for pattern, count, waits in ((PARKED_ID, parked, True), (RUNNING_ID, running, False)):
        template = _records(pattern.format(0), waits=waits)
        known = fold(template)
        row = TaskRow(CALLER.owner, CALLER.tenant, "context", known.state, known.status_at)
        sample, group = pattern.format(0).encode(), list[Append]()
        for number in range(count):
            task = pattern.format(number)
            name = task.encode()
            records = tuple(
                Record(r.seq, 1, r.at, r.kind, r.payload.replace(sample, name), r.facts)
                for r in template
            )
            group.append(Append(task, 1, 0, records, CALLER, not waits, row))
            if len(group) == BATCH or number == count - 1:
                await settled(journal.append(group))
                group = []
    await settled(journal.close())


def _records(task: str, *, waits: bool) -> list[Record]:
    from a2a.types import Message, Part, Role, SendMessageRequest, TaskState

    from actors.runtime.journal.record import Fact, Record
    from actors.task.events import core_message, new_task, status_update
    from actors.task.record import Kind
    from tests.bench.logs import AT, chunk

    message = Message(
        message_id=f"{task}-m", task_id=task, role=Role.ROLE_USER, parts=[Part(text="go")]
    )
    asked = SendMessageRequest(message=message).SerializeToString()
    made = new_task(task, "context", TaskState.TASK_STATE_WORKING, AT, asked, None)
    facts: dict[str, Fact] = {"run": 1, "message": 1}
    records = [
        Record(1, 1, AT, Kind.ACCEPTED, asked, {"extensions": [], "by": "before"}),
        Record(2, 1, AT, Kind.STARTED, b"", facts),
        Record(3, 1, AT, Kind.TASK, made),
        *(Record(4 + n, 1, AT, Kind.ARTIFACT, chunk(task, n)) for n in range(3)),
    ]
    if waits:
        say = core_message(task, "context", 7, "which one?")
        state = TaskState.TASK_STATE_INPUT_REQUIRED
        status = status_update(task, "context", state, AT, say)
        records += [
            Record(7, 1, AT, Kind.STATUS, status),
            Record(8, 1, AT, Kind.ENDED, b"", facts | {"outcome": "returned", "final": 0}),
        ]
    return records


def start(journal: Path, policy: str, *, profile: bool = False) -> Figures:
    """Start a process on a copy of a journal; what it tells."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.db"
        shutil.copyfile(journal, path)
        command = [sys.executable, "-m", "tests.bench.recovery", str(path), policy]
        command += [str(time.monotonic()), *(["profile"] if profile else [])]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        if profile:
            print(done.stderr[-6_000:])
        found: Figures = json.loads(done.stdout)
        return found


# -- the process that is started


async def _serve(path: Path, policy: str, began: float) -> Figures:
    from a2a.server.context import ServerCallContext
    from a2a.types import GetTaskRequest, Task, TaskState

    from actors.task.policy import Policy
    from tests.bench.logs import handler, message
    from tests.bench.users import ANN, Finishing

    found = {"imported": time.monotonic() - began}
    context = ServerCallContext(user=ANN)
    made = handler(Finishing(), database=path, policy=Policy.sdk(recovery=policy))
    await made.start()
    found["started"] = time.monotonic() - began
    asked = time.monotonic()
    known = await made.on_get_task(GetTaskRequest(id=PARKED_ID.format(7)), context)
    assert known is not None
    found["first read"] = time.monotonic() - asked
    asked = time.monotonic()
    answer = await made.on_message_send(message(1, task=PARKED_ID.format(8)), context)
    assert isinstance(answer, Task)
    assert answer.status.state == TaskState.TASK_STATE_COMPLETED
    found["first send"] = time.monotonic() - asked
    while not (told := await made.recovery()).done:  # noqa: ASYNC110 - it tells who asks
        await asyncio.sleep(TURN)
    found["settled"] = time.monotonic() - began
    found["tasks"] = told.settled
    found["peak MiB"] = _peak()
    await made.aclose()
    return found


def _peak() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    kib = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(kib) / 1024


def main(arguments: list[str]) -> None:
    path, policy, began, *profile = arguments
    run = _serve(Path(path), policy, float(began))
    if not profile:
        print(json.dumps(asyncio.run(run)))
        return
    import cProfile
    import pstats

    with cProfile.Profile() as of:
        found = asyncio.run(run)
    print(json.dumps(found))
    pstats.Stats(of, stream=sys.stderr).sort_stats("tottime").print_stats(30)


if __name__ == "__main__":
    main(sys.argv[1:])
