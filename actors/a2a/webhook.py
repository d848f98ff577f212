"""The WebhookPort for real: the `PushNotificationSender` that the user passed.

A sender that raises is logged and never heard of by the task (R62 is the sender's to keep).

Neighbours: `task/outbox.py` (commands this), `runtime.py` (wires it).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from a2a.server.tasks import PushNotificationSender
from a2a.types import StreamResponse

from actors.runtime import ActorRef, ActorSystem
from actors.task.orders import OUTBOX, Delivered, Verdict
from actors.task.ports import Notify
from actors.telemetry import Observer

logger = logging.getLogger("actors.webhook")

RAISED = "raised"
"""What metrics say of an attempt whose sender raised; its task is told that it is done."""


class Webhooks:
    """Sends one notification at a time for each task, as the OutboxActor says."""

    def __init__(
        self,
        sender: PushNotificationSender,
        system: ActorSystem,
        loop: asyncio.AbstractEventLoop,
        observer: Observer,
    ) -> None:
        self._sender = sender
        self._observer = observer
        self._system = system
        self._loop = loop
        self._sending: set[asyncio.Task[None]] = set()

    def perform(self, request: Notify, sender: ActorRef[Any]) -> None:
        """Begin to send; Delivered is told when it is over, well or not."""
        sending = self._loop.create_task(self._send(request))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    async def _send(self, request: Notify) -> None:
        response = StreamResponse.FromString(request.record.payload)
        event = getattr(response, str(response.WhichOneof("payload")))
        try:
            with self._observer.attempt(request, self._loop.time) as attempt:
                attempt.verdict = RAISED
                await self._sender.send_notification(request.task, event)
                attempt.verdict = Verdict.DONE.value
        except Exception:
            about = {"task": request.task, "seq": request.record.seq}
            logger.exception("could not notify about task %s", request.task, extra=about)
        finally:  # also when the sender is cancelled, by us or by itself
            self._system.tell(OUTBOX, Delivered(request.task))

    def close(self) -> None:
        """Give up what is under way; for a system that shuts down."""
        for sending in self._sending:
            sending.cancel()
