"""Each event is put into JSON once, however many readers there are, and sent in few pieces."""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import pairwise

import pytest
from a2a.types import StreamResponse
from google.protobuf.message import Message as Proto
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.a2a import sequenced
from actors.a2a.said import in_stream
from actors.a2a.wire import frames
from tests.a2a.stalls import crowd, events

READERS = 12
CHUNKS = 5


async def test_readers_over_sockets_share_the_json_of_an_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: Counter[bytes] = Counter()

    def counting(event: Proto) -> bytes:
        assert isinstance(event, StreamResponse)
        if not event.HasField("task"):  # which a reader that comes is told alone
            said[event.SerializeToString()] += 1
        return in_stream(event)

    monkeypatch.setattr(sequenced, "in_stream", counting)
    async with asyncio.timeout(20), crowd(READERS, 0, CHUNKS) as them:
        them.begin()
        for peer in them.reading:
            await peer.closed
        assert all(len(events(peer)) == 1 + CHUNKS + 1 for peer in them.reading)
    assert list(said.values()) == [1] * (CHUNKS + 1)


@given(st.lists(st.integers(0, 40), max_size=12))
@settings(max_examples=100, deadline=None, derandomize=True, database=None)
def test_small_parts_go_together_and_large_ones_in_pieces(sizes: list[int]) -> None:
    parts = [bytes([65 + at]) * size for at, size in enumerate(sizes)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "CHUNK", 16)
        sent = list(frames.joined(parts))
    assert b"".join(sent) == b"".join(parts)
    assert all(len(piece) <= 16 for piece in sent)
    assert all(len(one) + len(next_) > 16 for one, next_ in pairwise(sent))
