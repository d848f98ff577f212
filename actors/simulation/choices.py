"""Choices: everything that a simulated run leaves open comes from one source.

A run asks `choose` wherever reality could go one way or another: which actor is next, whether an
append fails, when a node crashes. The answer is a small number, and 0 always means "in order,
without a fault". So a run is the list of its choices: a seed, a search, Hypothesis or a recording
can supply it, and one that is shorter or smaller is a simpler run.

Neighbours: `loop.py` and `faults.py` (ask), `search.py` (supplies), `shrink.py` (makes simpler).
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.simulation.actions import Action

RARELY = 0.02
"""How often a random run takes a rare option (time that passes early, a fault)."""


class Choices(ABC):
    """A source of choices, and the record of what it chose."""

    def __init__(self) -> None:
        self.made: list[int] = []
        """What was chosen, wherever there was a choice."""

    def choose(self, options: int, rare: int = 0, rarely: float = RARELY) -> int:
        """Return a number below `options`.

        Args:
            options: how many ways there are; one is no choice and not recorded.
            rare: how many of them, at the end, a random source takes only now and then.
            rarely: how often that is.
        """
        if options <= 1:
            return 0
        chosen = self._pick(options, rare, rarely)
        self.made.append(chosen)
        return chosen

    def pick(self, actions: Sequence[Action], rare: int) -> int:
        """Return which of `actions` happens next; the last `rare` of them happen rarely."""
        return self.choose(len(actions), rare)

    @abstractmethod
    def _pick(self, options: int, rare: int, rarely: float) -> int:
        """Return a number below `options`, which is at least 2."""


class Seeded(Choices):
    """Random choices: the same seed, the same run, on every machine."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed).random  # noqa: S311 - a schedule, not a secret

    def _pick(self, options: int, rare: int, rarely: float) -> int:
        usual = options - rare
        if not rare:
            return int(self._random() * options)
        if usual <= 0:
            return 0 if self._random() >= rarely else int(self._random() * options)
        if self._random() >= rarely:
            return int(self._random() * usual)
        return usual + int(self._random() * rare)


class Recorded(Choices):
    """Choices made before; in order and without a fault once they are used up.

    A number that is too large for its place becomes the largest there is: a recording that was
    shortened, or that meets changed code, is still a run.
    """

    def __init__(self, recording: Sequence[int] = ()) -> None:
        super().__init__()
        self._recording = tuple(recording)
        self._next = 0

    def _pick(self, options: int, rare: int, rarely: float) -> int:
        if self._next >= len(self._recording):
            return 0
        chosen = min(self._recording[self._next], options - 1)
        self._next += 1
        return chosen


class Drawn(Choices):
    """Choices that somebody else draws: Hypothesis, say, which then shrinks the run.

    Args:
        draw: (least, most) -> a number between them, both included.
    """

    def __init__(self, draw: Callable[[int, int], int]) -> None:
        super().__init__()
        self._draw = draw

    def _pick(self, options: int, rare: int, rarely: float) -> int:
        return self._draw(0, options - 1)
