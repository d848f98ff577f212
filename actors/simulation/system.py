"""SimSystem: the production ActorSystem, with each delivery as an action of the loop.

Nothing of an actor's life is simulated here: mailboxes, stash, timers, supervision are the real
ones. Only the dispatcher is another: a cell with mail is something that can happen next.

Neighbours: `loop.py` (chooses), `node.py` (owns one), `trace.py` (is told what is observed).
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from typing import Any

from actors.runtime import (
    NOBODY,
    Actor,
    ActorRef,
    ActorSystem,
    Caller,
    CancelTimer,
    Effect,
    Envelope,
    Lane,
    Message,
    Overflow,
    Passivate,
    ReplyTo,
    StartTimer,
    Step,
    Stop,
    Unstash,
    Unwatch,
    Watch,
)
from actors.runtime.bell import Bell, Seat
from actors.runtime.cell import Cell
from actors.runtime.clock import Clock, TimerHandle
from actors.runtime.journal.messages import Appended, AppendFailed
from actors.simulation import trace as seen
from actors.simulation.actions import PLACE, Action
from actors.simulation.loop import SimLoop
from actors.simulation.process import Process
from actors.simulation.trace import Trace

BY_THE_BOOK = (Passivate, Stop, Unstash, Watch, Unwatch)
"""Effects that depend on who lives, and on what waits."""


class SimClock:
    """The clock of one process, on the loop's virtual time."""

    def __init__(self, loop: SimLoop, place: Process) -> None:
        self._loop = loop
        self.monotonic = loop.time
        self._context = Context()
        self._context.run(PLACE.set, place)

    def now(self) -> int:
        """UTC milliseconds since the epoch."""
        return int(self._loop.utc() * 1000)

    def call_soon(self, callback: Callable[[], object]) -> object:
        """Run a callback soon."""
        return self._loop.call_soon(callback, context=self._context)

    def call_later(self, delay: float, callback: Callable[[], object]) -> TimerHandle:
        """Run a callback after `delay` virtual seconds."""
        return self._loop.call_later(delay, callback, context=self._context)


