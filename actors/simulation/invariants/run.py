"""Invariants of the run itself, before anything that is said about tasks.

Neighbours: `rule.py` (what an invariant is), `../world.py` and `../sandbox.py` (run).
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.simulation.invariants.rule import Saw, invariant
from actors.simulation.trace import Broke, Failed, NotRepeated, Trace
from actors.task.policy import Policy


@invariant(0, "A run comes to its end: nothing raises, sticks or goes round in circles.")
def runs_to_its_end(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """What a scenario raises is its own verdict."""
    saw()
    for trapped in trace.all(NotRepeated):
        yield trapped.text
    for broke in trace.all(Broke):
        yield broke.error


@invariant(0, "No step of an actor raises.")
def no_step_raises(trace: Trace, _: Policy, saw: Saw) -> Iterator[str]:
    """Supervision is for what nobody has thought of; ours is never needed in a simulation."""
    saw()
    for failed in trace.all(Failed):
        yield f"in {failed.node}: {failed.report}"


RUN = (runs_to_its_end, no_step_raises)
