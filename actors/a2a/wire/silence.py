"""Comments on streams that are silent, so that no proxy takes them for dead: one timer for all.

A task and a timer for each stream cost a server of 1,000 silent ones 2 % of a processor. Only a
stream that waits for its next event is spoken on: a comment in the middle of a large event, which
is sent in pieces, would end up in its JSON.

Neighbours: `frames.py` (streams).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Final
from weakref import WeakKeyDictionary

Comment = Callable[[], object]
"""Sends a comment on one stream, without waiting for it."""

_TOGETHER: Final = 0.9
"""Of the time of silence, after which a stream is spoken on with others that are due."""


class KeepAlive:
    """The silent streams of a binding, on whichever loops.

    Args:
        seconds: of silence between comments; 0: there are none.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Silent] = WeakKeyDictionary()

    def here(self) -> Silent:
        """Return the silent streams of the running loop."""
        loop = asyncio.get_running_loop()
        found = self._loops.get(loop)
        if found is None:
            found = self._loops[loop] = Silent(self._seconds)
        return found


class Silent:
    """The silent streams of one loop.

    Args:
        seconds: of silence between comments.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Comment, float] = {}  # the longest first
        self._armed = False

    def begin(self, comment: Comment) -> None:
        """A stream has nothing to say from now on."""
        if self._seconds:
            loop = asyncio.get_running_loop()
            self._since[comment] = loop.time()
            self._arm(loop, self._seconds)

    def end(self, comment: Comment) -> None:
        """It has, or is over; whoever is not silent may be told so, too."""
        self._since.pop(comment, None)

    def _arm(self, loop: asyncio.AbstractEventLoop, seconds: float) -> None:
        if not self._armed:
            self._armed = True
            # In no request's context variables, whoever is silent first (law L6).
            loop.call_later(seconds, self._speak, loop, context=Context())

    def _speak(self, loop: asyncio.AbstractEventLoop) -> None:
        self._armed, now = False, loop.time()
        while self._since:
            comment, since = next(iter(self._since.items()))
            silent = now - since
            if silent < self._seconds * _TOGETHER:
                self._arm(loop, self._seconds - silent)
                return
            del self._since[comment]
            self._since[comment] = now
            comment()
