"""Rounds: what is done for one webhook after another, until there is nothing left to do.

A webhook that has something to hear is sent it, when there is room; then the journal is asked for
more; when it has none, it is told so, and asked whether it agrees: a record may have been stored in
between that nobody hands over, and a webhook that seems to have something left would keep its task.

Neighbours: `outbox.py` (is told what there is, begins rounds), `courier.py` (one webhook),
`traffic.py`, `attempts.py`, `leftover.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from actors.runtime import CancelTimer, DeadLetter, Effect, Perform, ReplyTo, StartTimer, Tell
from actors.runtime.journal.messages import (
    JOURNAL,
    Consumed,
    NextPlace,
    NextRecords,
    Unconsumed,
    WholeLog,
)
from actors.runtime.journal.port import Place
from actors.task.attempts import Attempts, Target, delivery_id
from actors.task.courier import NOTHING, READ, UNKNOWN, Courier, Doing
from actors.task.leftover import PAGE, Leftover
from actors.task.orders import (
    OUTBOX,
    WEBHOOKS,
    Delivered,
    LookAgain,
    TryAgain,
    Verdict,
    consumer,
)
from actors.task.ports import Notify
from actors.task.traffic import Traffic

RETRY = 5.0
"""Seconds before a journal that could not be read is asked again; doubled with each time."""

LONGEST_RETRY = 300.0

RECENT = 1024
"""Webhooks to remember that were done with."""

Effects: TypeAlias = list[Effect]


@dataclass(slots=True)
class Outbox:
    """Who is to be notified of what; the actor's own, changed in place."""

    traffic: Traffic[Target]
    attempts: Attempts
    leftover: Leftover = field(default_factory=Leftover)
    couriers: dict[Target, Courier] = field(default_factory=dict)
    """Webhooks with something to deliver."""
    recent: dict[Target, int] = field(default_factory=dict)
    """Webhooks that were done with lately, and up to where: a record may have been read, and sent,
    before it is handed over."""
    asking: dict[str, list[Target]] = field(default_factory=dict)
    """Tasks whose log is being read, and the webhooks that it is to say something of."""
    leaving: bool = False
    """The process is about to end: what was left is begun by the next one."""
    drained: list[ReplyTo[Any]] = field(default_factory=list)

    def courier(self, target: Target, known: int) -> Courier:
        """Return the courier of a webhook, made if there is none."""
        courier = self.couriers.get(target)
        if courier is None:
            courier = self.couriers[target] = Courier(target[1], known, behind=known == UNKNOWN)
        return courier

    def remember(self, target: Target, seq: int) -> None:
        """Add to `recent`."""
        self.recent.pop(target, None)
        self.recent[target] = seq
        while len(self.recent) > RECENT:
            del self.recent[next(iter(self.recent))]

    @property
    def quiet(self) -> bool:
        """Nothing is under way, or will be before a timer is over."""
        return not self.leftover.scanning and all(each.quiet for each in self.couriers.values())


# -- one webhook


def go_on(state: Outbox, target: Target, courier: Courier) -> Effects:
    """Send the next notification, look whether there are more, or be done with a webhook."""
    if courier.busy:
        return []
    courier.doing = Doing.NOTHING
    if courier.unserved:
        return _ask_whom(state, target, courier)
    if courier.ready:
        return _send(state, target, courier)
    if not courier.checked:
        courier.doing = Doing.READING
        return [_ask(target, courier)]
    if courier.noting == courier.known:
        return []  # the journal takes it down
    courier.noting = courier.known
    return [_note(target, courier.known)]


def wake(state: Outbox, target: Target, courier: Courier) -> Effects:
    """Go on at once, also where the next attempt was still to come, or room for it."""
    effects: Effects = []
    if courier.doing is Doing.RESTING:
        effects.append(CancelTimer(f"try {target}"))
        courier.doing = Doing.NOTHING
    elif courier.doing is Doing.WAITING:
        state.traffic.forget(target)
        courier.doing = Doing.NOTHING
    return effects + go_on(state, target, courier)


def unread(target: Target, courier: Courier) -> Effect:
    """Ask the journal again in a while: it could not be read."""
    courier.doing = Doing.NOTHING
    delay = min(RETRY * 2.0 ** min(courier.unread, 30), LONGEST_RETRY)
    courier.unread += 1
    return StartTimer(f"read {target}", delay, LookAgain(*target))


def noted(state: Outbox, target: Target, courier: Courier) -> Effects:
    """Ask whether anything is left, now that the journal has taken down that all is done."""
    courier.noting = NOTHING
    if not courier.done:
        return go_on(state, target, courier)
    courier.doing = Doing.READING
    return [Tell(JOURNAL, NextPlace(OUTBOX, consumer(target[1]), target[0]))]


