"""Connections to checked addresses only: a name is resolved once, judged, and connected to (R65).

The name is resolved where the connection is made, and the very addresses that were judged are
connected to, so a name server has no second chance to answer otherwise. TLS and the Host header
keep the name. A connection that is used again goes where it went.

Neighbours: `targets.py` (judges), `threads.py` (where the system's resolver is asked),
`hook_client.py` (sends over these connections).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any

import httpcore

from actors.a2a.targets import Address, TargetError, Targets, literal
from actors.a2a.threads import Threads

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host, as text. Raises OSError when there are none."""

ANSWER = 32 * 1024
"""Bytes that are read of one answer, its headers included."""

CHUNK = 4096


def by_system(threads: Threads) -> Resolve:
    """Return how to ask the system's resolver, which gives few threads to the names of a domain."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        return [str(info[4][0]) for info in await threads.call(domain(host), ask)]

    return resolve


def domain(host: str) -> str:
    """Return the part of a name that somebody has registered, as far as it can be guessed.

    It is what the name's servers, and so their failures, depend on: two labels, or three where the
    last two are as those of co.uk.
    """
    labels = host.lower().removesuffix(".").split(".")
    shared = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3 if shared else -2 :])


class Pinned(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore, to addresses that webhooks may have.

    Args:
        targets: judges addresses.
        timeout: seconds for one connection, shared by the addresses of its host.
        resolver: finds the addresses of a name.
    """

    def __init__(self, targets: Targets, timeout: float, resolver: Resolve) -> None:
        self._targets = targets
        self._timeout = timeout
        self._resolve = resolver
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore's interface has it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of the host that can be connected to.

        Raises:
            TargetError: one of its addresses is not allowed, whatever the others are.
            OSError: it has no address.
            httpcore.ConnectError, httpcore.ConnectTimeout: none of them answers.
        """
        addresses = await self._addresses(host, port)
        share = self._timeout / len(addresses)
        *others, last = addresses
        for address in others:
            try:
                return await self._connect(address, port, share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue  # the next one may answer; the last one's error is the one to tell
        return await self._connect(last, port, share)

    async def _connect(
        self, address: Address, port: int, share: float
    ) -> httpcore.AsyncNetworkStream:
        stream = await self._network.connect_tcp(str(address), port, timeout=share)
        return _Bounded(stream)

    async def _addresses(self, host: str, port: int) -> list[Address]:
        known = literal(host.removesuffix("."))
        found = [known] if known is not None else await self._look_up(host, port)
        for address in found:
            if not self._targets.allows(host, address):
                raise TargetError(
                    f"{host} has the address {address}, which is neither public nor allowed"
                )
        return found

    async def _look_up(self, host: str, port: int) -> list[Address]:
        try:
            texts = await self._resolve(host, port)
        except UnicodeError:  # of Python's own idea of host names
            raise TargetError(f"{host} is no host name") from None
        unique = dict.fromkeys(texts)
        found = [literal(text) for text in unique]
        if not found:
            raise OSError(f"{host} has no address")
        if None in found or any("%" in text for text in unique):
            raise TargetError(f"{host} has an address within a zone, or a strange one")
        return [address for address in found if address is not None]


class _Bounded(httpcore.AsyncNetworkStream):
    """A connection of which little is read after each thing that was written.

    The bound is here, and not where the answer is used, since an error in the middle of a read
    leaves nothing half-read behind.
    """

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = ANSWER

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as httpcore's interface has it
        """Return what has come, at most a few KB.

        Raises:
            httpcore.ReadError: the connection broke, or the answer is too long.
        """
        if self._left <= 0:
            raise httpcore.ReadError(f"the answer is longer than {ANSWER} bytes")
        data = await self._stream.read(min(max_bytes, CHUNK), timeout)
        self._left -= len(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as httpcore's interface has it
        """Send a part of a request; its answer may be as long as any other."""
        self._left = ANSWER
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as httpcore's interface has it
    ) -> httpcore.AsyncNetworkStream:
        """Return the connection under TLS, for the name `server_hostname`."""
        return _Bounded(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Tell about the socket, as httpcore asks."""
        return self._stream.get_extra_info(info)
