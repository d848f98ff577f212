"""Mutations of answers and of the house, and the scenarios in which they show.

Neighbours: `mutate.py` (applies them), `test_mutations.py` (runs the table),
`mutations_streams.py` (of streams).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain

from actors.simulation.choices import Choices
from actors.simulation.clients import Client, Reading
from actors.simulation.faults import FaultPlan
from actors.simulation.scenarios import Scenario, whims
from actors.simulation.script import Fixed, Program, Script, Words
from actors.simulation.trace import Trace
from actors.simulation.world import World
from actors.task.actor import TaskActor
from actors.task.messages import Wait
from actors.task.policy import Policy
from actors.task.ports import CancelRun
from tests.simulation.mutate import Mutation
from tests.simulation.mutations_streams import audience, calm, calm_spec, undisturbed


def failing_appends() -> Scenario:
    """Clients and agent do whatever they can, and the journal is not waited for when it fails."""
    return Scenario(
        name="failing appends",
        inhabit=whims(),
        policy=Policy.sdk(storage_patience=0.01),
        plan=FaultPlan.only(appends=2),
        webhooks=False,
    )


# -- answers without a task


def _asks(world: World) -> None:
    async def lives(client: Client) -> None:
        await client.send("t1")
        await client.get("t1")

    async def streams(client: Client) -> None:
        await client.stream("t1")
        await client.send("t1", wait=Wait.FIRST)

    world.act("c1", lives(world.client("c1")))
    world.act("c2", streams(world.client("c2")))


def just_a_message() -> Scenario:
    """An agent answers with a bare Message, and goes on to another."""
    script = Fixed((Words.message, Words.message))
    return undisturbed("just a message", _asks, script=lambda _: script)


# -- cancels


def _cancels(world: World) -> None:
    async def sends(client: Client) -> None:
        await client.send("t1")
        await client.send("t1")

    async def cancels(client: Client) -> None:
        for _ in range(3):
            await client.cancel("t1")

    world.act("c1", sends(world.client("c1")))
    for name in ("c2", "c3"):
        world.act(name, cancels(world.client(name)))


def _slow(_: Choices) -> Script:
    return Fixed((Words.task, *[Words.chunk] * 6))


class Slow(Fixed):
    """An agent that says much while it cancels, and ends well all the same."""

    def cancel(self, cancel: CancelRun) -> Program:
        """Emit many chunks, then CANCELED."""
        words = Words(cancel.run, cancel.context, exists=bool(cancel.task), voice="c")
        said = (words.chunk() for _ in range(20))
        return Program(chain(said, [words.status("CANCELED")]), f"cancel {cancel.run}")


def cancelled() -> Scenario:
    """Several clients cancel, again and again."""
    return undisturbed("cancelled", _cancels, script=_slow)


def slowly_cancelled() -> Scenario:
    """Several clients cancel, and the agent takes its time."""
    script = Slow((Words.task, *[Words.chunk] * 6))
    return undisturbed("slowly cancelled", _cancels, script=lambda _: script)


def cancelled_spec() -> Scenario:
    """The same, where cancel may be repeated."""
    return undisturbed("cancelled spec", _cancels, script=_slow, policy=Policy.spec())


# -- small mailboxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Cramped(Scenario):
    """A scenario in which few messages may wait for a task."""

    bound: int = 2

    def __call__(self, choices: Choices, *, detailed: bool = False) -> Trace:
        """Run it once."""
        before = TaskActor.mailbox_bound
        TaskActor.mailbox_bound = self.bound
        try:
            # By name: a dataclass with slots is another class than the one being defined here.
            return super(Cramped, self).__call__(choices, detailed=detailed)
        finally:
            TaskActor.mailbox_bound = before


def _rush(world: World) -> None:
    async def begins(client: Client) -> None:
        await client.send("t1")

    async def pushes(client: Client) -> None:
        await client.send("t1", wait=Wait.FIRST)
        await client.subscribe("t1", 0, Reading(leave=1))
        await client.cancel("t1")

    world.act("c1", begins(world.client("c1")))
    for number in range(2, 7):
        world.act(f"c{number}", pushes(world.client(f"c{number}")))


def rush() -> Scenario:
    """More clients ask at once than the mailbox of their task holds."""
    return Cramped(name="rush", inhabit=_rush, script=_slow, plan=FaultPlan.none(), webhooks=False)


MUTATIONS = (
    Mutation(
        invariants={16},
        module="actors.task.release",
        old="            draft.effects.append(Reply(waiter.to, settled))\n",
        new="            draft.effects += [Reply(waiter.to, settled), Reply(waiter.to, settled)]\n",
        why="an answer is given twice",
        scenario=calm,
        seeds=20,
    ),
    Mutation(
        invariants={16},
        module="actors.task.actor",
        old="Reject(to, error) for to in waiting]",
        new="Reject(to, error) for to in waiting[1:]]",
        why="somebody who waits is forgotten when a task is void",
        scenario=failing_appends,
        seeds=80,
    ),
    Mutation(
        invariants={19},
        module="actors.task.chart",
        old='    yield Refuse("send", "terminal", "terminal")  # R16\n',
        new='    yield Refuse("send", "terminal", "not_found")\n',
        why="a message to a terminal task is answered as if there were no task",
        scenario=calm,
        seeds=40,
    ),
    Mutation(
        invariants={19},
        module="actors.task.runs",
        old="Failure.of(terminal_error(state.task, state.lifecycle)).pack()",
        new='Failure.of(ValueError("over")).pack()',
        why="a message that waited when its task ended gets another error",
        scenario=calm,
        seeds=100,
    ),
    Mutation(
        invariants={19},
        module="actors.task.readers",
        old="    if after is None and state.fold.final:\n",
        new="    if after is None and state.fold.replied:\n",
        why="a terminal task can be subscribed to",
        scenario=calm,
        seeds=100,
    ),
    Mutation(
        invariants={20},
        module="actors.task.settle",
        old="        final = known.final\n",
        new="        final = bool(known.task)\n",
        why="a cancel is answered before it has come to anything",
        scenario=cancelled,
        seeds=20,
    ),
    Mutation(
        invariants={20},
        module="actors.task.chart",
        old='    yield Go("cancel", "cancelling", None)  # R53: waits for the same outcome\n',
        new='    yield Go("cancel", "cancelling", None, actions="call_cancel")\n',
        why="whoever cancels again calls the agent again",
        scenario=cancelled,
        seeds=20,
    ),
    Mutation(
        invariants={20},
        module="actors.a2a.answers",
        old="    if task.status.state != TaskState.TASK_STATE_CANCELED:\n",
        new="    if task.status.state == TaskState.TASK_STATE_CANCELED:\n",
        why="a cancel of a CANCELED task is refused (A3)",
        scenario=cancelled_spec,
        seeds=20,
    ),
    Mutation(
        invariants={22},
        module="actors.task.runs",
        old="    draft.record(kind, payload, credit=True)\n",
        new=(
            "    draft.record(kind, payload, credit=True)\n"
            "    if kind == Kind.REPLY:\n"
            "        draft.record(event.kind, payload)\n"
        ),
        why="a bare Message is stored twice",
        scenario=just_a_message,
        seeds=10,
    ),
    Mutation(
        invariants={24},
        module="actors.task.settle",
        old="        rests = known.state in _REST\n",
        new="        rests = known.state is not None\n",
        why="a blocking send is answered at the first status",
        scenario=calm,
        seeds=20,
    ),
    Mutation(
        invariants={24},
        module="actors.task.settle",
        old="    if asked.message not in running:\n",
        new="    if not running:\n",
        why="a blocking send is answered by somebody else's run",
        scenario=calm,
        seeds=100,
    ),
    Mutation(
        invariants={27},
        module="actors.runtime.mailbox",
        old="len(lane) >= self.bound and",
        new="len(lane) > self.bound and",
        why="a mailbox takes one message too many",
        scenario=rush,
        seeds=40,
    ),
    Mutation(
        invariants={27},
        module="actors.runtime.observing",
        old="        if envelope.reply_to is not None:\n",
        new='        if envelope.reply_to is not None and reason != "overflow":\n',
        why="a full mailbox lets an asker wait",
        scenario=rush,
        seeds=40,
    ),
    Mutation(
        invariants={28},
        module="actors.runtime.perform",
        old="        timer = cell.timers.pop(effect.name, None)\n        if timer is not None:\n",
        new=(
            "        timer = cell.timers.get(effect.name)\n"
            "        if timer is not None and not timer.live:\n"
        ),
        why="a timer cannot be cancelled",
        scenario=calm_spec,
        seeds=100,
    ),
    Mutation(
        invariants={28},
        module="actors.task.requests",
        old='StartTimer("cancel_grace", rules.policy.cancel_grace,',
        new='StartTimer("cancel_grace", rules.policy.cancel_grace / 2,',
        why="an agent has less time to cancel than the policy says",
        scenario=slowly_cancelled,
        seeds=100,
    ),
    Mutation(
        invariants={31},
        module="actors.task.readers",
        old="    state.readers -= 1\n",
        new="    state.readers = max(1, state.readers - 1)\n",
        why="a reader that leaves is still counted",
        scenario=audience,
        seeds=10,
    ),
    Mutation(
        invariants={16, 31},
        module="actors.runtime.journal.logged",
        old="        return self._rest(revived.state, (*revived.effects, Unstash()))\n",
        new="        return self._rest(revived.state, revived.effects)\n",
        why="what came while a log was read stays in the stash",
        scenario=calm,
        seeds=100,
    ),
)
