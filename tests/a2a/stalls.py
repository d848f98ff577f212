"""Many readers of one task over real sockets, of whom some do not read for a while.

Neighbours: `test_stalled.py` (that nobody else notices), `bench/stalled.py` (how much nobody).
"""

from __future__ import annotations

import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from a2a.server.agent_execution import RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import GetTaskRequest, Part, Task, TaskState
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from actors.a2a import RequestHandler
from actors.a2a.wire import rest_routes
from actors.cli.guard import connections
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.test_once import until
from tests.sockets import Peer, listening

ME = as_user("")
CHUNK = "x" * 4096
SMALL = 4096
"""Bytes that sockets keep, so that a reader who does not read is soon noticed."""

_EVENT = re.compile(rb"id: (\d+)\r\ndata: (.*)\r\n")


class SmallBuffers(H11Protocol):
    """uvicorn's protocol, which waits for its reader sooner than usual."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        transport.set_write_buffer_limits(SMALL)
        super().connection_made(transport)


class Chunks(Actor):
    """Sends as many chunks as the second word says, once its gate is open."""

    seconds = 0.0
    """How long that took."""

    async def chunks(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        await self.gate.wait()
        begun = time.perf_counter()
        for number in range(int(context.get_user_input().split()[1])):
            part = [Part(text=f"{number} {CHUNK}")]
            await to.add_artifact(part, artifact_id="chunks", append=number > 0)
        await to.complete()
        self.seconds = time.perf_counter() - begun


@dataclass
class Crowd:
    """A task and its readers; `begin` lets the agent begin."""

    handler: RequestHandler
    agent: Chunks
    task: str
    reading: Sequence[Peer]
    stalled: Sequence[Peer]

    def begin(self) -> None:
        """Let the agent send, while the stalled read nothing."""
        for peer in self.stalled:
            peer.transport.pause_reading()
        self.agent.gate.set()

    def go_on(self) -> None:
        """Let the stalled read again."""
        for peer in self.stalled:
            peer.transport.resume_reading()

    async def over(self) -> bool:
        """Whether the task has ended."""
        found = await self.handler.on_get_task(GetTaskRequest(id=self.task), ME)
        return found is not None and found.status.state == TaskState.TASK_STATE_COMPLETED

    def open_streams(self) -> int:
        """How many readers the server still has something for."""
        runtime = self.handler._runtime._runtime
        assert runtime is not None
        return runtime.usage.streams.of(("", ""))


def events(peer: Peer) -> list[tuple[int, bytes]]:
    """What a reader has got so far: id and data of each whole event."""
    return [(int(number), data) for number, data in _EVENT.findall(bytes(peer.got))]


@asynccontextmanager
async def crowd(readers: int, stalled: int, chunks: int) -> AsyncIterator[Crowd]:
    """A task that waits, `readers` of it on sockets of their own, `stalled` of them about to be."""
    connections(2 * readers)
    agent = Chunks()
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal())
    await handler.start()
    app = Starlette(routes=rest_routes(handler))
    sending = asyncio.ensure_future(_send(handler, chunks))
    async with listening(app, http=SmallBuffers, send_buffer=SMALL) as port:
        task = await sending
        peers = [await _subscribe(port, task.id) for _ in range(readers)]
        made = Crowd(handler, agent, task.id, peers[stalled:], peers[:stalled])
        await until(lambda: all(b"\r\n\r\n" in peer.got and events(peer) for peer in peers))
        try:
            yield made
        finally:
            agent.gate.set()
            for peer in peers:
                peer.transport.abort()
            await asyncio.wait({peer.closed for peer in peers})
    await handler.aclose()


async def _send(handler: RequestHandler, chunks: int) -> Task:
    params = ask(f"chunks {chunks}", return_immediately=True)
    task = await handler.on_message_send(params, ME)
    assert isinstance(task, Task)
    return task


async def _subscribe(port: int, task: str) -> Peer:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    _, peer = await loop.create_connection(Peer, sock=sock)
    peer.transport.write(
        f"GET /tasks/{task}:subscribe HTTP/1.1\r\nHost: x\r\nA2A-Version: 1.0\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    return peer
