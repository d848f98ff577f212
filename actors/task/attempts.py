"""Attempts: what became of them, and so whether a record is tried again, and when.

Delays double and are scattered, so that receivers that come back are not all called at once. The
scatter follows from the delivery and the number of the attempt: an actor has no dice (law L2).

Neighbours: `outbox.py` (asks), `courier.py` (what is remembered for each webhook), `delivery.py`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice
from zlib import crc32

from actors.runtime import DeadLetter, Effect, Log
from actors.runtime.journal.record import Record
from actors.task.courier import Courier
from actors.task.delivery import Delivery
from actors.task.orders import Delivered, Deliveries, Failing, Undelivered, Verdict

TOLD = 100
"""Webhooks that fail, and letters, that are told at most."""

Target = tuple[str, str]
"""Task and id of the webhook."""


def delivery_id(target: Target, record: Record) -> str:
    """Name the delivery of a record to a webhook: the same for each attempt, also after a crash."""
    named = json.dumps([*target, record.seq]).encode()
    return hashlib.sha256(named).hexdigest()[:32]


class Attempts:
    """How the attempts of one outbox have gone.

    Args:
        delivery: how long records are tried.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self.delivered = self.retried = self.dead = 0
        self.letters: deque[Undelivered] = deque(maxlen=TOLD)

    def judge(
        self, target: Target, courier: Courier, message: Delivered, now: int
    ) -> tuple[list[Effect], float | None]:
        """Take in what became of an attempt.

        Returns:
            What there is to say of it, and after how many seconds the same record is to be tried
            again; None: it is done with.
        """
        if message.verdict is Verdict.DONE:
            self.delivered += 1
            courier.forget_failures()
            return [], None
        courier.why = message.why
        courier.began = courier.began or now
        courier.failed_at = courier.failed_at or now
        again = message.verdict is Verdict.RETRY
        patient = now - courier.began < self._delivery.give_up * 1000
        if again and patient and not courier.failing:
            self.retried += 1
            return [], self._delay(target, courier, message.wait)
        courier.failing = courier.failing or again
        return self._give_up(target, courier, now), None

    def _delay(self, target: Target, courier: Courier, wanted: float) -> float:
        assert courier.sent is not None  # noqa: S101 - its attempt is what is judged
        known = self._delivery
        # Beyond 2**30 it is the longest delay for sure.
        doubled = known.first_delay * float(2 ** min(courier.attempt - 1, 30))
        scattered = crc32(f"{delivery_id(target, courier.sent)} {courier.attempt}".encode()) / 2**32
        delay = min(doubled, known.longest_delay) * (0.5 + scattered)
        return max(delay, min(wanted, known.give_up))

    def _give_up(self, target: Target, courier: Courier, now: int) -> list[Effect]:
        assert courier.sent is not None  # noqa: S101 - its attempt is what is judged
        task, hook = target
        seq = courier.sent.seq
        letter = Undelivered(task, hook, courier.receiver, seq, now, courier.why)
        self.dead += 1
        self.letters.append(letter)
        text = (
            f"webhook {hook!r} of task {task} ({courier.receiver}) has not got record {seq}, given "
            f"up after {courier.attempt} attempts: {courier.why}"
        )
        about = (("task", task), ("hook", hook), ("seq", seq))
        return [DeadLetter(letter, "undelivered"), Log(logging.WARNING, text, about)]

    def told(self, couriers: Mapping[Target, Courier], under_way: int) -> Deliveries:
        """Return how the webhooks are doing."""
        failing = tuple(islice(_failing(couriers), TOLD))
        counts = (self.delivered, self.retried, self.dead)
        return Deliveries(*counts, len(couriers), under_way, failing, tuple(self.letters))


def _failing(couriers: Mapping[Target, Courier]) -> Iterator[Failing]:
    for (task, hook), courier in couriers.items():
        if courier.failed_at:
            seq = courier.known + 1 if courier.sent is None else courier.sent.seq
            doing = (courier.attempt, courier.failed_at, courier.why, courier.failing)
            yield Failing(task, hook, courier.receiver, seq, *doing)
