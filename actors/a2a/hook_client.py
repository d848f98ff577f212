"""One POST to a receiver: over checked connections, redirects followed by hand, little read.

Built on httpcore, httpx's own transport, since all that httpx would add has to be off here:
proxies of the environment, cookies, redirects, and a log line with the whole URL.

Neighbours: `hooks.py` (commands it), `pinned.py` (connections), `targets.py` (which addresses),
`verdicts.py` (what an answer means).
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from contextvars import ContextVar
from typing import NamedTuple

import httpcore
import httpx

from actors.a2a.hook_config import Headers
from actors.a2a.pinned import Pinned, Resolve, by_system
from actors.a2a.targets import TargetError, Targets
from actors.a2a.threads import Threads
from actors.a2a.verdicts import Answer
from actors.task.delivery import Delivery

HOPS = 3
"""Redirects that are followed in one attempt."""
BODY = 1.0
"""Seconds for the body of an answer, once its status is known; nobody reads it."""
IDLE = 4.0
"""Seconds that a connection is kept for the next notification; receivers often close after 5."""
IDLE_CONNECTIONS = 32

_posting: ContextVar[bool] = ContextVar("posting a notification", default=False)


def _not_of_ours(_: logging.LogRecord) -> bool:
    """Let through what httpcore logs for others: of an answer's headers it logs everything."""
    return not _posting.get()


class Post(NamedTuple):
    """A notification as it is sent."""

    public: Headers
    """For whoever the notification goes to in the end."""
    secret: Headers
    """For the origin that the client named, and nobody whom that one redirects to."""
    body: bytes

    def headers(self, first: httpx.URL, url: httpx.URL) -> Headers:
        """Return the headers for `url`, when the client named `first`."""
        same_host = first.raw_host == url.raw_host
        ports = (_port(first), _port(url))
        same = same_host and ports[0] == ports[1] and first.scheme == url.scheme
        upgraded = same_host and ports == (80, 443)
        return self.public + self.secret if same or upgraded else self.public


class HookClient:
    """Sends notifications over connections that are kept for a while.

    Args:
        delivery: the time for one connection, and how many there may be.
        targets: judges URLs and addresses.
        tls: trusted certificates; None: the usual ones, loaded when they are first needed.
        resolver: finds the addresses of a name; None: the system's.
    """

    def __init__(
        self,
        delivery: Delivery,
        targets: Targets,
        tls: ssl.SSLContext | None,
        resolver: Resolve | None,
    ) -> None:
        self._targets = targets
        self._tls = tls
        self._loading = asyncio.Lock()
        self._threads = Threads()
        self._most = delivery.at_once
        self._network = Pinned(targets, delivery.timeout, resolver or by_system(self._threads))
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}
        """By scheme."""
        for name in ("httpcore.connection", "httpcore.http11"):
            logging.getLogger(name).addFilter(_not_of_ours)

    async def aclose(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()

    async def send(self, url: httpx.URL, post: Post, deadline: float) -> tuple[str, Answer]:
        """POST to a URL, or to where it is moved; return the host that answered, and how.

        Args:
            url: as `Targets.parse` has returned it.
            post: what to send.
            deadline: on the clock of the loop.

        Raises:
            TargetError: it is, or has moved to, where no notification may be sent.
            TimeoutError, OSError, httpcore.NetworkError, httpcore.ProtocolError: no answer.
        """
        _posting.set(True)
        first = url
        for _ in range(HOPS + 1):
            answer = await self._exchange(url, post.headers(first, url), post.body, deadline)
            if not answer.moved:
                return url.raw_host.decode(), answer
            url = self._moved(url, answer.location)
        raise TargetError(f"{first.raw_host.decode()} redirects more than {HOPS} times")

    def _moved(self, url: httpx.URL, location: str) -> httpx.URL:
        """Return where a receiver has moved to, judged as any URL is (R65)."""
        host = url.raw_host.decode()
        try:
            target = self._targets.parse(str(url.join(location)))
        except TargetError as error:
            raise TargetError(f"{host} redirects to where it may not: {error}") from None
        except (httpx.InvalidURL, ValueError):  # the latter of Python, which joins them
            raise TargetError(f"{host} redirects to what is no URL") from None
        if target.scheme not in ("https", url.scheme):
            raise TargetError(f"{host} redirects from https to http")
        return target

    async def _exchange(
        self, url: httpx.URL, headers: Headers, body: bytes, deadline: float
    ) -> Answer:
        """POST once and return the head of the answer; an error after that does not count."""
        answer: Answer | None = None
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(deadline) as bound:
                pool = await self._pool(url.scheme)
                exchange = pool.stream(
                    b"POST",
                    _core(url),
                    headers=[(b"Host", url.netloc), *headers],
                    content=body,
                    extensions={"sni_hostname": url.raw_host.decode().removesuffix(".")},
                )
                async with exchange as response:
                    answer = Answer.of(response)
                    bound.reschedule(min(deadline, loop.time() + BODY))
                    async for _ in response.aiter_stream():
                        pass  # only so that the connection can be used again
        except (TimeoutError, httpcore.NetworkError, httpcore.RemoteProtocolError):
            if answer is None:
                raise
        return answer

    async def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        tls = await self._trusted() if scheme == "https" else None
        if scheme not in self._pools:
            self._pools[scheme] = httpcore.AsyncConnectionPool(
                ssl_context=tls,
                max_connections=self._most,
                max_keepalive_connections=IDLE_CONNECTIONS,
                keepalive_expiry=IDLE,
                network_backend=self._network,
            )
        return self._pools[scheme]

    async def _trusted(self) -> ssl.SSLContext:
        async with self._loading:  # once, and not on the loop: it takes some 50 ms
            if self._tls is None:
                self._tls = await self._threads.call("", httpx.create_ssl_context)
            return self._tls


def _port(url: httpx.URL) -> int:
    return url.port or {"http": 80, "https": 443}[url.scheme]


def _core(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
