"""`actors tasks`: the tasks in a journal, the newest first, whoever owns them.

Neighbours: `journals.py` (which journal), `show.py` (states and their colours).
"""

from __future__ import annotations

from a2a.types import TaskState
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from actors.cli.failure import CommandError
from actors.cli.journals import clock, out, reading
from actors.cli.show import STATE_STYLES, plain, state_name
from actors.runtime.journal.port import Head
from actors.storage.source import TaskFilter
from actors.task.listing import TaskRow

_WIDEST = 10_000
_STATES = {
    name.removeprefix("TASK_STATE_").lower().replace("_", "-"): number
    for name, number in TaskState.items()
    if number
}


_STYLES: dict[int, str] = {int(state): style for state, style in STATE_STYLES.items()}


def state_of(word: str) -> int:
    """Return the state that a word of an operator names: working, input-required, ...

    Raises:
        CommandError: it names none.
    """
    number = _STATES.get(word.strip().lower().replace("_", "-").removeprefix("task-state-"))
    if number is None:
        raise CommandError(f"{word!r} is no state; there are {', '.join(_STATES)}", 2)
    return number


async def tasks(where: str, wanted: TaskFilter, console: Console, *, machine: bool) -> None:
    """Print the tasks that match.

    Raises:
        CommandError: the journal cannot be read.
    """
    async with reading(where) as source:
        found = [
            (head, row) for head, row in await source.tasks(wanted) if isinstance(row, TaskRow)
        ]
    if machine:
        for head, row in found:
            out(console, _plain(head, row))
        return
    if not found:
        console.print(Text("no tasks match", style="dim"))
        return
    table = _table(found)
    # As wide as it needs: an id that is broken in two cannot be copied.
    wide = Measurement.get(console, console.options.update(max_width=_WIDEST), table).maximum
    console.width = max(console.width, wide)
    console.print(table, soft_wrap=True)
    if len(found) == wanted.limit:
        console.print(Text("there may be more: raise --limit", style="dim"))


def _plain(head: Head, row: TaskRow) -> dict[str, object]:
    return {
        "task": head.log,
        "state": state_word(row.state).upper().replace(" ", "_"),
        "context": row.context,
        "owner": row.owner,
        "tenant": row.tenant,
        "updated": row.status_at,
        "records": head.seq,
        "floor": head.floor,
        "epoch": head.epoch,
        "active": head.active,
    }


def state_word(state: int) -> str:
    """Return a state as people say it; a number that is none as it is."""
    return state_name(state) if state in TaskState.values() else f"state {state}"


def _table(found: list[tuple[Head, TaskRow]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("task", "state", "updated (UTC)", "records", "context", "owner", "tenant"):
        table.add_column(name, no_wrap=True, justify="right" if name == "records" else "left")
    for head, row in found:
        state = Text(state_word(row.state), style=_STYLES.get(row.state, ""))
        beside = (plain(text) for text in (row.context, row.owner, row.tenant))
        log = plain(head.log)
        table.add_row(log, state, clock(row.status_at)[:-4], f"{head.seq:,}", *beside)
    return table
