"""Latencies of a load by kind: now, and in all; counted in buckets, so they cost no memory.

Neighbours: `load_sessions.py` (measure), `load_run.py` (keeps them), `load_plot.py` (draws them).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

GROWTH: Final = math.log(1.02)
"""A bucket ends 2 % above where it begins: so exact is what is told."""
QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
SHORTEST: Final = 1e-6
"""Seconds; what is shorter counts as this."""

Told = dict[str, float]
"""Milliseconds by the names of `QUANTILES`, and how many there were as `count`."""


class Latencies:
    """How long things took, by kind.

    Attributes:
        buckets: how many there were; a key is a kind, a space and the number of a bucket.
    """

    def __init__(self, buckets: Mapping[str, int] | None = None) -> None:
        self.buckets = Counter(buckets or {})

    def note(self, kind: str, seconds: float) -> None:
        """Count one."""
        number = round(math.log(max(seconds, SHORTEST) / SHORTEST) / GROWTH)
        self.buckets[f"{kind} {number}"] += 1

    def take(self, others: Latencies) -> None:
        """Count what others have, too."""
        self.buckets.update(others.buckets)

    def told(self) -> dict[str, Told]:
        """Return the quantiles of each kind."""
        kinds: dict[str, Counter[int]] = {}
        for key, count in self.buckets.items():
            kind, _, number = key.rpartition(" ")
            kinds.setdefault(kind, Counter())[int(number)] += count
        return {kind: _told(found) for kind, found in sorted(kinds.items())}


def _told(found: Counter[int]) -> Told:
    told: Told = {"count": found.total()}
    for name, quantile in QUANTILES.items():
        left = math.ceil(quantile * found.total())
        for number in sorted(found):
            left -= found[number]
            if left <= 0:
                told[name] = round(1e3 * SHORTEST * math.exp(number * GROWTH), 3)
                break
    return told
