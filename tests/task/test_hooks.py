"""Webhooks of a task: set, replaced, deleted; told in order, tried again, given up, in no crowd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from a2a.types import TaskPushNotificationConfig
from a2a.utils.errors import InvalidParamsError, TaskNotFoundError

from actors.runtime import (
    CancelTimer,
    Effect,
    Envelope,
    Message,
    Perform,
    StartTimer,
    Tell,
)
from actors.runtime.journal.messages import (
    Answered,
    Consumed,
    NextPlace,
    NextRecords,
    Unconsumed,
    WholeLog,
)
from actors.runtime.journal.port import Left, Place
from actors.runtime.journal.record import Record
from actors.task.attempts import delivery_id
from actors.task.courier import READ
from actors.task.delivery import Delivery
from actors.task.hooks import HOOKS_BOUND, unconfigure
from actors.task.leftover import PAGE
from actors.task.messages import Configure, Unconfigure, Wait, task_ref
from actors.task.orders import (
    OUTBOX,
    WEBHOOKS,
    Deliver,
    Delivered,
    Hook,
    Hooked,
    LookAfter,
    TryAgain,
    Undelivered,
    Unhooked,
    Verdict,
    consumer,
)
from actors.task.outbox import OutboxActor
from actors.task.policy import Policy
from actors.task.ports import Notify
from actors.task.record import Kind
from actors.task.rounds import Outbox
from actors.task.rules import Rules
from actors.task.state import Draft, TaskState
from tests.manual import Answer
from tests.task.harness import TASK, Bench, status, task

PATIENT = Delivery(first_delay=10.0, longest_delay=100.0, give_up=60.0, at_once=2, per_receiver=1)
STATES = frozenset({int(Kind.TASK), int(Kind.STATUS)})


def config(name: str = "h1", host: str = "a.example", token: str = "") -> bytes:
    made: bytes = TaskPushNotificationConfig(
        id=name, url=f"https://{host}/{name}", token=token
    ).SerializeToString()
    return made


def records(*seqs: int) -> tuple[Record, ...]:
    return tuple(Record(seq, 1, 0, Kind.STATUS) for seq in seqs)


def performed(effects: Sequence[Effect]) -> list[Notify]:
    found = [effect.request for effect in effects if isinstance(effect, Perform)]
    assert all(isinstance(each, Notify) for each in found)
    return found  # type: ignore[return-value] # just seen to be that


class Desk:
    """An outbox, and a journal that has nothing but what a test says."""

    def __init__(self, delivery: Delivery = PATIENT, left: tuple[Left, ...] = ()) -> None:
        self.actor = OutboxActor(STATES, delivery)
        self.state: Outbox = self.actor.start().state
        self.now = 1_000_000
        self.log: tuple[Record, ...] = ()
        self.places: dict[str, Place] = {}
        self.asked: list[Message] = []
        self.effects: list[Effect] = []
        scanned = Unconsumed(OUTBOX, WEBHOOKS, ("", ""), PAGE)
        self.sent = self.tell(Answered(scanned, left, None))

    def tell(self, message: Message) -> list[Notify]:
        """Tell the outbox, let the journal answer at once; return what is sent."""
        waiting, sent = [message], []
        self.effects = []
        while waiting:
            effects = self.actor.step(self.state, Envelope(waiting.pop(0)), self.now).effects
            self.effects += effects
            sent += performed(effects)
            for effect in effects:
                if isinstance(effect, Tell):
                    self.asked.append(effect.message)
                    waiting.append(Answered(effect.message, self.answer(effect.message), None))
        return sent

    def answer(self, asked: Message) -> Any:
        if isinstance(asked, NextRecords):
            later = [record for record in self.log if record.seq > asked.place.seq]
            return tuple(later[: asked.limit])
        if isinstance(asked, NextPlace):
            return self.places.get(asked.consumer)
        if isinstance(asked, Consumed):
            self.places.pop(asked.consumer, None)
        assert isinstance(asked, Consumed | WholeLog)
        return None

    def deliver(self, *seqs: int, hooks: tuple[Hook, ...], task: str = TASK) -> list[Notify]:
        return self.tell(Deliver(task, records(*seqs), hooks))

    def over(self, verdict: Verdict, hook: str = "h1", *, wait: float = 0.0) -> list[Notify]:
        return self.tell(Delivered(TASK, hook, verdict, "503", wait))

    @property
    def timer(self) -> float:
        """Seconds until the next attempt."""
        (found,) = [effect for effect in self.effects if isinstance(effect, StartTimer)]
        assert isinstance(found.message, TryAgain)
        return found.delay

    def told(self) -> Any:
        return self.state.attempts.told(self.state.couriers, self.state.traffic.under_way)


HOOK = Hook("h1", 2, config())


class TestAttempts:
    def test_a_record_is_tried_again_and_again_under_one_name(self) -> None:
        desk = Desk()
        (first,) = desk.deliver(3, 4, hooks=(HOOK,))
        assert (first.record.seq, first.attempt) == (3, 1)
        assert desk.over(Verdict.RETRY) == []
        assert 5.0 <= desk.timer <= 15.0
        desk.now += 10_000
        desk.log = records(3, 4)
        (second,) = desk.tell(TryAgain(TASK, "h1"))
        assert second == first._replace(attempt=2)
        assert desk.over(Verdict.RETRY) == []
        assert 10.0 <= desk.timer <= 30.0
        (third,) = desk.tell(TryAgain(TASK, "h1"))
        assert third.attempt == 3
        (following,) = desk.over(Verdict.DONE)
        assert (following.record.seq, following.attempt) == (4, 1)
        assert following.delivery != first.delivery
        assert (desk.told().delivered, desk.told().retried) == (1, 2)

    def test_delays_end_at_the_longest_and_a_receiver_may_ask_for_more(self) -> None:
        desk = Desk(Delivery(first_delay=10.0, longest_delay=12.0, give_up=1000.0))
        desk.deliver(3, hooks=(HOOK,))
        for _ in range(40):
            desk.over(Verdict.RETRY)
            assert 6.0 <= desk.timer <= 18.0
            desk.tell(TryAgain(TASK, "h1"))
        desk.over(Verdict.RETRY, wait=77.0)
        assert desk.timer == 77.0
        desk.tell(TryAgain(TASK, "h1"))
        desk.over(Verdict.RETRY, wait=1e9)
        assert desk.timer == 1000.0, "no longer than it is tried at all"

    def test_what_is_refused_is_a_dead_letter_at_once(self) -> None:
        desk = Desk()
        desk.deliver(3, 4, hooks=(HOOK,))
        (following,) = desk.over(Verdict.REFUSED)
        assert following.record.seq == 4
        letter = Undelivered(TASK, "h1", "https://a.example", 3, desk.now, "503")
        assert desk.told().letters == (letter,)
        assert desk.told().dead == 1

    def test_patience_ends_and_then_each_record_has_one_attempt_until_one_succeeds(self) -> None:
        desk = Desk()
        desk.log = records(3, 4, 5, 6, 7)
        desk.deliver(3, 4, 5, 6, 7, hooks=(HOOK,))
        desk.over(Verdict.RETRY)
        desk.tell(TryAgain(TASK, "h1"))
        desk.now += 60_000
        (four,) = desk.over(Verdict.RETRY)
        assert four.record.seq == 4
        (failing,) = desk.told().failing
        assert (failing.seq, failing.given_up, failing.since) == (4, True, desk.now - 60_000)
        (five,) = desk.over(Verdict.RETRY)
        assert five.record.seq == 5
        (six,) = desk.over(Verdict.DONE)
        assert desk.told().failing == ()
        assert (six.record.seq, desk.over(Verdict.RETRY)) == (6, []), "tried again"
        assert desk.timer
        assert desk.told().dead == 2

    def test_an_end_that_nobody_waits_for_is_a_dead_letter(self) -> None:
        desk = Desk()
        assert desk.over(Verdict.DONE) == []
        assert desk.tell(TryAgain(TASK, "h1")) == []

    def test_ids_differ_with_task_webhook_and_record(self) -> None:
        one, other = records(3, 4)
        ids = {
            delivery_id(*each)
            for each in (
                ((TASK, "h1"), one),
                ((TASK, "h1"), other),
                ((TASK, "h2"), one),
                (("t2", "h1"), one),
                (("t1h", "1"), one),
            )
        }
        assert len(ids) == 5


class TestTraffic:
    def test_one_receiver_has_no_more_than_its_places(self) -> None:
        desk = Desk()
        hooks = tuple(Hook(f"h{n}", 2, config(f"h{n}")) for n in (1, 2, 3))
        (first,) = desk.deliver(3, hooks=hooks)
        assert first.hook == "h1"
        (second,) = desk.over(Verdict.RETRY)
        assert second.hook == "h2", "a webhook that waits for its next attempt takes no place"
        (third,) = desk.over(Verdict.DONE, "h2")
        assert third.hook == "h3"

    def test_all_receivers_have_no_more_than_all_places(self) -> None:
        desk = Desk()
        hooks = tuple(Hook(f"h{n}", 2, config(f"h{n}", f"{n}.example")) for n in (1, 2, 3))
        assert [each.hook for each in desk.deliver(3, hooks=hooks)] == ["h1", "h2"]
        assert [each.hook for each in desk.over(Verdict.DONE, "h2")] == ["h3"]

    def test_a_slow_receiver_holds_up_no_other(self) -> None:
        desk = Desk()
        slow = tuple(Hook(f"h{n}", 2, config(f"h{n}", "slow.example")) for n in (1, 2, 3))
        fast = Hook("h4", 2, config("h4", "fast.example"))
        assert [each.hook for each in desk.deliver(3, hooks=(*slow, fast))] == ["h1", "h4"]

    def test_a_webhook_that_moves_while_it_waits_takes_a_place_at_its_new_receiver(self) -> None:
        desk = Desk()
        hooks = tuple(Hook(f"h{n}", 2, config(f"h{n}", f"{n}.example")) for n in (1, 2))
        assert len(desk.deliver(3, hooks=hooks)) == 2
        moving = Hook("h3", 2, config("h3", "1.example"))
        assert desk.deliver(4, hooks=(moving,)) == []
        assert desk.tell(Hooked(TASK, moving._replace(config=config("h3", "2.example")))) == []
        assert desk.over(Verdict.DONE, "h1") == [], "its place is at 2.example now"
        (moved,) = desk.over(Verdict.DONE, "h2")
        assert moved.hook == "h3"

    def test_a_webhook_that_is_deleted_while_it_waits_takes_no_place(self) -> None:
        desk = Desk()
        hooks = tuple(Hook(f"h{n}", 2, config(f"h{n}")) for n in (1, 2, 3))
        desk.deliver(3, hooks=hooks)
        assert desk.tell(Unhooked(TASK, "h2", 4)) == []
        (third,) = desk.over(Verdict.DONE)
        assert third.hook == "h3"
        desk.over(Verdict.DONE, "h3")
        assert desk.state.couriers == {}


class TestWhatIsDeleted:
    def test_nothing_more_begins_though_an_attempt_may_come_to_its_end(self) -> None:
        desk = Desk()
        desk.deliver(3, 4, hooks=(HOOK,))
        assert desk.tell(Unhooked(TASK, "h1", 5)) == []
        assert desk.over(Verdict.RETRY) == []
        assert desk.state.couriers == {}
        assert desk.told().retried == 0

    def test_a_webhook_that_rests_is_not_tried_again(self) -> None:
        desk = Desk()
        desk.deliver(3, hooks=(HOOK,))
        desk.over(Verdict.RETRY)
        desk.log = records(3)
        desk.tell(Unhooked(TASK, "h1", 4))
        assert CancelTimer(f"try {(TASK, 'h1')}") in desk.effects
        assert desk.tell(TryAgain(TASK, "h1")) == []
        assert desk.state.couriers == {}

    def test_set_again_it_hears_of_what_comes_then(self) -> None:
        desk = Desk()
        desk.deliver(3, 4, hooks=(HOOK,))
        again = Hook("h1", 6, config(token="another"))
        desk.tell(Unhooked(TASK, "h1", 5))
        desk.tell(Hooked(TASK, again))
        desk.log = records(3, 4, 7)
        (sent,) = desk.over(Verdict.RETRY)
        assert (sent.record.seq, sent.config, sent.attempt) == (7, again.config, 1)
        assert desk.told().retried == 0, "the old one is no business of the new one"

    def test_the_log_may_tell_first_that_it_is_deleted_and_set_again(self) -> None:
        deleted = Record(5, 1, 0, Kind.HOOK_DELETED, b"", {"hook": "h1"})
        other = Record(6, 1, 0, Kind.HOOK_SET, config("h2"))
        again = Record(8, 1, 0, Kind.HOOK_SET, config(token="another"))
        desk = Desk()
        desk.log = (*records(3, 4), deleted, other, *records(7), again, *records(9))
        desk.places[consumer("h1")] = Place(TASK, 2)
        (sent,) = desk.tell(LookAfter(TASK, (HOOK,)))
        assert (sent.record.seq, sent.config) == (9, again.payload)
        assert desk.tell(Unhooked(TASK, "h1", 5)) == [], "that was another"
        desk.over(Verdict.DONE)
        assert desk.state.couriers == {}

    def test_a_webhook_that_somebody_else_has_replaced_hears_nothing_old(self) -> None:
        desk = Desk()
        desk.deliver(3, hooks=(HOOK,))
        desk.over(Verdict.RETRY)
        assert desk.tell(Hooked(TASK, Hook("h1", 12, config(token="another")))) == []
        assert desk.tell(TryAgain(TASK, "h1")) == []

    def test_before_it_is_known_what_is_left_too(self) -> None:
        """What was handed over before the deletion comes when that is known: for nobody then."""
        desk = Desk()
        desk.state = desk.actor.start().state
        assert desk.deliver(3, hooks=(HOOK,)) == []
        assert desk.tell(Unhooked(TASK, "h1", 4)) == []
        again = Hook("h1", 5, config(token="another"))
        assert desk.tell(Hooked(TASK, again)) == []
        assert desk.deliver(6, hooks=(again,)) == []
        desk.log = records(3, 6)
        found = (Left(consumer("h1"), Place(TASK, 2)),)
        scanned = Unconsumed(OUTBOX, WEBHOOKS, ("", ""), PAGE)
        (sent,) = desk.tell(Answered(scanned, found, None))
        assert (sent.record.seq, sent.config) == (6, again.config)
        assert desk.over(Verdict.DONE) == []
        assert desk.state.couriers == {}


class TestWhatIsReplaced:
    def test_it_is_tried_at_once_and_anew(self) -> None:
        desk = Desk()
        desk.deliver(3, hooks=(HOOK,))
        desk.over(Verdict.RETRY)
        mended = HOOK._replace(config=config(host="b.example"))
        (sent,) = desk.tell(Hooked(TASK, mended))
        assert (sent.record.seq, sent.config, sent.attempt) == (3, mended.config, 1)
        assert desk.told().failing == ()


class TestWhatIsKept:
    def test_no_place_is_left_behind_a_private_record(self) -> None:
        """Stored after the outbox looked for more, and before the journal took down how far."""
        desk = Desk()
        desk.deliver(3, hooks=(HOOK,))
        real = desk.answer
        first: list[Message] = []

        def answer(asked: Message) -> Any:
            found = real(asked)
            if isinstance(asked, NextPlace) and not first:
                first.append(asked)
                found = Place(TASK, 3)
                desk.log = (*records(3), Record(4, 1, 0, Kind.ENDED))
            return found

        desk.answer = answer  # type: ignore[method-assign] # the journal of this test
        assert desk.over(Verdict.DONE) == []
        noted = [each.place.seq for each in desk.asked if isinstance(each, Consumed)]
        assert noted == [3, 4]
        assert desk.state.couriers == {}

    def test_what_was_read_and_sent_is_not_sent_again_when_it_is_handed_over(self) -> None:
        """The word that it is stored was lost, and comes late, from an actor that was revived."""
        desk = Desk()
        desk.log = records(3)
        assert desk.tell(Deliver(TASK, records(3), (HOOK,), first=True)) == []
        assert not any(isinstance(each, NextRecords) for each in desk.asked)

    def test_nor_when_more_is_handed_over_while_the_journal_is_asked(self) -> None:
        desk = Desk()
        first = Deliver(TASK, records(3), (HOOK,), first=True)
        (ask,) = desk.actor.step(desk.state, Envelope(first), 0).effects
        assert isinstance(ask, Tell)
        assert isinstance(ask.message, NextPlace)
        more = Deliver(TASK, records(4), (HOOK,))
        assert desk.actor.step(desk.state, Envelope(more), 0).effects == ()
        desk.log = records(3, 4)
        (sent,) = desk.tell(Answered(ask.message, None, None))
        assert sent.record.seq == 4

    def test_a_page_full_of_what_others_did_is_no_end(self) -> None:
        desk = Desk()
        private = tuple(Record(seq, 1, 0, Kind.ENDED) for seq in range(3, 3 + READ))
        desk.log = (*private, *records(3 + READ))
        desk.places[consumer("h1")] = Place(TASK, 2)
        (sent,) = desk.tell(LookAfter(TASK, (HOOK,)))
        assert sent.record.seq == 3 + READ


class TestAsks:
    """What a client asks of a task with webhooks."""

    def bench(self) -> Bench:
        made = Bench(Policy.sdk(), pushed=STATES)
        made.clock.run()
        made.send("go", Wait.FIRST, new=True)
        made.emit(task("WORKING"))
        return made

    def configure(self, made: Bench, name: str = "h1", **fields: str) -> Answer:
        return made.ask(task_ref(TASK), Configure(config(name, **fields)))

    def unconfigure(self, made: Bench, name: str = "h1") -> Answer:
        return made.ask(task_ref(TASK), Unconfigure(name))

    def hooks(self, made: Bench) -> list[str]:
        found = made.get().value.hooks
        return [TaskPushNotificationConfig.FromString(each).id for each in found]

    def test_set_replaced_listed_and_deleted(self) -> None:
        made = self.bench()
        for name in ("h1", "h2", "h1"):
            assert self.configure(made, name, token=name).value is None
        assert self.hooks(made) == ["h2", "h1"]
        assert self.unconfigure(made).value is None
        assert self.unconfigure(made).value is None
        assert self.hooks(made) == ["h2"]
        kinds = made.kinds()
        assert (kinds.count("HOOK_SET"), kinds.count("HOOK_DELETED")) == (3, 1)
        made.deliver_all()

    def test_the_outbox_is_told_though_whoever_asked_waits_no_more(self) -> None:
        """What is to be answered is dropped when its time is over; that it is deleted is not."""
        made = self.bench()
        self.configure(made)
        state = made.system.cells[task_ref(TASK)].state
        assert isinstance(state, TaskState)
        draft, late = Draft(state, 0, STATES), Answer()
        asked = Envelope(Unconfigure("h1"), reply_to=late)
        unconfigure(Rules(Policy.sdk(), pushed=STATES), draft, asked, Unconfigure("h1"))
        deleted = Unhooked(TASK, "h1", state.seq + 1)
        answered = Unhooked(TASK, "h1", 0)
        assert draft.pending[-1].then == (Tell(OUTBOX, deleted), Tell(OUTBOX, answered, late))
        made.deliver_all()

    def test_also_when_the_task_is_over(self) -> None:
        made = self.bench()
        made.emit(status("COMPLETED"))
        made.returned()
        assert self.configure(made).value is None
        assert self.hooks(made) == ["h1"]
        assert self.unconfigure(made).value is None
        assert made.state == "COMPLETED"
        made.deliver_all()

    def test_not_of_a_task_that_does_not_exist(self) -> None:
        made = Bench(Policy.sdk(), pushed=STATES)
        assert isinstance(self.configure(made).error, TaskNotFoundError)
        assert isinstance(self.unconfigure(made).error, TaskNotFoundError)

    def test_not_more_than_the_bound_but_replaced_they_may_be(self) -> None:
        made = self.bench()
        for number in range(HOOKS_BOUND - 1):  # the sender of this bench is one
            self.configure(made, f"h{number}")
        refused = self.configure(made, "one more").error
        assert isinstance(refused, InvalidParamsError)
        assert self.configure(made, "h7", token="another").value is None
        assert len(self.hooks(made)) == HOOKS_BOUND - 1
        made.deliver_all()
