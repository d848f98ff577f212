"""A log, stepped through the chart: each record is an event that the chart lets take place.

Neighbours: `log.py` (invariant 2 judges by this), `chronicle.py` (the log).
"""

from __future__ import annotations

from typing import NamedTuple

from a2a.types import TaskState

from actors.simulation.invariants.chronicle import Page, kind_of
from actors.task.chart import STATES, STATUS, TASK
from actors.task.record import Kind
from statechart import Answer, Configuration, Table

_PLAIN = {Kind.ACCEPTED: "send", Kind.CANCEL_ASKED: "cancel", Kind.REPLY: "message"}
"""Kinds whose event needs no look at the record."""


class Chunk(NamedTuple):
    """What guards look at in an artifact event."""

    artifact: str = ""
    append: bool = False


OFF_THE_CHART = frozenset({Kind.EPOCH_CLAIMED, Kind.REFUSED, Kind.HOOK_SET, Kind.HOOK_DELETED})
"""Kinds of records that say nothing of how far a task has come."""


class Replay:
    """How far a log has come on the chart; also what the chart's guards look at.

    Args:
        table: the compiled chart of the policy.
    """

    def __init__(self, table: Table) -> None:
        self.table = table
        self.configuration: Configuration = table.initial
        self.artifacts: dict[str, bool] = {}
        """Artifact id -> whether its last chunk has come."""
        self.adopted = False
        """The Task is the agent's own, not one that the core made at admission."""
        self.owed = ""
        """A state that the core has entered; its next public record must store that."""
        self.wrong = ""
        """What is no edge of the chart; empty while everything is one."""

    @property
    def unfinished(self) -> str:
        """What a log that ends here lacks."""
        return f"the task became {self.owed}, which nothing stores" if self.owed else ""

    def apply(self, page: Page) -> None:
        """Take one more record; `wrong` says whether it is in order."""
        if page.record.kind in OFF_THE_CHART:
            return
        if self.owed:
            self._settle(page)
            return
        for trigger in self._triggers(page):
            self._step(page, trigger)
        self._compare(page)

    def _settle(self, page: Page) -> None:
        """What the core owes comes next, or never."""
        if not page.record.public or _lifecycle(page) != self.owed:
            self.wrong = f"{_named(page)} stands where {self.owed} must be stored"
        self.owed = ""

    def _compare(self, page: Page) -> None:
        """What is stored is where the chart has got to, unless that is still to be stored."""
        stored, there = _lifecycle(page), self.configuration.atomic[0]
        if stored != there and not self.owed and not self.wrong:
            self.wrong = f"{_named(page)} stores {stored}, and the chart says {there}"

    def _triggers(self, page: Page) -> list[str]:
        record = page.record
        match record.kind:
            case Kind.STARTED:
                return ["lost", "start"] if record.number("again") else ["start"]
            case Kind.ENDED:
                return [str(record.facts.get("outcome", ""))]
            case Kind.TASK:
                return [TASK[page.state]]
            case Kind.STATUS if page.run and not page.busy:
                return ["overdue"]  # no agent can have emitted it
            case Kind.STATUS:
                return [STATUS[page.state]]
            case Kind.ARTIFACT:
                return ["artifact"]
            case other:
                return [_PLAIN[Kind(other)]]

    def _step(self, page: Page, trigger: str) -> None:
        if trigger not in self.table.events:
            self.wrong = self.wrong or f"{_named(page)} names no event of the chart: {trigger!r}"
            return
        data = self._chunk(page) if trigger == "artifact" else None
        outcome = self.table.step(self.configuration, trigger, self, data)
        if outcome.answer is not Answer.GO:
            self.wrong = self.wrong or (
                f"{_named(page)} is stored, and the chart answers {trigger} in "
                f"{self.configuration} with {outcome.answer.name} ({outcome.reason})"
            )
            return
        was, self.configuration = self.configuration.atomic[0], outcome.configuration
        self._note(page)
        now = self.configuration.atomic[0]
        if page.record.kind in (Kind.ACCEPTED, Kind.ENDED) and now != was:
            self.owed = now

    def _chunk(self, page: Page) -> Chunk:
        update = page.event.artifact_update
        return Chunk(update.artifact.artifact_id, update.append)

    def _note(self, page: Page) -> None:
        """Keep what guards will ask about."""
        if page.record.kind == Kind.ARTIFACT:
            update = page.event.artifact_update
            self.artifacts[update.artifact.artifact_id] = update.last_chunk
        elif page.record.kind == Kind.TASK:
            self.artifacts = {each.artifact_id: False for each in page.event.task.artifacts}
        self.adopted = self.adopted or page.record.public


def _lifecycle(page: Page) -> str:
    return "replied" if page.replied else STATES.get(TaskState.ValueType(page.state), "absent")


def _named(page: Page) -> str:
    return f"{kind_of(page.record)} {page.record.seq}"
