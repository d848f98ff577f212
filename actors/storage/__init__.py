"""The Journal port for real, and one conformance suite for all journals.

The map, each file importing only those above it:

    what every journal needs
        codec.py             a record <-> its frame (msgpack, CRC)
        stretches.py         what follows one another, as one row
        fencing.py           when a compare-and-append holds
        matching.py          listings and surplus without SQL
        memory.py            MemoryJournal: a dictionary

    SqliteJournal: one file, survives kill -9
        rows.py              the table for a projection's rows
        schema.py            the tables, and those of earlier releases
        database.py          connections, settings, errors
        lock.py              one journal for each file
        entries.py           what is written, as plain data
        log.py               how logs lie in the file
        listing.py           many logs: listings, heads, places, surplus
        logwriter.py         writes groups of appends
        logkeeper.py         lets go of records and logs
        checkpoints.py       moves the write-ahead log into the file
        filewriter.py        everything that writes, in transactions
        writing.py           what the journal asks of a writer
        talk.py              what both ends say, as bytes
        link.py              the journal's end of a writer process
        remote.py            has a process write (durability "power")
        writer_process.py    the process
        sqlite.py            the journal

    PostgresJournal: a schema of a database; import it from postgres.py, as it needs asyncpg
        postgres_errors.py   its errors, without the password
        postgres_text.py     text that the database would not take
        postgres_schema.py   the tables
        postgres_append.py   a group of appends as one call
        postgres_read.py     one log, and listings
        postgres_upkeep.py   heads, consumers, retention, copies
        postgres_lock.py     one writer at a time
        postgres_link.py     connections
        postgres.py          the journal

    ForeignJournal: a user's own a2a-sdk TaskStore as the only truth
        taskstore.py         what we ask of such a store
        remembered.py        what a process remembers beside it
        foreign.py           the journal

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
        findings.py          what a check tells
        check.py             what is wrong with logs
        check_wal.py         with SQLite's own log
        check_sqlite.py      with a file

    for tests of journals
        samples.py           appends, projections, small helpers
        conformance/         what every journal must keep, as a pytest class
"""

from actors.storage.codec import decode, encode
from actors.storage.foreign import ForeignJournal
from actors.storage.memory import MemoryJournal
from actors.storage.sqlite import SqliteJournal

__all__ = ["ForeignJournal", "MemoryJournal", "SqliteJournal", "decode", "encode"]
