"""Doubt: an append that was fenced, and may yet be ours; what stands in its place decides.

Neighbours: `lanes.py` (what is in doubt), `actor.py` (reads it back).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record

LIMBO_BEYOND = 8
"""Records to read beyond an append in doubt, to see who has written after one that landed late."""


class Doubt(NamedTuple):
    """An append that was fenced, perhaps by ourselves; `limbo` is what else of ours may have."""

    at: int
    append: Append
    limbo: Append | None

    @property
    def limit(self) -> int:
        """How many records to read in its place."""
        own = len(self.append.records)
        return own if self.limbo is None else max(own, len(self.limbo.records)) + LIMBO_BEYOND

    def resolved(self, found: Sequence[Record] | None) -> Ack | None:
        """Tell what became of the append, by the (at most `limit`) records from its place on."""
        if found is None:
            return None  # no longer kept: nobody can say
        records = tuple(found)
        if records[: len(self.append.records)] == self.append.records:
            return Ack.STORED
        return None if self._landed_late(records) else Ack.FENCED

    def _landed_late(self, records: tuple[Record, ...]) -> bool:
        """Tell whether ours stand there, and nothing of another server after them."""
        if self.limbo is None or not records:
            return False
        if records[: len(self.limbo.records)] == self.limbo.records:
            return len(records) == len(self.limbo.records)
        # A life between the one in limbo and this one: the first record of a life is signed.
        ours = self.append.records[0].facts.get("by")
        signed = {record.facts["by"] for record in records if "by" in record.facts}
        first = records[0].facts.get("by")
        return ours is not None and first == ours and signed == {ours} and len(records) < self.limit
