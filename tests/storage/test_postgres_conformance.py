"""PostgresJournal keeps what every journal must keep."""

import pytest

from actors.runtime.journal.port import Journal
from actors.storage.conformance import JournalConformance
from actors.storage.postgres import PostgresJournal
from tests.postgres import dsn, own_server, schema

__all__ = ["dsn", "own_server", "schema"]


class TestPostgresJournal(JournalConformance):
    @pytest.fixture
    def journal(self, dsn: str, schema: str) -> Journal:
        return PostgresJournal(dsn, schema=schema)

    def reopen(self, journal: Journal) -> Journal:
        return journal
