"""A failing run, once more, with every delivery written down.

Neighbours: `explanation.py` (shows it), `path.py` and `sequence.py` (draw it).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from actors.runtime.journal.port import Ack
from actors.runtime.journal.record import Record
from actors.simulation import trace as seen
from actors.simulation.choices import Recorded
from actors.simulation.search import Failure
from actors.simulation.trace import Trace


@dataclass(frozen=True, slots=True)
class Replay:
    """What a run showed."""

    failure: Failure
    trace: Trace
    broke: Exception | None
    """What the scenario raised instead of being judged."""

    @property
    def task(self) -> str:
        """The task that the first violation names, or else the first there is; empty: none."""
        known = dict.fromkeys(
            (*(each.task for each in self.trace.all(seen.Asked)), *self.trace.logs)
        )
        for violation in self.failure.violations:
            words = set(re.findall(r"[\w-]+", violation.text))
            named = [task for task in known if task in words]
            if named:
                return named[0]
        return next(iter(known), "")

    def log(self, task: str) -> tuple[Record, ...]:
        """Return the log of a task: as it was at the end, or as far as the run got."""
        whole = self.trace.logs.get(task)
        if whole is not None:
            return whole
        held = (each for each in self.trace.all(seen.Stored) if each.ack is Ack.STORED)
        return tuple(
            record for each in held if each.append.log == task for record in each.append.records
        )


def replay(failure: Failure) -> Replay:
    """Run a failure again; one that did not raise before and does so now shows nothing else."""
    try:
        return Replay(failure, failure.scenario(Recorded(failure.choices), detailed=True), None)
    except Exception as error:  # noqa: BLE001 - whatever broke the run is part of what is shown
        return Replay(failure, Trace(detailed=True), error)
