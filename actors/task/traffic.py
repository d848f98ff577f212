"""Traffic: how many webhooks are being notified at once, in all and for each receiver.

A receiver that is slow fills its own places and nobody else's.

Neighbours: `outbox.py` (asks before it sends).
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Traffic(Generic[T]):
    """Places for attempts; `T` says who has one, or waits for one.

    Args:
        at_once: places in all; 0 is without bound.
        per_receiver: places for one receiver; 0 likewise.
    """

    __slots__ = ("_at_once", "_per_receiver", "_places", "_under_way", "_waiting")

    def __init__(self, at_once: int, per_receiver: int) -> None:
        self._at_once = at_once
        self._per_receiver = per_receiver
        self._places: dict[T, str] = {}
        self._under_way: Counter[str] = Counter()
        """Receiver -> places that are taken."""
        self._waiting: dict[str, deque[T]] = {}
        """By receiver; the one that was served last is last."""

    @property
    def under_way(self) -> int:
        """Places that are taken."""
        return len(self._places)

    def at(self, who: T) -> str:
        """Return the receiver at which `who` has its place."""
        return self._places[who]

    def enter(self, who: T, receiver: str) -> bool:
        """Take a place; False if there is none: then `who` waits until `next` names it."""
        if self._free(receiver):
            self._take(who, receiver)
            return True
        self._waiting.setdefault(receiver, deque()).append(who)
        return False

    def leave(self, who: T) -> None:
        """Give a place back."""
        receiver = self._places.pop(who)
        self._under_way[receiver] -= 1
        if not self._under_way[receiver]:
            del self._under_way[receiver]

    def next(self) -> T | None:
        """Give a free place to one who waits for it, and name that one; None if there is none."""
        receiver = next(filter(self._free, self._waiting), None)
        if receiver is None:
            return None
        waiting = self._waiting.pop(receiver)
        who = waiting.popleft()
        if waiting:
            self._waiting[receiver] = waiting
        self._take(who, receiver)
        return who

    def _take(self, who: T, receiver: str) -> None:
        self._places[who] = receiver
        self._under_way[receiver] += 1

    def _free(self, receiver: str) -> bool:
        if self._at_once and len(self._places) >= self._at_once:
            return False
        return not self._per_receiver or self._under_way[receiver] < self._per_receiver
