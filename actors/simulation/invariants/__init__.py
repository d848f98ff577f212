"""The invariants: what holds of every run, whatever the schedule and the faults.

Each is a named function over a trace (`rule.py`), numbered as in the list that the whole project
shares; the last one compares two runs (`determinism.py`).
"""

from actors.simulation.invariants.answers import ANSWERS
from actors.simulation.invariants.determinism import DIGEST, OfTwoRuns
from actors.simulation.invariants.house import HOUSE
from actors.simulation.invariants.keeping import KEEPING
from actors.simulation.invariants.log import LOG
from actors.simulation.invariants.messages import MESSAGES
from actors.simulation.invariants.owners import OWNERS
from actors.simulation.invariants.readers import READERS
from actors.simulation.invariants.rule import Invariant
from actors.simulation.invariants.runs import RUNS
from actors.simulation.invariants.storing import STORING
from actors.simulation.invariants.streams import STREAMS
from actors.simulation.invariants.webhooks import WEBHOOKS

INVARIANTS: tuple[Invariant, ...] = tuple(
    sorted(
        (
            *LOG,
            *STORING,
            *RUNS,
            *MESSAGES,
            *STREAMS,
            *READERS,
            *ANSWERS,
            *KEEPING,
            *OWNERS,
            *WEBHOOKS,
            *HOUSE,
        ),
        key=lambda each: each.number,
    )
)
"""What holds of every single run, in order of number."""

OF_TWO_RUNS: tuple[OfTwoRuns, ...] = (DIGEST,)
"""What holds between a run and its repetition."""
