"""Delivery: how webhooks are tried, how long, and which addresses they may have.

Neighbours: `outbox.py` (decides by this), `actors/a2a` (connects by this).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How the webhooks of tasks are delivered (R61 to R65). Times are in seconds.

    A record that cannot be delivered is tried again, with growing and scattered delays, and holds
    up the later records of its own webhook only. After `give_up` it is a dead letter, and from then
    on every record gets one attempt, until one succeeds.

    Raises:
        ValueError: a time or a number is not one, or too small.
    """

    timeout: float = 15.0
    """For one attempt as a whole, from the name's resolution to the last byte (R64)."""
    first_delay: float = 1.0
    """Before the second attempt, on average; it doubles with each further one."""
    longest_delay: float = 300.0
    """Between two attempts, unless the receiver asks for more by Retry-After."""
    give_up: float = 3600.0
    """After the first attempt of a record; 0 tries each record once."""
    at_once: int = 256
    """Attempts under way, over all webhooks; the last eighth is for owners who have none."""
    per_receiver: int = 16
    """Attempts under way to one scheme, host and port."""
    allow: tuple[str, ...] = ()
    """Networks ("127.0.0.0/8", "::1") and host names ("hooks.internal") that webhooks may be in
    although they are private. By default only public addresses are (R65)."""

    def __post_init__(self) -> None:
        """See that times are times and bounds are bounds."""
        for name in ("timeout", "first_delay", "longest_delay"):
            _check(name, getattr(self, name), "above 0", least=1e-3)
        _check("give_up", self.give_up, "from 0", least=0.0)
        for name in ("at_once", "per_receiver"):
            value = getattr(self, name)
            if not (isinstance(value, int) and value >= 1):
                raise ValueError(f"{name} is {value!r}, expected a number from 1")


def _check(name: str, value: object, expected: str, least: float) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and isfinite(value) and value >= least):  # type: ignore[arg-type,operator] # a number
        raise ValueError(f"{name} is {value!r}, expected a finite number of seconds {expected}")
