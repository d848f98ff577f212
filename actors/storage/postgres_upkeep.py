"""Looking after many logs in PostgreSQL: heads, consumers, retention, copies.

Neighbours: `postgres_schema.py` (the tables), `postgres_read.py`, `postgres.py` (calls this).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from actors.runtime.journal.port import Copy, Head, Left, Place, Snapshot
from actors.runtime.journal.projection import Keep, Row
from actors.storage.codec import checksum
from actors.storage.postgres_read import HEAD, head_of
from actors.storage.postgres_schema import Connection, Layout
from actors.storage.postgres_text import copied_key, kept, kept_row, told
from actors.storage.stretches import RECORDS, Stretch, left_of

# ruff: noqa: S608 - every name put into a statement was checked by Layout or Projection

_NO_SNAPSHOT: Final = (None, None, None)


class Upkeeper:
    """The statements; each is one transaction."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    # -- heads and consumers

    async def head(self, connection: Connection, log: str) -> Head | None:
        """Where a log ends."""
        row = await connection.fetchrow(
            f"SELECT {HEAD} FROM {self._layout.table('logs')} AS l WHERE l.log = $1", kept(log)
        )
        return None if row is None else head_of(row)

    async def heads(
        self, connection: Connection, after: str, limit: int, active: bool
    ) -> Sequence[Head]:
        """Heads by name."""
        only = "AND l.active" if active else ""
        rows = await connection.fetch(
            f"SELECT {HEAD} FROM {self._layout.table('logs')} AS l WHERE l.log > $1 {only} "
            "ORDER BY l.log LIMIT $2",
            *(kept(after), limit),
        )
        return [head_of(row) for row in rows]

    async def consumed(self, connection: Connection, consumer: str, place: Place) -> None:
        """Move a consumer, never backwards; forget it when nothing is left."""
        logs, consumers = self._layout.table("logs"), self._layout.table("consumers")
        await connection.execute(
            f"WITH done AS (DELETE FROM {consumers} AS c USING {logs} AS l "
            "WHERE c.consumer = $1 AND c.log = $2 AND l.log = c.log AND l.head <= $3::bigint) "
            f"UPDATE {consumers} AS c SET seq = $3::bigint FROM {logs} AS l "
            "WHERE c.consumer = $1 AND c.log = $2 AND l.log = c.log "
            "AND l.head > $3::bigint AND c.seq < $3::bigint",
            *(kept(consumer), kept(place.log), place.seq),
        )

    async def unconsumed(
        self, connection: Connection, family: str, after: tuple[str, str], limit: int
    ) -> Sequence[Left]:
        """Where the consumers of a family are to go on, by their names and those of the logs."""
        rows = await connection.fetch(
            f"SELECT consumer, log, seq FROM {self._layout.table('consumers')} "
            "WHERE (consumer, log) > ($1, $2) AND consumer >= $3 AND consumer < $3 || '0' "
            "AND (consumer = $3 OR consumer >= $3 || '/') ORDER BY consumer, log LIMIT $4",
            *(*map(kept, after), kept(family), limit),
        )
        return [Left(told(row[0]), Place(told(row[1]), row[2])) for row in rows]

    async def place(self, connection: Connection, consumer: str, log: str) -> Place | None:
        """Where a consumer is to go on in one log."""
        seq = await connection.fetchval(
            f"SELECT seq FROM {self._layout.table('consumers')} WHERE consumer = $1 AND log = $2",
            *(kept(consumer), kept(log)),
        )
        return None if seq is None else Place(log, seq)

    # -- retention

    async def surplus(self, connection: Connection, keep: Keep, limit: int) -> Sequence[Head]:
        """Logs beyond what is to be kept, the oldest first.

        In the order of listings surplus begins somewhere and goes on to the end, for each limit:
        what is kept is counted to find where, and the other end is read from.
        """
        branches, arguments = self._branches(keep, [keep.state, limit])
        if not branches:
            return []
        rows = await connection.fetch(
            f"SELECT DISTINCT {HEAD.replace('l.', 'u.')}, u.newest FROM "
            f"({' UNION ALL '.join(branches)}) AS u ORDER BY u.newest, u.log LIMIT $2",
            *arguments,
        )
        return [head_of(tuple(row)[:-1]) for row in rows]

    def _branches(self, keep: Keep, arguments: list[int]) -> tuple[list[str], list[int]]:
        projection, layout = keep.projection, self._layout
        newest = f'r."{projection.newest}"'
        source = (
            f"FROM {layout.rows(projection)} AS r JOIN {layout.table('logs')} AS l "
            f'ON l.id = r.id0 WHERE r."{projection.listed}" = $1 AND NOT l.active '
            f"AND NOT EXISTS (SELECT FROM {layout.table('consumers')} AS c WHERE c.log = l.log)"
            f"{' AND l.floor < l.head' if keep.compactable else ''}"
        )
        down = f"{newest} DESC, r.log0 DESC"
        conditions = []
        if keep.since is not None:
            arguments.append(keep.since)
            conditions.append(f"{newest} < ${len(arguments)}")
        if keep.count is not None:
            arguments.append(keep.count)
            conditions.append(
                f"({newest}, r.log0) <= (SELECT {newest}, r.log0 {source} "
                f"ORDER BY {down} OFFSET ${len(arguments)} LIMIT 1)"
            )
        if keep.size is not None:
            arguments.append(keep.size)
            conditions.append(
                f"({newest}, r.log0) <= (SELECT t.newest, t.log0 FROM (SELECT "
                f"{newest} AS newest, r.log0, sum(l.bytes) OVER (ORDER BY {down} "
                f"ROWS UNBOUNDED PRECEDING) AS total {source}) AS t "
                f"WHERE t.total > ${len(arguments)} ORDER BY t.newest DESC, t.log0 DESC LIMIT 1)"
            )
        branches = [
            f"(SELECT {HEAD}, {newest} AS newest {source} AND {condition} "
            f"ORDER BY {newest}, r.log0 LIMIT $2)"
            for condition in conditions
        ]
        return branches, arguments

    async def save_snapshot(self, connection: Connection, log: str, snapshot: Snapshot) -> None:
        """Keep a snapshot unless it is older than the one kept or newer than the log."""
        table = self._layout.table("snapshots")
        await connection.execute(
            f"INSERT INTO {table} (id, seq, crc, payload) "
            f"SELECT id, $2, $3, $4 FROM {self._layout.table('logs')} "
            "WHERE log = $1 AND head >= $2 "
            "ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, crc = excluded.crc, "
            "payload = excluded.payload "
            "WHERE excluded.seq > snapshots.seq",
            *(kept(log), snapshot.seq, _crc(log, snapshot), snapshot.payload),
        )

    async def compact(self, connection: Connection, log: str, upto: int) -> bool:
        """Let go of the records up to `upto`, where a sound snapshot stands for them."""
        layout = self._layout
        logs, kept_records = layout.table("logs"), layout.table("records")
        found = await connection.fetchrow(
            f"SELECT l.id, l.floor, s.seq, s.crc, s.payload FROM {logs} AS l "
            f"LEFT JOIN {layout.table('snapshots')} AS s ON s.id = l.id WHERE l.log = $1",
            kept(log),
        )
        if found is None:
            return False
        id_, floor, seq, crc, payload = found
        if floor >= upto:
            return True
        if seq is None or seq < upto or crc != _crc(log, Snapshot(seq, payload)):
            return False
        last, rest, size = await self._across(connection, id_, log, upto)
        done = await connection.fetchval(
            f"WITH free AS (SELECT true AS it WHERE NOT EXISTS (SELECT FROM "
            f"{layout.table('consumers')} WHERE log = $3 AND seq < $2)), "
            f"gone AS (DELETE FROM {kept_records} USING free WHERE id = $1 AND seq <= $2 "
            "RETURNING octet_length(frame) AS size), "
            f"cut AS (UPDATE {kept_records} SET frame = $5, held = seq - $2 FROM free "
            "WHERE id = $1 AND seq = $4 RETURNING $6::bigint AS size), "
            "freed AS (SELECT sum(size) AS bytes FROM (SELECT size FROM gone UNION ALL "
            "SELECT size FROM cut) AS each) "
            f"UPDATE {logs} SET floor = $2, bytes = {logs}.bytes - freed.bytes FROM freed "
            "WHERE id = $1 AND freed.bytes IS NOT NULL RETURNING true",
            *(id_, upto, kept(log), last, rest, size),
        )
        return done is True

    async def _across(
        self, connection: Connection, id_: int, log: str, upto: int
    ) -> tuple[int, bytes, int]:
        """Number, frames to stay and bytes to go of the row that has `upto` and more, if any."""
        found = await connection.fetchrow(
            f"SELECT seq, frame FROM {self._layout.table('records')} WHERE id = $1 "
            f"AND seq > $2 AND seq < $2 + {RECORDS} AND seq - held < $2",
            *(id_, upto),
        )
        if found is None:
            return 0, b"", 0
        last, frame = found
        _, rest = left_of(frame, log, last, upto)
        return last, rest, len(frame) - len(rest)

    async def remove(self, connection: Connection, head: Head) -> bool:
        """Let go of a log that is as `head` says, and at rest."""
        layout = self._layout
        others = ("records", "snapshots", "keys")
        tables = [(layout.table(name), "id") for name in others]
        tables += [(name, "id0") for name in layout.row_tables]
        also = "".join(
            f", g{number} AS (DELETE FROM {table} AS t USING gone WHERE t.{id_} = gone.id)"
            for number, (table, id_) in enumerate(tables)
        )
        done = await connection.fetchval(
            f"WITH gone AS (DELETE FROM {layout.table('logs')} AS l WHERE l.log = $1 "
            "AND l.head = $2 AND l.epoch = $3 AND NOT l.active AND NOT EXISTS "
            f"(SELECT FROM {layout.table('consumers')} AS c WHERE c.log = $1) RETURNING l.id)"
            f"{also} SELECT true FROM gone",
            *(kept(head.log), head.seq, head.epoch),
        )
        return done is True

    async def restore(self, connection: Connection, copy: Copy, rows: Sequence[Stretch]) -> bool:
        """Take a log over, unless there is one of that name or one of its keys is taken.

        Raises:
            ValueError: its row is of no projection that is known.
        """
        head, snapshot = copy.head, copy.snapshot
        layout = self._layout
        beside, values = self._beside(head.log, copy.row)
        counts, frames = [count for count, _ in rows], [frames for _, frames in rows]
        cached = (
            (snapshot.seq, _crc(head.log, snapshot), snapshot.payload) if snapshot else _NO_SNAPSHOT
        )
        done = await connection.fetchval(
            f"WITH new AS (INSERT INTO {layout.table('logs')} "
            "(id, log, head, epoch, active, floor, bytes) "
            f"SELECT nextval('{layout.schema}.log_ids'), $1::text, $2::bigint, $3::bigint, "
            "$4::boolean, $5::bigint, coalesce(sum(octet_length(f)), 0) "
            "FROM unnest($6::bytea[]) AS f "
            f"HAVING NOT EXISTS (SELECT FROM {layout.table('keys')} WHERE key = ANY ($7::text[])) "
            "ON CONFLICT DO NOTHING RETURNING id, log), "
            f"written AS (INSERT INTO {layout.table('records')} (id, seq, frame, held) "
            "SELECT new.id, f.seq, f.frame, f.held "
            "FROM new, unnest($6::bytea[], $14::bigint[], $15::int[]) AS f (frame, seq, held)), "
            f"keyed AS (INSERT INTO {layout.table('keys')} (key, id, seq) "
            "SELECT k.key, new.id, k.seq "
            "FROM new, unnest($7::text[], $8::bigint[]) AS k (key, seq)), "
            f"opened AS (INSERT INTO {layout.table('consumers')} (consumer, log, seq) "
            "SELECT c.consumer, new.log, c.seq "
            "FROM new, unnest($9::text[], $10::bigint[]) AS c (consumer, seq)), "
            f"cached AS (INSERT INTO {layout.table('snapshots')} (id, seq, crc, payload) "
            "SELECT id, $11::bigint, $12::bigint, $13::bytea FROM new "
            f"WHERE $11 IS NOT NULL){beside} SELECT true FROM new",
            *(kept(head.log), head.seq, head.epoch, head.active, head.floor, frames),
            *([copied_key(key) for key, _ in copy.keys], [seq for _, seq in copy.keys]),
            *([kept(name) for name, _ in copy.consumers], [seq for _, seq in copy.consumers]),
            *(*cached, list(accumulate(counts, initial=head.floor))[1:], counts, *values),
        )
        return done is True

    def _beside(self, log: str, row: Row | None) -> tuple[str, tuple[object, ...]]:
        projection = self._layout.of_row(log, row)
        if projection is None or row is None:
            return "", ()
        given = ", ".join(f"${number}" for number in range(16, 16 + len(row)))
        table = self._layout.rows(projection)
        return f", listed AS (INSERT INTO {table} SELECT id, log, {given} FROM new)", kept_row(row)


def _crc(log: str, snapshot: Snapshot) -> int:
    return checksum(snapshot.payload, log, snapshot.seq)
