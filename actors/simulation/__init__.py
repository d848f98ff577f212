"""The simulator: production actors under every schedule and fault, on virtual time.

    from actors.simulation import Simulation, simulate

    async def two_clients(sim: Simulation) -> None:
        server = sim.serve(MyAgent())
        ...

    simulate(two_clients)

The map, each file importing only those above it:

    choices.py     the one source of what is open     writes.py    what changes a journal
    trace.py       what happened
    actions.py, timers.py     what can happen         faults.py    what may fail
    loop.py        an event loop that asks            outside.py   what it does not have
    traps.py       wall clock, uuid, random: no
    disk.py, frames.py, index.py, journal.py, history.py   what survives, and what there was
    process.py     what ends at once                  system.py    actors as actions
    storing.py     what strikes a journal, and when
    script.py      agents that do as they are told    ports.py     journal, agent
    receivers.py   webhooks, and who answers them     hooking.py   who sets them
    node.py        a server process of the core       sending.py   a message, handed in once
    clients.py     what clients do and see            garbage.py   fast enough for many
    invariants/    what must hold                     world.py     all of it, to quiescence
    scenarios.py   who is up to what    chosen.py, server.py, sandbox.py   the same for users
    search.py      many runs       shrink.py  the simplest       state.py, exhaustive.py  all runs
    report/        what a failure shows               simulate.py, plugin.py  for users' tests
"""

from actors.simulation.choices import Recorded, Seeded
from actors.simulation.exhaustive import exhaust
from actors.simulation.faults import FaultPlan
from actors.simulation.process import Disconnected
from actors.simulation.sandbox import Simulation
from actors.simulation.search import search
from actors.simulation.simulate import SimulationFailed, simulate
from actors.simulation.traps import NotRepeatable

__all__ = [
    "Disconnected",
    "FaultPlan",
    "NotRepeatable",
    "Recorded",
    "Seeded",
    "Simulation",
    "SimulationFailed",
    "exhaust",
    "search",
    "simulate",
]
