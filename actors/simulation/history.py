"""History: every record that a log ever had, also those that the journal has let go of.

Of a log that was removed and began anew, what it had since then.

The file of a simulated journal only grows, so what was compacted or removed can still be read off
it: for those who judge a run, never for those who take part.

Neighbours: `world.py`, `sandbox.py` (read this when a run is over), `journal.py` (whose file).
"""

from __future__ import annotations

from actors.runtime.journal.record import Record
from actors.simulation.frames import unframed
from actors.simulation.journal import SimJournal
from actors.simulation.writes import Drop, Upkeep


def history(journal: SimJournal, log: str) -> tuple[Record, ...]:
    """Return every durable record of a log, from the first on; none if there never was one."""
    head = journal.head(log)
    if head is not None and head.floor == 0:
        return journal.page(log, 0, head.seq) or ()
    data, position = journal.disk.read()[: journal.disk.synced], 0
    found: list[Record] = []
    gone = False
    while position < len(data):
        write, length = unframed(data, position, position, {})
        position += length
        if isinstance(write, Upkeep):
            gone = gone or (isinstance(write, Drop) and write.log == log)
            continue
        for append, *_ in write:
            if append.log == log:
                found, gone = ([] if gone else found), False
                found += append.records
    return tuple(found)


def histories(journal: SimJournal) -> dict[str, tuple[Record, ...]]:
    """Return the history of every log that there is."""
    return {log: history(journal, log) for log in journal.logs()}
