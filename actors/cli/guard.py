"""What `actors serve` does about connections: not too many, none for long that does nothing.

uvicorn bounds neither the time that a request's headers may take nor the connections that ask
nothing at all; it drops those only that have been answered and ask nothing more, once they have
read all of the answer. Bodies are bounded by the routes (`a2a/wire/bodies.py`), streams by their
owners (`a2a/limits.py`).

Neighbours: `serve.py` (runs uvicorn with this).
"""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEADER_SECONDS: Final = 10.0
"""From the first byte of a request, or from the connection, until its headers are complete."""

HEADER_BYTES: Final = 64 * 1024
"""Of a request before its body. h11 has such a bound, httptools has none."""

UNREAD_SECONDS: Final = 10.0
"""Within which a client takes `UNREAD_BYTES` of what it has been answered, or all."""

UNREAD_BYTES: Final = 64 * 1024

_SPARE: Final = 128
"""File descriptors for everything but connections: files, sockets to databases and webhooks."""

_SAY: Final = b"This server has as many connections as it may have: try again in a second.\n"
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    b"Content-Length: %d\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%b" % (len(_SAY), _SAY)
)


def connections(wanted: int) -> int:
    """Return how many connections are possible, at most `wanted`, with as many files as allowed.

    Many systems allow a process 1,024 open files until it asks for more.
    """
    if sys.platform == "win32":
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _SPARE
    if soft not in (resource.RLIM_INFINITY, hard) and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _SPARE))


def guarded(
    most: int, header_seconds: float = HEADER_SECONDS, unread_seconds: float = UNREAD_SECONDS
) -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol with bounds.

    Args:
        most: connections; whoever comes then is told so, and let go.
        header_seconds: after which a connection is closed that has not asked anything.
        unread_seconds: after which one is cut off that reads none of its answer; a stream that
            goes on is no answer yet.
    """

    class Guarded(Guard):
        pass

    Guarded.most = most
    Guarded.header_seconds, Guarded.unread_seconds = header_seconds, unread_seconds
    return Guarded


class Guard(AutoHTTPProtocol):  # type: ignore[misc, valid-type] # h11's or httptools', as installed
    """One connection."""

    most: int
    header_seconds: float
    unread_seconds: float
    _late: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _unasked = 0
    """Bytes that have come since there was a whole request."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self.transport.write(_FULL)
            self.transport.close()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Go on waiting until a request's headers are complete."""
        if not self.transport.get_write_buffer_size():
            self._stop_seeing()  # all is read; what is written next may be a stream
        super().data_received(data)
        self._unasked += len(data)
        self._look()
        if self._unasked > HEADER_BYTES:
            self.transport.close()

    def on_response_complete(self) -> None:
        """Wait for the next request, of which a part may be here, and until this is read."""
        super().on_response_complete()
        self._look()
        self._stop_seeing()  # with more to read, the time begins anew
        self._see_it_read(self.transport.get_write_buffer_size())

    def _see_it_read(self, unread: int) -> None:
        """Look later whether the client reads: closing waits until it has."""
        if unread:
            self._reading = self.loop.call_later(self.unread_seconds, self._judge, unread)

    def _judge(self, before: int) -> None:
        self._reading = None
        unread = self.transport.get_write_buffer_size()
        if unread > max(0, before - UNREAD_BYTES):
            self.transport.abort()
        else:
            self._see_it_read(unread)

    def _look(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()
            self._unasked = 0
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        self._stop_seeing()
        super().connection_lost(exc)

    def _wait(self) -> None:
        """Never anew for the same request: a byte now and then must not buy time."""
        if self._late is None:
            self._late = self.loop.call_later(self.header_seconds, self.transport.close)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _stop_seeing(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
