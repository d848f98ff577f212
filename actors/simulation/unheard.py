"""Logs of simulated processes are unheard: what they would say is in the trace, and there is a lot.

Neighbours: `world.py` and `sandbox.py` (run), `search.py` and `exhaustive.py` (run many).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_logger = logging.getLogger("actors")
_UNHEARD = logging.CRITICAL + 1


@contextmanager
def unheard() -> Iterator[None]:
    """Keep the loggers of the project quiet; cheap where they are already."""
    level = _logger.level
    if level == _UNHEARD:
        yield
        return
    _logger.setLevel(_UNHEARD)
    try:
        yield
    finally:
        _logger.setLevel(level)
