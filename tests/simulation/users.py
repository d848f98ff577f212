"""What users of the simulator write: agents with and without defects, and scenarios for them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import pytest
from a2a.helpers import new_task_from_user_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Message, Part, Task, TaskState

from actors.runtime import Actor, ActorRef, Envelope, Reply, StartTimer, Step
from actors.runtime import Message as Told
from actors.simulation import FaultPlan, Simulation, SimulationFailed, simulate
from actors.simulation.sandbox import Life

COMPLETED = TaskState.TASK_STATE_COMPLETED
ONE_CRASH = FaultPlan.only(crashes=1)


def failure(scenario: Life, **options: Any) -> SimulationFailed:
    """What `simulate` raises; that it raises is the point."""
    with pytest.raises(SimulationFailed) as caught:
        simulate(scenario, **options)
    return caught.value


async def begin(context: RequestContext, queue: EventQueue) -> TaskUpdater:
    """Publish the Task."""
    assert isinstance(context.message, Message)
    if context.current_task is None:
        await queue.enqueue_event(new_task_from_user_message(context.message))
    return TaskUpdater(queue, str(context.task_id), str(context.context_id))


class Agent(AgentExecutor):
    """Completes its task."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        updater = await begin(context, event_queue)
        await self.work(updater)
        await updater.complete()

    async def work(self, updater: TaskUpdater) -> None:
        await updater.add_artifact([Part(text="x")], "words")

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        await TaskUpdater(event_queue, str(context.task_id), str(context.context_id)).cancel()


class Tickets(Agent):
    """Sells one ticket, and looks before it waits: the planted race."""

    def __init__(self) -> None:
        self.left = 1

    async def work(self, updater: TaskUpdater) -> None:
        if self.left > 0:
            await asyncio.sleep(0.1)
            self.left -= 1


class Slow(Agent):
    """Works for two hours."""

    async def work(self, updater: TaskUpdater) -> None:
        await asyncio.sleep(7_200)


class Leaves(Agent):
    """Forgets an asyncio task."""

    async def work(self, updater: TaskUpdater) -> None:
        self.forgotten = asyncio.create_task(asyncio.Event().wait(), name="forgotten")


class Clocked(Agent):
    """Asks the machine's clock."""

    async def work(self, updater: TaskUpdater) -> None:
        self.at = time.time()


class Threaded(Agent):
    """Works in a thread."""

    def __init__(self) -> None:
        self.refusal = ""

    async def work(self, updater: TaskUpdater) -> None:
        try:
            await asyncio.to_thread(sorted, [2, 1])
        except NotImplementedError as error:
            self.refusal = str(error)


class Interrupted(Agent):
    """Counts how often it was begun."""

    def __init__(self) -> None:
        self.begun = 0

    async def work(self, updater: TaskUpdater) -> None:
        self.begun += 1
        await asyncio.sleep(1)


async def two_customers(sim: Simulation) -> None:
    """Two customers, the second one long after the first; on an idle machine, that is."""
    agent = Tickets()
    server = sim.serve(agent)

    async def second() -> None:
        await asyncio.sleep(0.2)
        await server.send("me too")

    await asyncio.gather(server.send("a ticket"), second())
    assert agent.left == 0, f"{1 - agent.left} tickets sold"


async def a_conversation(sim: Simulation) -> None:
    """Something happens: two clients, chance in libraries, time."""
    server = sim.serve(Agent())
    first, second = await asyncio.gather(server.send("a"), server.send("b"))
    assert isinstance(first, Task)
    assert isinstance(second, Task)
    await asyncio.sleep(sim.choose(3))
    assert (await server.get(first.id)).status.state == COMPLETED


# -- actors of their own


@dataclass(frozen=True, slots=True)
class Look(Told):
    """How much is there?"""


@dataclass(frozen=True, slots=True)
class Take(Told):
    """Take so much; whether it is there is the business of whoever asks."""

    amount: int


@dataclass(frozen=True, slots=True)
class Rent(Told):
    """A month has passed."""


class Till(Actor[int]):
    """Holds 10, and pays 1 of rent after a month."""

    def start(self) -> Step[int]:
        return Step(10, (StartTimer("rent", 30 * 86_400.0, Rent()),))

    def step(self, state: int, envelope: Envelope, now: int) -> Step[int]:
        match envelope.message:
            case Take(amount=amount):
                return Step(state - amount)
            case Rent():
                return Step(state - 1)
            case _:
                assert envelope.reply_to is not None
                return Step(state, (Reply(envelope.reply_to, state),))


TILL: ActorRef[Told] = ActorRef("till", "")
