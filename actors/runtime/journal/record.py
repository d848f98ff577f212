"""A record: one fact in a log, as a journal stores it and every reader sees it.

Neighbours: `port.py` (appends and reads them), `actors/storage/codec.py` (their bytes).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

Fact = str | int | list[str]
"""What a fact may be; a record never carries anything but data."""

NO_FACTS: Mapping[str, Fact] = MappingProxyType({})

CLAIM: Final = 0
"""Kind of the record with which a new incarnation takes a log over: the journal's own."""

PRIVATE: Final = 16
"""Kinds from here on are for the actor alone; 1 to 15 are public, for whoever may read the log."""


class Record(NamedTuple):
    """One stored fact.

    What the kinds beside CLAIM mean, and what a payload is, its actor says. By convention the
    first record of each life of an actor bears the fact `by`: who wrote it (see `doubt.py`).
    """

    seq: int
    """Position in the log, gap-free from 1."""
    epoch: int
    """Writer incarnation that appended it."""
    at: int
    """UTC milliseconds."""
    kind: int
    """0 to 2**31 - 1."""
    payload: bytes = b""
    facts: Mapping[str, Fact] = NO_FACTS

    @property
    def public(self) -> bool:
        """Whether streams and other consumers carry records of this kind."""
        return CLAIM < self.kind < PRIVATE

    def number(self, fact: str) -> int:
        """A fact that is a number; 0 when absent."""
        value = self.facts.get(fact, 0)
        return value if isinstance(value, int) else 0
