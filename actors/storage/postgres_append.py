"""A group of appends as one call of one function, so as one round trip and one transaction.

The function reads where the logs of the group end, decides each append in order upon that (in its
own variables, as `fencing.holds` says), and writes everything that holds with one statement for
each table. Nobody else writes meanwhile (`postgres_lock.py`). It belongs to the session, so that no
release meets the function of another.

Neighbours: `postgres_schema.py` (the tables), `postgres.py` (calls it), `fencing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.projection import Projection, Row
from actors.storage.fencing import check, claims
from actors.storage.postgres_schema import Connection, Layout
from actors.storage.postgres_text import MAX_CONSUMER, MAX_NAME, kept, kept_key, kept_row
from actors.storage.stretches import Stretch, stretches

_ROWS_KNOWN: Final = 16_384
"""How many logs' rows are remembered; beyond that it starts anew."""

_FUNCTION: Final = """
CREATE FUNCTION pg_temp.append_group(
    names text[], slots int[], expected bigint[], epochs bigint[], claims boolean[],
    actives boolean[], counts int[], sizes bigint[], rowed boolean[],
    frames bytea[], frame_of int[], frame_seqs bigint[], frame_counts int[],
    key_names text[], key_slots int[], key_ends int[],
    consumer_names text[], consumer_of int[]{parameters}
) RETURNS boolean[] LANGUAGE plpgsql AS $body$
DECLARE
    ids bigint[]; fresh boolean[]; heads bigint[]; held bigint[]; taken boolean[];
    busy boolean[] := array_fill(false, ARRAY[cardinality(names)]);
    grown bigint[] := array_fill(0::bigint, ARRAY[cardinality(names)]);
    last_row int[] := array_fill(0, ARRAY[cardinality(names)]);
    stored boolean[] := array_fill(false, ARRAY[cardinality(slots)]);
    keyed boolean := cardinality(key_names) > 0;
    s int; first_key int := 1; free boolean;
BEGIN
    SELECT array_agg(coalesce(l.id, nextval('{schema}.log_ids')) ORDER BY n.i),
        array_agg(l.id IS NULL ORDER BY n.i),
        array_agg(coalesce(l.head, 0) ORDER BY n.i),
        array_agg(coalesce(l.epoch, 0) ORDER BY n.i)
    INTO ids, fresh, heads, held
    FROM unnest(names) WITH ORDINALITY AS n (log, i) LEFT JOIN {schema}.logs AS l ON l.log = n.log;
    IF keyed THEN
        SELECT array_agg(k.key IS NOT NULL ORDER BY n.i) INTO taken
        FROM unnest(key_names) WITH ORDINALITY AS n (key, i)
        LEFT JOIN {schema}.keys AS k ON k.key = n.key;
    END IF;
    FOR a IN 1 .. cardinality(slots) LOOP
        s := slots[a];
        free := expected[a] = heads[s] AND (heads[s] = 0 OR held[s] = epochs[a]
            OR (claims[a] AND held[s] < epochs[a]));
        IF keyed THEN
            FOR k IN first_key .. key_ends[a] LOOP
                free := free AND NOT taken[key_slots[k]];
            END LOOP;
            IF free THEN
                FOR k IN first_key .. key_ends[a] LOOP
                    taken[key_slots[k]] := true;
                END LOOP;
            END IF;
            first_key := key_ends[a] + 1;
        END IF;
        IF free THEN
            stored[a] := true;
            heads[s] := expected[a] + counts[a];
            held[s] := epochs[a];
            busy[s] := actives[a];
            grown[s] := grown[s] + sizes[a];
            IF rowed[a] THEN
                last_row[s] := a;
            END IF;
        END IF;
    END LOOP;
    IF true = ANY (fresh) THEN
        INSERT INTO {schema}.logs (id, log, head, epoch, active, floor, bytes)
        SELECT n.id, n.log, n.head, n.epoch, n.active, 0, n.bytes
        FROM unnest(ids, names, heads, held, busy, grown, fresh)
            AS n (id, log, head, epoch, active, bytes, fresh)
        WHERE n.fresh AND n.bytes > 0;
    END IF;
    IF false = ANY (fresh) THEN
        UPDATE {schema}.logs AS l
        SET head = n.head, epoch = n.epoch, active = n.active, bytes = l.bytes + n.bytes
        FROM unnest(ids, heads, held, busy, grown, fresh)
            AS n (id, head, epoch, active, bytes, fresh)
        WHERE l.id = n.id AND NOT n.fresh AND n.bytes > 0;
    END IF;
    INSERT INTO {schema}.records (id, seq, frame, held)
    SELECT ids[slots[f.a]], f.seq, f.frame, f.held
    FROM unnest(frame_of, frame_seqs, frames, frame_counts) AS f (a, seq, frame, held)
    WHERE stored[f.a];
    IF keyed THEN
        INSERT INTO {schema}.keys (key, id, seq)
        SELECT key_names[key_slots[k]], ids[slots[a]], expected[a] + 1
        FROM unnest(stored, key_ends, array_prepend(0, key_ends)) WITH ORDINALITY
            AS n (stored, last, before, a),
            generate_series(n.before + 1, n.last) AS k
        WHERE n.stored;
    END IF;
    IF cardinality(consumer_names) > 0 THEN
        INSERT INTO {schema}.consumers (consumer, log, seq)
        SELECT n.consumer, names[slots[n.a]], expected[n.a]
        FROM unnest(consumer_names, consumer_of) WITH ORDINALITY AS n (consumer, a, i)
        WHERE stored[n.a] ORDER BY n.i
        ON CONFLICT DO NOTHING;
    END IF;
{rows}
    RETURN stored;
END $body$
"""
_ROWS: Final = """
    IF cardinality({rows}) > 0 THEN
{others}
        INSERT INTO {table} SELECT ids[slots[n.id0::int]], n.log0, {columns}
        FROM unnest({rows}) AS n WHERE last_row[slots[n.id0::int]] = n.id0
        ON CONFLICT (id0) DO UPDATE SET {changes};
    END IF;"""
