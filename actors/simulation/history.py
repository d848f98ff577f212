"""History: every record that a log ever had, also those that the journal has let go of.

The file of a simulated journal only grows, so what was compacted or removed can still be read off
it: for those who judge a run, never for those who take part.

Neighbours: `world.py`, `sandbox.py` (read this when a run is over), `journal.py` (whose file).
"""

from __future__ import annotations

from actors.runtime.journal.record import Record
from actors.simulation.frames import unframed
from actors.simulation.journal import SimJournal
from actors.simulation.writes import Upkeep


def history(journal: SimJournal, log: str) -> tuple[Record, ...]:
    """Return every durable record of a log, from the first on; none if there never was one."""
    head = journal.head(log)
    if head is not None and head.floor == 0:
        return journal.page(log, 0, head.seq) or ()
    data, position = journal.disk.read()[: journal.disk.synced], 0
    found: list[Record] = []
    while position < len(data):
        write, length = unframed(data, position, position, {})
        position += length
        if not isinstance(write, Upkeep):
            for append, *_ in write:
                found += append.records if append.log == log else ()
    return tuple(found)


def histories(journal: SimJournal) -> dict[str, tuple[Record, ...]]:
    """Return the history of every log that there is."""
    return {log: history(journal, log) for log in journal.logs()}
