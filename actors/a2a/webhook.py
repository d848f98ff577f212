"""The WebhookPort for real: the `PushNotificationSender` that the user passed.

A sender that raises is logged and never heard of by the task (R62 is the sender's to keep); one
that is cancelled is called again.

Neighbours: `notifying.py` (what both ports have in common), `runtime.py` (wires it).
"""

from __future__ import annotations

import asyncio
import logging

from a2a.server.tasks import PushNotificationSender
from a2a.types import StreamResponse

from actors.a2a.notifying import Notifying, about
from actors.a2a.verdicts import Judgement
from actors.runtime import ActorSystem
from actors.task.orders import Verdict
from actors.task.ports import Notify
from actors.telemetry import Observer

logger = logging.getLogger("actors.webhook")

RAISED = "raised"
"""What metrics say of an attempt whose sender raised; its task is told that it is done."""


class Webhooks(Notifying):
    """Sends one notification at a time for each task, as the OutboxActor says."""

    def __init__(
        self,
        sender: PushNotificationSender,
        system: ActorSystem,
        loop: asyncio.AbstractEventLoop,
        observer: Observer,
    ) -> None:
        super().__init__(system, loop, observer)
        self._sender = sender

    async def _attempt(self, request: Notify) -> Judgement:
        with self._observer.attempt(request, self._loop.time) as attempt:
            attempt.verdict = await self._send(request)
        return Judgement(Verdict.DONE)

    async def _send(self, request: Notify) -> str:
        response = StreamResponse.FromString(request.record.payload)
        event = getattr(response, str(response.WhichOneof("payload")))
        try:
            await self._sender.send_notification(request.task, event)
        except Exception:
            said = about(request)
            logger.exception("could not notify about task %s", request.task, extra=said)
            return RAISED
        return Verdict.DONE.value
