"""Mutations of streams, and the scenarios in which they show.

Neighbours: `mutate.py` (applies them), `test_mutations.py` (runs the table),
`mutations_answers.py` (of answers and of the house).
"""

from __future__ import annotations

from typing import Any

from actors.a2a.queue import CREDIT
from actors.simulation.choices import Choices
from actors.simulation.clients import Client, Reading
from actors.simulation.faults import FaultPlan
from actors.simulation.scenarios import Inhabit, Scenario, whims
from actors.simulation.script import Fixed, Program, Script, Words
from actors.simulation.world import World
from actors.task.messages import Wait
from actors.task.policy import Policy
from actors.task.ports import CancelRun, StartRun
from tests.simulation.mutate import Mutation


def undisturbed(name: str, inhabit: Inhabit, **changes: Any) -> Scenario:
    """Return a scenario in which nothing fails."""
    return Scenario(name=name, inhabit=inhabit, plan=FaultPlan.none(), webhooks=False, **changes)


def calm() -> Scenario:
    """Clients and agent do whatever they can."""
    return undisturbed("calm", whims())


def anything() -> Scenario:
    """Clients, agent and faults do whatever they can."""
    return Scenario(name="anything", inhabit=whims(), policy=Policy.sdk())


def calm_spec() -> Scenario:
    """The same, as the specification has it."""
    return undisturbed("calm spec", whims(), policy=Policy.spec())


# -- many readers of one task


def _audience(world: World) -> None:
    async def begins(client: Client) -> None:
        await client.send("t1", wait=Wait.FIRST)
        for number, life in enumerate((reads, leaves, leaves), 2):
            world.act(f"c{number}", life(world.client(f"c{number}")))

    async def reads(client: Client) -> None:
        await client.subscribe("t1")
        await client.subscribe("t1", client.cursor)

    async def leaves(client: Client) -> None:
        await client.subscribe("t1", reading=Reading(leave=1))
        await client.subscribe("t1", client.cursor, Reading(leave=1))
        await client.subscribe("t1", client.cursor)

    world.act("c1", begins(world.client("c1")))


def _chatty(_: Choices) -> Script:
    done = [lambda words: words.status("COMPLETED")]
    return Fixed((Words.task, *[Words.chunk] * 8, *done))


def audience() -> Scenario:
    """One client sends, others come and go while the agent talks."""
    return undisturbed("audience", _audience, script=_chatty)


class Bursts(Fixed):
    """An agent that never lets go of the loop."""

    def goes_on(self) -> bool:
        """Tell that it does."""
        return True


def _bursting(_: Choices) -> Script:
    done = [lambda words: words.status("INPUT_REQUIRED")]
    return Bursts((Words.task, *[Words.chunk] * 8, *done))


def burst() -> Scenario:
    """The same, and all that the agent says goes to its task together."""
    return undisturbed("burst", _audience, script=_bursting)


# -- a reader that stalls


def _stalled(world: World) -> None:
    async def streams(client: Client) -> None:
        await client.stream("t1", Reading(stall=1))

    async def looks(client: Client) -> None:
        await client.get("t1")

    world.act("c1", streams(world.client("c1")))
    world.act("c2", looks(world.client("c2")))


def _wordy(_: Choices) -> Script:
    done = [lambda words: words.status("COMPLETED")]
    return Fixed((Words.task, *[Words.chunk] * (CREDIT + 10), *done))


def stalled() -> Scenario:
    """A reader stops reading while an agent says more than it has credit for at once."""
    return undisturbed("stalled", _stalled, script=_wordy)


# -- a reader whose server is passed by


class Asks(Script):
    """An agent that asks a question first, and is content with the answer."""

    def execute(self, start: StartRun) -> Program:
        """Emit one event."""
        words = Words(start.run, start.context, exists=bool(start.task))
        event = words.status("COMPLETED") if words.exists else words.task("INPUT_REQUIRED")
        return Program(iter([event]), f"execute {start.run}")

    def cancel(self, cancel: CancelRun) -> Program:
        """Do nothing: nobody cancels here."""
        return Program(iter(()), f"cancel {cancel.run}")


def _reads_on(world: World) -> None:
    async def asks(client: Client) -> None:
        await client.send("t1")
        world.act("c2", reads(world.client("c2")))
        for _ in range(6):
            await client.get("t1")
        await client.send("t1")

    async def reads(client: Client) -> None:
        await client.subscribe("t1")

    world.act("c1", asks(world.client("c1")))