class SimScheduler:
    """Gives a cell with something to handle its turn when the loop chooses it."""

    def __init__(
        self, loop: SimLoop, clock: Clock, handle: Callable[[Cell, int], None], place: Process
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._handle = handle
        self._place = place
        self._name = place.name
        self._run = place.context.run
        """What a delivery sets going (an agent's task, say) belongs to the process."""

    def wake(self, cell: Cell) -> None:
        """Let the cell handle its next message, sometime."""
        if not cell.ready:
            cell.ready = True
            label = f"{self._name} deliver {cell.ref}"
            self._loop.add(Action(label, lambda: self._run(self._turn, cell), self._place))

    def soon(self, source: Callable[[], object]) -> None:
        """Call `source` once the present action is over."""
        self._loop.call_soon(source, context=self._place.context)

    def after(self, wake: Callable[[], object]) -> None:
        """Call `wake` once the present action is over."""
        self.soon(wake)

    def _turn(self, cell: Cell) -> None:
        cell.ready = False
        self._loop.touch(("head", self._name, cell.ref))
        if cell.runnable:
            self._handle(cell, self._clock.now())
        if cell.runnable and not cell.stopped:
            self.wake(cell)


class SimBell(Bell):
    """Wakes each task that waits in a seat by itself, as the loop chooses."""

    def __init__(self, loop: SimLoop) -> None:
        super().__init__(loop.call_soon)
        self._loop = loop

    def wake(self, seat: Seat) -> None:
        """Let the task go on, sometime."""
        go_on, context = seat.vacate()
        self._loop.call_soon(go_on, seat, context=context)


class Observed(Actor[Any]):
    """A behaviour, with whoever looks on told of each step before it is made."""

    def __init__(
        self,
        actor: Actor[Any],
        look: Callable[[Envelope], None],
        after: Callable[[tuple[Effect, ...]], None],
    ) -> None:
        self._actor = actor
        self._look = look
        self._after = after
        self.supervision = actor.supervision  # type: ignore[misc] # the behaviour's own
        self.mailbox_bound = actor.mailbox_bound  # type: ignore[misc] # the behaviour's own
        self.stash_bound = actor.stash_bound  # type: ignore[misc] # the behaviour's own
        self.accepts = actor.accepts  # type: ignore[misc] # the behaviour's own
        self.stopped = actor.stopped  # type: ignore[method-assign] # nothing to observe
        self.supervise = actor.supervise  # type: ignore[method-assign] # nothing to observe

    def start(self) -> Step[Any]:
        """Start as the behaviour does."""
        step = self._actor.start()
        self._after(step.effects)
        return step

    def step(self, state: Any, envelope: Envelope, now: int) -> Step[Any]:
        """Step as the behaviour does."""
        self._look(envelope)
        step = self._actor.step(state, envelope, now)
        self._after(step.effects)
        return step


class SimSystem(ActorSystem):
    """The actors of one simulated process.

    Args:
        name: of the process, for the trace.
        loop: where they live.
        place: the process.
        trace: where what happens is written down.
    """

    def __init__(self, name: str, loop: SimLoop, place: Process, trace: Trace) -> None:
        self.name = name
        self._loop = loop
        self._place = place
        self._trace = trace
        self._crowd: dict[ActorRef[Any], int] = {}
        self._armed: dict[ActorRef[Any], dict[str, Message]] = {}
        """Actor -> what its timers are to tell it, as it has asked for and not taken back."""
        self._stepping = "outside"
        self._senders: dict[int, str] = {}
        super().__init__(
            SimClock(loop, place),
            loop.create_future,
            dispatch=lambda clock, handle: SimScheduler(loop, clock, handle, place),
        )
        self.bell = SimBell(loop)
        self.on_dead_letter(
            lambda dead: trace.add(seen.Dead(name, dead.to, dead.message, dead.reason))
        )
        self.on_crash(lambda report: trace.add(seen.Failed(name, str(report))))

    def spawn(self, ref: ActorRef[Any], actor: Actor[Any], parent: Cell | None = None) -> None:
        """Enter an actor into the book, and look on from then on."""
        self._loop.touch(("book", self.name), ("tail", self.name, ref))
        observed = Observed(
            actor,
            lambda envelope: self._look(ref, envelope),
            lambda effects: self._made(ref, effects),
        )
        super().spawn(ref, observed, parent)
        self._armed[ref] = {}

    def alive(self, ref: ActorRef[Any]) -> bool:
        """Whether an actor lives at the address now; a spawn and this do not commute."""
        self._loop.touch(("book", self.name))
        return super().alive(ref)

    def handle(self, cell: Cell, now: int) -> None:
        """Give a cell its turn; what is told in it is told by its actor."""
        super().handle(cell, now)
        self._stepping = "outside"

    def tell(
        self,
        ref: ActorRef[Any],
        message: Message,
        reply_to: ReplyTo[Any] | None = None,
        caller: Caller = NOBODY,
        *,
        deadline: float = 0.0,
        trace: str = "",
    ) -> None:
        """Deliver a message, unless this process is down."""
        if self._place.down:
            return
        if self._loop.touched is not None:
            self._touch_mailbox(ref, message)
        super().tell(ref, message, reply_to, caller, deadline=deadline, trace=trace)
        cell = self.cells.get(ref)
        if cell is None:
            return
        mailbox = cell.mailbox
        lane = mailbox.system if message.lane is Lane.SYSTEM else mailbox.normal
        if not lane or lane[-1].message is not message:
            return  # refused
        if message.overflow is not Overflow.ADMIT and lane is mailbox.normal:
            self._count(ref, len(lane), mailbox.bound)
        if self._trace.detailed:
            self._senders[id(message)] = self._stepping

    def _count(self, ref: ActorRef[Any], waiting: int, bound: int) -> None:
        """Note a queue that has never been longer as one more message was let in."""
        if waiting > self._crowd.get(ref, min(bound, 3)):  # short queues are no news
            self._crowd[ref] = waiting
            self._trace.add(seen.Crowded(self.name, ref, waiting, bound))

    def _touch_mailbox(self, ref: ActorRef[Any], message: Message) -> None:
        """Two tells to one mailbox do not commute; with its next delivery they may."""
        self._loop.touch(("tail", self.name, ref))
        cell = self.cells.get(ref)
        overtakes = message.lane is Lane.SYSTEM and cell is not None and not cell.mailbox.system
        if overtakes or cell is None or not len(cell.mailbox):
            self._loop.touch(("head", self.name, ref))

    def _made(self, ref: ActorRef[Any], effects: tuple[Effect, ...]) -> None:
        """Note what a step asks for; leaving depends on what waits, so it commutes with no tell."""
        if self._loop.touched is not None and any(isinstance(e, BY_THE_BOOK) for e in effects):
            self._loop.touch(("tail", self.name, ref), ("book", self.name))
        for effect in effects:
            if isinstance(effect, StartTimer):
                self._armed[ref][effect.name] = effect.message
            elif isinstance(effect, CancelTimer):
                self._armed[ref].pop(effect.name, None)

    def _look(self, ref: ActorRef[Any], envelope: Envelope) -> None:
        """Write down what a step is about to be made of."""
        message, timer = envelope.message, envelope.timer
        if timer is not None:
            live = self._armed[ref].pop(timer.name, None) is message
            self._trace.add(seen.Expired(self.name, ref, timer.name, live))
        elif isinstance(message, Appended):
            self._verdict(ref, message.writer, message.upto, fenced=False)
        elif isinstance(message, AppendFailed):
            self._verdict(ref, message.writer, None, fenced=message.fenced)
        if self._trace.detailed:
            sender = self._senders.pop(id(message), "timer" if timer else "outside")
            self._trace.add(seen.Delivered(self.name, sender, ref, message))
            self._stepping = str(ref)

    def _verdict(self, ref: ActorRef[Any], writer: int, upto: int | None, *, fenced: bool) -> None:
        self._trace.add(seen.Verdict(self.name, ref.id, writer, upto, fenced))
