"""A task in any state, everybody who looks on, and a cancel: what `test_cancel_matrix.py` plays.

Neighbours: `agents.py` (cards, requests), `test_cancel_matrix.py` (the races, and what must hold).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.context import ServerCallContext
from a2a.server.events import EventQueue
from a2a.server.tasks import InMemoryPushNotificationConfigStore, TaskUpdater
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    Message,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import A2AError, UnsupportedOperationError

from actors.a2a import Policy, RequestHandler
from actors.runtime.journal.port import Ack, Append
from actors.storage import MemoryJournal
from tests.a2a.agents import as_user, ask, card

Outcome = Task | Message | A2AError
ENDED = ("COMPLETED", "FAILED", "CANCELED", "REJECTED")
STATES = {
    state: TaskState.Value(f"TASK_STATE_{state}")
    for state in ("WORKING", "INPUT_REQUIRED", "AUTH_REQUIRED", *ENDED)
}


class Player(AgentExecutor):
    """Brings its task into the state that the message names; then it holds until the gate opens.

    What it does then, and what it does when it is to cancel, tests choose.
    """

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.cancel_gate = asyncio.Event()
        self.reached = asyncio.Event()
        self.asked_to_cancel = asyncio.Event()
        self.then = "complete"
        self.when_cancelled = "cancel"
        self.deaf = False
        self.contexts: list[RequestContext] = []
        self.cancels: list[RequestContext] = []

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.contexts.append(context)
        updater = TaskUpdater(event_queue, str(context.task_id), str(context.context_id))
        state, what = context.get_user_input().splitlines()[-1].split()
        if context.current_task is None and context.message is not None:
            await event_queue.enqueue_event(new_task_from_user_message(context.message))
        if state != "SUBMITTED":
            await updater.update_status(STATES[state])  # type: ignore[arg-type] # the stubs say int
        self.reached.set()
        if what == "hold":
            await self._hold(updater)

    async def _hold(self, updater: TaskUpdater) -> None:
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                if not self.deaf:
                    raise
        if self.then == "raise":
            raise ValueError("the tool broke")
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.cancels.append(context)
        self.asked_to_cancel.set()
        await self.cancel_gate.wait()
        match self.when_cancelled:
            case "cancel":
                updater = TaskUpdater(event_queue, str(context.task_id), str(context.context_id))
                await updater.cancel()
            case "break":
                raise RuntimeError("cannot let go")
            case "refuse":
                raise UnsupportedOperationError("this cannot be cancelled")
            case "hang":
                await asyncio.Event().wait()


class Hook:
    """A PushNotificationSender that notes the states it is told."""

    def __init__(self) -> None:
        self.states: list[int] = []

    async def send_notification(self, task_id: str, event: Any) -> None:
        if hasattr(event, "status"):
            self.states.append(event.status.state)


class Slow(MemoryJournal):
    """Stores at once, and says so when it is to acknowledge."""

    def __init__(self) -> None:
        super().__init__()
        self.acknowledges = asyncio.Event()
        self.acknowledges.set()

    def append(self, group: Sequence[Append]) -> Any:
        acks = super().append(group)
        return acks if self.acknowledges.is_set() else self._later(acks)

    async def _later(self, acks: Sequence[Ack]) -> Sequence[Ack]:
        await self.acknowledges.wait()
        return acks


class Stream:
    """Somebody who reads along until the end."""

    def __init__(self, events: AsyncGenerator[Any, None]) -> None:
        self.states: list[int] = []
        self.error: A2AError | None = None
        self.over = asyncio.ensure_future(self._read(events))

    async def _read(self, events: AsyncGenerator[Any, None]) -> None:
        try:
            async for event in events:
                if hasattr(event, "status"):
                    self.states.append(event.status.state)
        except A2AError as error:
            self.error = error


class Stage:
    """A handler, its agent, and a task in a state."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.agent = Player()
        self.hook = Hook()
        self.journal = Slow()
        self.me = as_user("me")
        self.task = ""
        self.held = 0
        """Runs that wait at the gate."""
        self.streams: list[Stream] = []
        self.handler = RequestHandler(
            self.agent,
            None,
            card(push_notifications=True),
            push_config_store=InMemoryPushNotificationConfigStore(),
            push_sender=self.hook,  # type: ignore[arg-type] # it has the one method
            journal=self.journal,
            policy=policy,
        )

    async def bring(self, state: str, what: str) -> None:
        """Let the task get into a state, with the run going on ("hold") or over ("park")."""
        first = Stream(self.handler.on_message_send_stream(ask(f"{state} {what}"), self.me))
        await self.agent.reached.wait()
        self.held = int(what == "hold")
        self.task = str(self.agent.contexts[0].task_id)
        await resting()
        request = SubscribeToTaskRequest(id=self.task)
        watching = Stream(self.handler.on_subscribe_to_task(request, self.me))
        await resting()
        self.streams = [each for each in (first, watching) if not each.over.done()]

    async def cancel(self, call: ServerCallContext | None = None) -> Outcome:
        try:
            found: Task | None = await self.handler.on_cancel_task(
                CancelTaskRequest(id=self.task), call or self.me
            )
        except A2AError as error:
            return error
        assert found is not None
        return found

    async def say(self, text: str) -> Outcome:
        try:
            answer: Outcome = await self.handler.on_message_send(ask(text, self.task), self.me)
        except A2AError as error:
            return error
        return answer

    async def stored(self) -> Task:
        request = GetTaskRequest(id=self.task)
        found: Task | None = await self.handler.on_get_task(request, self.me)
        assert found is not None
        return found


async def resting() -> None:
    """Until there is nothing left to do but to wait."""
    for _ in range(60):
        await asyncio.sleep(0)
