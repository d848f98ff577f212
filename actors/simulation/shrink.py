"""Shrinking: from a run that fails to the simplest one that fails for the same reason.

Simpler is shorter, then smaller: 0 is "in order, without a fault", so a shrunk run shows just the
faults and the reorderings that matter. Greedy passes as in delta debugging (Zeller and Hildebrandt
2002): drop the tail, drop chunks, make each choice 0, make each choice smaller; until none helps.

Neighbours: `search.py` (finds what fails), `report/` (shows what is left).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Run = list[int]


def shrink(
    made: Run,
    fails: Callable[[Run], bool],
    attempts: int = 4_000,
    over: Callable[[], bool] = lambda: False,
) -> Run:
    """Return the simplest run found that still fails.

    Args:
        made: the choices of a run that fails.
        fails: whether a run of these choices fails in the same way.
        attempts: runs that may be tried.
        over: asked before each attempt; the best so far is returned once it holds.
    """
    best = _without_zeros(made)
    tried: set[tuple[int, ...]] = set()
    again = True
    while again:
        again = False
        for simpler in _simpler(best):
            key = tuple(simpler)
            if key in tried:
                continue
            if len(tried) >= attempts or over():
                return best
            tried.add(key)
            if fails(simpler):
                best, again = simpler, True
                break
    return best


def _simpler(run: Run) -> Iterator[Run]:
    """Every run that is one move simpler, the boldest moves first."""
    length = len(run)
    size = length // 2
    while size:
        for start in range(length - size, -1, -size):
            yield _without_zeros(run[:start] + run[start + size :])
            if any(run[start : start + size]):
                yield _without_zeros(run[:start] + [0] * size + run[start + size :])
        size //= 2
    for place, chosen in enumerate(run):
        for less in sorted({0, chosen // 2, chosen - 1} - {chosen, -1}):
            yield _without_zeros([*run[:place], less, *run[place + 1 :]])


def _without_zeros(run: Run) -> Run:
    """Drop what a recording supplies by itself when it is used up."""
    end = len(run)
    while end and run[end - 1] == 0:
        end -= 1
    return run[:end]
