"""Reading logs out of PostgreSQL: one statement each, so each sees one state of the database.

Neighbours: `postgres_schema.py` (the tables), `postgres_append.py` (writes them), `postgres.py`.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from asyncpg.transaction import Transaction

from actors.runtime import Caller
from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.port import Head, Listing, Place, Snapshot, Stored
from actors.runtime.journal.projection import Query, Row
from actors.runtime.journal.record import Record
from actors.storage.codec import checksum, decoded
from actors.storage.postgres_schema import PREFIX, Connection, Layout, columns
from actors.storage.postgres_text import kept, kept_key, kept_value, told, told_row
from actors.storage.stretches import RECORDS, within

Found: TypeAlias = tuple[Any, ...]
"""A row of `_columns`."""

HEAD: Final = "l.log, l.head, l.epoch, l.active, l.floor"
_SNAPSHOT: Final = "s.seq, s.crc, s.payload"
_SLICE: Final = "w.frames, w.last"
_FIXED: Final = 10
SLICE_BYTES: Final = 8 * 1024 * 1024
SLICE_ROWS: Final = 65_536
"""What is read at a time of the rows of a log; what begins within it comes whole."""


class Damaged(Exception):  # noqa: N818 - a state of a row
    """The snapshot of a log is not what was written; the log may have it all."""


def head_of(row: Any) -> Head:
    """What the columns HEAD say."""
    log, seq, epoch, active, floor = row
    return Head(told(log), seq, epoch, active, floor)


class Reader:
    """What is read, and what it amounts to."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    # -- logs

    async def log(
        self, connection: Connection, log: str, caller: Caller | None, *, whole: bool
    ) -> Found | None:
        """A log that `caller` may see; `whole`: every record that is kept, without the snapshot."""
        arguments: list[object] = [kept(log), whole]
        allowed = ""
        if caller is not None:
            arguments += [kept(caller.owner), kept(caller.tenant)]
            allowed = f"AND {self._bears('owner', 3)} AND {self._bears('tenant', 4)}"
        statement = f"SELECT {self._columns()} {self._from('l', '$2')} WHERE l.log = $1 {allowed}"
        row = await connection.fetchrow(statement, *arguments)
        if row is None or not _is_cut(row, whole):
            return None if row is None else tuple(row)
        async with _one_state(connection):
            row = await connection.fetchrow(statement, *arguments)
            return None if row is None else await self._completed(connection, row, whole)

    async def _completed(self, connection: Connection, row: Any, whole: bool) -> Found:
        """A row with all its frames."""
        head, last = row[1], row[9] or _begun(row, whole)
        frames = await self._rest(connection, row[0], row[8] or [], last, head)
        return (*tuple(row)[:8], frames, head, *tuple(row)[_FIXED:])

    async def _rest(
        self, connection: Connection, stored_log: str, frames: list[bytes], last: int, upto: int
    ) -> list[bytes]:
        """Add those that follow `frames`, which end with record `last`, up to `upto`."""
        number = f"(SELECT id FROM {self._layout.table('logs')} WHERE log = $1)"  # noqa: S608 - a name that Layout has checked
        statement = f"SELECT {_SLICE} FROM {self._slice(number, '$2::bigint', '$3::bigint')}"  # noqa: S608 - as above
        while last < upto:
            found = await connection.fetchrow(statement, stored_log, last, upto)
            if found is None or not found[0]:
                break  # whoever decodes them says what is missing
            frames.extend(found[0])
            last = found[1]
        return frames

    def _slice(self, log: str, after: str, upto: str = "") -> str:
        """One slice of the rows of a log: frames as an array, which must not grow with the log."""
        # The first bound is one of the index, the second one leaves out what is not wanted.
        beyond = f" AND f.seq < {upto} + {RECORDS} AND f.seq - f.held < {upto}" if upto else ""
        return (
            "(SELECT array_agg(s.frame ORDER BY s.seq) AS frames, max(s.seq) AS last FROM "  # noqa: S608 - names that Layout has checked
            "(SELECT g.seq, g.frame, "
            "sum(octet_length(g.frame)) OVER (ORDER BY g.seq) - octet_length(g.frame) AS begins "
            f"FROM (SELECT f.seq, f.frame FROM {self._layout.table('records')} AS f "
            f"WHERE f.id = {log} AND f.seq > {after}{beyond} ORDER BY f.seq LIMIT {SLICE_ROWS}) "
            f"AS g) AS s WHERE s.begins < {SLICE_BYTES}) AS w"
        )

    def stored(self, found: Found, *, whole: bool = False) -> Stored:
        """The log as the port tells it.

        Raises:
            JournalCorrupt: its records are not all there, or not as they were written.
            Damaged: its snapshot is not as it was written; never with `whole`.
        """
        head = head_of(found[:5])
        seq, crc, payload, frames, _ = found[5:_FIXED]
        snapshot = None
        if seq is not None and not whole:
            snapshot = Snapshot(seq, payload)
            if seq > head.seq or crc != checksum(payload, head.log, seq):
                raise Damaged
        if snapshot is None and head.floor:
            raise JournalCorrupt(
                f"the snapshot of log {head.log!r} is missing or damaged, and records up to "
                f"{head.floor} are no longer kept: restore a backup of the database"
            )
        tail = records(head.log, frames, snapshot.seq if snapshot else 0, head.seq)
        return Stored(head, self._row(found), snapshot, tail)

    def _row(self, found: Found) -> Row | None:
        start = _FIXED
        for projection in self._layout.projections.values():
            end = start + 1 + len(projection.columns)
            if end <= len(found) and found[start]:  # else it was learned since
                row: Row = projection.row(*told_row(found[start + 1 : end]))
                return row
            start = end
        return None

    def _columns(self) -> str:
        rows = "".join(
            f", r{number}.id0 IS NOT NULL, {columns(projection, f'r{number}')}"
            for number, projection in enumerate(self._layout.projections.values())
        )
        return f"{HEAD}, {_SNAPSHOT}, {_SLICE}{rows}"

    def _from(self, logs: str, whole: str) -> str:
        layout = self._layout
        source = f"{layout.table('logs')} AS l" if logs == "l" else logs
        joins = "".join(
            f" LEFT JOIN {layout.rows(projection)} AS r{number} ON r{number}.id0 = l.id"
            for number, projection in enumerate(layout.projections.values())
        )
        after = f"CASE WHEN {whole} THEN 0 ELSE coalesce(s.seq, 0) END"
        return (
            f"FROM {source} LEFT JOIN {layout.table('snapshots')} AS s ON s.id = l.id{joins} "
            f"CROSS JOIN LATERAL {self._slice('l.id', after)}"
        )

    def _bears(self, column: str, argument: int) -> str:
        rows = ", ".join(f"r{number}.{column}" for number in range(len(self._layout.projections)))
        return f"coalesce({rows or 'NULL'}, NULL) = ${argument}"

    # -- records and keys

    async def page(
        self, connection: Connection, log: str, after: int, limit: int
    ) -> tuple[int, int, list[bytes] | None] | None:
        """The floor and head of a log, and the frames after `after`."""
        statement = (
            f"SELECT l.floor, l.head, {_SLICE} FROM {self._layout.table('logs')} AS l "  # noqa: S608 - names that Layout has checked
            f"CROSS JOIN LATERAL {self._slice('l.id', '$2::bigint', '$3::bigint')} WHERE l.log = $1"
        )
        arguments = (kept(log), after, after + limit)
        row = await connection.fetchrow(statement, *arguments)
        if row is None or after < row[0] or (row[3] or after) >= min(after + limit, row[1]):
            return None if row is None else (row[0], row[1], row[2])
        async with _one_state(connection):
            row = await connection.fetchrow(statement, *arguments)
            if row is None:
                return None
            upto = min(after + limit, row[1])
            last = row[3] or after
            frames = await self._rest(connection, arguments[0], row[2] or [], last, upto)
            return row[0], row[1], frames

    async def find(self, connection: Connection, key: str) -> Place | None:
        """Where a key leads."""
        layout = self._layout
        row = await connection.fetchrow(
            f"SELECT l.log, k.seq FROM {layout.table('keys')} AS k "  # noqa: S608 - names that Layout has checked
            f"JOIN {layout.table('logs')} AS l ON l.id = k.id WHERE k.key = $1",
            kept_key(key),
        )
        return None if row is None else Place(told(row[0]), row[1])

    # -- listings

    async def listing(self, connection: Connection, query: Query) -> tuple[int, list[Found]]:
        """How many logs match, and a page of them and one more."""
        total, rows = await self._listing(connection, query)
        if not any(_is_cut(row, whole=False) for row in rows):
            return total, rows
        async with _one_state(connection):
            total, rows = await self._listing(connection, query)
            return total, [await self._completed(connection, row, whole=False) for row in rows]

    async def _listing(self, connection: Connection, query: Query) -> tuple[int, list[Found]]:
        projection, arguments = query.projection, list[object]()

        def given(value: object) -> str:
            arguments.append(value)
            return f"${len(arguments)}"

        conditions = [f'"{projection.listed}" <> 0']
        for column, value in (("owner", query.owner), ("tenant", query.tenant)):
            number = given(kept(value))
            conditions.append(f"left({column}, {PREFIX}) = left({number}, {PREFIX})")
            conditions.append(f"{column} = {number}")
        for column, wanted in query.where.items():
            conditions.append(f'"{column}" = {given(kept_value(wanted))}')
        if query.since is not None:
            conditions.append(f'"{projection.newest}" >= {given(query.since)}')
        matching = f"FROM {self._layout.rows(projection)} WHERE {' AND '.join(conditions)}"
        beyond = ""
        if query.after is not None:
            at, log = query.after
            beyond = f' AND ("{projection.newest}", log0) < ({given(at)}, {given(kept(log))})'
        order = f'ORDER BY "{projection.newest}" DESC, log0 DESC'
        rows = await connection.fetch(
            f"WITH page AS MATERIALIZED (SELECT id0, row_number() OVER ({order}) AS place "  # noqa: S608 - names that Layout and Projection have checked
            f"{matching}{beyond} {order} LIMIT {given(query.size + 1)}) "
            f"SELECT t.total, p.* FROM (SELECT count(*) AS total {matching}) AS t LEFT JOIN "
            f"(SELECT {self._columns()}, page.place {self._from(self._paged(), 'false')}) AS p "
            "ON true ORDER BY p.place",
            *arguments,
        )
        return rows[0][0], [tuple(row)[1:-1] for row in rows if row[1] is not None]

    def _paged(self) -> str:
        return f"page JOIN {self._layout.table('logs')} AS l ON l.id = page.id0"

    def listed(self, query: Query, total: int, found: list[Found], logs: list[Stored]) -> Listing:
        """A page of a listing; `logs` are those of `found`, but for the one more."""
        following = None
        if len(found) > query.size and logs:
            last = logs[-1]
            following = (int(getattr(last.row, query.projection.newest)), last.head.log)
        return Listing(tuple(logs), total, following)


def _one_state(connection: Connection) -> Transaction:
    """Several statements see what the first sees."""
    return connection.transaction(isolation="repeatable_read", readonly=True)


def _begun(row: Any, whole: bool) -> int:
    """The record after which the frames of a row begin."""
    floor, snapshot = row[4], row[5]
    return int(floor if whole else max(floor, snapshot or 0))


def _is_cut(row: Any, whole: bool) -> bool:
    """Whether frames are missing in a row, which may be in the next slice."""
    return (row[9] or _begun(row, whole)) < int(row[1])


def records(log: str, frames: list[bytes] | None, after: int, upto: int) -> tuple[Record, ...]:
    """Records `after + 1` to `upto` out of their frames.

    Raises:
        JournalCorrupt: they are others, or not as they were written.
    """
    every = [record for frame in frames or () for record in decoded(frame, log)]
    read = within(every, after, upto)
    found = [record.seq for record in read]
    if found != list(range(after + 1, upto + 1)):
        raise JournalCorrupt(
            f"log {log!r} is broken: expected records {after + 1} to {upto}, found "
            f"{len(found)} of them{f', {found[0]} to {found[-1]}' if found else ''}: "
            "restore a backup of the database"
        )
    return read
