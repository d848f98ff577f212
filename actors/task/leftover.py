"""Leftover: the webhooks that an earlier process has left undelivered, worked on a few at a time.

Neighbours: `outbox.py` (finds them, and works on them).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from actors.task.attempts import Target
from actors.task.orders import Deliver, Hooked, LookAfter, Unhooked

PAGE = 256
"""Webhooks that are asked for at a time."""

BACKLOG = 16
"""Webhooks that are worked on at a time."""


class Leftover:
    """What was left, as far as it is known."""

    __slots__ = ("_at_work", "_waiting", "after", "early", "scanning")

    def __init__(self) -> None:
        self.scanning = True
        """Not all is known yet."""
        self.after = ("", "")
        """Consumer and log of the last that was found."""
        self.early: list[Deliver | LookAfter | Hooked | Unhooked] = []
        """What came while not all was known: what was left of the same task goes first."""
        self._waiting: deque[Target] = deque()
        self._at_work: set[Target] = set()

    def add(self, target: Target) -> None:
        """Work on a webhook when its turn comes."""
        self._waiting.append(target)

    def leave(self, target: Target) -> None:
        """Let others have its turn: it is done with, or waits for its next attempt."""
        self._at_work.discard(target)

    def more(self) -> Iterator[Target]:
        """Yield what can be begun."""
        while self._waiting and len(self._at_work) < BACKLOG:
            target = self._waiting.popleft()
            self._at_work.add(target)
            yield target
