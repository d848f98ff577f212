"""Our own journals against the conformance suite that we ship."""

from pathlib import Path
from typing import cast

import pytest

from actors.runtime.journal.port import Journal
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.conformance import JournalConformance


class TestMemoryJournal(JournalConformance):
    @pytest.fixture
    def journal(self) -> Journal:
        return MemoryJournal()


class TestSqliteJournal(JournalConformance):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Journal:
        return SqliteJournal(tmp_path / "made" / "on demand" / "tasks.db")

    def reopen(self, journal: Journal) -> Journal:
        return SqliteJournal(cast("SqliteJournal", journal).path)


class TestSqliteJournalOnTheDisk(JournalConformance):
    @pytest.fixture
    def journal(self, tmp_path: Path) -> Journal:
        return SqliteJournal(tmp_path / "tasks.db", durability="power")

    def reopen(self, journal: Journal) -> Journal:
        return SqliteJournal(cast("SqliteJournal", journal).path, durability="power")