def passed_by() -> Scenario:
    """A server is replaced for a moment, and the other one ends the task that it has readers of."""
    plan = FaultPlan.only(pauses=1)
    return Scenario(
        name="passed by", inhabit=_reads_on, script=lambda _: Asks(), plan=plan, webhooks=False
    )


MUTATIONS = (
    Mutation(
        invariants={8},
        module="actors.a2a.answers",
        old="if admitted.task else ()",
        new="if not admitted.task else ()",
        why="a subscription begins without the Task",
        scenario=audience,
        seeds=20,
    ),
    Mutation(
        invariants={8},
        module="actors.a2a.answers",
        old='admitted.version if policy.follow_up_first == "task" else admitted.message',
        new="admitted.version",
        why="a follow-up's stream begins before its admission (A6)",
        scenario=calm,
        seeds=100,
    ),
    Mutation(
        invariants={8},
        module="actors.a2a.answers",
        old='admitted.version if policy.follow_up_first == "task" else admitted.message',
        new="admitted.message",
        why="what was on its way at the admission of a message is left out of its stream (A6)",
        scenario=calm_spec,
        seeds=160,
    ),
    Mutation(
        invariants={8, 16},
        module="actors.task.reader",
        old="                await self._look_elsewhere()\n",
        new="                pass\n",
        why="a reader is never told that another server has taken its task over",
        scenario=passed_by,
        seeds=100,
    ),
    Mutation(
        invariants={8, 9},
        module="actors.task.fanout",
        old="found[after] = state.records(after)",
        new="found[after] = state.records(after)[-1:]",
        why="those who wait get only the last of the records that are published together",
        scenario=audience,
        seeds=40,
    ),
    Mutation(
        invariants={9, 10},
        module="actors.task.fanout",
        old="found[after] = state.records(after)",
        new="found[after] = state.records(after)[:PAGE] or publish.records",
        why="a reader whom another server has told more gets what is published once more",
        scenario=anything,
        seeds=150,
    ),
    Mutation(
        invariants={8},
        module="actors.task.fold",
        old="[record.payload for record in records]",
        new="[record.payload for record in records[1:]]",
        why="the first of the chunks that are stored together is left out of the Task",
        scenario=burst,
        seeds=10,
    ),
    Mutation(
        invariants={9, 8},
        module="actors.task.release",
        old="    _publish(draft, records)\n",
        new="    _publish(draft, records[::-1])\n",
        why="records are published against their order",
        scenario=audience,
        seeds=40,
    ),
    Mutation(
        invariants={10},
        module="actors.task.readers",
        old='message.after, 0, b""))\n',
        new='state.fold.version, 0, b""))\n',
        why="a resumed stream goes on at the head of the log",
        scenario=audience,
        seeds=40,
    ),
    Mutation(
        invariants={10},
        module="actors.task.views",
        old="else Page(result)",
        new="else Page(result[1:])",
        why="a page of the journal lacks its first record",
        scenario=audience,
        seeds=40,
    ),
    Mutation(
        invariants={11},
        module="actors.a2a.answers",
        old="Kind.ENDED and _own(record, admitted)\n",
        new="Kind.ENDED\n",
        why="the stream of a message ends with somebody else's run (A1)",
        scenario=calm,
        seeds=100,
    ),
    Mutation(
        invariants={11},
        module="actors.a2a.answers",
        old="    asks = mine and",
        new="    asks =",
        why="the stream of a message ends at a question asked before (A1)",
        scenario=calm_spec,
        seeds=200,
    ),
    Mutation(
        invariants={11},
        module="actors.task.fanout",
        old="publish.end or state.end",
        new="publish.end or End()",
        why="a subscription ends with the first record that is published",
        scenario=audience,
        seeds=40,
    ),
    Mutation(
        invariants={12},
        module="actors.task.release",
        old="    if credit and state.active:\n",
        new="    if credit and state.active and not state.readers:\n",
        why="an agent gets no credit while somebody reads along",
        scenario=stalled,
        seeds=5,
    ),
    Mutation(
        invariants={13},
        module="actors.task.readers",
        old="    if state.readers:\n",
        new="    if not state:\n",
        why="the first reader to leave takes the fan-out along",
        scenario=audience,
        seeds=40,
    ),
    Mutation(
        invariants={13},
        module="actors.task.readers",
        old="    state.readers -= 1\n",
        new=(
            "    from actors.task.runs import end_run\n"
            "    state.readers -= 1\n"
            '    end_run(_, draft, "returned", None)\n'
        ),
        why="closing a stream ends the run",
        scenario=audience,
        seeds=40,
    ),
)
