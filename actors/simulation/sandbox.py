"""The sandbox of a user's scenario: an async function, on a loop whose order and time are choices.

    async def two_clients(sim: Simulation) -> None:
        server = sim.serve(MyAgent())
        first, second = await asyncio.gather(server.send("a"), server.send("b"))
        assert ...

A run ends when the scenario returns; then its servers are closed and nothing may be left.

Neighbours: `simulate.py` (runs many), `server.py` (A2A servers), `system.py` (actor systems).
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

from a2a.server.agent_execution import AgentExecutor
from a2a.types import AgentCard

from actors.runtime import ActorStopped
from actors.simulation import trace as seen
from actors.simulation.actions import Action
from actors.simulation.choices import Choices
from actors.simulation.faults import FaultPlan, Faults
from actors.simulation.history import histories
from actors.simulation.invariants import INVARIANTS
from actors.simulation.invariants.rule import Invariant
from actors.simulation.invariants.run import runs_to_its_end
from actors.simulation.loop import RunsInCircles, SimLoop, Stuck
from actors.simulation.process import Process
from actors.simulation.server import Server
from actors.simulation.storing import SURVIVES
from actors.simulation.system import SimSystem
from actors.simulation.trace import Trace
from actors.simulation.traps import NotRepeatable, Traps
from actors.simulation.unheard import unheard
from actors.simulation.world import OUTAGE, table_of
from actors.task.policy import Policy

LAG = 10.0
"""Virtual seconds by which a server may be slow. Less than any deadline of a request, so that no
request of a scenario fails for that; longer waits only end when there is nothing else to do."""
HORIZON = 60 * 86_400.0
"""Virtual seconds that a scenario may take; servers look after their streams for ever."""
CONTROL = frozenset({"Skipped", "SkipTest", "XFailed", "Exit", "StopTest", "UnsatisfiedAssumption"})
"""What pytest, unittest and Hypothesis raise to say something else than that a test has failed. By
their names: none of them is needed here."""
ANYWHERE = frozenset({1, 2, 3, 7, 15, 17, 23, 31})
"""Invariants that need nothing but logs and a journal's answers."""


class Simulation:
    """What a scenario has to hand in one run.

    Args:
        choices: decide what happens.
        plan: what may fail.
        policy: of the servers.
        detailed: write every delivery into the trace.
    """

    def __init__(
        self, choices: Choices, plan: FaultPlan, policy: Policy, *, detailed: bool = False
    ) -> None:
        self.choices = choices
        self.loop = SimLoop(choices)
        self.loop.lag = LAG
        self.loop.horizon = HORIZON
        self.trace = Trace(detailed=detailed)
        self.faults = Faults(plan, choices, self.loop.touch, self.loop.time)
        self.servers: list[Server] = []
        self.systems: list[SimSystem] = []
        self.traps: Traps | None = None
        self.policy = policy
        self.trace.table = table_of(policy)
        self._names: dict[str, int] = {}
        self.loop.faults = self._possible

    def new_name(self, kind: str) -> str:
        """Return a name that no other thing of this run has: n1, n2, ..."""
        number = self._names[kind] = self._names.get(kind, 0) + 1
        return f"{kind}{number}"

    # -- what a scenario makes

    def serve(self, agent: AgentExecutor, *, card: AgentCard | None = None) -> Server:
        """Return an A2A server that runs `agent`, behind the production `RequestHandler`."""
        server = Server(self, agent, card)
        self.servers.append(server)
        return server

    def system(self) -> SimSystem:
        """Return an actor system, to spawn your own actors in and to `ask` and `tell` them."""
        process = Process(self.new_name("n"), self.loop)
        system = SimSystem(process.name, self.loop, process, self.trace)
        self.systems.append(system)
        return system

    def choose(self, options: int) -> int:
        """Return a number below `options`: something that the scenario itself leaves open."""
        return self.choices.choose(options)

    async def quiet(self) -> None:
        """Return when nothing else can happen but time passing."""
        waiting = self.loop.create_future()
        self.loop.idle.append(waiting)
        await waiting

    # -- faults and the end

    def _possible(self) -> list[Action]:
        """What may go wrong at this moment."""
        possible: list[Action] = []
        if self.faults.left("crashes"):
            possible += [crash for server in self.servers for crash in self._crashes(server)]
        if self.servers and self.faults.left("outages"):
            possible.append(Action("the storage goes away", self._lose_storage))
        return possible

    def _crashes(self, server: Server) -> list[Action]:
        ways = SURVIVES if server.store.storing.under_way else SURVIVES[:1]
        return [
            Action(f"crash {server.process.name} ({way})", partial(self._crash, server, way))
            for way in ways
        ]

    def _crash(self, server: Server, survives: str) -> None:
        self.faults.spend("crashes")
        server.crash(survives)

    def _lose_storage(self) -> None:
        until = self.loop.time() + OUTAGE
        self.faults.go_away(until)
        self.trace.add(seen.StorageAway(until))

    async def close(self) -> None:
        """Close every server and stop every system."""
        self.faults.stopped = True
        for server in self.servers:
            await server.close()
        for system in self.systems:
            system.shutdown(ActorStopped("the simulation is over"))

    def leftovers(self) -> list[str]:
        """What is left after `close`, and should not be."""
        left = [f"asyncio task {task.get_name()}" for task in self.loop.pending]
        left += [
            f"{error.get('message')}: {error.get('exception')!r}" for error in self.loop.errors
        ]
        left += self.loop.unretrieved()
        return left + [f"{s.name} {each}" for s in self.systems for each in s.leftovers()]


