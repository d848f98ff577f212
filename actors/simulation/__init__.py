"""The simulator: production actors under every schedule and fault, on virtual time.

    from actors.simulation import Simulation, simulate

    async def two_clients(sim: Simulation) -> None:
        server = sim.serve(MyAgent())
        ...

    simulate(two_clients)

The map, each file importing only those above it:

    choice and time
        choices.py     the one source of what is open
        actions.py     what can happen next, and where
        timers.py      what is called at a virtual time
        outside.py     the world that a loop lacks
        loop.py        an event loop that asks
        process.py     what ends at once

    what no replay repeats
        callers.py     whose code asks for it
        standins.py    what answers instead of clocks and chance
        dates.py       instead of dates, which are classes
        namespaces.py  puts them where the others were imported
        traps.py       wall clock, uuid, random: no

    a journal that may fail
        writes.py      what changes a journal
        disk.py        what a crash leaves, to the byte
        frames.py      what its file is made of
        index.py       what it holds
        journal.py     SimJournal: the port on a disk
        history.py     every record there ever was

    a world
        trace.py       what happened
        system.py      actors, each delivery an action
        faults.py      what may fail, how often
        storing.py     what strikes a journal, and when
        script.py      agents that do as told
        ports.py       a process's journal and agent
        receivers.py   webhooks, and who answers them
        hooking.py     who sets them
        node.py        a server process of the core
        sending.py     a message, handed in once
        clients.py     what clients do and see
        people.py      owners, who try one another's tasks
        unheard.py     logs that nobody hears
        world.py       all of it, to quiescence
        invariants/    what must hold
        scenarios.py   who is up to what

    many runs
        garbage.py     fast enough for many
        shrink.py      the simplest that fails
        search.py      until one breaks an invariant
        state.py       a world, as a digest
        exhaustive.py  all runs of a small scope

    for users' agents
        chosen.py      the journal, as their loop chooses
        server.py      RequestHandler with an agent inside
        sandbox.py     where their scenarios run
        generic.py     a scenario for any agent
        report/        what a failure shows
        simulate.py    `simulate`: all of it, in one call

`actors/plugin.py` has pytest run async tests so.
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
