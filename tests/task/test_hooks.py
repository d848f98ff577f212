"""Webhooks of a task: set, replaced, deleted; told in order, tried again, given up, in no crowd."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from a2a.types import TaskPushNotificationConfig
from a2a.utils.errors import InvalidParamsError, TaskNotFoundError

from actors.runtime import (
    CancelTimer,
    Effect,
    Envelope,
    Log,
    Message,
    Perform,
    Reply,
    StartTimer,
    Tell,
)
from actors.runtime.journal.errors import JournalCorrupt
from actors.runtime.journal.messages import (
    Answered,
    Asked,
    Consumed,
    Drain,
    NextPlace,
    NextRecords,
    Unconsumed,
    WholeLog,
)
from actors.runtime.journal.port import Head, Left, Place, Stored
from actors.runtime.journal.record import Record
from actors.task.attempts import delivery_id
from actors.task.courier import READ, Doing, receiver
from actors.task.delivery import Delivery
from actors.task.draft import Draft
from actors.task.hooks import HOOKS_BOUND, unconfigure
from actors.task.leftover import BACKLOG, PAGE
from actors.task.listing import TaskRow
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
from actors.task.state import TaskState
from actors.task.traffic import Traffic
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
        self.hooks: tuple[Hook, ...] = ()
        """What the logs of tasks tell."""
        self.damaged: set[str] = set()
        """Tasks whose logs cannot be read."""
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
                    waiting.append(self.answered(effect.message))
        return sent

    def answered(self, asked: Message) -> Answered:
        assert isinstance(asked, Asked)
        if isinstance(asked, WholeLog) and asked.log in self.damaged:
            return Answered(asked, None, JournalCorrupt("damaged"))
        return Answered(asked, self.answer(asked), None)

    def answer(self, asked: Message) -> Any:
        if isinstance(asked, NextRecords):
            later = [record for record in self.log if record.seq > asked.place.seq]
            return tuple(later[: asked.limit])
        if isinstance(asked, NextPlace):
            return self.places.get(asked.consumer)
        if isinstance(asked, Consumed):
            self.places.pop(asked.consumer, None)
        if isinstance(asked, WholeLog):
            sets = (Record(hook.since, 1, 0, Kind.HOOK_SET, hook.config) for hook in self.hooks)
            return Stored(Head(asked.log), TaskRow("me", "", "c1"), None, tuple(sets))
        assert isinstance(asked, Consumed)
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
        assert (TASK, "h2") not in desk.state.couriers, "it waits for nobody's place"
        (third,) = desk.over(Verdict.DONE)
        assert third.hook == "h3"
        desk.over(Verdict.DONE, "h3")
        assert desk.state.couriers == {}

    def test_a_webhook_that_is_corrected_while_it_waits_is_told_at_once(self) -> None:
        desk = Desk()
        hooks = tuple(Hook(f"h{n}", 2, config(f"h{n}")) for n in (1, 2, 3))
        desk.deliver(3, hooks=hooks)
        corrected = hooks[1]._replace(config=config("h2", "2.example"))
        (sent,) = desk.tell(Hooked(TASK, corrected))
        assert (sent.hook, sent.config) == ("h2", corrected.config)

    def test_one_that_waits_keeps_one_record_and_reads_the_others_when_its_turn_comes(
        self,
    ) -> None:
        desk = Desk()
        hooks = tuple(Hook(f"h{n}", 2, config(f"h{n}")) for n in (1, 2))
        desk.log = records(*range(3, 40))
        desk.deliver(*range(3, 30), hooks=hooks)
        desk.deliver(*range(30, 40), hooks=hooks)
        waiting = desk.state.couriers[TASK, "h2"]
        assert waiting.doing is Doing.WAITING
        assert not waiting.queue
        heard = [each.record.seq for each in desk.tell(Unhooked(TASK, "h1", 40))]
        for hook in ("h1", *["h2"] * 37):
            heard += [each.record.seq for each in desk.over(Verdict.DONE, hook)]
        assert heard == list(range(3, 40))

    def test_nor_does_one_that_rests(self) -> None:
        desk = Desk()
        desk.deliver(3, hooks=(HOOK,))
        desk.over(Verdict.RETRY)
        desk.deliver(*range(4, 30), hooks=(HOOK,))
        assert not desk.state.couriers[TASK, "h1"].queue

    def test_one_owner_cannot_take_all_places(self) -> None:
        """However many receivers there are: the last eighth is for others."""
        traffic = Traffic[int](16, 1)
        mine, other = ("me", ""), ("you", "")
        entered = [traffic.enter(number, f"{number}.example", mine) for number in range(20)]
        assert entered == [True] * 14 + [False] * 6
        assert traffic.enter(100, "good.example", other)
        assert not traffic.enter(101, "better.example", other), "it has one"
        assert traffic.enter(102, "good.example", ("she", "")) is False, "that receiver is busy"
        assert traffic.next() is None
        traffic.leave(0)
        traffic.leave(1)
        assert traffic.next() == 14
        traffic.leave(100)
        assert traffic.next() == 101, "who waits has a turn by owner"
        assert traffic.next() == 102

    def test_whoever_waits_has_a_turn_by_owner_then_by_receiver(self) -> None:
        traffic = Traffic[str](0, 1)
        for who in ("a1", "a2", "b1"):
            assert traffic.enter(f"{who} first", who, (who[0], ""))
        for who in ("a1", "a2", "b1"):
            for turn in (1, 2):
                assert not traffic.enter(f"{who} {turn}", who, (who[0], ""))
        for who in ("a1", "a2", "b1"):
            traffic.leave(f"{who} first")
        assert [traffic.next() for _ in range(4)] == ["a1 1", "b1 1", "a2 1", None]

    def test_who_waits_is_not_looked_at_while_there_is_no_place_at_all(self) -> None:
        traffic = Traffic[int](8, 1)
        asked: list[str] = []

        class Name(str):
            def __hash__(self) -> int:
                asked.append(self)
                return super().__hash__()

        for number in range(300):
            traffic.enter(number, Name(f"{number}.example"), (Name(number), ""))
        asked.clear()
        assert traffic.next() is None
        assert asked == []

    @pytest.mark.parametrize(
        ("url", "expected"),
        [
            ("HTTPS://u:p@A.example:443/x", "https://a.example"),
            ("http://a.example.:0080/", "http://a.example"),
            ("http://a.example.:8080/", "http://a.example:8080"),
            ("https://[2001:DB8::1]:443/", "https://[2001:db8::1]"),
            ("https://[2001:db8::1]:44/", "https://[2001:db8::1]:44"),
            ("http://[2001:db8::1]", "http://[2001:db8::1]"),
        ],
    )
    def test_a_receiver_has_one_name(self, url: str, expected: str) -> None:
        made = TaskPushNotificationConfig(id="h1", url=url)
        assert receiver(made.SerializeToString()) == expected


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

    @pytest.mark.parametrize("verdict", [Verdict.REFUSED, Verdict.RETRY])
    def test_what_the_old_one_met_with_says_nothing_of_the_new_one(self, verdict: Verdict) -> None:
        desk = Desk()
        desk.deliver(3, hooks=(HOOK,))
        mended = HOOK._replace(config=config(host="b.example"))
        assert desk.tell(Hooked(TASK, mended)) == [], "one attempt at a time"
        (sent,) = desk.over(verdict)
        assert (sent.record.seq, sent.config, sent.attempt) == (3, mended.config, 1)
        assert (desk.told().letters, desk.told().failing, desk.told().retried) == ((), (), 0)
        assert desk.over(Verdict.REFUSED) == []
        assert desk.told().dead == 1, "but what the new one meets with does"

    def test_what_the_old_one_has_taken_is_taken(self) -> None:
        desk = Desk()
        desk.deliver(3, hooks=(HOOK,))
        desk.tell(Hooked(TASK, HOOK._replace(config=config(host="b.example"))))
        assert desk.over(Verdict.DONE) == []
        assert desk.state.couriers == {}


class TestWhatIsLeft:
    """By an earlier process."""

    def desk(self, *places: tuple[str, str], damaged: Sequence[str] = (), hooks: int = 0) -> Desk:
        """Tell of places (webhook and task) once the journal says what it is to say."""
        desk = Desk(Delivery(at_once=1000, per_receiver=1))
        desk.state = desk.actor.start().state
        desk.damaged |= set(damaged)
        desk.hooks = tuple(Hook(f"h{n}", n + 1, config(f"h{n}")) for n in range(hooks))
        desk.log = records(100)
        left = tuple(Left(consumer(hook), Place(task, 4)) for hook, task in places)
        scanned = Unconsumed(OUTBOX, WEBHOOKS, ("", ""), PAGE)
        desk.sent = desk.tell(Answered(scanned, left, None))
        return desk

    def test_those_that_wait_for_their_receiver_keep_no_others_from_theirs(self) -> None:
        many = BACKLOG * 3
        desk = self.desk(*((f"h{n}", TASK) for n in range(many)), hooks=many)
        doing = [courier.doing for courier in desk.state.couriers.values()]
        assert (doing.count(Doing.SENDING), doing.count(Doing.WAITING)) == (1, many - 1)

    def test_the_log_of_a_task_is_read_once_for_all_its_webhooks(self) -> None:
        many = BACKLOG * 3
        desk = self.desk(*((f"h{n}", TASK) for n in range(many)), hooks=many)
        assert sum(isinstance(each, WholeLog) for each in desk.asked) == 1

    def test_those_whose_log_cannot_be_read_neither(self) -> None:
        tasks = [f"t{n:02}" for n in range(BACKLOG + 1)]
        desk = self.desk(*(("h0", task) for task in tasks), damaged=tasks[:-1], hooks=1)
        assert [each.task for each in desk.sent] == tasks[-1:]
        desk.tell(Delivered(tasks[-1], "h0"))
        assert desk.state.quiet, "they do not hold up the end of the process"

    def test_a_log_that_cannot_be_read_is_asked_for_less_and_less_often(self) -> None:
        desk, delays = self.desk(("h0", TASK), damaged=[TASK], hooks=1), []
        for _ in range(8):
            (timer,) = [each for each in desk.effects if isinstance(each, StartTimer)]
            delays.append(timer.delay)
            assert desk.tell(timer.message) == []
        assert delays == [5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 300.0, 300.0]
        desk.damaged.clear()
        (sent,) = desk.tell(timer.message)
        assert sent.record.seq == 100

    def test_a_log_that_is_not_understood_is_as_good_as_not_read(self) -> None:
        desk = self.desk()
        desk.answer = lambda _: Stored(Head(TASK), None, None, ())  # type: ignore[method-assign,assignment] # the journal of this test: no row
        scanned = Unconsumed(OUTBOX, WEBHOOKS, ("", ""), PAGE)
        desk.tell(Answered(scanned, (Left(consumer("h0"), Place(TASK, 4)),), None))
        assert [type(each) for each in desk.effects if not isinstance(each, Tell)] == [
            Log,
            StartTimer,
        ]
        assert desk.state.quiet

    def test_a_process_that_ends_begins_none(self) -> None:
        desk = self.desk()
        desk.state = desk.actor.start().state
        ended = Answer()
        desk.actor.step(desk.state, Envelope(Drain(), ended), 0)
        scanned = Unconsumed(OUTBOX, WEBHOOKS, ("", ""), PAGE)
        desk.asked.clear()
        desk.tell(Answered(scanned, (Left(consumer("h0"), Place(TASK, 4)),), None))
        assert desk.asked == []
        assert any(isinstance(each, Reply) and each.to is ended for each in desk.effects)

    @pytest.mark.parametrize("sender", [False, True])
    def test_for_a_server_that_is_set_up_otherwise_it_is_left_alone(self, sender: bool) -> None:
        desk = Desk()
        desk.actor = OutboxActor(STATES, PATIENT, sender=sender)
        desk.state = desk.actor.start().state
        alien = "h1" if sender else ""
        scanned = Unconsumed(OUTBOX, WEBHOOKS, ("", ""), PAGE)
        desk.asked.clear()
        assert desk.tell(Answered(scanned, (Left(consumer(alien), Place(TASK, 2)),), None)) == []
        (line,) = desk.effects
        assert isinstance(line, Log)
        assert line.text.startswith("1 webhooks")
        assert desk.tell(LookAfter(TASK, (Hook(alien, 2, config()),))) == []
        assert desk.deliver(3, hooks=(Hook(alien, 2, config()),)) == []
        assert desk.asked == []


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
        assert draft.pending[-1].then == (Tell(OUTBOX, deleted), Tell(OUTBOX, deleted, late))
        made.deliver_all()

    def test_deleted_again_it_is_told_though_the_first_deletion_was_not(self) -> None:
        """Its actor was lost before it heard that the deletion is stored."""
        made = self.bench()
        self.configure(made)
        state = made.system.cells[task_ref(TASK)].state
        assert isinstance(state, TaskState)
        draft, late = Draft(state, 0, STATES), Answer()
        draft.state.hooks = ()
        asked = Envelope(Unconfigure("h1"), reply_to=late)
        unconfigure(Rules(Policy.sdk(), pushed=STATES), draft, asked, Unconfigure("h1"))
        assert draft.effects == [Tell(OUTBOX, Unhooked(TASK, "h1", state.seq), late)]
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
