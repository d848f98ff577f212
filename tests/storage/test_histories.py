"""Random histories of a task: fold(log) = snapshot + tail = what a read shows, always.

More of the same: `python -m tests.soak.histories`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.journal.port import Journal
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.postgres import PostgresJournal
from tests.postgres import dsn, own_server, schema
from tests.storage.histories import DEEDS, Deed, live

__all__ = ["dsn", "own_server", "schema"]

HISTORIES = st.lists(
    st.builds(Deed, st.sampled_from(DEEDS), st.integers(0, 2**32)), min_size=4, max_size=16
)


def explore(make: Callable[[], Journal], examples: int, longest: int = 64) -> None:
    """Live through some histories, each with a log of its own in one journal."""
    lived: list[int] = []

    @settings(derandomize=True, deadline=None, max_examples=examples, database=None)
    @given(HISTORIES)
    def one(history: list[Deed]) -> None:
        task = f"task-{len(lived)}-é"
        truth = asyncio.run(live(make(), task, history))
        lived.append(len(truth.records))

    one()
    assert max(lived) > longest, "too short: SQLite marks every 64th record"


def test_in_memory() -> None:
    journal = MemoryJournal()
    explore(lambda: journal, 60)


def test_in_a_file(tmp_path: Path) -> None:
    explore(lambda: SqliteJournal(tmp_path / "x.db"), 60)


def test_in_postgres(dsn: str, schema: str) -> None:
    explore(lambda: PostgresJournal(dsn, schema=schema), 12, longest=30)
