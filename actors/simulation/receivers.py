"""Receivers: whoever webhooks are, and the WebhookPort that calls them.

In one kind of world there is a sender of the user's, which is told of every task; in the other,
tasks have webhooks that clients set. A receiver takes what it is sent, says that it cannot just
now (503, with or without Retry-After), refuses for good (410), or never answers.

Neighbours: `node.py` (owns the port), `faults.py` (when they fail), `clients.py` (sets webhooks).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from a2a.types import TaskPushNotificationConfig

from actors.runtime import ActorRef
from actors.simulation import trace as seen
from actors.task.delivery import Delivery
from actors.task.orders import OUTBOX, Delivered, Verdict
from actors.task.ports import Notify

if TYPE_CHECKING:
    from actors.simulation.node import Node

BROKEN, SILENT, LATER, GONE = 1, 2, 3, 4
SENDER_FAULTS, HOOK_FAULTS = 2, 4
"""How many of these ways there are in each kind of world."""
SENDER_PATIENCE = 30.0
"""Virtual seconds after which the user's sender gives up on a receiver that does not answer."""
RETRY_AFTER = 3.0
"""Virtual seconds."""

BRIEF = Delivery(
    timeout=5.0, first_delay=2.0, longest_delay=5.0, give_up=4.0, at_once=2, per_receiver=1
)
"""Little patience and little room, so that a run sees the end of both."""


def webhook(name: str, receiver: int, text: str) -> bytes:
    """Return the configuration of a webhook: its id, where it is, and what tells it from others."""
    url = f"https://r{receiver}.example/{name}"
    made: bytes = TaskPushNotificationConfig(id=name, url=url, token=text).SerializeToString()
    return made


class SimWebhooks:
    """The WebhookPort.

    Args:
        node: the process whose port it is.
        delivery: how the webhooks of tasks are delivered; None: they are a sender of the user's.
    """

    def __init__(self, node: Node, delivery: Delivery | None) -> None:
        self._node = node
        self._delivery = delivery
        self.under_way: list[Notify] = []
        """In the order in which they were begun; part of the state of a search."""

    def perform(self, request: Notify, sender: ActorRef[Any]) -> None:
        """Call the webhook, sometime."""
        self._node.loop.touch(("webhook", self._node.name))
        self._node.trace.add(seen.Called(self._node.name, request))
        self.under_way.append(request)
        label = f"webhook {request.task} {request.hook} {request.record.seq} {request.attempt}"
        self._node.act(label, partial(self._call, request))

    def _call(self, notify: Notify) -> None:
        ways = SENDER_FAULTS if self._delivery is None else HOOK_FAULTS
        fault = self._node.faults.strikes("webhooks", ways)
        self._node.trace.add(seen.Notified(self._node.name, notify, fault == 0))
        over = partial(self._over, notify, fault)
        if fault != SILENT:
            over()
            return
        patience = SENDER_PATIENCE if self._delivery is None else self._delivery.timeout
        self._node.context.run(self._node.loop.call_later, patience, over)

    def _over(self, notify: Notify, fault: int) -> None:
        """Tell how it went; of the user's sender only that it is over."""
        self._node.loop.touch(("webhook", self._node.name))
        self.under_way.remove(notify)
        delivered = Delivered(notify.task)
        if self._delivery is not None:
            verdict, why, wait = _ANSWERS[fault]
            delivered = Delivered(notify.task, notify.hook, verdict, why, wait)
        self._node.trace.add(seen.CallOver(self._node.name, notify, delivered.verdict))
        self._node.system.tell(OUTBOX, delivered)


_ANSWERS: dict[int, tuple[Verdict, str, float]] = {
    0: (Verdict.DONE, "", 0.0),
    BROKEN: (Verdict.RETRY, "503", 0.0),
    SILENT: (Verdict.RETRY, "no answer", 0.0),
    LATER: (Verdict.RETRY, "503", RETRY_AFTER),
    GONE: (Verdict.REFUSED, "410", 0.0),
}
