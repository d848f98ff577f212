"""`actors serve`: one agent in one process, ended cleanly.

What can go wrong at the start (port, database, gRPC) goes wrong before uvicorn takes over, so it
is one line instead of a traceback. At the end the handler drains while uvicorn waits: runs get
their time, every open request and stream gets an answer, then the sockets close.

Neighbours: `serve_app.py` (options), `load.py` (the agent), `a2a/app.py` (the application).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import uvicorn
from a2a.types import AgentCard
from rich.console import Console
from rich.text import Text

from actors.a2a import Limits, Policy, RequestHandler, Retention
from actors.a2a.app import address, build_app, interfaces
from actors.a2a.serving import Ending
from actors.cli.failure import CommandError
from actors.cli.guard import connections, guarded
from actors.cli.journals import shown, told_in_a_line
from actors.cli.load import card_of, load
from actors.cli.logs import log_to_stderr
from actors.cli.webhooks import allowing_for
from actors.cli.words import LogFormat
from actors.runtime.journal.errors import StorageError

_ANY = "0.0.0.0"  # noqa: S104 - what an empty host means, which gRPC does not take
_WILDCARDS = frozenset({"", _ANY, "::"})
_YOUNG = 10_000
"""New objects after which the garbage collector looks at them: a megabyte. At Python's own 700 that
is a tenth of the cost of a task when 100 are going on at once (505 us against 406)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to serve, where, and how."""

    agent: str
    host: str
    port: int
    grpc_port: int
    """0 serves no gRPC."""
    database: str
    """A file, or a DSN."""
    durability: Literal["process", "power"]
    policy: Policy
    retention: Retention
    card: Path | None
    log_level: str
    log_format: LogFormat
    limits: Limits = field(default_factory=Limits)
    connections: int = 10_000
    """At once, over HTTP."""
    metrics: bool | None
    """With /metrics; None: if what it needs is installed."""
    allow_webhooks: tuple[str, ...] = ()
    """As `Delivery.allow`."""

    @property
    def public_host(self) -> str:
        """The name that the card tells: nobody can connect to a wildcard."""
        return socket.gethostname() if self.host in _WILDCARDS else self.host


def serve(options: Options, console: Console) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        CommandError: the agent, a port or the database cannot be had.
    """
    log_to_stderr(options.log_level, options.log_format)
    loaded = load(options.agent)
    grpc_port = options.grpc_port or None
    where = interfaces(options.public_host, options.port, grpc_port)
    card = card_of(loaded, options.card, where)
    delivery = allowing_for(card, options.allow_webhooks)
    with told_in_a_line(2):
        handler = RequestHandler(
            loaded.executor,
            None,
            card,
            database=options.database,
            durability=options.durability,
            policy=options.policy,
            retention=options.retention,
            limits=options.limits,
            delivery=delivery,
        )
    asyncio.run(_serve(options, handler, card, console))


async def _serve(
    options: Options, handler: RequestHandler, card: AgentCard, console: Console
) -> None:
    grpc_address = address(options.host or _ANY, options.grpc_port) if options.grpc_port else None
    app = build_app(handler, card, grpc_address, metrics=options.metrics)
    config = uvicorn.Config(
        app,
        http=guarded(connections(options.connections)),
        ws="none",
        log_config=None,
        lifespan="off",  # entered below, so that its errors are ours to tell
        timeout_graceful_shutdown=int(options.policy.drain) + 2,
    )
    if options.grpc_port:
        _bound(options.host, options.grpc_port).close()  # gRPC says it in lines of its own
    with _bound(options.host, options.port) as sock:
        try:
            await _start(handler)
            _settle_in()
            async with app.router.lifespan_context(app):
                ending: Ending = app.state.ending
                server = Server(config, ending, lambda: _announce(options, card, console))
                await _until_signalled(server, sock)
        except Exception as error:
            raise _explained(error) from error
    console.print("stopped")


async def _start(handler: RequestHandler) -> None:
    """Start the handler; why it cannot is told by `_explained`, so it is not logged as well."""
    log = logging.getLogger("actors.a2a")
    log.disabled = True
    try:
        await handler.start()
    finally:
        log.disabled = False


def _settle_in() -> None:
    """Spare the garbage collector what stays until the end: modules, charts, the handler.

    Walking those 100,000 objects over and over is about a tenth of the cost of a task when 1,000
    are going on at once. Nor is there much to find: a request leaves no garbage that only a
    collector could see. Done here and not by the handler: a process of ours is ours to tune.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])


class Server(uvicorn.Server):
    """uvicorn, draining while it waits for open connections."""

    def __init__(self, config: uvicorn.Config, ending: Ending, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the intake over gRPC with that over HTTP, and let runs end meanwhile."""
        self._ending.begin()
        await super().shutdown(sockets)
        await self._ending.over()


async def _until_signalled(server: Server, sock: socket.socket) -> None:
    """Serve; afterwards uvicorn raises the signal again, which must not end the clean-up."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda *_: None)
    try:
        await server.serve([sock])
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Of TCP by name: else asyncio leaves Nagle's algorithm on, which costs 40 ms for each answer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise CommandError(
            f"cannot serve on {address(host, port)}: {error.strerror}; choose another with --port "
            "or --grpc-port"
        ) from error
    return sock


def _explained(error: Exception) -> Exception:
    """Return an error of the start in one line; anything else as it is."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StorageError | OSError):
            return CommandError(str(cause))
        cause = cause.__cause__
    return error


def _announce(options: Options, card: AgentCard, console: Console) -> None:
    console.print(Text.assemble((card.name, "bold"), f"  {card.description}"), soft_wrap=True)
    newest = [each for each in card.supported_interfaces if each.protocol_version != "0.3"]
    for interface in newest:
        console.print(f"  {interface.protocol_binding:<10} {interface.url}", soft_wrap=True)
    policy = f"policy {options.policy.name}, after a crash {options.policy.recovery}"
    console.print(f"  tasks in {shown(options.database)}, {policy}", soft_wrap=True)
    console.print("[green]ready[/green]  (Ctrl-C ends)", soft_wrap=True)
