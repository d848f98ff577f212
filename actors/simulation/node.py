"""A node: one server process of a simulation, with the production task core inside.

It can end at once (`crash`: nothing of it happens any more), stop for a while (`paused`) and go on
as a zombie beside the process that took over. What survives is the journal.

Neighbours: `world.py` (starts and ends nodes), `system.py` (its actors), `ports.py` and
`receivers.py` (its ports).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.a2a.once import Once
from actors.simulation import trace as seen
from actors.simulation.actions import EVERYTHING
from actors.simulation.faults import Faults
from actors.simulation.journal import SimJournal
from actors.simulation.loop import SimLoop
from actors.simulation.ports import SimAgent, SimShell
from actors.simulation.process import Process
from actors.simulation.receivers import SimWebhooks
from actors.simulation.script import Script
from actors.simulation.system import SimSystem
from actors.simulation.trace import Trace
from actors.task.core import TaskCore
from actors.task.delivery import Delivery
from actors.task.orders import RETENTION
from actors.task.policy import Policy
from actors.task.retention import Retention, Sweep


class Node(Process):
    """One process.

    Args:
        name: for the trace.
        loop: where it runs.
        trace: what happens is written here.
        faults: what may fail.
        journal: what it shares with the processes before and after it.
        policy: of its task core.
        script: of its agent.
        webhooks: there is a sender of the user's, to be notified of every task.
        delivery: the webhooks of tasks are delivered like this.
        retention: what it keeps of tasks; None: everything.
        known: told each task of which something has been stored.
    """

    def __init__(
        self,
        name: str,
        loop: SimLoop,
        trace: Trace,
        faults: Faults,
        journal: SimJournal,
        policy: Policy,
        script: Script,
        *,
        webhooks: bool,
        delivery: Delivery | None,
        retention: Retention | None,
        known: Callable[[str], None],
    ) -> None:
        super().__init__(name, loop)
        self.trace = trace
        self.faults = faults
        self.journal = journal
        self.script = script
        self.known = known
        self.once = Once()
        """The messages that requests here are about to have stored."""
        self.system = SimSystem(name, loop, self, trace)
        self.core = TaskCore(
            self.system,
            journal,
            policy,
            sender=webhooks,
            delivery=delivery,
            retention=retention,
            shell=self._shell,
            incarnation=name,
        )
        self.agent = SimAgent(self)
        self.receivers = SimWebhooks(self, delivery)
        loop.touch(EVERYTHING)
        trace.add(seen.Began(name))
        self._start()

    def _shell(self, journal: Any, system: Any) -> SimShell:
        self.shell = SimShell(self, journal, system)
        return self.shell

    def _start(self) -> None:
        """Start the core; with this journal that is done without waiting for anything."""
        starting = self.core.start(agent=self.agent, webhook=self.receivers)
        try:
            starting.send(None)
        except StopIteration:
            return
        raise AssertionError("the simulated journal answers at once, and yet the core waits")

    def sweep(self) -> None:
        """Let the retention look now for what is beyond its limits."""
        self.act("sweeps", lambda: self.system.tell(RETENTION, Sweep()))

    def crash(self, survives: str) -> None:
        """End at once; of appends under way that `survives` which `SURVIVES` says."""
        self.trace.add(seen.Crashed(self.name, survives))
        self.shell.storing.crash(survives)
        self.end()
