"""A simulated A2A server: the production `RequestHandler` with a user's agent inside.

Everything from the handler down is production code, on the simulated loop: actors whose deliveries
are choices, a journal whose appends complete when they are chosen, the agent as an asyncio task.
Only sockets are left out. A crash ends the process; the next one finds the same journal.

Neighbours: `sandbox.py` (makes servers), `process.py` (what ends), `journal.py` (what stays).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from contextvars import Context
from typing import TYPE_CHECKING, Any

from a2a.auth.user import User
from a2a.server.agent_execution import AgentExecutor
from a2a.server.context import ServerCallContext
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    CancelTaskRequest,
    GetTaskRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
)

from actors.a2a.errors import DrainingError
from actors.a2a.handler import RequestHandler
from actors.a2a.sequenced import Event
from actors.runtime import ActorStopped, ActorSystem
from actors.simulation import trace as seen
from actors.simulation.chosen import ChosenJournal
from actors.simulation.journal import SimJournal
from actors.simulation.process import Disconnected, Process
from actors.simulation.storing import SURVIVES
from actors.simulation.system import SimSystem

if TYPE_CHECKING:
    from actors.simulation.sandbox import Simulation

END = object()
OVERTAKEN = (DrainingError, ActorStopped, Disconnected)
"""How a start ends that a close or a crash has overtaken: in order."""


class _Handler(RequestHandler):
    """The production handler, with actors whose deliveries are choices."""

    def __init__(self, server: Server, process: Process) -> None:
        super().__init__(
            server.agent,
            None,
            server.card,
            policy=server.policy,
            journal=server.store,
        )
        self._process = process
        self._trace = server.trace

    def new_system(self, loop: asyncio.AbstractEventLoop) -> ActorSystem:
        """Return a simulated system."""
        return SimSystem(self._process.name, self._process.loop, self._process, self._trace)


class Server:
    """An A2A server with one agent; made by `Simulation.serve`.

    Each operation may raise what the production handler raises (`a2a.utils.errors`), and
    `Disconnected` when its process has crashed.
    """

    def __init__(
        self, simulation: Simulation, agent: AgentExecutor, card: AgentCard | None
    ) -> None:
        self.agent = agent
        self.policy = simulation.policy
        self.card = card or _card(type(agent).__name__)
        self.loop = simulation.loop
        self.faults = simulation.faults
        self.trace = simulation.trace
        self.journal = SimJournal()
        self._new_name = simulation.new_name
        self._begin()

    def _begin(self) -> None:
        self.process = Process(self._new_name("n"), self.loop)
        self.trace.add(seen.Began(self.process.name))
        self.store = ChosenJournal(self.journal, self.process, self.faults, self.trace)
        self.handler = _Handler(self, self.process)
        starting = self.process.serve(f"start {self.process.name}", self.handler.start())
        self._starting = starting.answer
        self._starting.add_done_callback(self._started, context=Context())

    def _started(self, answer: asyncio.Future[None]) -> None:
        """Hear how the start of a process went: it may be closed, or crash, before that is done."""
        error = None if answer.cancelled() else answer.exception()
        if error is not None and not isinstance(error, OVERTAKEN):
            self.trace.add(seen.Broke(f"a server did not start: {type(error).__name__}: {error}"))

    # -- what clients do

    async def send(
        self, text: str, *, task: str = "", owner: str = "user", immediately: bool = False
    ) -> Task | Message:
        """Send a message and return the answer (R31 to R35).

        Args:
            text: of the message.
            task: id of the task that it is for; empty for a new one.
            owner: who sends it.
            immediately: answer as soon as there is something to show.
        """
        params = self._message(text, task)
        params.configuration.CopyFrom(SendMessageConfiguration(return_immediately=immediately))
        work = self.handler.on_message_send(params, _context(owner))
        answer: Task | Message = await self._ask("send", task, work)
        return answer

    async def stream(
        self, text: str, *, task: str = "", owner: str = "user"
    ) -> AsyncGenerator[Event, None]:
        """Send a message and yield the events of its stream (R36 to R38)."""
        stream = self.handler.on_message_send_stream(self._message(text, task), _context(owner))
        async with aclosing(self._read("stream", task, stream)) as events:
            async for event in events:
                yield event

    async def subscribe(self, task: str, *, owner: str = "user") -> AsyncGenerator[Event, None]:
        """Yield the Task and what follows (R40 to R45)."""
        params = SubscribeToTaskRequest(id=task)
        stream = self.handler.on_subscribe_to_task(params, _context(owner))
        async with aclosing(self._read("subscribe", task, stream)) as events:
            async for event in events:
                yield event

    async def get(self, task: str, *, owner: str = "user") -> Task:
        """Return a task as it is stored (R74)."""
        work = self.handler.on_get_task(GetTaskRequest(id=task), _context(owner))
        found: Task = await self._ask("get", task, work)
        return found

    async def cancel(self, task: str, *, owner: str = "user") -> Task:
        """Cancel a task and return it (R51 to R53)."""
        work = self.handler.on_cancel_task(CancelTaskRequest(id=task), _context(owner))
        found: Task = await self._ask("cancel", task, work)
        return found

    def crash(self, survives: str = "nothing") -> None:
        """End the process at once, as `kill -9` does, and start another on the same journal.

        What its agent runs stops where it is: no `finally`, no `except` of it is run.

        Args:
            survives: of appends under way: "nothing", "all" (only their acknowledgement is lost),
                or "torn": a part of their bytes, as a power cut leaves it.

        Raises:
            ValueError: `survives` is none of these.
        """
        if survives not in SURVIVES:
            raise ValueError(
                f"a crash cannot leave {survives!r} of the appends under way: say one of "
                f"{', '.join(map(repr, SURVIVES))}"
            )
        self.trace.add(seen.Crashed(self.process.name, survives))
        self.store.storing.crash(survives)
        self.process.end()
        self._begin()

    async def close(self) -> None:
        """Let runs end within the policy's drain time, as on SIGTERM."""
        starting = not self._starting.done()
        await self._close()
        if starting:
            # Perhaps closed before it had begun to start: then it has started all the same.
            await asyncio.wait({self._starting})
            await self._close()

    async def _close(self) -> None:
        await self.process.serve(f"close {self.process.name}", self.handler.aclose()).answer

    # -- how

    def _message(self, text: str, task: str) -> SendMessageRequest:
        message = Message(
            message_id=self._new_name("m"),
            role=Role.ROLE_USER,
            parts=[Part(text=text)],
            task_id=task,
        )
        return SendMessageRequest(message=message)

    async def _ask(self, what: str, task: str, work: Any) -> Any:
        number = self._new_name("q")
        self.trace.add(seen.Asked(number, number, self.process.name, what, task))
        request = self.process.serve(f"{what} {number}", work)
        try:
            value = await request.answer
        except asyncio.CancelledError:
            self.trace.add(seen.Left(number))
            request.leave()
            raise
        except Exception as error:
            self.trace.add(seen.Answered(number, None, error))
            raise
        self.trace.add(seen.Answered(number, value, None))
        return value

    async def _read(
        self, what: str, task: str, stream: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        number = self._new_name("q")
        self.trace.add(seen.Asked(number, number, self.process.name, what, task))
        events: asyncio.Queue[Any] = asyncio.Queue()

        async def serve() -> None:
            async with aclosing(stream):
                async for event in stream:
                    events.put_nowait(event)

        request = self.process.serve(f"{what} {number}", serve())
        request.answer.add_done_callback(lambda _: events.put_nowait(END))
        try:
            while (event := await events.get()) is not END:
                yield event
            request.answer.result()
        finally:
            request.leave()


def _card(name: str) -> AgentCard:
    """Return a card of an agent that can do everything."""
    modes = ["text/plain"]
    skill = AgentSkill(id="any", name=name, description="Simulated.", tags=["simulation"])
    url = "http://simulated.invalid"
    interface = AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version="1.0")
    return AgentCard(
        name=name,
        description="Simulated.",
        version="1",
        supported_interfaces=[interface],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=modes,
        default_output_modes=modes,
        skills=[skill],
    )


class _User(User):
    """A client's user, authenticated by name."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def is_authenticated(self) -> bool:
        """Always."""
        return True

    @property
    def user_name(self) -> str:
        """The owner of what this user creates."""
        return self._name


def _context(owner: str) -> ServerCallContext:
    return ServerCallContext(user=_User(owner))
