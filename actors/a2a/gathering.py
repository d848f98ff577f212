"""Gathering: what an agent has emitted, and its task was not told yet.

Chunks that are appended to the same artifact one after another become one event
(`AgentEvent.more`): all that is asked about each is asked once for all of them then, and nothing
but its bytes is made of a chunk that only goes on.

Neighbours: `queue.py` (has one), `emission.py` (what an event says).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from a2a.types import TaskArtifactUpdateEvent

from actors.a2a.emission import ARTIFACT_UPDATE, Event, conclusive
from actors.a2a.sayable import NUMBER, unsayable
from actors.task.messages import AgentEvent
from actors.task.record import Kind

JOINED_BYTES: Final = 4096
"""Of a chunk that others are joined with: what larger ones cost is theirs alone."""


class Gathered:
    """Events of one run, in order.

    Args:
        task: whose events these are.
        context: which chunks must name, where that is checked.
        event_bytes: that one event may have, serialised.
    """

    __slots__ = ("_artifact", "_context", "_events", "_last", "_more", "_most", "_task", "count")

    def __init__(self, task: str, context: str | None, event_bytes: int) -> None:
        self._task = task
        self._context = context
        self._most = min(event_bytes, JOINED_BYTES)
        self._events: list[AgentEvent] = []
        self._more: list[bytes] = []
        """Chunks that go on behind the last of these."""
        self._last = False
        """The latest of them is the last of its artifact."""
        self._artifact = ""
        """Id of the artifact to which the next chunk may be appended; empty: to none."""
        self.count = 0

    @property
    def ends_with_chunk(self) -> bool:
        """Whether the latest event, if there is one, is an artifact or a chunk of one."""
        return bool(self._events) and self._events[-1].kind is Kind.ARTIFACT

    @property
    def conclusive(self) -> bool:
        """Whether nothing counts that comes after the latest event; not where there is none."""
        return bool(self._events) and conclusive(self._events[-1])

    def takes(self, event: Event) -> bool:
        """Take a chunk, if all there is to say about it was said of the one before it.

        Else nothing has happened, and it is to be looked at like any other event.
        """
        if not self._artifact or type(event) is not TaskArtifactUpdateEvent:
            return False
        if not event.append or event.artifact.artifact_id != self._artifact:
            return False
        if event.task_id != self._task or self._context not in (None, event.context_id):
            return False
        payload = event.SerializeToString()
        payload = ARTIFACT_UPDATE[len(payload)] + payload
        if len(payload) > self._most:
            return False
        if NUMBER in payload and unsayable(event, payload) is not None:
            return False
        self.count += 1
        self._more.append(payload)
        if event.last_chunk:
            self._ended()
        return True

    def add(self, event: AgentEvent) -> None:
        """Take an event of any kind."""
        self.count += 1
        small = len(event.payload) <= self._most and event.mismatch is None
        if self._artifact and event.append and event.artifact == self._artifact and small:
            self._more.append(event.payload)
            if event.last:
                self._ended()
            return
        self._seal()
        self._events.append(event)
        self._artifact = event.artifact if small and not event.last else ""

    def _ended(self) -> None:
        """The last chunk of the artifact has come."""
        self._last, self._artifact = True, ""

    def _seal(self) -> None:
        """Nothing goes on behind the last event any more."""
        if self._more:
            events = self._events
            events[-1] = events[-1]._replace(more=tuple(self._more), last=self._last)
            self._more, self._last = [], False

    def take(self) -> tuple[AgentEvent, ...]:
        """Return what was gathered, and begin anew."""
        self._seal()
        events, self._events, self._artifact, self.count = self._events, [], "", 0
        return tuple(events)


def joined(events: Iterable[AgentEvent]) -> tuple[AgentEvent, ...]:
    """Return events as they are delivered when nothing was delivered between them."""
    gathered = Gathered("", None, JOINED_BYTES)
    for event in events:
        gathered.add(event)
    return gathered.take()
