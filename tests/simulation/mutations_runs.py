"""Mutations of logs, of storing and of runs, and the scenarios in which they show.

Neighbours: `mutate.py` (applies them), `test_mutations.py` (runs the table).
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.a2a.emission import Event
from actors.simulation.choices import Choices
from actors.simulation.clients import Client, Reading
from actors.simulation.faults import FaultPlan
from actors.simulation.scenarios import Scenario, whims
from actors.simulation.script import Fixed, Program, Script, Words
from actors.simulation.world import World
from actors.task.policy import Policy
from actors.task.ports import CancelRun, StartRun
from tests.simulation.mutate import Mutation


def anything() -> Scenario:
    """Clients, agent and faults do whatever they can."""
    return Scenario(name="anything", inhabit=whims(), policy=Policy.sdk())


def anything_again() -> Scenario:
    """The same, with lost runs repeated."""
    return Scenario(name="anything again", inhabit=whims(), policy=Policy.spec(recovery="rerun"))


class Deaf(Script):
    """An agent whose `cancel` fails while its `execute` talks on."""

    def execute(self, start: StartRun) -> Program:
        """Emit a Task and then many statuses."""
        words = Words(start.run, start.context, exists=bool(start.task))
        return Program(self._talk(words), f"execute {start.run}")

    def _talk(self, words: Words) -> Iterator[Event]:
        if not words.exists:
            yield words.task()
        for _ in range(12):
            yield words.status("WORKING")

    def cancel(self, cancel: CancelRun) -> Program:
        """Fail."""
        return Program(map(_fail, [cancel]), f"cancel {cancel.run}")


def _fail(_: CancelRun) -> Event:
    raise RuntimeError("this agent cannot cancel")


def _send_and_cancel(world: World) -> None:
    async def sends(client: Client) -> None:
        await client.send("t1")

    async def cancels(client: Client) -> None:
        for _ in range(3):
            await client.cancel("t1")
            await client.get("t1")

    world.act("c1", sends(world.client("c1")))
    world.act("c2", cancels(world.client("c2")))


def talks_on() -> Scenario:
    """A cancel fails, and the agent goes on."""
    return Scenario(
        name="talks on",
        inhabit=_send_and_cancel,
        script=lambda _: Deaf(),
        plan=FaultPlan.none(),
    )


def _crowd(world: World) -> None:
    async def begins(client: Client) -> None:
        await client.send("t1")

    async def looks(client: Client) -> None:
        for _ in range(6):
            await client.subscribe("t1", 0, Reading(leave=1))

    world.act("c1", begins(world.client("c1")))
    for number in range(2, 5):
        world.act(f"c{number}", looks(world.client(f"c{number}")))


def taken_over() -> Scenario:
    """A process comes back, is fenced off, and takes the task back while its agent talks on."""
    return Scenario(
        name="taken over",
        inhabit=_crowd,
        script=lambda _: Deaf(),
        policy=Policy.sdk(recovery="rerun"),
        plan=FaultPlan.only(pauses=2),
        webhooks=False,
        settled=True,
    )


def unreadable() -> Scenario:
    """A process ends, and the next one cannot read the log at once."""
    return Scenario(
        name="unreadable",
        inhabit=_one_sender,
        plan=FaultPlan.only(reads=1, crashes=1),
    )


def _chunks(_: Choices) -> Script:
    return Fixed((Words.task, *[Words.chunk] * 70, lambda words: words.status("INPUT_REQUIRED")))


def _one_sender(world: World) -> None:
    async def sends(client: Client) -> None:
        await client.send("t1")
        await client.get("t1")

    world.act("c1", sends(world.client("c1")))


def long_log() -> Scenario:
    """A log so long that a snapshot of it is kept."""
    return Scenario(name="long log", inhabit=_one_sender, script=_chunks, plan=FaultPlan.none())


class Breathless(Fixed):
    """An agent that does not let go of the loop."""

    def goes_on(self) -> bool:
        """Tell that it does not."""
        return True


def _at_once(_: Choices) -> Script:
    return Breathless((Words.task, *[Words.chunk] * 9, lambda words: words.status("COMPLETED")))


def at_once() -> Scenario:
    """All that an agent emits comes at once."""
    return Scenario(name="at once", inhabit=_one_sender, script=_at_once, plan=FaultPlan.none())


MUTATIONS = (
    Mutation(
        invariants={1, 2},
        module="actors.task.runs",
        old="        _drop(draft, run, event, outcome.reason)\n",
        new="        _store(draft, outcome, event)\n",
        why="an event that the chart drops is stored",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={2},
        module="actors.task.runs",
        old="        _conclude(policy, draft, A2AState.TASK_STATE_FAILED, trigger)\n",
        new="        _conclude(policy, draft, A2AState.TASK_STATE_REJECTED, trigger)\n",
        why="another state is stored than the chart has entered",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={3},
        module="actors.storage.fencing",
        old="    if append.expected != head:\n",
        new="    if append.expected > head:\n",
        why="an append is stored beside another one in its place",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={4},
        module="actors.task.requests",
        old="    view = View(known.task_bytes, known.version, ",
        new="    view = View(known.task_bytes, state.seq, ",
        why="a view names the decided version and shows the stored one",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={4},
        module="actors.task.fold",
        old="for a, (i, closed) in self.artifacts.items()]",
        new="for a, (i, closed) in ()]",
        why="a snapshot forgets the artifacts",
        scenario=long_log,
        seeds=3,
    ),
    Mutation(
        invariants={4},
        module="actors.task.release",
        old="        _launch(draft, last, entry.starts, policy)\n",
        new="        known = draft.state.fold.task\n"
        "        known and known.ClearField('history')\n"
        "        _launch(draft, last, entry.starts, policy)\n",
        why="the committed Task is changed by hand",
        scenario=anything_again,
        seeds=600,
    ),
    Mutation(
        invariants={5},
        module="actors.task.draft",
        old="        if not pending:\n            self.effects",
        new="        if pending or not pending:\n            self.effects",
        why="a refusal speaks of a terminal state that is not stored yet",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={5},
        module="actors.task.draft",
        old="        self._records, self._credit = [], 0\n",
        new="        self._records, self._credit = [], 0\n"
        "        self.effects.extend(then)\n"
        "        self.pending[-1] = self.pending[-1]._replace(then=())\n",
        why="the agent's cancel is called before the wish to cancel is stored",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={5},
        module="actors.task.release",
        old="    done = [entry for entry in pending if entry.records[-1].seq <= upto]\n",
        new="    done = list(pending)\n",
        why="one acknowledgement sets free what was appended after it",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={6},
        module="actors.runtime.journal.actor",
        old="            if ack is Ack.STORED\n",
        new="            if ack is not None\n",
        why="a writer that is fenced is told first that it is stored",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={6, 7},
        module="actors.runtime.journal.doubt",
        old="        if records[: len(self.append.records)] == self.append.records:\n",
        new="        if records:\n",
        why="whatever stands in the place of an append is taken for it",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={7},
        module="actors.runtime.journal.doubt",
        old="        if records[: len(self.append.records)] == self.append.records:\n",
        new="        if not records:\n",
        why="a lost acknowledgement is taken for a fence",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={14},
        module="actors.task.runs",
        old="        if run.run == state.run and run.epoch == state.epoch:\n",
        new="        if run.task == state.task:\n",
        why="a superseded run writes to the log",
        scenario=taken_over,
        seeds=300,
    ),
    Mutation(
        invariants={17},
        module="actors.task.runner",
        old="                state.by_task[start.run.task] = start.run\n"
        '                return Step(state, (Perform("agent", start),))\n',
        new="                state.by_task[start.run.task] = start.run\n"
        '                return Step(state, (Perform("agent", start), Perform("agent", start)))\n',
        why="the agent is called twice for one run",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={15},
        module="actors.storage.fencing",
        old="    if append.expected != head:\n        return False\n",
        new="    if append.expected != head:\n        return epoch > append.epoch\n",
        why="the journal takes what a superseded writer hands in",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={17, 23},
        module="actors.task.turns",
        old=" = first, state.queue[1:], run\n",
        new=" = first, state.queue, run\n",
        why="a message that runs stays in the queue",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={17},
        module="actors.task.runs",
        old="    _refuse_queue(draft)\n    _say(",
        new="    _say(",
        why="what waits when a task ends is forgotten",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={17},
        module="actors.task.fold",
        old="            self.task.history.append(message)\n",
        new="            self.task.history.insert(0, message)\n",
        why="the history is not in the order of execution",
        scenario=anything_again,
        seeds=600,
    ),
    Mutation(
        invariants={21},
        module="actors.task.runs",
        old="        draft.do(DeadLetter(Emitted(run, (event,)), outcome.reason))\n",
        new="        draft.do()\n",
        why="what a run says after it was given up is not counted",
        scenario=talks_on,
        seeds=50,
    ),
    Mutation(
        invariants={14, 23},
        module="actors.task.turns",
        old="    if not state.queue or state.active or state.final or state.holding:\n",
        new="    if not state.queue or state.final or state.holding:\n",
        why="a message does not wait for the end of the run before it",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={17, 30},
        module="actors.task.revive",
        old="    elif state.fold.active:\n",
        new="    elif state.fold.cancelling:\n",
        why="a run that a crash has lost is not settled",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={30},
        module="actors.runtime.journal.actor",
        old="        state.probes += 1\n        return state.settle_orphans()\n",
        new="        state.probes += 1\n        return []\n",
        why="nobody looks again after a task whose log could not be read",
        scenario=unreadable,
        seeds=900,
    ),
    Mutation(
        invariants={30},
        module="actors.runtime.journal.logged",
        old="        effects.append(Tell(JOURNAL, Orphan(state.log, envelope.caller)))\n",
        new="        pass\n",
        why="a task that is to be settled while its log cannot be read is forgotten",
        scenario=unreadable,
        seeds=900,
    ),
    Mutation(
        invariants={33},
        module="actors.task.runs",
        old="    for event in events:\n",
        new="    for event in events[-1:] + events[:-1]:\n",
        why="what an agent emits at once is stored in another order",
        scenario=anything,
        seeds=400,
    ),
    Mutation(
        invariants={33},
        module="actors.task.runs",
        old="        draft.append(event.artifact, event.more)\n",
        new="        draft.append(event.artifact, event.more[1:] or event.more)\n",
        why="of chunks that come at once one is not stored",
        scenario=at_once,
        seeds=3,
    ),
    Mutation(
        invariants={32},
        module="actors.task.core",
        old="        lives = count(1)\n",
        new="        lives = count(id(self))\n",
        why="the lives of actors are numbered by an address in memory",
        scenario=anything,
        seeds=400,
    ),
)
