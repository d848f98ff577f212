"""The WebhookPort for real: POSTs records to the receivers that clients have named (R60 to R65).

One attempt for each `Notify`, of at most `Delivery.timeout` seconds; when to try again is the
OutboxActor's to decide. What is secret (token, credentials, path and query of the URL) goes into
the request only: never into a log line, an error or `Delivered.why`.

Neighbours: `hook_client.py` (sends), `hook_config.py` (headers), `targets.py` (which addresses),
`verdicts.py` (what an answer means), `notifying.py` (what both ports have in common), `webhook.py`
(the port for a sender of the user's own).
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import quote

from a2a.types import StreamResponse, TaskPushNotificationConfig
from google.protobuf.json_format import MessageToDict

from actors.a2a.hook_client import HookClient, Post
from actors.a2a.hook_config import secrets
from actors.a2a.notifying import Notifying, about
from actors.a2a.pinned import Resolve
from actors.a2a.targets import Targets
from actors.a2a.verdicts import Judgement, of_answer, of_failure
from actors.runtime import ActorSystem
from actors.runtime.journal.record import Record
from actors.task.delivery import Delivery
from actors.task.ports import Notify
from actors.telemetry import Observer, Telemetry
from actors.telemetry.spans import headers as trace_headers

logger = logging.getLogger("actors.webhook")

A2A_JSON = "application/a2a+json"
"""The content type that the specification asks for (R60)."""
PLAIN_JSON = "application/json"
"""The one that a2a-sdk sends."""
BODIES = 8 * 1024 * 1024
"""Bytes of records and their JSON that are kept, beside the latest one."""


def _agent() -> bytes:
    try:
        return f"statechart-actors/{version('statechart-actors')}".encode()
    except PackageNotFoundError:  # run from its sources
        return b"statechart-actors"


_AGENT = _agent()


class Hooks(Notifying):
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
        resolver: Resolve | None = None,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(system, loop, observer or Observer(Telemetry()))
        self._delivery = delivery
        self._targets = Targets(delivery.allow)
        self._content_type = content_type.encode()
        self._tls = tls
        self._resolver = resolver
        self._client: HookClient | None = None
        self._bodies = Bodies()
        self._warned = False

    async def aclose(self) -> None:
        """Give up what is under way, and close every connection."""
        self.close()
        await asyncio.gather(*self._attempts, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None

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

    def _post(self, request: Notify, config: TaskPushNotificationConfig) -> Post:
        authentication = config.authentication
        if authentication.scheme and not authentication.credentials and not self._warned:
            self._warned = True
            logger.warning(
                "webhook %r of task %s has an authentication scheme and no credentials: it gets no "
                "Authorization header; neither does any other such webhook",
                request.hook,
                request.task,
                extra=about(request),
            )
        public = [
            (b"Content-Type", self._content_type),
            (b"User-Agent", _AGENT),
            (b"X-A2A-Delivery-Id", quote(request.delivery, safe="/:@+,;=~").encode()),
            (b"X-A2A-Sequence", str(request.record.seq).encode()),
            *((name.encode(), value.encode()) for name, value in trace_headers().items()),
        ]
        return Post(public, secrets(config), self._bodies.of(request.record))

    def _connected(self) -> HookClient:
        if self._client is None:
            self._client = HookClient(self._delivery, self._targets, self._tls, self._resolver)
        return self._client


class Bodies:
    """Bodies of requests, kept for the other webhooks of a task and for further attempts."""

    def __init__(self) -> None:
        self._kept: dict[bytes, bytes] = {}
        """Payload of a record -> JSON; the latest used is last."""
        self._size = 0

    def of(self, record: Record) -> bytes:
        """Return what streams carry for a record, as JSON (R60, R93)."""
        body = self._kept.pop(record.payload, None)
        if body is None:
            body = _json(record.payload)
            self._size += len(record.payload) + len(body)
        self._kept[record.payload] = body
        while self._size > BODIES and len(self._kept) > 1:
            oldest = next(iter(self._kept))
            self._size -= len(oldest) + len(self._kept.pop(oldest))
        return body


def _json(payload: bytes) -> bytes:
    told = MessageToDict(StreamResponse.FromString(payload))
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
