"""A server whose agent is interrupted: `python -m tests.a2a.impatient PORT DATABASE`.

POST /go lets the agent finish whatever it works on.
"""

from __future__ import annotations

import asyncio
import sys

import uvicorn
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentSkill, Part
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actors.a2a import Policy, RequestHandler
from actors.a2a.app import build_app, interfaces
from actors.storage import SqliteJournal


class Listener(AgentExecutor):
    """Says what it has heard, asks for a login if it hears "login", and then waits for the gate."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.heard: list[str] = []
        self.contexts: list[RequestContext] = []
        self.called_off = 0
        self.listening = asyncio.Condition()

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        heard = context.get_user_input()
        self.contexts.append(context)
        if context.current_task is None and context.message is not None:
            await event_queue.enqueue_event(new_task_from_user_message(context.message))
        updater = TaskUpdater(event_queue, str(context.task_id), str(context.context_id))
        await updater.start_work()
        if heard == "login":
            await updater.requires_auth(updater.new_agent_message([Part(text="log in there")]))
        else:
            await updater.add_artifact([Part(text=heard)], artifact_id="heard")
        await self._note(heard)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            if event_queue.is_closed():  # type: ignore[attr-defined] # ours has it
                self.called_off += 1
                await updater.complete()  # too late: nobody hears it
            raise
        await updater.complete()

    async def _note(self, heard: str) -> None:
        self.heard.append(heard)
        async with self.listening:
            self.listening.notify_all()

    async def until_heard(self, *heard: str) -> None:
        """Return once exactly that has been heard, run by run."""
        async with self.listening:
            await self.listening.wait_for(lambda: self.heard == list(heard))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        updater = TaskUpdater(event_queue, str(context.task_id), str(context.context_id))
        await updater.cancel()


def main(port: int, database: str) -> None:
    agent = Listener()

    async def go(_: Request) -> Response:
        agent.gate.set()
        return JSONResponse({})

    described = AgentCard(
        name="Listener",
        description="says what it has heard",
        version="1",
        capabilities=AgentCapabilities(streaming=True),
        supported_interfaces=interfaces("127.0.0.1", port, None),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[AgentSkill(id="hear", name="hear", description="hears", tags=["test"])],
    )
    handler = RequestHandler(
        agent,
        None,
        described,
        journal=SqliteJournal(database),
        policy=Policy.sdk(during_run="interrupt", during_auth="interrupt", recovery="rerun"),
    )
    app = build_app(handler, described)
    app.router.routes.insert(0, Route("/go", go, methods=["POST"]))
    uvicorn.run(app, port=port, log_level="error")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
