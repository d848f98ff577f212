"""What readers that do not read cost the others: the pace of a task with and without them.

    python -m tests.bench.stalled

Runs with and without stalled readers take turns, over real sockets; of each kind the median counts.
"""

from __future__ import annotations

import asyncio
import time
from statistics import median

from tests.a2a.stalls import crowd

READING = 200
STALLED = 50
CHUNKS = 50
ROUNDS = 7


async def _run(stalled: int) -> float:
    """Return the seconds from the first chunk until everybody who reads has read the last."""
    async with crowd(READING + stalled, stalled, CHUNKS) as them:
        begun = time.perf_counter()
        them.begin()
        for peer in them.reading:
            await peer.closed
        return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    with_, without = [], []
    for _ in range(ROUNDS):
        with_.append(asyncio.run(_run(STALLED)))
        without.append(asyncio.run(_run(0)))
    events = READING * CHUNKS
    print(
        f"{READING} readers of {CHUNKS} chunks of 4 KiB: {events / median(without):,.0f} events/s; "
        f"with {STALLED} more that do not read: {events / median(with_):,.0f} events/s "
        f"({median(without) / median(with_):.0%}; medians of {ROUNDS} runs each, in turns)"
    )


if __name__ == "__main__":
    main()
