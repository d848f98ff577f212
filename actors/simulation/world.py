"""A world: processes, clients, a journal and the faults between them, from start to quiescence.

A run has two phases. In the first, faults may strike and only safety is promised. Then faults
stop: paused processes go on, dead ones are replaced, and everything that is owed must come.

Neighbours: `node.py`, `clients.py` (who is in it), `scenarios.py` (what happens in it),
`search.py` (runs many).
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from functools import cache, partial
from typing import Any

from actors.runtime import Caller
from actors.runtime.journal.messages import JOURNAL
from actors.runtime.recovery import RECOVERY
from actors.simulation import trace as seen
from actors.simulation.actions import EVERYTHING, Action
from actors.simulation.choices import Choices
from actors.simulation.clients import Client
from actors.simulation.faults import FaultPlan, Faults
from actors.simulation.history import history
from actors.simulation.journal import SimJournal
from actors.simulation.loop import RunsInCircles, SimLoop
from actors.simulation.node import Node
from actors.simulation.script import Script
from actors.simulation.trace import Trace
from actors.simulation.unheard import unheard
from actors.task.chart import task_chart
from actors.task.delivery import Delivery
from actors.task.orders import OUTBOX, RETENTION, RUNNER, WEBHOOKS, Deliveries
from actors.task.policy import Policy
from actors.task.retention import Retention
from actors.task.rounds import Outbox
from statechart import Table

STANDING = frozenset({JOURNAL, RUNNER, OUTBOX, RECOVERY, RETENTION})
"""Actors that live as long as their process."""


OUTAGE = 40.0
"""Virtual seconds for which the storage goes away: policies wait for half a minute."""
SELDOM = 40_000.0
"""Virtual seconds between two looks for tasks that nobody goes on with: a run has a few."""
FAULTY = 7_200.0
"""Virtual seconds for which faults may strike."""
HORIZON = 90_000.0
"""Virtual seconds that what is owed may take once faults have stopped: a day, the longest deadline
of any request, and an hour."""


@cache
def table_of(policy: Policy) -> Table:
    """Compile the chart of a policy, once."""
    return task_chart(policy).compile()


class World:
    """Everything of one run.

    Args:
        choices: decide what happens.
        policy: of every process.
        script: of the agent.
        plan: how many faults there may be.
        webhooks: there is a sender of the user's, to be notified of every task.
        delivery: instead, tasks have webhooks, which are delivered like this.
        retention: what is kept of tasks; None: everything.
        early: timers may fire although something else could happen.
        settled: a process that starts finds out at once what is to be recovered.
        detailed: write every delivery into the trace.
    """

    def __init__(
        self,
        choices: Choices,
        policy: Policy,
        script: Script,
        plan: FaultPlan,
        *,
        webhooks: bool = True,
        delivery: Delivery | None = None,
        retention: Retention | None = None,
        early: bool = True,
        settled: bool = False,
        detailed: bool = False,
    ) -> None:
        self.choices = choices
        self.policy = policy
        self.script = script
        self.webhooks = webhooks and delivery is None
        self.delivery = delivery
        self.retention = retention
        if retention is None and policy.parked_life is not None:
            self.retention = Retention(every=SELDOM)
        self.loop = SimLoop(choices)
        self.loop.early = early
        self.trace = Trace(detailed=detailed)
        self.trace.table = table_of(policy)
        self.trace.delivery, self.trace.sender = delivery, self.webhooks
        self.faults = Faults(plan, choices, self.loop.touch, self.loop.time)
        self.journal = SimJournal()
        self.nodes: list[Node] = []
        self.clients: list[Client] = []
        self._begun: set[str] = set()
        self._known: dict[str, asyncio.Future[None]] = {}
        self._crashes = [
            Action(f"crash ({survives})", partial(self._crash, survives))
            for survives in ("nothing", "all", "torn")
        ]
        self._pauses = Action("pause", self._pause)
        self._outages = Action("the storage goes away", self._lose_storage)
        self._settled = settled
        self._start_node()

    # -- what clients ask of the world

    @property
    def node(self) -> Node:
        """The process that requests reach: the latest."""
        return self.nodes[-1]

    def begin(self, task: str, person: Caller) -> bool:
        """Tell whether this is the first message to a task, which is then that person's."""
        self.loop.touch(("begin", task))
        new = task not in self._begun
        self._begun.add(task)
        self.trace.owners.setdefault(task, person)
        return new

    def another(self, task: str, person: Caller) -> str:
        """Name a task for the first message to `task`, sent once more: servers choose anew."""
        number = sum(each.startswith(f"{task}.") for each in self._begun) + 2
        new = f"{task}.{number}"
        self.begin(new, person)
        return new

    async def until_known(self, task: str) -> None:
        """Return once something of a task is stored, or whoever began it has given up."""
        if task not in self._known:
            self._known[task] = self.loop.create_future()
        await asyncio.shield(self._known[task])

    def known(self, task: str) -> None:
        """Let those go on who wait for a task."""
        waiting = self._known.get(task)
        if waiting is None:
            waiting = self._known[task] = self.loop.create_future()
        if not waiting.done():
            waiting.set_result(None)

    def client(self, name: str, owner: str = "owner", tenant: str = "", voice: str = "") -> Client:
        """Let a client in; see `Client`."""
        client = Client(self, name, Caller(owner, tenant), voice or name)
        self.clients.append(client)
        self.trace.people[name] = client.caller
        return client

    def act(self, name: str, life: Coroutine[Any, Any, None]) -> None:
        """Let a client do something, beside the others."""
        self.loop.create_task(life, name=name)

    # -- processes

    def _start_node(self) -> None:
        name = f"n{len(self.nodes) + 1}"
        self.nodes.append(
            Node(
                name,
                self.loop,
                self.trace,
                self.faults,
                self.journal,
                self.policy,
                self.script,
                webhooks=self.webhooks,
                delivery=self.delivery,
                retention=self.retention,
                known=self.known,
            )
        )
        if self._settled:
            self._settle(self.node)

    def _settle(self, node: Node) -> None:
        """Let its standing actors start, and learn what is to be recovered, before all else."""
        ready = self.loop.ready
        while starts := [each for each in ready if each.place is node and _standing(each)]:
            ready.remove(starts[0])
            starts[0].run()

    def _possible(self) -> list[Action]:
        """What may go wrong at this moment."""
        node = self.node
        if node.down or node.paused:
            return []
        possible: list[Action] = []
        writing = node.shell.storing.under_way
        if self.faults.left("crashes"):
            possible += self._crashes if writing else self._crashes[:1]
        if self.faults.left("pauses"):
            possible.append(self._pauses)
        if writing and self.faults.left("outages"):  # at other times it strikes few and takes long
            possible.append(self._outages)
        return possible

    def _lose_storage(self) -> None:
        until = self.loop.time() + OUTAGE
        self.loop.touch(EVERYTHING)
        self.faults.go_away(until)
        self.trace.add(seen.StorageAway(until))

    def _crash(self, survives: str) -> None:
        self.faults.spend("crashes")
        self.node.crash(survives)
        self.loop.add(Action("start a process", self._start_node))

    def _pause(self) -> None:
        self.faults.spend("pauses")
        node = self.node
        node.paused = True
        self.loop.touch(EVERYTHING)
        self.trace.add(seen.Paused(node.name))
        self.loop.add(Action("start a process", self._start_node))
        self.loop.add(Action(f"resume {node.name}", lambda: self._resume(node)))

    def _resume(self, node: Node) -> None:
        if node.paused and not node.down:
            node.paused = False
            self.loop.touch(EVERYTHING)
            self.trace.add(seen.Resumed(node.name))

    # -- a run

    def run(self) -> Trace:
        """Run both phases to quiescence and return the trace."""
        with unheard():
            return self._run()

    def _run(self) -> Trace:
        try:
            self.loop.faults = self._possible
            self.loop.horizon = FAULTY
            self.loop.run()
            self._stop_faults()
            self.loop.run()
            self._look_around()
        except RunsInCircles as error:
            self.trace.add(seen.Broke(str(error)))
        finally:
            self.trace.closed = True
            self.loop.close()
        return self.trace

    def _stop_faults(self) -> None:
        self.faults.stopped = True
        self.loop.faults = list
        self.loop.early = False
        self.loop.horizon = self.loop.time() + HORIZON
        for node in self.nodes:
            self._resume(node)
        if self.node.down:
            self._start_node()
        self.trace.add(seen.FaultsStopped())

    def _look_around(self) -> None:
        """Note what is left when nothing can happen any more."""
        while sum(client.leave() for client in self.clients):
            # Their servers notice, and the clients go on to what they do next.
            self.loop.horizon = self.loop.time() + HORIZON
            self.loop.run()
        for task in sorted(self._begun):
            self.trace.logs[task] = history(self.journal, task)
            stored = self.journal.read(task)
            if stored is not None:
                self.trace.kept[task] = stored
        self._end_sweeps()
        self.trace.places = tuple(self.journal.unconsumed(WEBHOOKS))
        self.trace.outboxes = {node.name: outbox_of(node) for node in self.nodes if not node.down}
        self.trace.add(seen.Quiet(tuple(self._leftovers())))

    def _end_sweeps(self) -> None:
        """Take back the next sweep of each retention: there is always one to come."""
        for node in self.nodes:
            cell = node.system.cells.get(RETENTION)
            if cell is not None and not node.down:
                cell.forget_timers()

    def _leftovers(self) -> list[str]:
        left = [f"request of {task.get_name()}" for task in self.loop.pending]
        left += [f"timer of {each}" for each in self.loop.armed]
        left += [f"unretrieved: {error.get('message')}" for error in self.loop.errors]
        left += self.loop.unretrieved()
        for node in self.nodes:
            if not node.down:
                left += [f"{node.name} {each}" for each in _left_in(node)]
        return left


def outbox_of(node: Node) -> Deliveries:
    """How the webhooks of a process are doing, as `HowDelivered` tells it."""
    state: Outbox = node.system.cells[OUTBOX].state
    return state.attempts.told(state.couriers, state.traffic.under_way)


def _standing(action: Action) -> bool:
    """Tell whether no task takes part in it."""
    return "deliver task:" not in action.label


def _left_in(node: Node) -> Iterator[str]:
    """What should not be left in a process at rest."""
    for ref, cell in node.system.cells.items():
        if ref not in STANDING:
            yield f"actor {ref}"
        if cell.timers:
            yield f"timers {sorted(cell.timers)} of {ref}"
        if not cell.quiet:
            yield f"mail or stash of {ref}"
