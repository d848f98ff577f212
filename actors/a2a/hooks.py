"""The WebhookPort for real: POSTs records to the receivers that clients have named (R60 to R65).

One attempt for each `Notify`, of at most `Delivery.timeout` seconds; when to try again is the
OutboxActor's to decide. What is secret (token, credentials, path and query of the URL) goes into
the request only: never into a log line, an error or `Delivered.why`.

Neighbours: `hook_client.py` (sends), `hook_config.py` (headers), `targets.py` (which addresses),
`verdicts.py` (what an answer means), `webhook.py` (the port for a sender of the user's own).
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import traceback
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import quote

import httpx
from a2a.types import StreamResponse, TaskPushNotificationConfig
from google.protobuf.json_format import MessageToDict

from actors.a2a.hook_client import HookClient, Post
from actors.a2a.hook_config import secrets
from actors.a2a.pinned import Resolve, resolve
from actors.a2a.targets import Targets
from actors.a2a.verdicts import Judgement, of_answer, of_failure
from actors.runtime import ActorRef, ActorSystem
from actors.task.delivery import Delivery
from actors.task.orders import OUTBOX, Delivered, Verdict
from actors.task.ports import Notify
from actors.telemetry import Observer, Telemetry
from actors.telemetry.spans import headers as trace_headers

logger = logging.getLogger("actors.webhook")

A2A_JSON = "application/a2a+json"
"""The content type that the specification asks for (R60)."""
PLAIN_JSON = "application/json"
"""The one that a2a-sdk sends."""


def _agent() -> bytes:
    try:
        return f"statechart-actors/{version('statechart-actors')}".encode()
    except PackageNotFoundError:  # run from its sources
        return b"statechart-actors"


_AGENT = _agent()


class Hooks:
    """Sends notifications by HTTP, as the OutboxActor says.

    Args:
        delivery: how long, and to which addresses.
        system: whose OutboxActor is told how each attempt ended.
        loop: where attempts run; nothing is opened before the first one.
        content_type: of the body.
        tls: trusted certificates; the usual ones, and those of SSL_CERT_FILE, by default.
        resolver: finds the addresses of a name; the system's, by default.
        observer: is told of each attempt, whose request then says of which trace it is.

    Raises:
        ValueError: `delivery.allow` has something that is neither a network nor a host name.
    """

    def __init__(
        self,
        delivery: Delivery,
        system: ActorSystem,
        loop: asyncio.AbstractEventLoop,
        *,
        content_type: str = PLAIN_JSON,
        tls: ssl.SSLContext | None = None,
        resolver: Resolve = resolve,
        observer: Observer | None = None,
    ) -> None:
        self._delivery = delivery
        self._targets = Targets(delivery.allow)
        self._system = system
        self._loop = loop
        self._content_type = content_type.encode()
        self._tls = tls
        self._resolver = resolver
        self._observer = observer or Observer(Telemetry())
        self._client: HookClient | None = None
        self._attempts: set[asyncio.Task[Judgement]] = set()
        self._closed = False
        self._warned = False

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

    async def aclose(self) -> None:
        """Give up what is under way, and close every connection."""
        self.close()
        await asyncio.gather(*self._attempts, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _over(self, request: Notify, attempt: asyncio.Task[Judgement]) -> None:
        self._attempts.discard(attempt)
        if attempt.cancelled():
            judgement = Judgement(Verdict.RETRY, "the attempt was given up")
        elif (error := attempt.exception()) is not None:  # of the observer: ours are judgements
            judgement = self._bug(request, error)
        else:
            judgement = attempt.result()
        self._tell(request, judgement)

    def _tell(self, request: Notify, judgement: Judgement) -> None:
        verdict, why, wait = judgement
        if verdict is not Verdict.DONE:
            level = logging.WARNING if verdict is Verdict.REFUSED else logging.INFO
            logger.log(
                level,
                "webhook %r of task %s: record %d, attempt %d: %s",
                request.hook,
                request.task,
                request.record.seq,
                request.attempt,
                why,
                extra=_about(request),
            )
        self._system.tell(OUTBOX, Delivered(request.task, request.hook, verdict, why, wait))

    async def _attempt(self, request: Notify) -> Judgement:
        with self._observer.attempt(request, self._loop.time) as attempt:
            judgement = await self._judged(request)
            attempt.verdict = judgement.verdict.value
            return judgement

    async def _judged(self, request: Notify) -> Judgement:
        """Make one attempt; whatever goes wrong with it is a judgement too."""
        host = "the receiver"
        try:
            config = TaskPushNotificationConfig.FromString(request.config)
            url = self._targets.parse(config.url)
            host = url.raw_host.decode()
            post, client = self._post(request, config), self._connected()
            deadline = self._loop.time() + self._delivery.timeout
            host, answer = await client.send(url, post, deadline)
            return of_answer(answer, host, datetime.now(UTC))
        except Exception as error:  # noqa: BLE001 - told without its words, which may be secrets
            judgement = of_failure(error, host)
            return judgement or self._bug(request, error)

    def _bug(self, request: Notify, error: BaseException) -> Judgement:
        lines = "".join(traceback.format_tb(error.__traceback__))
        kind = type(error).__name__
        logger.error(
            "webhook %r of task %s: cannot send record %d: %s in\n%s",
            request.hook,
            request.task,
            request.record.seq,
            kind,
            lines,
            extra=_about(request),
        )
        return Judgement(Verdict.REFUSED, f"the notification could not be made: {kind}")

    def _post(self, request: Notify, config: TaskPushNotificationConfig) -> Post:
        authentication = config.authentication
        if authentication.scheme and not authentication.credentials and not self._warned:
            self._warned = True
            logger.warning(
                "webhook %r of task %s has an authentication scheme and no credentials: it gets no "
                "Authorization header; neither does any other such webhook",
                request.hook,
                request.task,
                extra=_about(request),
            )
        public = [
            (b"Content-Type", self._content_type),
            (b"User-Agent", _AGENT),
            (b"X-A2A-Delivery-Id", quote(request.delivery, safe="/:@+,;=~").encode()),
            (b"X-A2A-Sequence", str(request.record.seq).encode()),
            *((name.encode(), value.encode()) for name, value in trace_headers().items()),
        ]
        return Post(public, secrets(config), _body(request))

    def _connected(self) -> HookClient:
        if self._client is None:
            tls = self._tls or httpx.create_ssl_context()
            self._client = HookClient(self._delivery, self._targets, tls, self._resolver)
        return self._client


def _about(request: Notify) -> dict[str, object]:
    return {"task": request.task, "hook": request.hook, "seq": request.record.seq}


def _body(request: Notify) -> bytes:
    """Return what streams carry for a record, as JSON (R60, R93)."""
    told = MessageToDict(StreamResponse.FromString(request.record.payload))
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
