"""OutboxActor: notifies webhooks of stored records, in order for each one, off every path.

Each webhook of a task is a durable consumer of the task's log: the journal remembers for which it
has something to do and how far it has got, so that a process that dies leaves nothing undelivered;
the next one goes on there, and repeats at most the latest. One notification of a webhook is under
way at a time; one that is slow or broken holds up its own next ones and nobody else's.

What is committed is handed over (`Deliver`); what was left by an earlier process, or is too much to
wait in memory, it reads. A record that cannot be delivered is tried again with growing delays, then
it is a dead letter: counted, logged, and told by `HowDelivered`.

Neighbours: `release.py` (hands records over), `rounds.py` (what is done for each webhook),
`courier.py` (one webhook), `leftover.py` (what an earlier process has left), `ports.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from actors.runtime import (
    RESUME,
    Actor,
    DeadLetter,
    Envelope,
    Message,
    Reply,
    StartTimer,
    Step,
)
from actors.runtime.journal.messages import (
    Answered,
    Consumed,
    Drain,
    NextPlace,
    NextRecords,
    Unconsumed,
    WholeLog,
)
from actors.runtime.journal.port import Place
from actors.task import rounds
from actors.task.attempts import Attempts, Target
from actors.task.courier import NOTHING, UNKNOWN, Courier, Doing
from actors.task.delivery import Delivery
from actors.task.leftover import PAGE, hooks_in
from actors.task.orders import (
    Deliver,
    Delivered,
    Hook,
    Hooked,
    HowDelivered,
    LookAfter,
    LookAgain,
    TryAgain,
    Unhooked,
    hook_of,
)
from actors.task.rounds import RETRY, Effects, Outbox
from actors.task.traffic import Traffic


class OutboxActor(Actor[Outbox]):
    """The behaviour of the one outbox of a system.

    Args:
        pushed: kinds of records that webhooks hear of; none when there is nobody to notify.
        delivery: how webhooks are tried.
        sender: the user has passed a sender, which alone is notified, of all tasks.
    """

    supervision = RESUME

    def __init__(
        self,
        pushed: frozenset[int] = frozenset(),
        delivery: Delivery | None = None,
        *,
        sender: bool = False,
    ) -> None:
        self._pushed = pushed
        self._delivery = delivery or Delivery()
        self._sender = sender
        self._by_type: dict[type[Message], Callable[[Outbox, Any, int], Effects]] = {
            Deliver: self._deliver,
            Delivered: rounds.delivered,
            Answered: self._answered,
            Hooked: self._hooked,
            LookAgain: self._look_again,
            LookAfter: self._look_after,
            TryAgain: rounds.try_again,
            Unhooked: self._unhooked,
        }

    def start(self) -> Step[Outbox]:
        """Look for what an earlier process has left."""
        known = self._delivery
        places = (0, 0) if self._sender else (known.at_once, known.per_receiver)
        state = Outbox(Traffic(*places), Attempts(known))
        if not self._pushed:
            state.leftover.scanning = False
            return Step(state)
        return Step(state, (rounds.scan(state),))

    def step(self, state: Outbox, envelope: Envelope, now: int) -> Step[Outbox]:
        """Queue what is to be sent, or go on to the next."""
        message, to = envelope.message, envelope.reply_to
        handle = self._by_type.get(type(message))
        effects: Effects = []
        if handle is not None:
            effects = handle(state, message, now)
            if to is not None:
                effects.append(Reply(to, None))
        elif isinstance(message, Drain) and to is not None:
            state.leaving = True
            state.drained.append(to)
        elif isinstance(message, HowDelivered) and to is not None:
            told = state.attempts.told(state.couriers, state.traffic.under_way)
            effects = [Reply(to, told)]
        else:
            effects = [DeadLetter(message, "not for the outbox")]
        effects += rounds.more_work(state)
        if state.drained and state.quiet:
            effects += [Reply(waiting, True) for waiting in state.drained]
            state.drained.clear()
        return Step(state, tuple(effects))

    # -- what there is to deliver, and to whom

    def _deliver(self, state: Outbox, message: Deliver, now: int) -> Effects:
        if state.leftover.scanning:
            state.leftover.early.append(message)
            return []
        effects: Effects = []
        for hook in filter(self._mine, message.hooks):
            records = tuple(record for record in message.records if record.seq > hook.since)
            if not records:
                continue
            target = (message.task, hook.id)
            known = max(records[0].seq - 1, state.recent.get(target, 0))
            courier = state.courier(target, UNKNOWN if message.first else known)
            courier.serve(hook)
            courier.behind = courier.behind or message.first
            courier.hand(records)
            effects += rounds.go_on(state, target, courier)
        return effects

    def _look_after(self, state: Outbox, message: LookAfter, now: int) -> Effects:
        if state.leftover.scanning:
            state.leftover.early.append(message)
            return []
        effects: Effects = []
        for hook in filter(self._mine, message.hooks):
            target = (message.task, hook.id)
            courier = state.courier(target, UNKNOWN)
            courier.serve(hook)
            courier.behind, courier.checked = True, False
            effects += rounds.go_on(state, target, courier)
        return effects

    def _mine(self, hook: Hook) -> bool:
        """What is for a server with a sender is no business of one without, and vice versa."""
        return self._sender is not bool(hook.id)

    def _hooked(self, state: Outbox, message: Hooked, now: int) -> Effects:
        """Go on with the webhook as it is now, at once: it may have been corrected."""
        if state.leftover.scanning:
            state.leftover.early.append(message)
            return []
        target = (message.task, message.hook.id)
        courier = state.couriers.get(target)
        if courier is None or not courier.serve(message.hook):
            return []
        courier.forget_failures()
        return rounds.wake(state, target, courier)

    def _unhooked(self, state: Outbox, message: Unhooked, now: int) -> Effects:
        """Begin no attempt any more; what the webhook has yet to hear of is left to nobody."""
        target = (message.task, message.hook)
        courier = state.courier(target, message.seq)
        if courier.closed < message.seq:
            courier.close(message.seq)
            courier.forget_failures()
        if state.leftover.scanning:
            state.leftover.early.append(message)
            return []
        return rounds.wake(state, target, courier)

    # -- what the journal says

    def _answered(self, state: Outbox, answer: Answered, now: int) -> Effects:
        match answer.asked:
            case Unconsumed():
                return self._found(state, answer, now)
            case Consumed(_, name, place):
                return self._noted(state, (place.log, hook_of(name)), place.seq, answer.error)
            case NextRecords(_, Place(log), _, name):
                return self._read(state, (log, hook_of(name)), answer)
            case NextPlace(_, name, log):
                return self._read(state, (log, hook_of(name)), answer)
            case WholeLog(_, log):
                return self._learn(state, log, answer)
            case _:
                return [DeadLetter(answer, "not asked by the outbox")]

    def _read(self, state: Outbox, target: Target, answer: Answered) -> Effects:
        courier = state.couriers[target]
        if answer.error is not None:
            return [rounds.unread(target, courier)]
        courier.doing, courier.unread = Doing.NOTHING, 0
        if isinstance(answer.asked, NextPlace):
            return rounds.found(state, target, courier, answer.result)
        courier.take(answer.result, self._pushed)
        return rounds.go_on(state, target, courier)

    def _learn(self, state: Outbox, task: str, answer: Answered) -> Effects:
        """Hear from the log of a task which webhooks it has."""
        asking = {target: state.couriers[target] for target in state.asking.pop(task, ())}
        known, effects = hooks_in(answer)
        if known is None:
            return effects + [rounds.unread(*each) for each in asking.items()]
        for hook in known:
            courier = state.couriers.get((task, hook.id))
            if courier is not None and courier.unserved:
                courier.serve(hook)
        for target, courier in asking.items():
            courier.doing, courier.unread = Doing.NOTHING, 0
            if courier.unserved:
                courier.close(courier.known)  # it is deleted
            effects += rounds.go_on(state, target, courier)
        return effects

    def _noted(self, state: Outbox, target: Target, seq: int, error: Exception | None) -> Effects:
        """Hear that the journal has taken down how far a webhook is, or could not."""
        courier = state.couriers.get(target)
        if courier is None or courier.noting != seq:
            return []
        if error is not None:
            return [StartTimer(f"note {target}", RETRY, LookAgain(*target))]
        return rounds.noted(state, target, courier)

    def _look_again(self, state: Outbox, message: LookAgain, now: int) -> Effects:
        """Ask the journal once more for what it could not tell, or take down."""
        if not message.task:
            return [rounds.scan(state)]
        target = (message.task, message.hook)
        courier = state.couriers.get(target)
        if courier is None:
            return []  # done with meanwhile
        courier.noting = NOTHING
        return rounds.go_on(state, target, courier)

    # -- what an earlier process has left

    def _found(self, state: Outbox, answer: Answered, now: int) -> Effects:
        if answer.error is not None:
            return [StartTimer("scan", RETRY, LookAgain(""))]
        for left in answer.result:
            state.leftover.after = (left.consumer, left.place.log)
            hook, task = Hook(hook_of(left.consumer)), left.place.log
            if self._mine(hook):
                self._add(state, (task, hook.id), left.place.seq)
            else:
                state.leftover.alien += 1
        if len(answer.result) == PAGE:
            return [rounds.scan(state)]
        effects = state.leftover.found()
        early, state.leftover.early = state.leftover.early, []
        for message in early:
            effects += self._by_type[type(message)](state, message, now)
        return effects

    def _add(self, state: Outbox, target: Target, known: int) -> None:
        if target not in state.couriers:
            courier = state.couriers[target] = Courier(target[1], known, behind=True)
            courier.doing = Doing.LEFT
            if not courier.id:
                courier.serve(Hook(""))
        state.leftover.add(target)
