"""The Journal port for real, and one conformance suite for all journals.

The map, by group:

    what every journal needs
        codec.py             a record <-> its frame (msgpack, CRC)
        fencing.py           when a compare-and-append holds; appends and copies that are none
        matching.py          listings and surplus of logs that lie in memory
        memory.py            MemoryJournal: a dictionary

    SqliteJournal: one file, survives kill -9
        sqlite.py            the journal
        schema.py            the tables, and files of earlier releases
        rows.py              the table for the rows of a projection
        log.py               how logs lie in the file, and how one is read back
        listing.py           many logs: listings, heads, places, surplus
        entries.py           what is written, as plain data
        logwriter.py         writes groups of appends
        logkeeper.py         lets go of records and logs, takes logs over
        filewriter.py        the transactions of both
        database.py          connections, settings, errors
        lock.py              one journal for each file
        checkpoints.py       brings the write-ahead log into the file, in a process of its own
        writing.py           what the journal asks of whatever writes
        remote.py            has a process write (durability "power")
        link.py              the journal's end of that process
        talk.py              what both ends say, as bytes
        writer_process.py    the process

    PostgresJournal: a schema of a database; import it from postgres.py, as it needs asyncpg
        postgres.py          the journal
        postgres_schema.py   the tables
        postgres_append.py   a group of appends as one call
        postgres_read.py     one log, and listings
        postgres_upkeep.py   heads, consumers, retention, copies
        postgres_link.py     connections
        postgres_lock.py     one writer at a time
        postgres_text.py     text that the database would not take
        postgres_errors.py   its errors, without the password

    ForeignJournal: a user's own a2a-sdk TaskStore as the only truth
        foreign.py           the journal
        taskstore.py         what we ask of such a store
        remembered.py        what a process remembers beside it

    whole journals, for operators
        source.py            what is read: a journal, log by log
        sqlite_source.py     that of a file, read-only
        postgres_source.py   that of a database
        choose.py            which one it is
        lines.py             the form of an export
        export.py            a journal to JSON lines
        imports.py           and back
        history.py           a task as it was, and a new one from there
        adopt.py             Tasks of another store become logs
        check.py             what is wrong with logs
        check_sqlite.py      with a file
        check_wal.py         with SQLite's own log
        findings.py          what a check tells

    for tests of journals
        samples.py           appends, projections, small helpers
        conformance/         what every journal must keep, as a pytest class
"""

from actors.storage.codec import decode, encode
from actors.storage.foreign import ForeignJournal
from actors.storage.memory import MemoryJournal
from actors.storage.sqlite import SqliteJournal

__all__ = ["ForeignJournal", "MemoryJournal", "SqliteJournal", "decode", "encode"]
