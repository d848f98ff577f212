"""Agents that the command line serves in tests; none of them waits for a clock."""

from __future__ import annotations

import asyncio

from a2a.helpers import new_task_from_user_message, new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Message, Part

from actors.demo.agent import TravelDesk


class Clerk(AgentExecutor):
    """Writes two words, asks a question,
    and repeats the answer.

    "stop" makes it raise, "\\x1b" is what a terminal would obey.
    """

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert isinstance(context.message, Message)
        if context.current_task is None:
            await event_queue.enqueue_event(new_task_from_user_message(context.message))
        updater = TaskUpdater(event_queue, str(context.task_id), str(context.context_id))
        text = context.get_user_input()
        if text == "stop":
            raise RuntimeError("the clerk has stopped")
        if context.current_task is None:
            for number, word in enumerate(("one ", "\x1b[31mtwo")):
                await updater.add_artifact([Part(text=word)], "words", append=number > 0)
            await updater.requires_input(new_text_message("What else?"))
        else:
            await updater.complete(new_text_message(f"you said: {text}"))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


class Patient(AgentExecutor):
    """Never ends by itself."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert isinstance(context.message, Message)
        await event_queue.enqueue_event(new_task_from_user_message(context.message))
        await asyncio.Event().wait()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise NotImplementedError


class HastyDesk(TravelDesk):
    """The demo's agent without its pauses."""

    pause = 0.004


def make_clerk() -> Clerk:
    return Clerk()


def make_nothing() -> None:
    return None


def make_trouble() -> Clerk:
    raise OSError("no clerk today")
