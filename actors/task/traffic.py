"""Traffic: how many webhooks are being notified at once: in all, for each receiver, and whose.

A receiver that is slow fills its own places. The webhooks of one owner cannot fill all places, be
there as many receivers as they like: the last eighth is for owners who have none. Whoever waits has
a turn by owner, then by receiver.

Neighbours: `rounds.py` (asks before it sends), `delivery.py` (how many).
"""

from __future__ import annotations

from collections import Counter
from typing import Generic, NamedTuple, TypeAlias, TypeVar

T = TypeVar("T")

Owner: TypeAlias = tuple[str, str]
"""Owner and tenant."""

RESERVED = 8
"""One place in so many is for owners who have none."""


class _Place(NamedTuple):
    owner: Owner
    receiver: str


class Traffic(Generic[T]):
    """Places for attempts; `T` says who has one, or waits for one.

    Args:
        at_once: places in all; 0 is without bound.
        per_receiver: places for one receiver; 0 likewise.
    """

    __slots__ = (
        *("_at_once", "_of_owner", "_per_receiver", "_places", "_queue", "_under_way", "_waiting"),
    )

    def __init__(self, at_once: int, per_receiver: int) -> None:
        self._at_once = at_once
        self._per_receiver = per_receiver
        self._places: dict[T, _Place] = {}
        self._under_way: Counter[str] = Counter()
        """Receiver -> places that are taken."""
        self._of_owner: Counter[Owner] = Counter()
        """Likewise."""
        self._waiting: dict[T, _Place] = {}
        """What each waits for."""
        self._queue: dict[Owner, dict[str, dict[T, None]]] = {}
        """The same by owner and receiver; of both, the one that was served last is last."""

    @property
    def under_way(self) -> int:
        """Places that are taken."""
        return len(self._places)

    def at(self, who: T) -> str:
        """Return the receiver at which `who` has its place."""
        return self._places[who].receiver

    def enter(self, who: T, receiver: str, owner: Owner = ("", "")) -> bool:
        """Take a place; False if there is none: then `who` waits until `next` names it."""
        place = _Place(owner, receiver)
        if self._room(owner) and self._free(receiver):
            self._take(who, place)
            return True
        self._waiting[who] = place
        self._queue.setdefault(owner, {}).setdefault(receiver, {})[who] = None
        return False

    def forget(self, who: T) -> None:
        """Let `who` wait no more."""
        owner, receiver = self._waiting.pop(who)
        receivers = self._queue[owner]
        del receivers[receiver][who]
        if not receivers[receiver]:
            del receivers[receiver]
        if not receivers:
            del self._queue[owner]

    def leave(self, who: T) -> None:
        """Give a place back."""
        owner, receiver = self._places.pop(who)
        self._of_owner[owner] -= 1
        self._under_way[receiver] -= 1
        if not self._of_owner[owner]:
            del self._of_owner[owner]
        if not self._under_way[receiver]:
            del self._under_way[receiver]

    def next(self) -> T | None:
        """Give a free place to one who waits for it, and name that one; None if there is none."""
        place = self._turn() if self._left else None
        if place is None:
            return None
        owner, receiver = place
        who = next(iter(self._queue[owner][receiver]))
        self.forget(who)
        if owner in self._queue:
            receivers = self._queue[owner] = self._queue.pop(owner)
            if receiver in receivers:
                receivers[receiver] = receivers.pop(receiver)
        self._take(who, place)
        return who

    def _turn(self) -> _Place | None:
        """Whose turn it is, and where: of those who need not wait longer."""
        for owner, receivers in self._queue.items():
            if not self._room(owner):
                continue
            receiver = next(filter(self._free, receivers), None)
            if receiver is not None:
                return _Place(owner, receiver)
        return None

    def _take(self, who: T, place: _Place) -> None:
        self._places[who] = place
        self._of_owner[place.owner] += 1
        self._under_way[place.receiver] += 1

    @property
    def _left(self) -> bool:
        return not self._at_once or len(self._places) < self._at_once

    def _room(self, owner: Owner) -> bool:
        """Whether there is a place that a webhook of that owner may take."""
        reserved = self._at_once // RESERVED if owner in self._of_owner else 0
        return not self._at_once or len(self._places) < self._at_once - reserved

    def _free(self, receiver: str) -> bool:
        return not self._per_receiver or self._under_way[receiver] < self._per_receiver
