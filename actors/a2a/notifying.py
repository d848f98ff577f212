"""What both WebhookPorts have in common: attempts are tasks of the loop, and each end is told.

An attempt that is cancelled, by whomever, is to be made again: by this process or the next.

Neighbours: `hooks.py` (sends by HTTP), `webhook.py` (calls a sender of the user's own),
`task/outbox.py` (commands them, and is told).
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from abc import ABC, abstractmethod
from functools import partial
from typing import Any

from actors.a2a.verdicts import Judgement
from actors.runtime import ActorRef, ActorSystem
from actors.task.orders import OUTBOX, Delivered, Verdict
from actors.task.ports import Notify
from actors.telemetry import Observer

logger = logging.getLogger("actors.webhook")


class Notifying(ABC):
    """Makes one attempt for each `Notify`.

    Args:
        system: whose OutboxActor is told how each attempt ended.
        loop: where attempts run.
        observer: is told of each attempt.
    """

    def __init__(
        self, system: ActorSystem, loop: asyncio.AbstractEventLoop, observer: Observer
    ) -> None:
        self._system = system
        self._loop = loop
        self._observer = observer
        self._attempts: set[asyncio.Task[Judgement]] = set()
        self._closed = False

    @abstractmethod
    async def _attempt(self, request: Notify) -> Judgement:
        """Make an attempt, and have it observed."""

    def perform(self, request: Notify, sender: ActorRef[Any]) -> None:
        """Begin an attempt; Delivered is told when it is over, also when it was given up."""
        if self._closed:
            self._tell(request, Judgement(Verdict.RETRY, "the server is shutting down"))
            return
        attempt = self._loop.create_task(self._attempt(request))
        self._attempts.add(attempt)
        attempt.add_done_callback(partial(self._over, request))

    def close(self) -> None:
        """Give up what is under way, and begin nothing more."""
        self._closed = True
        for attempt in self._attempts:
            attempt.cancel()

    def _over(self, request: Notify, attempt: asyncio.Task[Judgement]) -> None:
        self._attempts.discard(attempt)
        if attempt.cancelled():
            judgement = Judgement(Verdict.RETRY, "the attempt was given up")
        elif (error := attempt.exception()) is not None:
            judgement = self._bug(request, error)
        else:
            judgement = attempt.result()
        self._tell(request, judgement)

    def _tell(self, request: Notify, judgement: Judgement) -> None:
        verdict, why, wait = judgement
        if verdict is not Verdict.DONE:  # what is given up the outbox logs as a warning
            logger.info(
                "webhook %r of task %s: record %d, attempt %d: %s",
                request.hook,
                request.task,
                request.record.seq,
                request.attempt,
                why,
                extra=about(request),
            )
        self._system.tell(OUTBOX, Delivered(request.task, request.hook, verdict, why, wait))

    def _bug(self, request: Notify, error: BaseException) -> Judgement:
        if not isinstance(error, Exception):
            return Judgement(Verdict.RETRY, "the process is ending")  # as on Ctrl-C
        lines = "".join(traceback.format_tb(error.__traceback__))
        kind = type(error).__name__
        logger.error(
            "webhook %r of task %s: cannot send record %d: %s in\n%s",
            request.hook,
            request.task,
            request.record.seq,
            kind,
            lines,
            extra=about(request),
        )
        return Judgement(Verdict.REFUSED, f"the notification could not be made: {kind}")


def about(request: Notify) -> dict[str, object]:
    """Return what a log line says about a notification."""
    return {"task": request.task, "hook": request.hook, "seq": request.record.seq}
