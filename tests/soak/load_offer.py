"""When sessions begin: one after another to find how many a server can bear, then by the clock.

By the clock means: whether or not those before have been answered, as the world's clients come. A
session that begins late counts as late.

Neighbours: `load_sessions.py` (what happens then), `load_run.py` (asks for it).
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import Final

from tests.soak.load_sessions import Clients

STEPS: Final = (64, 192, 576)
"""Clients at once, while it is found out what a server bears; more are tried if they help."""
SETTLING: Final = 0.3
"""The part of each step that is not counted, as what is short is over first."""
HELPS: Final = 1.1
"""How many times as much more clients must come to."""
MOST: Final = 5_000
"""Sessions at once; with more, the load is not borne, and what is measured is only how long for."""


async def capacity(clients: Clients, seconds: float) -> float:
    """Return how many sessions a server bears in a second: with as many clients as help.

    Refusals are no errors here: that there are too many is what is looked for.

    Args:
        clients: have the sessions.
        seconds: that it takes at most; what has begun then is waited for.
    """
    stopped = False

    async def again() -> None:
        while not stopped:
            await clients.session(clients.drawn(), time.monotonic())

    working: list[asyncio.Task[None]] = []
    best, step = 0.0, seconds / len(STEPS)
    for count in STEPS:
        working += [asyncio.create_task(again()) for _ in range(count - len(working))]
        await asyncio.sleep(step * SETTLING)
        before, began = clients.ended, time.monotonic()
        await asyncio.sleep(step * (1 - SETTLING))
        found = (clients.ended - before) / (time.monotonic() - began)
        best, helped = max(best, found), found >= best * HELPS
        if not helped:
            break
    stopped = True
    await asyncio.gather(*working)
    clients.refused = 0
    return best


class Offer:
    """Sessions by the clock, at random times.

    Args:
        clients: have them.
        rate: how many begin in a second, in the mean.
        rng: says when.

    Attributes:
        begun: how many have.
        left_out: how many have not, as there were too many.
    """

    def __init__(self, clients: Clients, rate: float, rng: random.Random) -> None:
        self.begun = 0
        self.left_out = 0
        self._clients = clients
        self._rate = rate
        self._rng = rng
        self._going: set[asyncio.Task[None]] = set()

    async def go_on(self, seconds: float) -> None:
        """Begin sessions for so long."""
        due = time.monotonic()
        end = due + seconds
        while (due := due + self._rng.expovariate(self._rate)) < end:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._begin(due)

    def _begin(self, due: float) -> None:
        if len(self._going) >= MOST:
            self.left_out += 1
            return
        self.begun += 1
        session = asyncio.create_task(self._clients.session(self._clients.drawn(), due))
        self._going.add(session)
        session.add_done_callback(self._going.discard)

    @property
    def going(self) -> int:
        """How many have begun and are not over."""
        return len(self._going)

    async def over(self) -> None:
        """Wait for those that go on; each has its own time limit."""
        if self._going:
            await asyncio.wait(self._going)
