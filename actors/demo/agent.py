"""A travel desk: asks how long the trip is, then streams an itinerary word by word.

An ordinary `AgentExecutor` of a2a-sdk. One thing is worth copying: it looks at what its task has
already stored and goes on from there. So when the server dies in the middle and the message is run
again (`--recovery rerun`), no word is said twice and none is left out.

    actors serve actors.demo.agent:TravelDesk --recovery rerun
"""

from __future__ import annotations

import asyncio
import re

from a2a.helpers import new_task_from_user_message, new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import (
    AgentCapabilities,
    AgentCard,
    AgentSkill,
    Message,
    Part,
    Role,
    Task,
    TaskState,
)

ITINERARY = "itinerary"
"""Id of the artifact; its parts are words, numbered from 1 in their metadata."""

agent_card = AgentCard(
    name="Travel Desk",
    description="Plans a few days in a city; asks how many if you do not say.",
    version="1.0.0",
    capabilities=AgentCapabilities(streaming=True, push_notifications=True),
    default_input_modes=["text/plain"],
    default_output_modes=["text/plain"],
    skills=[
        AgentSkill(
            id="plan",
            name="Plan a trip",
            description="An itinerary, day by day, streamed.",
            tags=["travel"],
            examples=["I would like to see Lisbon", "Lisbon, 3 days"],
        )
    ],
)


class TravelDesk(AgentExecutor):
    """Plans a few days in a city."""

    pause = 0.06
    """Seconds before each word: a model that thinks."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Ask for what is missing, or write the itinerary, from wherever the task is."""
        if context.message is None:
            raise ValueError("the travel desk was called without a message")
        task = context.current_task
        if task is None:
            task = new_task_from_user_message(context.message)
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        wish = _said(task, context.message)
        words = itinerary(wish)
        if not words:
            question = new_text_message(
                "How many days do you have?", context_id=task.context_id, task_id=task.id
            )
            await updater.requires_input(question)
            return
        if task.status.state != TaskState.TASK_STATE_WORKING:
            await updater.start_work()
        await self._write(updater, words, _stored(task))
        await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Publish CANCELED; what has been written so far stays in the task."""
        await TaskUpdater(event_queue, str(context.task_id), str(context.context_id)).cancel()

    async def _write(self, updater: TaskUpdater, words: list[str], stored: int) -> None:
        """Publish the words that the task does not have yet."""
        for number, word in enumerate(words[stored:], stored + 1):
            await asyncio.sleep(self.pause)
            await updater.add_artifact(
                [Part(text=word, metadata={"chunk": number})],
                artifact_id=ITINERARY,
                name="itinerary",
                append=number > 1,
                last_chunk=number == len(words),
            )


def _stored(task: Task) -> int:
    """Return how many words the task has."""
    return sum(len(found.parts) for found in task.artifacts if found.artifact_id == ITINERARY)


def _said(task: Task, message: Message) -> str:
    """Return everything that the user has said in this task."""
    said = {found.message_id: found for found in (*task.history, message)}
    wishes = [found for found in said.values() if found.role == Role.ROLE_USER]
    return "\n".join(part.text for wish in wishes for part in wish.parts)


def itinerary(wish: str) -> list[str]:
    """Return the words of a plan, or nothing if the wish does not say how many days."""
    days = re.search(r"\b([1-9])\b", wish)
    if days is None:
        return []
    cities = re.findall(r"\b(?!I\b)[A-Z]\w+", wish)
    city = cities[0] if cities else "the city"
    lines = [
        f"Day {day}: {_MORNINGS[day % len(_MORNINGS)]}, "
        f"then {_EVENINGS[day % len(_EVENINGS)]} in {city}.\n"
        for day in range(1, int(days[1]) + 1)
    ]
    return re.findall(r"\S+\s*", "".join(lines).rstrip())


_MORNINGS = (
    "an early train along the coast with coffee and fresh bread from the station",
    "a slow walk through the old town, up to the castle before it gets crowded",
    "the market hall for breakfast, and the museum next door while it is quiet",
)
_EVENINGS = (
    "music in a small bar that only people from the next street know",
    "dinner by the water and the last ferry back",
    "a view of the roofs at sunset and a table outside",
)