def found(state: Outbox, target: Target, courier: Courier, place: Place | None) -> Effects:
    """Hear where the journal says to go on, if anywhere."""
    if courier.lost:
        courier.found(None if place is None else place.seq)
    else:
        courier.doing = Doing.NOTHING
        courier.checked = courier.checked and place is None
    if place is None and courier.done:
        state.remember(target, courier.known)
        del state.couriers[target]  # until there is something for it again
        return []
    return go_on(state, target, courier)


# -- attempts


def _send(state: Outbox, target: Target, courier: Courier) -> Effects:
    owner = courier.hook.owner if courier.hook is not None else ("", "")
    if state.traffic.enter(target, courier.receiver, owner):
        return [_notify(target, courier)]
    courier.wait()
    return []


def delivered(state: Outbox, message: Delivered, now: int) -> Effects:
    """Be done with a record, or try it again later."""
    target = (message.task, message.hook)
    courier = state.couriers.get(target)
    if courier is None or courier.doing is not Doing.SENDING or courier.sent is None:
        return [DeadLetter(message, "nothing was under way")]
    state.traffic.leave(target)
    effects, delay = more_traffic(state), None
    current = not courier.outdated
    if current and courier.replaced and message.verdict is not Verdict.DONE:
        # What the old configuration met with says nothing of the new one.
        courier.again()
        return effects + go_on(state, target, courier)
    if current:
        told, delay = state.attempts.judge(target, courier, message, now)
        effects += told
    if delay is not None:
        courier.rest()
        return [*effects, StartTimer(f"try {target}", delay, TryAgain(*target))]
    seq = courier.sent.seq
    courier.finish()
    if current and courier.queue:
        effects.append(_note(target, seq))
    return effects + go_on(state, target, courier)


def more_traffic(state: Outbox) -> Effects:
    """Give free places to those who wait for one."""
    effects: Effects = []
    while (target := state.traffic.next()) is not None:
        courier = state.couriers[target]
        if courier.ready and state.traffic.at(target) == courier.receiver:
            effects.append(_notify(target, courier))
            continue
        state.traffic.leave(target)  # it was deleted meanwhile, or is at another receiver now
        courier.doing = Doing.NOTHING
        effects += go_on(state, target, courier)
    return effects


def try_again(state: Outbox, message: TryAgain, _: int) -> Effects:
    """Repeat what has failed."""
    target = (message.task, message.hook)
    courier = state.couriers.get(target)
    if courier is None or courier.doing is not Doing.RESTING:
        return [DeadLetter(message, "nothing is to be tried again")]
    courier.doing = Doing.NOTHING
    return go_on(state, target, courier)


# -- what an earlier process has left


def scan(state: Outbox) -> Effect:
    """Ask for further webhooks that have something left."""
    return Tell(JOURNAL, Unconsumed(OUTBOX, WEBHOOKS, state.leftover.after, PAGE))


def more_work(state: Outbox) -> Effects:
    """Begin with further webhooks that were left: reads are bounded, as is the user's sender.

    Attempts to notify webhooks have bounds of their own.
    """
    if state.leaving:
        return []

    def busy(target: Target) -> bool:
        courier = state.couriers.get(target)
        if courier is None:
            return False
        sending = courier.doing is Doing.SENDING and not courier.id
        return sending or courier.doing is Doing.READING

    effects: Effects = []
    for target in state.leftover.more(busy):
        courier = state.couriers.get(target)
        if courier is not None and courier.doing is Doing.LEFT:
            effects += go_on(state, target, courier)
    return effects


# -- messages


def _ask_whom(state: Outbox, target: Target, courier: Courier) -> Effects:
    """Ask the log of a task for its webhooks, once for all of them."""
    courier.doing = Doing.READING
    asking = state.asking.setdefault(target[0], [])
    asking.append(target)
    return [Tell(JOURNAL, WholeLog(OUTBOX, target[0]))] if len(asking) == 1 else []


def _ask(target: Target, courier: Courier) -> Effect:
    task, name = target[0], consumer(target[1])
    if courier.lost:
        courier.ask()
        return Tell(JOURNAL, NextPlace(OUTBOX, name, task))
    return Tell(JOURNAL, NextRecords(OUTBOX, Place(task, courier.known), READ, name))


def _note(target: Target, seq: int) -> Effect:
    return Tell(JOURNAL, Consumed(OUTBOX, consumer(target[1]), Place(target[0], seq)))


def _notify(target: Target, courier: Courier) -> Effect:
    record = courier.send()
    config = courier.hook.config if courier.hook is not None else b""
    delivery = delivery_id(target, record)
    return Perform("webhook", Notify(*target, config, record, delivery, courier.attempt))
