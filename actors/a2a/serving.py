"""A handler while a server serves it: started, and ended as soon as the process is told to end.

Servers tell an application of the end when no request is left, which is too late: a request that
waits for an agent would keep the server waiting. So the signal itself begins the end.

    @asynccontextmanager
    async def lifespan(app):
        async with serving(handler):
            yield

Neighbours: `app.py` and `cli/serve.py` (use this), `handler.py` (what ends).
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import grpc.aio
from sse_starlette.sse import AppStatus

from actors.a2a.grpc_server import grpc_server
from actors.a2a.handler import RequestHandler

logger = logging.getLogger("actors.a2a")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_LAST_WORDS = 1.0
"""Seconds that the last event of a stream has to be sent, after the drain."""

_served: set[Ending] = set()
"""Of this process, and not over."""


class Ending:
    """The end of a served handler; begun once, by whoever comes first."""

    def __init__(self, handler: RequestHandler, server: grpc.aio.Server | None) -> None:
        self._handler = handler
        self._server = server
        self._task: asyncio.Task[None] | None = None
        self._signalled = False

    @property
    def begun(self) -> bool:
        """Whether no more requests are taken."""
        return self._task is not None

    def begin(self) -> None:
        """Take no more requests, over HTTP and gRPC; those under way have the drain time.

        A gRPC call that arrives in this moment may be told CANCELLED, by gRPC, in place of
        UNAVAILABLE: it has reached no handler, and can be sent again.
        """
        if self._task is None:
            self._task = asyncio.create_task(self._end())
            self._task.add_done_callback(lambda _: self._ended())

    def signalled(self) -> None:
        """Begin because the process is to end."""
        logger.info("told to end: requests under way have %g s", self._handler.policy.drain)
        self._signalled = True
        self.begin()

    async def over(self) -> None:
        """Begin, and return when everybody is answered and the journal is closed."""
        self.begin()
        assert self._task is not None  # noqa: S101 - has just been begun
        await asyncio.shield(self._task)

    async def _end(self) -> None:
        retiring = self._handler.retire()
        if self._server is None:
            await retiring
        else:
            await asyncio.gather(self._server.stop(self._handler.policy.drain + 1), retiring)

    def _ended(self) -> None:
        _served.discard(self)
        if self._signalled and not _served:
            asyncio.get_running_loop().call_later(_LAST_WORDS, _end_streams)


def _end_streams() -> None:
    """End what is left: streams that are not of ours, or whose readers do not read."""
    AppStatus.should_exit = True


@asynccontextmanager
async def serving(
    handler: RequestHandler, grpc_address: str | None = None
) -> AsyncIterator[Ending]:
    """Start a handler, for the lifespan of an application; at its end, retire it.

    SIGTERM and Ctrl-C begin the end at once where the server handles them in Python (uvicorn,
    hypercorn): new requests are refused, runs get the policy's drain time, every open request its
    answer and every stream its last event. Streams made with sse-starlette, which would be cut off
    at once, go on until the handlers of this process have drained. A server that ends for another
    reason than a signal (uvicorn's `limit_max_requests`) tells nobody: give it a time limit.

    Args:
        handler: what is served.
        grpc_address: `host:port` to serve gRPC on, too.
    """
    await handler.start()  # before gRPC, whose server cannot be left behind half started
    try:
        server = None if grpc_address is None else await grpc_server(handler, grpc_address)
    except BaseException:
        await handler.retire()
        raise
    ending = Ending(handler, server)
    _served.add(ending)
    with _streams_go_on(), _told(ending.signalled):
        try:
            yield ending
        finally:
            await ending.over()


@contextmanager
def _streams_go_on() -> Iterator[None]:
    before = AppStatus.enable_automatic_graceful_drain
    AppStatus.enable_automatic_graceful_drain = False
    try:
        yield
    finally:
        AppStatus.enable_automatic_graceful_drain = before


@contextmanager
def _told(call: Callable[[], None]) -> Iterator[None]:
    """Call on the running loop when the process is told to end; then the server hears of it.

    Where nobody else handles the signal, it ends the process as ever, so it is left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    undo = [_hooked(number, call, asyncio.get_running_loop()) for number in _SIGNALS]
    try:
        yield
    finally:
        for each in undo:
            each()


def _hooked(
    number: signal.Signals, call: Callable[[], None], loop: asyncio.AbstractEventLoop
) -> Callable[[], None]:
    """Hook onto one signal; returns what undoes that."""
    before = signal.getsignal(number)
    if not callable(before) or before is signal.default_int_handler:
        return lambda: None
    handle = before

    def hook(received: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(call)
        handle(received, frame)

    def undo() -> None:
        if signal.getsignal(number) is hook:  # else the server has undone it
            signal.signal(number, handle)

    signal.signal(number, hook)
    return undo
