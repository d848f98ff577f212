"""The EventQueue that an agent writes to: facts out, credit back.

`enqueue_event` serialises the event before its first await, so the agent may reuse its objects;
those bytes are what the journal, every stream and every webhook share. What an agent emits without
letting go of the loop goes to its task as one message. Then it waits for credit: an agent is slowed
by its own journal, never by its readers.

Neighbours: `agent.py` (owns one per run), `emission.py` (what an event says).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Self

from a2a.server.events import EventQueue

from actors.a2a.emission import Event, emitted, joined, unexplained
from actors.a2a.limits import RECORD_BYTES
from actors.a2a.sayable import NUMBER, unsayable
from actors.task.messages import AgentEvent, Emitted
from actors.task.ports import RunId
from actors.task.record import Kind

logger = logging.getLogger("actors.a2a")

CREDIT = 128
"""Events that a run may emit ahead of the journal."""
TOGETHER = 64
"""Chunks of an artifact that wait for one another at most."""
TOGETHER_SECONDS = 0.001
"""For how long they do so at most, once what was delivered before them is stored."""


class RunQueue(EventQueue):
    """The queue of one run. Closed when the run is over, abandoned or superseded.

    Args:
        run: whose events these are.
        context: context id of the task.
        tell: delivers what was emitted, in order.
        soon: calls what it is given once this turn of the loop is over.
        time: monotonic seconds.
        late: told about each event that came after the queue was closed.
        event_bytes: that one event may have, serialised.
        checked: what events say of their context is checked, and filled in.
    """

    def __init__(
        self,
        run: RunId,
        context: str,
        tell: Callable[[Emitted], object],
        soon: Callable[[Callable[[], object]], object],
        time: Callable[[], float],
        late: Callable[[object], object],
        event_bytes: int = RECORD_BYTES,
        *,
        checked: bool = False,
    ) -> None:
        self._run = run
        self._context = context
        self._tell = tell
        self._soon = soon
        self._time = time
        self._late = late
        self._event_bytes = event_bytes
        self._checked = checked
        self._credit = CREDIT
        self._room: asyncio.Future[None] | None = None
        self._emitted: list[AgentEvent] = []
        self._looked_at = 0
        """How many of these there were at the last look."""
        self._until = 0.0
        """How long chunks may wait, while none that were delivered do."""
        self.closed = False

    async def enqueue_event(self, event: Event) -> None:
        """Emit an event; returns once there is room for the next one.

        After the end of the run, or of the task, this returns at once and the event is counted as
        a dead letter.

        Raises:
            TypeError: `event` is none of the four kinds of A2A events.
            ValueError: `event` is larger than this server allows, or has no form in JSON: NaN or an
                infinity in its data or metadata, a time beyond the year 9999.
        """
        if self.closed:
            self._late(event)
            await asyncio.sleep(0)  # an agent that goes on for ever must not block the loop
            return
        fact = emitted(self._run, self._context, event, checked=self._checked)
        payload = fact.payload
        if fact.state or len(payload) > self._event_bytes or NUMBER in payload:
            self._check(event, fact)
        if self._credit <= 0:
            await self._has_room()  # another task of this agent has used it up
            if self.is_closed():
                self._late(event)
                return
        self._credit -= 1
        self._emitted.append(fact)
        if len(self._emitted) == 1:
            self._soon(self._look)
        if self._credit <= 0:
            await self._has_room()

    def _check(self, event: Event, fact: AgentEvent) -> None:
        """Refuse what cannot be stored, or not be told to clients; most need no such look."""
        if fact.state and unexplained(fact, event):
            logger.warning(
                "task %s: the agent set AUTH_REQUIRED without a message that says what for (R20)",
                self._run.task,
                extra={"task": self._run.task},
            )
        if (size := len(fact.payload)) > self._event_bytes:
            raise ValueError(
                f"an event is too large, {size} bytes: {self._event_bytes} are allowed, send "
                "large artifacts in chunks (append=True) or by URL"
            )
        if (reason := unsayable(event, fact.payload)) is not None:
            raise ValueError(
                f"an event cannot be told to clients, as JSON has no such number ({reason}): use "
                "None or a string in place of NaN and infinities in data and metadata"
            )

    async def _has_room(self) -> None:
        while self._credit <= 0 and not self.closed:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    def _look(self) -> None:
        """Deliver what was emitted, or wait another turn while chunks come in every one.

        An agent that lets go of the loop after each chunk would have each stored by itself, at
        several times the cost of storing ten together. So they wait as long as each turn brings
        more: until what was delivered before is stored, or if they are the first since then, for
        `TOGETHER_SECONDS`.
        """
        emitted, before = self._emitted, self._looked_at
        self._looked_at = len(emitted)
        if (
            before < len(emitted) < TOGETHER
            and emitted[-1].kind is Kind.ARTIFACT
            and (self._credit + len(emitted) < CREDIT or self._time() < self._until)
        ):
            self._soon(self._look)
        else:
            self.flush()

    def flush(self) -> None:
        """Deliver what was emitted, if anything was."""
        events, self._emitted, self._looked_at = self._emitted, [], 0
        if events:
            self._tell(Emitted(self._run, joined(events)))

    def grant(self, events: int) -> None:
        """Make room for more events."""
        self._credit += events
        # What has gathered meanwhile has waited long enough, once all that was delivered is stored.
        self._until = 0.0 if self._emitted else self._time() + TOGETHER_SECONDS
        if self._credit > 0:
            self._wake()

    def shut(self) -> None:
        """Take no more events; whoever waits for credit goes on."""
        self.flush()
        self.closed = True
        self._wake()

    # What agents written for the queues of a2a-sdk may call, and users' own helpers do.

    async def close(self, immediate: bool = False) -> None:
        """Drop whatever the agent emits after this; what it has emitted stands."""
        self.shut()

    def is_closed(self) -> bool:
        """Tell whether further events are dropped."""
        return self.closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _wake(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)
