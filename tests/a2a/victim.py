"""A server to be killed: `python -m tests.a2a.victim PORT DATABASE`.

The journal is the real one, behind a delay of a few turns of the loop such as a writer process or
a database would add, so that a kill can find appends under way. POST /arm?at=N&when=before|after
makes the process SIGKILL itself when the record N of a task is handed to the journal: before it is
stored, or after that and before the acknowledgement. POST /go?pace=SECONDS lets the agent stream.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Sequence
from typing import Any

import uvicorn
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentSkill, Message, Part
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actors.a2a import RequestHandler
from actors.a2a.app import build_app, interfaces
from actors.runtime.journal.port import Ack, Append, settled
from actors.storage import SqliteJournal

EVENTS = 1000
DELAY_TURNS = 20


class Streamer(AgentExecutor):
    """Waits for the go, then streams chunks 1 to EVENTS as fast as the journal takes them."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.pace = 0.0

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert isinstance(context.message, Message)
        await event_queue.enqueue_event(new_task_from_user_message(context.message))
        updater = TaskUpdater(event_queue, str(context.task_id), str(context.context_id))
        await self.go.wait()
        for number in range(1, EVENTS + 1):
            chunk = [Part(text=f"{number} ")]
            await updater.add_artifact(chunk, artifact_id="numbers", append=number > 1)
            await asyncio.sleep(self.pace)  # slow enough for a kill from outside to find it at work
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


class LethalJournal(SqliteJournal):
    """Kills its process at the armed record, and says how many records were unacknowledged."""

    at = 0
    when = "before"

    def append(self, group: Sequence[Append]) -> Awaitable[Sequence[Ack]]:
        return self._append_later(group)

    async def _append_later(self, group: Sequence[Append]) -> Sequence[Ack]:
        for _ in range(DELAY_TURNS):
            await asyncio.sleep(0)
        due = self.at and any(
            append.records[0].seq <= self.at <= append.records[-1].seq for append in group
        )
        if due and self.when == "before":
            self._die(group)
        acks = await settled(super().append(group))
        if due:
            self._die(group)
        return acks

    def _die(self, group: Sequence[Append]) -> None:
        unacknowledged = sum(len(append.records) for append in group)
        os.write(1, f"unacknowledged {unacknowledged}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def main(port: int, database: str) -> None:
    journal, agent = LethalJournal(database), Streamer()
    card = AgentCard(
        name="victim",
        description="streams numbers",
        version="1",
        capabilities=AgentCapabilities(streaming=True),
        supported_interfaces=interfaces("127.0.0.1", port, None),
        default_input_modes=["text"],
        default_output_modes=["text"],
        skills=[AgentSkill(id="n", name="numbers", description="numbers", tags=["n"])],
    )

    async def arm(request: Request) -> Response:
        journal.at = int(request.query_params["at"])
        journal.when = request.query_params["when"]
        return JSONResponse({})

    async def go(request: Request) -> Response:
        agent.pace = float(request.query_params["pace"])
        agent.go.set()
        return JSONResponse({})

    app = build_app(RequestHandler(agent, None, card, journal=journal), card)
    extra: list[Any] = [Route("/arm", arm, methods=["POST"]), Route("/go", go, methods=["POST"])]
    app.router.routes[:0] = extra
    uvicorn.run(app, port=port, log_level="error")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
