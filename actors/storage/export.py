"""Export: a whole journal as JSON lines, one log at a time.

Neighbours: `lines.py` (the form), `imports.py` (the way back), `source.py` (what is read).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from actors.runtime.journal.errors import JournalCorrupt
from actors.storage.lines import Line, header_line, log_line, record_line
from actors.storage.source import Source, logs, records
from actors.task.listing import TaskRow


async def export(source: Source) -> AsyncIterator[str]:
    """The lines of a journal, without line ends.

    A file of which something cannot be read has no last line, and so is not taken for a whole one.

    Raises:
        JournalCorrupt: something in it is not as it was written.
        StorageError: it cannot be read.
    """
    projections = {each.name: each for each in source.projections}
    yield text(header_line(projections))
    count = total = 0
    async for head in logs(source):
        kept = await source.kept(head.log)
        if kept is None:
            continue  # removed since its head was read
        if kept.head.floor and kept.snapshot is None:
            raise JournalCorrupt(
                f"log {head.log!r} has no records up to {kept.head.floor}, and no snapshot that "
                "stands for them: restore a backup"
            )
        yield text(log_line(kept, projections))
        of_task = isinstance(kept.row, TaskRow)
        async for record in records(source, kept.head, kept.head.floor):
            yield text(record_line(record, of_task=of_task))
        count, total = count + 1, total + kept.head.seq - kept.head.floor
    yield text({"end": {"logs": count, "records": total}})


def text(line: Line) -> str:
    """A line as it is written: always the same for the same contents."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))
