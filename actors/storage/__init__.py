"""The Journal port for real, and one conformance suite for all journals.

The map, each file importing only those above it:

    codec.py        a record <-> its frame (msgpack, CRC)
    fencing.py      when a compare-and-append holds
    memory.py       MemoryJournal: a dictionary
    database.py     the SQLite file: lock, schema, errors
    log.py          how the logs lie in that file, and how they are read back
    sqlite.py       SqliteJournal: one file, survives kill -9
    conformance.py  what every journal must keep, as a pytest class (import it from there)
"""

from actors.storage.codec import decode, encode
from actors.storage.memory import MemoryJournal
from actors.storage.sqlite import SqliteJournal

__all__ = ["MemoryJournal", "SqliteJournal", "decode", "encode"]
