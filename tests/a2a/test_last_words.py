"""An agent that returns upon its last words: they and its end are one message to the core.

Neighbours: `tests/task/test_last_events.py` (what that message does), `test_unawaited.py` (agents
that go on by asyncio tasks of their own).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Message, Part, Role, Task, TaskState

from actors.a2a import RequestHandler
from actors.runtime import ActorRef, ActorSystem
from actors.storage import MemoryJournal
from actors.task.messages import Emitted, RunOver
from tests.a2a.agents import as_user, ask, card

ME = as_user("me")


class Scenes(AgentExecutor):
    """Plays what the message names."""

    def __init__(self) -> None:
        self.late: asyncio.Task[None] | None = None

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.message is not None
        scene = context.message.parts[0].text
        if scene == "message":
            words = Message(message_id="r", role=Role.ROLE_AGENT, parts=[Part(text="pong")])
            await event_queue.enqueue_event(words)
            return
        task = new_task_from_user_message(context.message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        if scene == "asks":
            await updater.requires_input()
            return
        await updater.complete()
        if scene == "lingers":
            await asyncio.sleep(0)
        elif scene == "stray":
            self.late = asyncio.create_task(updater.add_artifact([Part(text="late")]))
        elif scene == "raises":
            raise ValueError("after all")

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError("nobody cancels here")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[type, int]]:
    """What tasks were told of runs: the type, and how many events."""
    heard: list[tuple[type, int]] = []
    tell: Callable[..., None] = ActorSystem.tell

    def listened(
        self: ActorSystem, ref: ActorRef[Any], message: object, *rest: object, **more: object
    ) -> None:
        if isinstance(message, Emitted | RunOver):
            heard.append((type(message), len(message.events)))
        tell(self, ref, message, *rest, **more)

    monkeypatch.setattr(ActorSystem, "tell", listened)
    return heard


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why there were dead letters."""
    reasons: list[str] = []

    def counted(self: ActorSystem, message: object, reason: str, to: object = None) -> None:
        reasons.append(reason)

    monkeypatch.setattr(ActorSystem, "dead_letter", counted)
    return reasons


ONE, TWO, APART = [(RunOver, 1)], [(RunOver, 2)], [(Emitted, 2), (RunOver, 0)]


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        ("completes", TWO),
        ("message", ONE),
        ("stray", TWO),
        # These may be followed by what counts.
        ("asks", APART),
        ("lingers", APART),
        ("raises", APART),
    ],
)
async def test_conclusive_words_bring_the_end_along(
    told: list[tuple[type, int]], scene: str, expected: list[tuple[type, int]]
) -> None:
    agent = Scenes()
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal())
    await asyncio.gather(handler.on_message_send(ask(scene), ME), return_exceptions=True)
    await handler.aclose()
    assert told == expected


async def test_what_comes_after_them_changes_nothing(lost: list[str]) -> None:
    agent = Scenes()
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal())
    answer = await handler.on_message_send(ask("stray"), ME)
    assert agent.late is not None
    await agent.late
    assert isinstance(answer, Task)
    assert answer.status.state == TaskState.TASK_STATE_COMPLETED
    assert not answer.artifacts
    assert lost == ["event after the end of the run"]
    await handler.aclose()


async def test_nothing_is_lost_of_an_agent_that_is_done(lost: list[str]) -> None:
    handler = RequestHandler(Scenes(), None, card(), journal=MemoryJournal())
    await handler.on_message_send(ask("completes"), ME)
    await handler.aclose()
    assert not lost
