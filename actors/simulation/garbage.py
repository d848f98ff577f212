"""Garbage: a run makes many objects and lets nearly all of them go at its end, all at once.

So Python's cyclic collector, which looks after every few hundred, finds nothing most of the time
and takes a fifth of it.

Neighbours: `search.py` and `exhaustive.py` (run many).
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

SELDOM = 20_000
"""Objects, more than there were, after which the collector looks: about one run's."""


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Let the collector look less often; as before at the end, and not at all if it did not."""
    first, *others = before = gc.get_threshold()
    if not first or first >= SELDOM:
        yield
        return
    gc.set_threshold(SELDOM, *others)
    try:
        yield
    finally:
        gc.set_threshold(*before)