Life = Callable[[Simulation], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserScenario:
    """A user's scenario as something that can be run with choices."""

    name: str
    """Where it is: "module:function"."""
    life: Life
    plan: FaultPlan = field(default_factory=FaultPlan.none)
    policy: Policy = field(default_factory=Policy.sdk)
    prepare: Callable[[Simulation], object] = lambda _: None
    """Called with each new simulation before it runs."""

    @property
    def invariants(self) -> tuple[Invariant, ...]:
        """Those that speak of what any scenario has: a run, and the logs of its tasks."""
        anywhere = (each for each in INVARIANTS if each.number in ANYWHERE)
        return (runs_to_its_end, *anywhere)

    def trapped(self, prepare: Callable[[Simulation], object]) -> UserScenario:
        """Return this scenario with something to be done before each run."""
        return replace(self, prepare=prepare)

    def __call__(self, choices: Choices, *, detailed: bool = False) -> Trace:
        """Run it once; what it raises is in the trace."""
        sim = Simulation(choices, self.plan, self.policy, detailed=detailed)
        self.prepare(sim)
        with unheard():
            try:
                self._run(sim)
            finally:
                sim.trace.closed = True
                sim.loop.close()
        return sim.trace

    def _run(self, sim: Simulation) -> None:
        try:
            sim.loop.run_until_complete(self._whole(sim))
            sim.loop.run()
        except (Stuck, RunsInCircles) as error:
            sim.trace.add(seen.Broke(f"{type(error).__name__}: {error}"))
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            # `pytest.fail` and a cancelled scenario are failures too, and no `Exception`
            if type(error).__name__ in CONTROL:
                raise
            sim.trace.add(seen.Broke(_said(error)))
        if sim.traps is not None:
            for trapped in sim.traps.found:
                sim.trace.add(seen.NotRepeated(str(NotRepeatable(trapped))))
        for server in sim.servers:
            sim.trace.logs |= histories(server.journal)
        broke = any(sim.trace.all(seen.Broke))
        sim.trace.add(seen.Quiet(() if broke else tuple(sim.leftovers())))

    async def _whole(self, sim: Simulation) -> None:
        life = asyncio.ensure_future(self.life(sim))
        await life
        await sim.close()


def _said(error: BaseException) -> str:
    """Say what a scenario raised, and where: the last line of the user's own."""
    frames = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if not frame.f_locals.get("__tracebackhide__")  # pytest's own, as in its reports
    ]
    where = f" ({frames[-1][0].rsplit('/', 1)[-1]}:{frames[-1][1]})" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
