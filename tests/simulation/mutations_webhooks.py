"""Mutations of webhooks: whom they tell of what, in which order, and what is kept of that.

Neighbours: `mutate.py` (applies them), `test_mutations.py` (runs the table).
"""

from __future__ import annotations

from actors.simulation.choices import Choices
from actors.simulation.clients import Client
from actors.simulation.faults import FaultPlan
from actors.simulation.receivers import BRIEF
from actors.simulation.scenarios import Scenario, acting
from actors.simulation.script import Fixed, Script, Words
from actors.task.messages import Wait
from actors.task.policy import Policy
from tests.simulation.mutate import Mutation


def _reports(_: Choices) -> Script:
    return Fixed(
        (
            Words.task,
            Words.chunk,
            lambda words: words.status("WORKING"),
            lambda words: words.status("INPUT_REQUIRED"),
        )
    )


async def _sets_one(client: Client) -> None:
    await client.send("t1", hook=client.webhook("h1", 1))


async def _sets_another(client: Client) -> None:
    await client.world.until_known("t1")
    await client.configure("t1", "h2", 1)
    await client.configure("t1", "h3", 1)


def told_of_all() -> Scenario:
    """One task, three webhooks of one receiver, which fails now and then; a process crashes."""
    return Scenario(
        name="told",
        inhabit=acting(_sets_one, _sets_another),
        script=_reports,
        policy=Policy.spec(),
        plan=FaultPlan.only(appends=1, crashes=1, webhooks=2),
        delivery=BRIEF,
    )


async def _sets_one_at_once(client: Client) -> None:
    await client.send("t1", wait=Wait.FIRST, hook=client.webhook("h1", 1))


async def _deletes_it(client: Client) -> None:
    await client.world.until_known("t1")
    await client.unconfigure("t1", "h1")


async def _deletes_it_and_sets_it_again(client: Client) -> None:
    await _deletes_it(client)
    await client.configure("t1", "h1", 2)


def deleted() -> Scenario:
    """One webhook is deleted by two clients, and one of them sets it again."""
    return Scenario(
        name="deleted",
        inhabit=acting(_sets_one_at_once, _deletes_it, _deletes_it_and_sets_it_again),
        script=_reports,
        policy=Policy.spec(),
        plan=FaultPlan.only(appends=1, crashes=1, webhooks=2),
        delivery=BRIEF,
    )


def _fails(_: Choices) -> Script:
    return Fixed((Words.task, lambda words: words.status("FAILED")))


async def _waits(client: Client) -> None:
    await client.send("t1")


def set_at_the_end() -> Scenario:
    """A webhook is set when a task has failed, or is about to, while its sender waits (A1)."""
    return Scenario(
        name="set at the end",
        inhabit=acting(_waits, _sets_another),
        script=_fails,
        plan=FaultPlan.none(),
        delivery=BRIEF,
    )


MUTATIONS = (
    Mutation(
        invariants={16, 31},
        module="actors.task.release",
        old="    if state.fold.final:  # else",
        new="    if state.fold.final and not state.pending:  # else",
        why="answers that wait for the end of a run are held for ever when a webhook is being set",
        scenario=set_at_the_end,
        seeds=40,
    ),
    Mutation(
        invariants={25},
        module="actors.task.outbox",
        old="        courier.close(message.seq)\n",
        new="",
        why="a webhook that is deleted hears on",
        scenario=deleted,
        seeds=100,
    ),
    Mutation(
        invariants={25},
        module="actors.task.hooks",
        old="        draft.once_stored(answer)\n",
        new="        draft.once_stored(Reply(envelope.reply_to, None))\n",
        why="who deletes second is answered first",
        scenario=deleted,
        seeds=100,
    ),
    Mutation(
        invariants={25},
        module="actors.task.courier",
        old="            self.known = max(self.known, upto)\n",
        new="            pass\n",
        why="a webhook that is set again hears of what was before",
        scenario=deleted,
        seeds=100,
    ),
    Mutation(
        invariants={25},
        module="actors.task.rounds",
        old="        effects.append(_note(target, seq))\n",
        new="        effects.append(_note(target, seq + 1))\n",
        why="it is noted that a webhook has heard of one record more",
        scenario=told_of_all,
        seeds=20,
    ),
    Mutation(
        invariants={25},
        module="actors.task.rounds",
        old="        courier.rest()\n",
        new="        courier.rest()\n        effects.append(_note(target, courier.known))\n",
        why="a record that is to be tried again is noted as heard of",
        scenario=told_of_all,
        seeds=20,
    ),
    Mutation(
        invariants={25},
        module="actors.task.rounds",
        old="    return [Tell(JOURNAL, NextPlace(OUTBOX, consumer(target[1]), target[0]))]\n",
        new="    courier.doing = Doing.NOTHING\n    del state.couriers[target]\n    return []\n",
        why="a place is left behind a private record",
        scenario=told_of_all,
        seeds=100,
    ),
    Mutation(
        invariants={25},
        module="actors.task.courier",
        old="            self.sent = self.queue.popleft()\n",
        new="            self.sent = self.queue.pop()\n",
        why="the latest is told first",
        scenario=told_of_all,
        seeds=20,
    ),
    Mutation(
        invariants={25},
        module="actors.task.rounds",
        old="    delivery = delivery_id(target, record)\n",
        new='    delivery = f"{delivery_id(target, record)}{courier.attempt}"\n',
        why="each attempt has a delivery id of its own",
        scenario=told_of_all,
        seeds=20,
    ),
    Mutation(
        invariants={25},
        module="actors.task.rounds",
        old="    state.traffic.leave(target)\n    effects, delay",
        new="    effects, delay",
        why="a place for an attempt is never given back",
        scenario=told_of_all,
        seeds=20,
    ),
    Mutation(
        invariants={25},
        module="actors.task.traffic",
        old="self._under_way[receiver] < self._per_receiver",
        new="self._under_way[receiver] < 9",
        why="a receiver is called as often as there are webhooks",
        scenario=told_of_all,
        seeds=20,
    ),
)
