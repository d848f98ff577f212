"""Mutations of what is kept: messages that come again, and tasks that make room.

Neighbours: `mutate.py` (applies them), `test_mutations.py` (runs the table),
`test_invariants_keeping.py` (the same invariants, on traces made by hand).
"""

from __future__ import annotations

from actors.simulation.choices import Choices
from actors.simulation.clients import Client, Reading
from actors.simulation.faults import FaultPlan
from actors.simulation.scenarios import (
    AGAIN,
    SWEEPS,
    Scenario,
    acting,
    removing,
    shortening,
    whims,
)
from actors.simulation.script import Fixed, Script, Words
from actors.task.messages import Wait
from actors.task.policy import Policy
from tests.simulation.mutate import Mutation

ONCE = Policy.sdk(deduplicate=True)


def again() -> Scenario:
    """Clients say everything twice, to processes that crash and return; nothing is removed."""
    return Scenario(
        name="again",
        inhabit=whims(more=AGAIN * 3),
        policy=ONCE,
        plan=FaultPlan.only(appends=1, crashes=1, pauses=1),
        webhooks=False,
    )


async def _says_it_twice_at_once(client: Client) -> None:
    for _ in range(3):
        client.at_once(client.send_again())
        await client.send("t1", wait=Wait.FIRST)


def at_once() -> Scenario:
    """One message comes on two connections, and a second process takes over between the two."""
    return Scenario(
        name="at once",
        inhabit=acting(_says_it_twice_at_once),
        policy=ONCE,
        plan=FaultPlan.only(pauses=3),
        webhooks=False,
    )


def making_room() -> Scenario:
    """Tasks are removed as soon as they can go; nobody comes back to write what was removed."""
    return Scenario(
        name="making room",
        inhabit=whims(operations=4, more=SWEEPS),
        policy=ONCE,
        plan=FaultPlan.only(appends=1, crashes=1, webhooks=2),
        retention=removing(),
    )


async def _says_it_later_again(client: Client) -> None:
    await client.send("t1", wait=Wait.FIRST)
    for _ in range(2):
        await client.pause()
        await client.sweep()
        await client.pause()
        await client.send_again()


async def _reads(client: Client) -> None:
    await client.world.until_known("t1")
    await client.subscribe("t1")


async def _reads_slowly(client: Client) -> None:
    await client.world.until_known("t1")
    await client.subscribe("t1", reading=Reading(stall=1))


async def _sweeps(client: Client) -> None:
    await client.world.until_known("t1")
    for _ in range(3):
        await client.pause()
        await client.sweep()


def _asks(_: Choices) -> Script:
    return Fixed((Words.task, Words.chunk, lambda words: words.status("INPUT_REQUIRED")))


def shortened_again() -> Scenario:
    """A message comes again when of the first one's log only a snapshot is left."""
    return Scenario(
        name="shortened again",
        inhabit=acting(_says_it_later_again, _sweeps),
        script=_asks,
        policy=ONCE,
        plan=FaultPlan.only(webhooks=2),
        retention=shortening(),
    )


def read_meanwhile() -> Scenario:
    """A task that waits for input is read, by some to the end and by some not, and swept."""
    return Scenario(
        name="read meanwhile",
        inhabit=acting(_says_it_later_again, _reads, _reads_slowly, _sweeps),
        script=_asks,
        plan=FaultPlan.none(),
        retention=removing(),
    )


MUTATIONS = (
    Mutation(
        invariants={18},
        module="actors.task.requests",
        old="    draft.keys = (message.key,) if message.key else ()\n",
        new="    draft.keys = ()\n",
        why="a message is stored without its key",
        scenario=again,
        seeds=300,
    ),
    Mutation(
        invariants={18},
        module="actors.a2a.once",
        old="caller.tenant, params.message.message_id])",
        new="caller.tenant, params.message.message_id, params.message.task_id])",
        why="the same message for another task has another key",
        scenario=again,
        seeds=300,
    ),
    Mutation(
        invariants={18},
        module="actors.storage.memory",
        old=" or any(key in self._keys for key in append.keys):\n",
        new=":\n",
        why="two processes store one message at the same time",
        scenario=at_once,
        seeds=900,
    ),
    Mutation(
        invariants={18},
        module="actors.storage.memory",
        old="            del known.frames[: upto - floor]\n",
        new="            del known.frames[: upto - floor]\n"
        "            while known.keys:\n"
        "                del self._keys[known.keys.pop()]\n",
        why="with its record a message's key is forgotten",
        scenario=shortened_again,
        seeds=50,
    ),
    Mutation(
        invariants={29},
        module="actors.task.state",
        old="            or self.readers\n",
        new="",
        why="a task goes while somebody reads it",
        scenario=read_meanwhile,
        seeds=100,
    ),
    Mutation(
        invariants={29},
        module="actors.storage.memory",
        old="            log.consumers.setdefault(consumer, append.expected)\n",
        new="            pass\n",
        why="a task goes of which the webhooks have not heard all",
        scenario=making_room,
        seeds=300,
    ),
    Mutation(
        invariants={29},
        module="actors.task.sweeping",
        old="Snapshot(state.seq, state.fold.pack())",
        new="Snapshot(state.seq, type(state.fold)().pack())",
        why="what stands for the records that go is empty",
        scenario=shortened_again,
        seeds=50,
    ),
    Mutation(
        invariants={29},
        module="actors.storage.memory",
        old="            log.consumers.setdefault(consumer, append.expected)\n",
        new="            pass\n",
        why="records go of which the webhooks have not heard",
        scenario=shortened_again,
        seeds=50,
    ),
)
