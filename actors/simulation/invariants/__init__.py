"""The invariants: what holds of every run, whatever the schedule and the faults.

Each is a named function over a trace (`rule.py`), numbered as in the list that the whole project
shares; the last one compares two runs (`determinism.py`).

The map, each file importing only those above it:

    what they read
        rule.py         what an invariant is
        chronicle.py    each log, read once for all
        evidence.py     each request, each task
        emissions.py    what agents emitted
        calls.py        attempts to notify webhooks
        replay.py       a log, stepped through the chart

    what must hold
        run.py          of the run itself
        log.py          of one task's log
        storing.py      what is shown is stored, and stays
        runs.py         which go on, what they may do
        messages.py     what becomes of each accepted one
        streams.py      what a reader gets, in order
        readers.py      slow ones disturb nobody
        answers.py      one for each request, the right one
        keeping.py      repeated messages, tasks that make room
        owners.py       nobody sees others' tasks
        webhooks.py     what they are told, how often
        house.py        mailboxes, timers, nothing left lying
        determinism.py  a run and its repetition
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