_OTHERS: Final = """
        DELETE FROM {table} AS o USING unnest({rows}) AS n
        WHERE o.id0 = ids[slots[n.id0::int]] AND last_row[slots[n.id0::int]] = n.id0;"""
_BOOLS, _INTS, _BIGINTS = "::text::boolean[]", "::text::int[]", "::text::bigint[]"
_ARGUMENTS: Final = (
    *("", _INTS, _BIGINTS, _BIGINTS, _BOOLS),
    *(_BOOLS, _INTS, _BIGINTS, _BOOLS),
    *("", _INTS, _BIGINTS, _INTS),
    *("", _INTS, _INTS),
    *("", _INTS),
)
"""What the function's arguments are cast with: arrays of numbers are sent as text, since asyncpg
looks at each element of an array for what it might be (measured: half of all it takes to send)."""


class Appender:
    """Calls the function, and remembers which rows need not be written again."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._rows: dict[str, Row] = {}
        self._call = ""

    def forget(self, log: str | None = None) -> None:
        """Write the row of a log, or of each, with its next append."""
        if log is None:
            self._rows.clear()
        else:
            self._rows.pop(log, None)

    async def prepare(self, connection: Connection, layout: Layout) -> str:
        """Make the function for a layout; returns how it is called."""
        casts = [*_ARGUMENTS, *("" for _ in layout.projections)]
        arguments = ", ".join(f"${number}{cast}" for number, cast in enumerate(casts, 1))
        call = f"SELECT pg_temp.append_group({arguments})"
        await connection.execute("DROP FUNCTION IF EXISTS pg_temp.append_group")
        await connection.execute(_function(layout))
        await connection.prepare(call)  # asks the server for the types of rows, once
        return call

    def use(self, call: str) -> None:
        """Call the function so from now on."""
        self.forget()
        self._call = call

    def rows(self, group: Sequence[Append]) -> list[list[Stretch]]:
        """The rows of records of each append.

        Raises:
            ValueError, TypeError, StorageError: as `fencing.check` and `codec.encoded`; or the name
                of a log or of a consumer is too long.
        """
        known = self._layout.projections.values()
        for append in group:
            check(append, known)
            if len(append.log) > MAX_NAME // 4:
                check_name(append.log)
            check_consumers(append.log, append.consumers)
        return [stretches(append.records, append.log) for append in group]

    async def append(
        self, connection: Connection, group: Sequence[Append], rows: Sequence[Sequence[Stretch]]
    ) -> list[Ack]:
        """Store a group; `prepare` comes first wherever nobody knows what became of the one before.

        A row is sent unless it is the one that is stored: then, should its append be the last of
        the log, there is nothing to write.
        """
        call = _Call([[] for _ in self._layout.projections])
        places = {each.row: n for n, each in enumerate(self._layout.projections.values())}
        for append, given in zip(group, rows, strict=True):
            call.add(append, given)
            row = append.row
            if row is not None and self._rows.get(append.log) != row:
                numbered = (len(call.slots), kept(append.log), *kept_row(row))
                call.rows[places[type(row)]].append(numbered)
        stored = await connection.fetchval(self._call, *call.arguments())
        self._remember(group, stored)
        return [Ack.STORED if each else Ack.FENCED for each in stored]

    def _remember(self, group: Sequence[Append], stored: Sequence[bool]) -> None:
        if len(self._rows) > _ROWS_KNOWN:
            self._rows.clear()
        for append, holds in zip(group, stored, strict=True):
            if holds and append.row is not None:
                self._rows[append.log] = append.row


@dataclass(slots=True)
class _Call:
    """The arguments of one call; those that begin with `frame`, `key`, `consumer` are flat."""

    rows: list[list[tuple[Any, ...]]]
    """For each projection: number of the append, name of the log, columns."""
    names: dict[str, int] = field(default_factory=dict)
    """Each log once -> its slot, from 1."""
    slots: list[int] = field(default_factory=list)
    expected: list[int] = field(default_factory=list)
    epochs: list[int] = field(default_factory=list)
    claims: list[bool] = field(default_factory=list)
    actives: list[bool] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    rowed: list[bool] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    frame_of: list[int] = field(default_factory=list)
    frame_seqs: list[int] = field(default_factory=list)
    frame_counts: list[int] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    key_slots: list[int] = field(default_factory=list)
    key_ends: list[int] = field(default_factory=list)
    consumers: list[str] = field(default_factory=list)
    consumer_of: list[int] = field(default_factory=list)

    def add(self, append: Append, given: Sequence[Stretch]) -> None:
        """Put an append in."""
        log, epoch, expected, records, _, active, row, _, keys, consumers = append
        self.slots.append(self.names.setdefault(kept(log), len(self.names) + 1))
        self.expected.append(expected)
        self.epochs.append(epoch)
        self.claims.append(claims(append))
        self.actives.append(active)
        self.counts.append(len(records))
        self.sizes.append(sum(len(frames) for _, frames in given))
        self.rowed.append(row is not None)
        number = len(self.slots)
        for count, frames in given:
            expected += count
            self.frames.append(frames)
            self.frame_of.append(number)
            self.frame_seqs.append(expected)
            self.frame_counts.append(count)
        for key in dict.fromkeys(keys) if keys else ():
            slot = self.keys.setdefault(kept_key(key), len(self.keys) + 1)
            self.key_slots.append(slot)
        self.key_ends.append(len(self.key_slots))
        if consumers:
            self.consumers += map(kept, consumers)
            self.consumer_of += [number] * len(consumers)

    def arguments(self) -> tuple[Any, ...]:
        """In the order of the function's parameters."""
        return (
            *(list(self.names), _text(self.slots), _text(self.expected), _text(self.epochs)),
            *(_text(self.claims), _text(self.actives), _text(self.counts), _text(self.sizes)),
            *(_text(self.rowed), self.frames, _text(self.frame_of), _text(self.frame_seqs)),
            _text(self.frame_counts),
            *(list(self.keys), _text(self.key_slots), _text(self.key_ends)),
            *(self.consumers, _text(self.consumer_of), *self.rows),
        )


