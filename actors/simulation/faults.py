"""Faults: what may go wrong in a run, how often, and until when.

Neighbours: `choices.py` (chooses), `ports.py` and `world.py` (ask).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from actors.simulation.choices import Choices

FAIL, LOSE = 1, 2
"""What strikes an append: nothing is stored, or all of it and the word of that gets lost."""
FAULTY = 0.1
"""How often an operation of a port fails in a random run, while it may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """How many faults of each kind one run may see, at most."""

    appends: int = 2
    """Groups that fail, or are stored with their acknowledgement lost."""
    reads: int = 1
    """Reads of the journal that fail."""
    crashes: int = 1
    """Processes that end at once; another one takes over."""
    pauses: int = 1
    """Processes that stop, are replaced, and return as zombies."""
    webhooks: int = 2
    """Notifications that are answered with an error, or not at all."""
    outages: int = 1
    """Times that the storage is away for longer than anybody's patience."""

    def __post_init__(self) -> None:
        """Refuse what is no number of faults.

        Raises:
            ValueError: a count is negative.
        """
        for kind in self.__slots__:
            count = getattr(self, kind)
            if count < 0:
                raise ValueError(f"{kind}={count} is no number of faults: pass 0 or more")

    @classmethod
    def only(cls, **faults: int) -> FaultPlan:
        """Return a plan in which nothing fails but these."""
        return cls(**{**dict.fromkeys(cls.__slots__, 0), **faults})

    @classmethod
    def none(cls) -> FaultPlan:
        """Return a plan in which nothing fails."""
        return cls.only()


class Faults:
    """The faults that are left in one run."""

    def __init__(
        self,
        plan: FaultPlan,
        choices: Choices,
        touch: Callable[[object], None],
        time: Callable[[], float],
    ) -> None:
        self._touch = touch
        self._left = {name: getattr(plan, name) for name in plan.__slots__}
        self._choices = choices
        self._time = time
        self._away_until = 0.0
        self.stopped = False

    def left(self, kind: str) -> bool:
        """Whether one more fault of this kind may happen."""
        return not self.stopped and self._left[kind] > 0

    def spend(self, kind: str) -> None:
        """Count a fault that happens."""
        self._left[kind] -= 1

    def strikes(self, kind: str, ways: int) -> int:
        """Return 0 when all goes well, or which of `ways` faults happens now."""
        if not self.left(kind):
            return 0
        self._touch("faults")
        chosen = self._choices.choose(ways + 1, rare=ways, rarely=FAULTY)
        if chosen:
            self.spend(kind)
        return chosen

    def go_away(self, until: float) -> None:
        """Let the storage fail until then (virtual seconds)."""
        self.spend("outages")
        self._away_until = until

    def away(self) -> bool:
        """Whether the storage is away now."""
        return not self.stopped and self._time() < self._away_until

    def state(self) -> tuple[float, ...]:
        """What is left, for comparing states of a search."""
        return (*self._left.values(), int(self.stopped), self._away_until)
