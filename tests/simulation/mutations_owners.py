"""Mutations that let one owner see, or keep another from, what is not theirs.

Neighbours: `mutate.py` (applies them), `test_mutations.py` (runs the table),
`test_invariants_owners.py` (the same invariant, on traces made by hand).
"""

from __future__ import annotations

from actors.simulation.clients import Client, Reading
from actors.simulation.people import PEOPLE
from actors.simulation.scenarios import Scenario, strangers
from actors.simulation.script import Fixed, Words
from actors.simulation.world import World
from actors.task.messages import Wait
from actors.task.policy import Policy
from tests.simulation.mutate import Mutation
from tests.simulation.mutations_streams import undisturbed


def crowd() -> Scenario:
    """Several people, who try everything on each other's tasks; nothing fails."""
    return undisturbed("crowd", strangers(), policy=Policy.sdk(deduplicate=True))


def _visits(world: World) -> None:
    """A task waits for its client; then all come at once, while its log is being read."""

    async def asks(client: Client) -> None:
        await client.send("t1")
        for _ in range(3):
            await client.subscribe("t1", reading=Reading(leave=1))
            await client.send("t1", wait=Wait.FIRST)

    async def intrudes(client: Client) -> None:
        await world.until_known("t1")
        for _ in range(4):
            client.at_once(client.subscribe("t1", reading=Reading(leave=1)))
            await client.cancel("t1")

    for number, person in enumerate((PEOPLE[0], PEOPLE[1], PEOPLE[2]), 1):
        client = world.client(f"c{number}", *person)
        world.act(client.name, asks(client) if number == 1 else intrudes(client))


def _asking(words: Words) -> object:
    return words.status("INPUT_REQUIRED") if words.exists else words.task("INPUT_REQUIRED")


def visits() -> Scenario:
    """Owner and strangers come at once to a task that is parked."""
    script = Fixed((_asking,))  # type: ignore[arg-type] # an event, whichever it is
    return undisturbed("visits", _visits, script=lambda _: script)


MUTATIONS = (
    Mutation(
        invariants={26},
        module="actors.runtime.journal.shell",
        old="                return journal.read(log, request.envelope.caller)\n",
        new="                return journal.read(log)\n",
        why="a task that is parked is shown to whoever asks",
        scenario=crowd,
        seeds=40,
    ),
    Mutation(
        invariants={26},
        module="actors.storage.matching",
        old='(named.get("owner"), named.get("tenant")) == (caller.owner, caller.tenant)',
        new='named.get("owner") == caller.owner',
        why="the tenant is no boundary",
        scenario=crowd,
        seeds=40,
    ),
    Mutation(
        invariants={26},
        module="actors.storage.matching",
        old="        and may_see(row, Caller(query.owner, query.tenant))\n",
        new="",
        why="a list shows everybody's tasks",
        scenario=crowd,
        seeds=40,
    ),
    Mutation(
        invariants={26},
        module="actors.a2a.listing",
        old="        tenant=caller.tenant,\n",
        new='        tenant="",\n',
        why="a list is not that of the tenant who asks",
        scenario=crowd,
        seeds=40,
    ),
    Mutation(
        invariants={26},
        module="actors.a2a.once",
        old="json.dumps([caller.owner, caller.tenant, params.message.message_id])",
        new="json.dumps([params.message.message_id])",
        why="a message is that of another owner, who has used its id",
        scenario=crowd,
        seeds=40,
    ),
    Mutation(
        invariants={26},
        module="actors.a2a.once",
        old="json.dumps([caller.owner, caller.tenant, params.message.message_id])",
        new="json.dumps([caller.owner, params.message.message_id])",
        why="a message is that of another tenant, who has used its id",
        scenario=crowd,
        seeds=40,
    ),
    Mutation(
        invariants={26},
        module="actors.task.decide",
        old="isinstance(envelope.message, Hold)",
        new="isinstance(envelope.message, Hold | Attach)",
        why="who subscribes while the log is read for its owner is let in",
        scenario=visits,
        seeds=100,
    ),
    Mutation(
        invariants={26},
        module="actors.task.decide",
        old="isinstance(envelope.message, Hold)",
        new="isinstance(envelope.message, Hold | Cancel)",
        why="who cancels while the log is read for its owner is obeyed",
        scenario=visits,
        seeds=100,
    ),
    Mutation(
        invariants={26},
        module="actors.runtime.journal.logged",
        old="        return self.asker(envelope) != state.asker\n",
        new="        return False\n",
        why="what was not found for a stranger is not there for its owner either",
        scenario=visits,
        seeds=100,
    ),
)
