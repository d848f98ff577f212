"""One connection to PostgreSQL that is made anew when it was lost.

Whatever is under way when it is lost raises; the next call connects again. What ends otherwise than
by an answer of the server (time limit, cancelled) gives the connection up too: nobody knows what
would come out of it next.

Neighbours: `postgres.py` (has two: one writes, one reads), `postgres_errors.py` (what errors mean).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import asyncpg

from actors.runtime.journal.errors import StorageError
from actors.storage.postgres_errors import WENT, Address, usable_after
from actors.storage.postgres_schema import Connection

T = TypeVar("T")
Prepare = Callable[[Connection], Awaitable[None]]

_CONNECT_SECONDS: Final = 10.0
_GRACE: Final = 2.0
"""Seconds more than the server's own time limit until a statement is given up here."""
_CLOSE_SECONDS: Final = 2.0
_WATCH: Final = {
    "client_connection_check_interval": "1s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "25s",
}
"""With these the server notices that we are gone; not every platform has each of them."""
_SET_WATCH: Final = """DO $$ BEGIN {} END $$"""
_SET_ONE: Final = """BEGIN PERFORM set_config('{}', '{}', false);
    EXCEPTION WHEN OTHERS THEN NULL; END;"""
_PLANS: Final = {
    "jit": "off",
    # Everything is found by an index. A plan is kept for as long as the connection, so one made
    # while a table was small must not be to read it whole.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
}


class Link:
    """A connection that runs one thing after another.

    Args:
        address: of the database.
        purpose: what the server shows as the name of the application.
        limit: seconds that a statement may take.
        settings: of the session.
        prepare: what is done on each new connection before anything else.
    """

    def __init__(
        self,
        address: Address,
        purpose: str,
        limit: float,
        settings: Mapping[str, str],
        prepare: Prepare,
    ) -> None:
        self._address = address
        self._limit = limit
        self._prepare = prepare
        self._settings = {
            "application_name": f"actors {purpose} pid {os.getpid()} {socket.gethostname()}"[:63],
            "statement_timeout": f"{int(limit * 1000)}",
            **settings,
        }
        self._connection: Connection | None = None
        self._failures, self._failed = 0, StorageError()
        self._turn = asyncio.Lock()  # a connection does one thing at a time, in order of the calls

    async def run(self, doing: str, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Do something with the connection, after what was asked before.

        Raises:
            StorageError: what it amounts to that this went wrong.
        """
        asked = self._failures
        async with self._turn:
            try:
                return await self._work(work, asked)
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 - sorted into the errors of the port
                raise self._address.error(error, doing) from self._cause(error)

    def _cause(self, error: Exception) -> Exception | None:
        text = str(error)
        return error if self._address.hide(text) == text else None

    async def _work(self, work: Callable[[Connection], Awaitable[T]], asked: int) -> T:
        if asked != self._failures:  # so that not each who waits waits for as long again
            raise type(self._failed)(str(self._failed))
        connection = self._connection
        if connection is None or connection.is_closed():
            connection = self._connection = await self._connected()
        try:
            return await work(connection)
        except BaseException as error:
            if not usable_after(error) or connection.is_in_transaction():
                self._connection = None
                connection.terminate()
            raise

    async def _connected(self) -> Connection:
        try:
            return await self._connect()
        except Exception as error:
            self._failures += 1
            if not isinstance(error, StorageError):
                error = self._address.error(error, "connecting")
            self._failed = error
            raise

    async def _connect(self) -> Connection:
        connection = await asyncpg.connect(
            self._address.dsn,
            timeout=_CONNECT_SECONDS,
            command_timeout=self._limit + _GRACE,
            max_cached_statement_lifetime=0,  # plans depend on nothing that changes
            server_settings=self._settings,
        )
        try:
            _keep_alive(connection)
            each = "".join(_SET_ONE.format(*pair) for pair in _WATCH.items())
            await connection.execute(_SET_WATCH.format(each))
            await self._prepare(connection)
            plans = "; ".join(f"SET {name} = {value}" for name, value in _PLANS.items())
            await connection.execute(plans)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def close(self) -> None:
        """Finish what was begun and disconnect; whatever fails, it is closed.

        The server's session, and with it what it had locked, has ended then.
        """
        async with self._turn:
            connection, self._connection = self._connection, None
            if connection is None or connection.is_closed():
                return
            try:
                await connection.close(timeout=_CLOSE_SECONDS)
            except (asyncpg.PostgresError, *WENT):
                connection.terminate()
            except BaseException:
                connection.terminate()
                raise

    def abandon(self) -> None:
        """Disconnect at once, without the loop that the connection belongs to: it may be closed."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        transport = _transport_of(connection)
        with suppress(OSError, ValueError), _socket_of(connection) as own:
            own.shutdown(socket.SHUT_RDWR)
        try:
            connection.terminate()
        except RuntimeError:  # asyncio's, as the loop is closed
            # What the loop would have called; else it warns of a transport that nobody closed.
            lost: Callable[[None], None] = getattr(transport, "_call_connection_lost", _ignore)
            lost(None)

    def disown(self) -> None:
        """In a forked copy: leave alone what the parent goes on with.

        Both have the same connection, and the server would be told goodbye on it.
        """
        connection = self._connection
        if connection is None or connection.is_closed():
            return
        with suppress(OSError, ValueError), Path(os.devnull).open("r+b") as nothing:
            socket_of = _transport_of(connection).get_extra_info("socket")
            os.dup2(nothing.fileno(), socket_of.fileno())


class Door:
    """One at a time opens or closes a journal; another event loop begins anew."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = asyncio.Lock()

    def held(self) -> asyncio.Lock:
        """What to hold meanwhile."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._turn = loop, asyncio.Lock()
        return self._turn


class Opened(NamedTuple):
    """What an open journal has, and where."""

    process: int
    loop: asyncio.AbstractEventLoop
    writer: Link
    reader: Link


def let_go(opened: Opened) -> None:
    """What is left to do where the loop is not ours to wait on, or nobody closed the journal."""
    for link in (opened.writer, opened.reader):
        if opened.process == os.getpid():
            link.abandon()
        else:
            link.disown()


def _ignore(_: None) -> None:
    """Other loops close their transports in other ways."""


def _transport_of(connection: Connection) -> asyncio.Transport:
    transport: asyncio.Transport = getattr(connection, "_transport")  # noqa: B009 - no other way
    return transport


def _socket_of(connection: Connection) -> socket.socket:
    """A copy of its socket, as asyncio's and uvloop's own let nobody do much with them."""
    given = _transport_of(connection).get_extra_info("socket")
    return socket.socket(fileno=os.dup(given.fileno()))


def _keep_alive(connection: Connection) -> None:
    """Notice a server that is gone without a word."""
    with suppress(OSError, ValueError), _socket_of(connection) as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
