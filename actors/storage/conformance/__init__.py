"""What every journal must keep, as tests: subclass `JournalConformance` in a pytest module.

    class TestMyJournal(JournalConformance):
        @pytest.fixture
        def journal(self) -> Journal:
            return MyJournal(...)          # new, empty, not opened

        def reopen(self, journal: Journal) -> Journal:
            return MyJournal(...)          # the same contents as `journal`, which is closed

Each test runs in an event loop of its own, so that no plugin for asyncio is needed, and takes
answers that come at once and awaitables alike. A journal over a user's own store (`external`) keeps
less than this and has tests of its own.

    suite.py      the fixtures to override, the loop
    appends.py    when an append holds             keeping.py    what survives closing
    reading.py    who reads what, pages            listing.py    projections and queries
    keys.py       idempotency keys                 consumers.py  durable consumers
    upkeep.py     heads, compaction, removal       retention.py  what is beyond its limits
    copies.py     whole logs from elsewhere

Neighbours: `actors/runtime/journal/port.py` (the contract in words), `samples.py` (what is appended
here).
"""

from actors.storage.conformance.appends import Appends
from actors.storage.conformance.consumers import Consumers
from actors.storage.conformance.copies import Copies
from actors.storage.conformance.keeping import Keeping
from actors.storage.conformance.keys import Keys
from actors.storage.conformance.listing import Listings
from actors.storage.conformance.reading import Reading
from actors.storage.conformance.retention import Retention
from actors.storage.conformance.suite import in_a_loop
from actors.storage.conformance.upkeep import Upkeep

__all__ = ["JournalConformance", "in_a_loop"]


class JournalConformance(
    Appends, Keeping, Reading, Listings, Keys, Consumers, Upkeep, Retention, Copies
):
    """The tests. Override `journal`, and `reopen` unless closing keeps the contents in place."""
