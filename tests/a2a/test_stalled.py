"""A thousand open streams, a hundred readers that do not read: nobody else notices (L5, R45).

Invariants 8, 9, 10 and 12, over real sockets.
"""

from __future__ import annotations

import asyncio

from tests.a2a.stalls import CHUNK, crowd, events

READERS = 1000
STALLED = 100
CHUNKS = 7


async def test_a_hundred_of_a_thousand_readers_stall() -> None:
    async with asyncio.timeout(60), crowd(READERS, STALLED, CHUNKS) as them:
        them.begin()
        for peer in them.reading:
            await peer.closed  # with everything, or what follows would fail
        assert await them.over()
        assert them.open_streams() == STALLED
        assert not any(peer.closed.done() for peer in them.stalled)
        expected = events(them.reading[0])
        assert len(expected) == 1 + CHUNKS + 1  # the Task, its chunks, COMPLETED
        assert [number for number, _ in expected] == sorted({number for number, _ in expected})
        for number in range(CHUNKS):
            assert f'"{number} {CHUNK}"'.encode() in expected[1 + number][1]
        assert all(events(peer) == expected for peer in them.reading)
        assert max(len(events(peer)) for peer in them.stalled) < len(expected)
        them.go_on()
        for peer in them.stalled:
            await peer.closed
        assert all(events(peer) == expected for peer in them.stalled)
        assert them.open_streams() == 0
