"""Listeners: who is told of dead letters and crashes, without being able to break anything.

Neighbours: `system.py` (has one list of them for each kind of notice).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, TypeVar

logger = logging.getLogger("actors")

N = TypeVar("N")


class Listeners(Generic[N]):
    """Callbacks for notices of one kind; what happens within a callback is not told again."""

    __slots__ = ("_listeners", "_telling")

    def __init__(self) -> None:
        self._listeners: list[Callable[[N], object]] = []
        self._telling = False

    def add(self, listener: Callable[[N], object]) -> Callable[[], None]:
        """Call `listener` with each notice from now on; returns what ends that."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def tell(self, notice: N) -> None:
        """Call everyone; one that raises is logged and keeps no other from hearing."""
        if self._telling:
            return  # a listener's own doing: telling of it could go on for ever
        self._telling = True
        try:
            for listener in tuple(self._listeners):
                self._tell(listener, notice)
        finally:
            self._telling = False

    @staticmethod
    def _tell(listener: Callable[[N], object], notice: N) -> None:
        try:
            listener(notice)
        except Exception:
            logger.exception("a listener raised on %s", type(notice).__name__)

    def __bool__(self) -> bool:
        return bool(self._listeners)