def _text(array: Sequence[int]) -> str:
    """An array of numbers, or of bools, as PostgreSQL reads it."""
    return f"{{{','.join(map(str, array))}}}"


def check_name(log: str) -> None:
    """Refuse a name that no index can hold.

    Raises:
        ValueError: it is longer than MAX_NAME bytes.
    """
    size = len(kept(log).encode())
    if size > MAX_NAME:
        raise ValueError(
            f"the name of a log takes {size} bytes, at most {MAX_NAME} can be kept: {log[:50]!r}..."
        )


def check_consumers(log: str, consumers: Iterable[str]) -> None:
    """Refuse consumers that no index can hold.

    Raises:
        ValueError: the name of one is longer than MAX_CONSUMER bytes.
    """
    for consumer in consumers:
        size = len(kept(consumer).encode())
        if size > MAX_CONSUMER:
            raise ValueError(
                f"the name of a consumer of log {log!r} takes {size} bytes, at most {MAX_CONSUMER} "
                f"can be kept: {consumer[:50]!r}..."
            )


def _function(layout: Layout) -> str:
    known = list(layout.projections.values())
    parameters = "".join(f", rows_{each.name} {layout.rows(each)}[]" for each in known)
    rows = "".join(_write_rows(layout, each) for each in known)
    return _FUNCTION.format(parameters=parameters, rows=rows, schema=layout.schema)


def _write_rows(layout: Layout, projection: Projection) -> str:
    table, rows = layout.rows(projection), f"rows_{projection.name}"
    others = (other for other in layout.row_tables if other != table)
    return _ROWS.format(
        rows=rows,
        table=table,
        others="".join(_OTHERS.format(table=other, rows=rows) for other in others),
        columns=", ".join(f'n."{name}"' for name in projection.columns),
        changes=", ".join(f'"{name}" = excluded."{name}"' for name in projection.columns),
    )
