"""`actors fork`: a new task that goes on from where another one was.

Neighbours: `journals.py` (which journal), `actors/storage/history.py` (makes the new task).
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from actors.cli.failure import CommandError
from actors.cli.journals import out, reading, told_in_a_line
from actors.runtime.journal.port import Copy, settled
from actors.storage.choose import journal_at
from actors.storage.history import fold_at, forked, known
from actors.task.listing import TASKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Fork:
    """Which task, from which record on."""

    task: str
    at: int
    context: str | None


async def fork(where: str, wanted: Fork, console: Console, *, machine: bool) -> None:
    """Store a new task and print its id.

    Raises:
        CommandError: there is no such task or record, or the journal is in use.
    """
    new = str(uuid.uuid4())
    copy = await _made(where, wanted, new)  # first, as opening a journal makes the file
    with told_in_a_line():
        journal = journal_at(where)
        await settled(journal.open(TASKS))
        try:
            stored = await settled(journal.restore(copy))
        finally:
            await settled(journal.close())
    if not stored:
        raise CommandError(f"task {new!r} was refused, as there is one of that id: try again")
    if machine:
        out(console, {"task": new, "forkedFrom": wanted.task, "forkedAt": wanted.at})
        return
    text = (f"task {wanted.task} as it was at {wanted.at} goes on as ", (new, "bold"))
    console.print(Text.assemble(*text), soft_wrap=True)
    console.print(Text(f'next: actors send --task {new} "..."', style="dim"), soft_wrap=True)


async def _made(where: str, wanted: Fork, new: str) -> Copy:
    async with reading(where) as source:
        kept, row = await known(source, wanted.task)
        fold = await fold_at(source, kept, wanted.at)
        now = time.time_ns() // 1_000_000
        return forked(fold, row, task=wanted.task, new=new, context=wanted.context, now=now)
