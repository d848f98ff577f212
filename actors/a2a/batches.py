"""Batches: events of a stream that come together, in the form in which they are wanted.

A burst brings a hundred events at a time, and who reads in this process wants nothing of them but
the parsed events; who sends them on wants their places, and the JSON. So nothing is made of a
record before somebody asks, and what does not differ from reader to reader is made once.

Neighbours: `answers.py` (makes these), `sequenced.py` (one event), `chunks.py` (parses many).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final, overload

from actors.a2a.chunks import SMALL, parsed
from actors.a2a.sequenced import Event, Sequenced, of_record
from actors.runtime.journal.record import Record
from actors.task.kept import Kept
from actors.task.record import Kind

_ARTIFACT = Kind.ARTIFACT
RUN: Final = 64
"""Chunks that are parsed together at most: 256 are more memory than malloc keeps at hand, which
costs a fifth of a delivery to each of 100 readers."""
Run = Sequence[Record] | Sequenced
"""Small chunks that follow one another; or an event of another kind."""


class Batch(Sequence[Sequenced]):
    """The events that public records are.

    Args:
        records: two or more.
        kept: where readers of the same records keep what they make of them.
    """

    __slots__ = ("_kept", "_records", "_runs")

    def __init__(self, records: Sequence[Record], kept: Kept | None) -> None:
        self._records = records
        self._kept = kept
        self._runs: list[Run] | None = None

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Sequenced]:
        kept = self._kept
        return iter([of_record(record, kept) for record in self._records])

    @overload
    def __getitem__(self, index: int) -> Sequenced: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Sequenced]: ...
    def __getitem__(self, index: int | slice) -> Sequenced | Sequence[Sequenced]:
        return list(self)[index]

    def plain(self) -> Iterator[Event]:
        """Return the events without their wrapping; objects of one's own, parsed as they are taken.

        Small chunks are parsed together, at a fifth of the time.
        """
        if self._runs is None:
            self._runs = list(self._cut())
        return chain.from_iterable(map(_parsed, self._runs))

    def _cut(self) -> Iterator[Run]:
        records, begun = self._records, 0
        apart = [
            at
            for at, record in enumerate(records)
            if record.kind != _ARTIFACT or len(record.payload) > SMALL
        ]
        for at in (*apart, len(records)):
            for first in range(begun, at, RUN):
                yield records[first : min(at, first + RUN)]
            if at < len(records):
                yield of_record(records[at], self._kept)
            begun = at + 1


def _parsed(run: Run) -> Iterable[Event]:
    if isinstance(run, Sequenced):
        return (run.plain(),)
    return parsed([record.payload for record in run])


def batch(records: Sequence[Record], kept: Kept | None) -> Sequence[Sequenced]:
    """Return the events that public records are, for whoever is told of them."""
    if len(records) == 1:  # of a reader that keeps up
        return (of_record(records[0], kept),)
    return Batch(records, kept) if records else ()


def plain(events: Sequence[Sequenced]) -> Iterator[Event]:
    """Return events without their wrapping; objects of one's own, let go of as they are taken."""
    if isinstance(events, Batch):
        return events.plain()
    return _popped([each.plain() for each in reversed(events)])


def _popped(events: list[Event]) -> Iterator[Event]:
    while events:
        yield events.pop()
