"""Mutations of what happens when a message calls a run off, and the scenarios in which they show.

Neighbours: `mutate.py` (applies them), `test_mutations.py` (runs the table).
"""

from __future__ import annotations

from actors.a2a.emission import Event
from actors.simulation.clients import Client
from actors.simulation.faults import FaultPlan
from actors.simulation.scenarios import Scenario
from actors.simulation.script import Fixed, Words
from actors.simulation.world import World
from actors.task.messages import Wait
from actors.task.policy import Policy
from tests.simulation.mutate import Mutation


def _impatient(world: World) -> None:
    """Nobody waits for the answer of the other."""

    async def begins(client: Client) -> None:
        await client.send("t1")

    async def follows(client: Client) -> None:
        await client.world.until_known("t1")
        client.at_once(client.send("t1", wait=Wait.FIRST))
        client.at_once(client.stream("t1"))
        await client.send("t1")

    world.act("c1", begins(world.client("c1")))
    world.act("c2", follows(world.client("c2")))


def _begins(words: Words) -> Event:
    return words.status("WORKING") if words.exists else words.task()


def _goes_on(words: Words) -> Event:
    return words.status("WORKING")


def _asks(words: Words) -> Event:
    return words.status("INPUT_REQUIRED")


def _completes(words: Words) -> Event:
    return words.status("COMPLETED")


def impatient() -> Scenario:
    """Three messages at once, to an agent that takes its time; processes may end."""
    return Scenario(
        name="impatient",
        inhabit=_impatient,
        script=lambda _: Fixed((_begins, Words.chunk, _goes_on, Words.chunk, _completes)),
        policy=Policy.sdk(during_run="interrupt", during_auth="interrupt", recovery="rerun"),
        plan=FaultPlan.only(crashes=1),
        webhooks=False,
        settled=True,
    )


def asked_and_impatient() -> Scenario:
    """The same, and the agent asks in between, so that a message waits when the next one comes."""
    return Scenario(
        name="asked and impatient",
        inhabit=_impatient,
        script=lambda _: Fixed((_begins, _asks, _goes_on, Words.chunk, _completes)),
        policy=Policy.spec(during_run="interrupt"),
        plan=FaultPlan.none(),
        webhooks=False,
    )


MUTATIONS = (
    Mutation(
        invariants={14},
        module="actors.task.turns",
        old="        draft.do(Tell(RUNNER, Abandon(state.run_id)))\n",
        new="        pass\n",
        why="a run that gave way goes on beside the one that follows",
        scenario=impatient,
        seeds=60,
    ),
    Mutation(
        invariants={17, 23},
        module="actors.task.turns",
        old="    return last._replace(taken=",
        new="    return last._replace() if before else last._replace(taken=",
        why="the messages of a run that gave way are forgotten",
        scenario=impatient,
        seeds=60,
    ),
    Mutation(
        invariants={17},
        module="actors.task.release",
        old='    if state.run != record.number("run"):\n        return\n',
        new="",
        why="a run that gave way before it was stored is started all the same",
        scenario=impatient,
        seeds=60,
    ),
    Mutation(
        invariants={24},
        module="actors.task.settle",
        old='    if record.facts.get("outcome") == CALLED_OFF:\n'
        "        return None  # the run that follows is for this message too (A2)\n",
        new="",
        why="whoever waits is answered when the run gives way",
        scenario=impatient,
        seeds=60,
    ),
    Mutation(
        invariants={11},
        module="actors.a2a.answers",
        old='        ended = ended and record.facts.get("outcome") != CALLED_OFF',
        new="        ended = ended",
        why="the stream of a message ends where its run gives way",
        scenario=impatient,
        seeds=60,
    ),
    Mutation(
        invariants={17},
        module="actors.task.revive",
        old="        running = running._replace(taken=tuple(map(queued.pop, known.taken)))\n",
        new="        pass\n",
        why="after a crash only the latest message of a run is run again",
        scenario=impatient,
        seeds=60,
    ),
    Mutation(
        invariants={17},
        module="actors.task.fold",
        old="for seq in self.in_hand if seq not in begun):",
        new="for seq in self.in_hand[-1:] if seq not in begun):",
        why="a message that waited and was taken along is not in the history",
        scenario=asked_and_impatient,
        seeds=100,
    ),
)
