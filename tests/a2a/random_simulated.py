"""A scenario of the simulator: a random agent, random clients, the production handler.

Whatever they do is a choice of the schedule. What clients saw is held against the journal
(`observed.py`), beside the invariants of any scenario.

Neighbours: `whims.py`, `random_clients.py` (who they are), `test_random_simulated.py` (a few
schedules), `tests/soak/handlers.py` (many).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import closing
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    ListTasksResponse,
    Message,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
)

from actors.a2a.errors import RetryableError
from actors.a2a.sequenced import Sequenced
from actors.a2a.streams import Stream
from actors.simulation import Disconnected, Simulation
from actors.simulation.history import histories
from actors.simulation.sandbox import Life
from actors.simulation.server import Server
from actors.task.listing import task_row
from actors.task.policy import Policy
from tests.a2a.agents import as_user
from tests.a2a.observed import Observed
from tests.a2a.random_clients import Board, RandomClient, all_of
from tests.a2a.whims import Whims
from tests.a2a.witnessed import Stored, Told, Who

OWNERS = (Who("ann", ""), Who("bob", "shop"))
OPERATIONS = 2
PAUSE = 1.0
STAY = 600.0
PATIENCE = 90_000.0
"""Virtual seconds: longer than any deadline."""
SLOW = 120_000
"""Milliseconds: a simulated server may be slow."""
TROUBLE = (RetryableError, Disconnected)
"""How a request may end where there are faults."""
_END = object()


def conversation(policy: Policy) -> Life:
    """Return the scenario; `policy` is that of the simulation."""

    async def talk(sim: Simulation) -> None:
        server = sim.serve(Whims(lambda _: sim.choose, PAUSE))
        board = Board(now=sim.loop.utc, patience=PATIENCE, pause=PAUSE, stay=STAY, linger=STAY)
        clients = [
            RandomClient(f"c{number}", sim.choose, [SimReach(server, who)], board)
            for number, who in enumerate((*OWNERS, OWNERS[0]))
        ]
        await all_of(clients[: 2 + sim.choose(2)], 1 + sim.choose(OPERATIONS))
        closing = sim.loop.utc()
        sim.faults.stopped = True
        await server.close()
        logs = _logs(server)
        wrong = Observed(board.requests, logs, policy, closing, slow=SLOW, trouble=TROUBLE).wrong()
        assert not wrong, "\n".join(wrong)

    return talk


def _logs(server: Server) -> dict[str, Stored]:
    found = {}
    for log, records in histories(server.journal).items():
        stored = server.journal.read(log)
        assert stored is not None
        row = task_row(stored)
        found[log] = Stored(Who(row.owner, row.tenant), records)
    return found


class SimReach:
    """One owner's way into a simulated server."""

    binding = "nothing"
    numbered = True

    def __init__(self, server: Server, who: Who) -> None:
        self.who = who
        self._server = server

    async def send(self, params: SendMessageRequest) -> Task | Message:
        sent = SendMessageRequest()
        sent.CopyFrom(params)
        answer: Task | Message = await self._ask(
            "send", self._server.handler.on_message_send(sent, self._context())
        )
        return answer

    def stream(self, params: SendMessageRequest) -> AsyncGenerator[Told, None]:
        sent = SendMessageRequest()
        sent.CopyFrom(params)
        return self._read("stream", lambda: self._server.handler.sent(sent, self._context()))

    def subscribe(self, task: str, after: int | None) -> AsyncGenerator[Told, None]:
        params = SubscribeToTaskRequest(id=task)
        return self._read(
            "subscribe", lambda: self._server.handler.subscribed(params, self._context(), after)
        )

    async def get(self, task: str) -> Task:
        params = GetTaskRequest(id=task)
        found: Task = await self._ask(
            "get", self._server.handler.on_get_task(params, self._context())
        )
        return found

    async def cancel(self, task: str) -> Task:
        params = CancelTaskRequest(id=task)
        found: Task = await self._ask(
            "cancel", self._server.handler.on_cancel_task(params, self._context())
        )
        return found

    async def list(self, params: ListTasksRequest) -> ListTasksResponse:
        found: ListTasksResponse = await self._ask(
            "list", self._server.handler.on_list_tasks(params, self._context())
        )
        return found

    def _context(self) -> ServerCallContext:
        return as_user(*self.who)

    def _name(self, what: str) -> str:
        return f"{what} {self._server._new_name('q')}"

    async def _ask(self, what: str, work: Coroutine[Any, Any, Any]) -> Any:
        request = self._server.process.serve(self._name(what), work)
        try:
            return await request.answer
        except asyncio.CancelledError:
            request.leave()
            raise

    async def _read(
        self, what: str, let_in: Callable[[], Awaitable[Stream]]
    ) -> AsyncGenerator[Told, None]:
        """Read in a task of the server, as its sockets do."""
        events: asyncio.Queue[Any] = asyncio.Queue()

        async def serve() -> None:
            with closing(await let_in()) as stream:
                while batch := await stream.batch():
                    for sequenced in batch:
                        events.put_nowait(sequenced)

        request = self._server.process.serve(self._name(what), serve())
        request.answer.add_done_callback(lambda _: events.put_nowait(_END))
        try:
            while isinstance(told := await events.get(), Sequenced):
                yield Told(told.seq, told.event)
            request.answer.result()
        finally:
            request.leave()
