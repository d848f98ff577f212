"""What an event costs, counted: as much in a long stream as in a short one, and nothing twice.

Neighbours: `costs.py` (counts), `test_costs_at_rest.py` (what is left when nothing happens),
`test_costs_sse.py` (over HTTP).
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from actors.a2a import RequestHandler
from tests.a2a.costs import (
    COPIES,
    ENCODES,
    MERGES,
    PARSES,
    SPANS,
    Chatty,
    Costs,
    Tallied,
    counted,
    followed,
    serving,
    streamed,
)

SHORT, LONG = 1_000, 10_000
"""Events."""


@pytest.fixture
def journal() -> Tallied:
    return Tallied()


@pytest.fixture
async def served(journal: Tallied) -> AsyncIterator[tuple[RequestHandler, Chatty]]:
    handler, agent = serving(journal)
    await streamed(handler, "burst 10")  # what is made once is made
    yield handler, agent
    await handler.aclose()


async def streaming(handler: RequestHandler, scene: str, events: int) -> Costs:
    with counted() as costs:
        assert await streamed(handler, f"{scene} {events}") >= events
    return costs


async def test_a_long_stream_costs_what_a_short_one_does(
    served: tuple[RequestHandler, Chatty], journal: Tallied
) -> None:
    """Per event: calls, bytes stored, commits; nothing grows with what the task has already."""
    handler, _ = served
    calls, stored, commits = [], [], []
    for events in (SHORT, LONG):
        bytes_before, commits_before = journal.bytes, journal.commits
        costs = await streaming(handler, "burst", events)
        calls.append(costs.calls / events)
        stored.append((journal.bytes - bytes_before) / events)
        commits.append((journal.commits - commits_before) / events)
    assert calls[1] < calls[0] * 1.05
    assert calls[0] < 60  # about 42 when this was written
    assert stored[1] < stored[0] * 1.05
    assert max(commits) < 0.05  # one group for each turn, not for each event


@pytest.mark.parametrize("scene", ["burst", "paced"])
async def test_an_event_makes_no_task_timer_span_or_copy(
    served: tuple[RequestHandler, Chatty], journal: Tallied, scene: str
) -> None:
    """Whether its agent lets others run between two events, or does not."""
    handler, _ = served
    commits = journal.commits
    few, many = await streaming(handler, scene, 50), await streaming(handler, scene, 550)
    for what in ("asyncio tasks", *SPANS, *COPIES):
        assert many.by_name[what] - few.by_name[what] < 5, what
    # Of an agent that lets others run there is one for each millisecond, however many its events.
    assert many.by_name["timers"] - few.by_name["timers"] < (5 if scene == "burst" else 250)
    assert (many.of(ENCODES) - few.of(ENCODES)) / 500 <= 1.02  # as a fact
    # For the reader, and for the Task that is folded: many at once.
    assert (many.of(PARSES) - few.of(PARSES)) / 500 <= (0.05 if scene == "burst" else 0.5)
    # Into the artifact that grows: as often as chunks are parsed for the Task.
    assert (many.of(MERGES) - few.of(MERGES)) / 500 <= (0.05 if scene == "burst" else 0.5)
    assert (journal.commits - commits) / 600 < (1.02 if scene == "paced" else 0.05)


async def test_readers_share_what_an_event_is_encoded_to(
    served: tuple[RequestHandler, Chatty],
) -> None:
    """However many read along, no event is encoded once more, nor gets an asyncio task."""
    handler, agent = served
    chunks, few, many = 200, 2, 12
    found = []
    for readers in (few, many):
        with counted() as costs:
            assert await followed(handler, agent, chunks, readers) >= chunks * (readers + 1)
        found.append(costs)
    apart, together = found
    more = many - few
    assert together.of(ENCODES) - apart.of(ENCODES) < 5 * more  # for letting each reader in
    assert together.by_name["asyncio tasks"] - apart.by_name["asyncio tasks"] <= 2 * more
    assert together.by_name["timers"] - apart.by_name["timers"] <= 4 * more
    per_delivery = (together.calls - apart.calls) / (chunks * more)
    assert per_delivery < 11  # about 7 when this was written
