"""The Journal port for real, and one conformance suite for all journals.

The map, each file importing only those above it:

    codec.py        a record <-> its frame (msgpack, CRC)
    fencing.py      when a compare-and-append holds
    memory.py       MemoryJournal: a dictionary
    database.py     the SQLite file: lock, schema, errors
    log.py          how the logs lie in that file, and how they are read back
    logwriter.py    how they are written
    sqlite.py       SqliteJournal: one file, survives kill -9
    taskstore.py    what we ask of a user's own a2a-sdk TaskStore
    remembered.py   what a process remembers beside such a store
    foreign.py      ForeignJournal: a TaskStore as the only truth
    samples.py      appends for tests of journals
    conformance.py  what every journal must keep, as a pytest class (import it from there)
"""

from actors.storage.codec import decode, encode
from actors.storage.foreign import ForeignJournal
from actors.storage.memory import MemoryJournal
from actors.storage.sqlite import SqliteJournal

__all__ = ["ForeignJournal", "MemoryJournal", "SqliteJournal", "decode", "encode"]
