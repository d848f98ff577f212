"""The EventQueue that an agent writes to: facts out, credit back.

`enqueue_event` serialises the event before its first await, so the agent may reuse its objects;
those bytes are what the journal, every stream and every webhook share. What an agent emits without
letting go of the loop goes to its task as one message. Then it waits for credit: an agent is slowed
by its own journal, never by its readers.

Neighbours: `agent.py` (owns one per run), `emission.py` (what an event says), `gathering.py` (what
was not delivered yet).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Self

from a2a.server.events import EventQueue

from actors.a2a.emission import AUTH_REQUIRED, Event, emitted, explained
from actors.a2a.gathering import Gathered
from actors.a2a.limits import RECORD_BYTES
from actors.a2a.sayable import NUMBER, unsayable
from actors.runtime.clock import TimerHandle
from actors.task.messages import AgentEvent, Emitted
from actors.task.ports import RunId

logger = logging.getLogger("actors.a2a")

CREDIT = 256
"""Events that a run may emit ahead of the journal, and that a burst brings it at once (measured:
with two messages and commits for as many, a burst of 1,000 takes 8 % more, and 15 % more to a
writer process, though that begins earlier). At most half of the `RING` of `task/fanout.py`: so many
more may be stored before a reader that was just told asks again, and it would have to read them
from the journal."""
TOGETHER = 64
"""Chunks of an artifact that wait for one another at most."""
TOGETHER_SECONDS = 0.01
"""For how long they do so at most, once what was delivered before them is stored: some turns of a
loop that has a hundred such agents (measured: 46 us for each of their chunks; 58 at 1 ms). At 50 ms
paced agents that have to catch up were heard twice as late (p99)."""
AT_THE_HEELS = 0.001
"""Seconds after an answer of the journal within which the first of them comes, and after which the
next one has."""


class RunQueue(EventQueue):
    """The queue of one run. Closed when the run is over, abandoned or superseded.

    Args:
        run: whose events these are.
        context: context id of the task.
        tell: delivers what was emitted, in order.
        soon: calls what it is given once this turn of the loop is over.
        later: the same after so many seconds.
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
        later: Callable[[float, Callable[[], object]], TimerHandle],
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
        self._later = later
        self._time = time
        self._late = late
        self._event_bytes = event_bytes
        self._checked = checked
        self._credit = CREDIT
        self._room: asyncio.Future[None] | None = None
        self._gathered = Gathered(run.task, context if checked else None, event_bytes)
        self._looked_at = 0
        """How many of these there were at the last look."""
        self._again: TimerHandle | None = None
        """The next look, while they wait for others."""
        self._until = 0.0
        """When chunks have waited long enough, or came too late to wait for others."""
        self._over: Callable[[tuple[AgentEvent, ...]], object] | None = None
        """Told the next events in place of the task: they are the last, and the run is over."""
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
        gathered = self._gathered
        if self._credit <= 0 or not gathered.takes(event):
            fact = self._read(event)
            if self._credit <= 0:
                await self._has_room()  # another task of this agent has used it up
                if self.is_closed():
                    self._late(event)
                    return
            gathered.add(fact)
        self._credit -= 1
        found = gathered.count
        if found == 1:
            self._soon(self._look)
        elif self._again is not None and (found == TOGETHER or not gathered.ends_with_chunk):
            self._soon(self._look)  # that is what they have waited for
        if self._credit <= 0:
            await self._has_room()

    def _read(self, event: Event) -> AgentEvent:
        """Read off an event what its task will ask; refuse what cannot be stored or told."""
        fact = emitted(self._run, self._context, event, checked=self._checked)
        payload = fact.payload
        if len(payload) > self._event_bytes or NUMBER in payload:
            self._check(event, payload)
        if fact.state == AUTH_REQUIRED and not explained(event):
            self._warn()
        return fact

    def _warn(self) -> None:
        logger.warning(
            "task %s: the agent set AUTH_REQUIRED without a message that says what for (R20)",
            self._run.task,
            extra={"task": self._run.task},
        )

    def _check(self, event: Event, payload: bytes) -> None:
        """Refuse what cannot be stored, or not be told to clients; most need no such look."""
        if (size := len(payload)) > self._event_bytes:
            raise ValueError(
                f"an event is too large, {size} bytes: {self._event_bytes} are allowed, send "
                "large artifacts in chunks (append=True) or by URL"
            )
        if (reason := unsayable(event, payload)) is not None:
            raise ValueError(
                f"an event cannot be told to clients, as JSON has no such number ({reason}): use "
                "None or a string in place of NaN and infinities in data and metadata"
            )

    async def _has_room(self) -> None:
        if self._again is not None:
            self.flush()  # nothing more comes before these are stored
        while self._credit <= 0 and not self.closed:
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._room)

    def _look(self) -> None:
        """Deliver what was emitted, or look again in a moment while chunks keep coming.

        An agent that lets go of the loop after each chunk would have each stored by itself, at
        several times the cost of storing ten together. So they wait as long as each look finds
        more, until what was delivered before is stored and `TOGETHER_SECONDS` are over. A chunk
        that comes by itself, with nothing on its way to the journal, waits for none. (To look in
        every turn of the loop is a sixth of what such a chunk costs, where there is one agent.)
        """
        self._stop_looking()
        if self._over is not None:
            over, self._over = self._over, None
            over(self._taken())
            return
        gathered, before = self._gathered, self._looked_at
        now, found = self._time(), gathered.count
        self._looked_at = found
        stored = self._credit + found == CREDIT
        if not before and (not stored or now < self._until):
            self._until = now + TOGETHER_SECONDS
        more = before < found < TOGETHER and gathered.ends_with_chunk
        if more and (not stored or now < self._until):
            self._again = self._later(AT_THE_HEELS, self._look)
        else:
            self.flush()

    def flush(self) -> None:
        """Deliver what was emitted, if anything was."""
        self._over = None
        if self._gathered.count:
            self._tell(Emitted(self._run, self._taken()))

    def _taken(self) -> tuple[AgentEvent, ...]:
        self._looked_at = 0
        self._stop_looking()
        return self._gathered.take()

    def returned(self, over: Callable[[tuple[AgentEvent, ...]], object]) -> None:
        """Let `over` be told the last events, when the agent has returned and they are conclusive.

        Others may be followed by more: an asyncio task that the agent has made last, and does not
        await, finds its queue open until asyncio tells of the return, a turn of the loop later.
        """
        if self._gathered.conclusive:
            self._over = over

    def _stop_looking(self) -> None:
        """Look again no more: it was just done, or there is nothing to look at."""
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def grant(self, events: int) -> None:
        """Make room for more events."""
        self._credit += events
        if not self._gathered.count:
            self._until = self._time() + AT_THE_HEELS
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
