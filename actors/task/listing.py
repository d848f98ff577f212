"""The row beside the log of a task, by which tasks are listed and their readers judged.

Neighbours: `draft.py` (makes rows), `core.py` (registers the projection with the journal).
"""

from __future__ import annotations

from typing import Final, NamedTuple

from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.port import Stored
from actors.runtime.journal.projection import Projection


class TaskRow(NamedTuple):
    """What ListTasks needs to know of a task without reading its log (R67 to R73)."""

    owner: str
    tenant: str
    context: str
    state: int = 0
    """`TaskState` number; 0 while no Task is visible (no public record yet, or a bare reply)."""
    status_at: int = 0
    """UTC milliseconds of the current status, or of the latest record if that is earlier; before
    the first status, when the log began."""


TASKS: Final = Projection("tasks", TaskRow, newest="status_at", listed="state")


def task_row(stored: Stored) -> TaskRow:
    """Return the row of a task.

    Raises:
        JournalCorrupt: its log has none, so no task core wrote it.
    """
    if not isinstance(stored.row, TaskRow):
        raise JournalCorrupt(
            f"log {stored.head.log!r} has the row {stored.row!r}, expected a TaskRow: it is no "
            "task's, or the journal was opened without the projection of tasks"
        )
    return stored.row
