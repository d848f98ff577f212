"""The outbox: deliveries in order for each task, at least once, and in nobody's way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from actors.runtime import Effect, Envelope, Message, Perform, StartTimer, Tell
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.messages import (
    Answered,
    Consumed,
    Drain,
    NextPlace,
    NextRecords,
    Unconsumed,
)
from actors.runtime.journal.port import Left, Place
from actors.runtime.journal.record import Record
from actors.storage import MemoryJournal
from actors.task.attempts import delivery_id
from actors.task.courier import QUEUE, READ
from actors.task.leftover import BACKLOG, PAGE
from actors.task.messages import Wait
from actors.task.orders import OUTBOX, WEBHOOKS, Deliver, Delivered, Hook
from actors.task.outbox import OutboxActor
from actors.task.policy import Policy
from actors.task.ports import Notify
from actors.task.record import Kind
from actors.task.rounds import RETRY, Outbox
from tests.task.harness import TASK, Bench, artifact, status, task
from tests.task.lossy import Lossy, broken

STATES = frozenset({int(Kind.TASK), int(Kind.STATUS)})
ALL = STATES | {int(Kind.ARTIFACT)}
SENDER = (Hook(""),)


class Watched(MemoryJournal):
    """Counts what it is asked; `away` for as many questions of the outbox."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.away = 0

    def _count(self, name: str) -> None:
        self.calls[name] += 1
        if self.away and name != "append":
            self.away -= 1
            raise StorageUnavailable("connection refused")

    def append(self, group: Any) -> Any:
        self._count("append")
        return super().append(group)

    def page(self, log: str, after: int, limit: int) -> tuple[Record, ...] | None:
        self._count("page")
        return super().page(log, after, limit)

    def consumed(self, consumer: str, place: Place) -> None:
        self._count("consumed")
        super().consumed(consumer, place)

    def unconsumed(self, family: str, after: Any = ("", ""), limit: int = 256) -> Any:
        self._count("unconsumed")
        return super().unconsumed(family, after, limit)


def bench(journal: MemoryJournal | None = None, pushed: frozenset[int] = ALL) -> Bench:
    made = Bench(Policy.sdk(pushed="all"), journal, pushed=pushed)
    made.clock.run()
    return made


def work(made: Bench, chunks: int, name: str = TASK) -> list[tuple[str, int]]:
    """A whole task; what webhooks are to hear of it, in order."""
    made.send("go", Wait.FIRST, new=True, task=name)
    made.emit(task("WORKING"))
    for number in range(chunks):
        made.emit(artifact(text=str(number), append=number > 0))
    made.emit(status("COMPLETED"))
    made.returned()
    return due(made, name)


def found(places: tuple[Left, ...]) -> Envelope:
    """The journal says what an earlier process has left."""
    return Envelope(Answered(Unconsumed(OUTBOX, WEBHOOKS, ("", ""), PAGE), places, None))


def notice(record: Record) -> Notify:
    """What the port of the user's sender is asked."""
    return Notify(TASK, "", b"", record, delivery_id((TASK, ""), record), 1)


def due(made: Bench, name: str = TASK) -> list[tuple[str, int]]:
    return [(name, record.seq) for record in made.log_of(name) if record.public]


def left(journal: MemoryJournal) -> list[Place]:
    return [each.place for each in journal.unconsumed(WEBHOOKS)]


class TestOneProcess:
    def test_in_order_one_at_a_time(self) -> None:
        made = bench()
        expected = work(made, 10)
        assert made.hook.sent == expected[:1], "the next only when the one before is over"
        made.deliver_all()
        assert made.hook.sent == expected
        assert left(made.journal) == []

    def test_a_slow_receiver_of_one_task_delays_no_other(self) -> None:
        made = bench()
        work(made, 3, "slow")
        expected = work(made, 3, "fast")
        while "fast" in made.hook.under_way:
            made.delivered("fast")
        assert [sent for sent in made.hook.sent if sent[0] == "fast"] == expected
        assert made.hook.under_way == ["slow"]
        assert [place.log for place in left(made.journal)] == ["slow"]
        made.deliver_all()

    def test_it_is_remembered_after_each_what_is_done(self) -> None:
        made = bench()
        expected = work(made, 10)
        for _, seq in expected[:-1]:
            made.delivered()
            assert left(made.journal) == [Place(TASK, seq)]
        made.delivered()
        assert left(made.journal) == []

    def test_what_waits_in_memory_is_bounded(self) -> None:
        """10,000 records are handed over before the first notification is over."""
        records = [Record(seq, 1, 0, Kind.STATUS) for seq in range(1, 10_001)]
        actor = OutboxActor(STATES, sender=True)
        state = actor.step(actor.start().state, found(()), 0).state
        effects: list[Effect] = []
        for record in records:
            effects += actor.step(state, Envelope(Deliver(TASK, (record,), SENDER)), 0).effects
        courier, sent, most = state.couriers[TASK, ""], [], 0
        while effects:
            effect = effects.pop(0)
            most = max(most, len(courier.queue))
            if isinstance(effect, Perform):
                assert isinstance(effect.request, Notify)
                sent.append(effect.request.record.seq)
                effects += actor.step(state, Envelope(Delivered(TASK)), 0).effects
            elif isinstance(effect, Tell) and isinstance(effect.message, NextRecords):
                asked = effect.message
                after = asked.place.seq
                page = tuple(records[after : after + asked.limit])
                effects += actor.step(state, Envelope(Answered(asked, page, None)), 0).effects
            elif isinstance(effect, Tell) and isinstance(effect.message, Consumed):
                noted = Answered(effect.message, None, None)
                effects += actor.step(state, Envelope(noted), 0).effects
            elif isinstance(effect, Tell) and isinstance(effect.message, NextPlace):
                nothing = Answered(effect.message, None, None)
                effects += actor.step(state, Envelope(nothing), 0).effects
        assert sent == list(range(1, 10_001))
        assert most <= QUEUE
        assert not state.couriers

    def test_what_comes_before_it_is_known_what_is_left_is_kept(self) -> None:
        """The journal has answered without it: it was stored after that."""
        record = Record(1, 1, 0, Kind.STATUS)
        actor = OutboxActor(STATES, sender=True)
        state = actor.start().state
        assert actor.step(state, Envelope(Deliver(TASK, (record,), SENDER)), 0).effects == ()
        (effect,) = actor.step(state, found(()), 0).effects
        assert isinstance(effect, Perform)
        assert effect.request == notice(record)

    def test_what_is_handed_over_and_read_is_sent_once(self) -> None:
        """Stored before the journal was read, and handed over before its answer came."""
        first, second = (Record(seq, 1, 0, Kind.STATUS) for seq in (1, 2))
        actor = OutboxActor(STATES, sender=True)
        state = actor.step(actor.start().state, found(()), 0).state
        actor.step(state, Envelope(Deliver(TASK, (first,), SENDER)), 0)
        (look,) = actor.step(state, Envelope(Delivered(TASK)), 0).effects
        assert isinstance(look, Tell)
        assert isinstance(look.message, NextRecords)
        assert actor.step(state, Envelope(Deliver(TASK, (second,), SENDER)), 0).effects == ()
        answer = Answered(look.message, (second,), None)
        (effect,) = actor.step(state, Envelope(answer), 0).effects
        assert isinstance(effect, Perform)
        assert effect.request == notice(second)
        assert not state.couriers[TASK, ""].queue

    def test_what_comes_while_it_catches_up_is_neither_lost_nor_repeated(self) -> None:
        made = bench()
        made.send("go", Wait.FIRST, new=True)
        made.emit(task("WORKING"))
        for number in range(QUEUE + 3 * READ):
            made.emit(artifact(text=str(number), append=number > 0))
        for number in range(QUEUE + 4 * READ):
            made.delivered()
            if number % 3 == 0:
                made.emit(artifact(text=str(number), append=True))
        made.emit(status("COMPLETED"))
        made.deliver_all()
        assert made.hook.sent == due(made)

    def test_journal_errors_while_reading_only_delay(self) -> None:
        journal = Watched()
        made = bench(journal)
        made.send("go", Wait.FIRST, new=True)
        made.emit(task("WORKING"))
        for number in range(QUEUE + 50):
            made.emit(artifact(text=str(number), append=number > 0))
        while len(made.hook.sent) < QUEUE + 1:
            made.delivered()
        journal.away = 3
        made.deliver_all()
        assert len(made.hook.sent) == QUEUE + 1
        for _ in range(3):
            made.clock.advance(RETRY)
        made.emit(status("COMPLETED"))
        made.deliver_all()
        assert made.hook.sent == due(made)
        assert left(journal) == []

    def test_it_has_drained_when_all_is_delivered(self) -> None:
        made = bench()
        work(made, 2)
        drained = made.ask(OUTBOX, Drain())
        made.delivered()
        assert drained.given == 0
        made.deliver_all()
        assert drained.value is True
        assert made.ask(OUTBOX, Drain()).value is True

    def test_a_question_leaves_nothing_for_the_next_process(self) -> None:
        """Though private records follow the last one that webhooks hear of."""
        made = bench(pushed=STATES)
        made.send("go", Wait.FIRST, new=True)
        made.emit(task("INPUT_REQUIRED"))
        made.returned()
        assert left(made.journal) == [Place(TASK, 2)]
        made.deliver_all()
        assert left(made.journal) == []
        assert not made.system.cells[OUTBOX].state.couriers

    def test_without_a_receiver_the_journal_is_never_asked(self) -> None:
        journal = Watched()
        work(bench(journal, frozenset()), 3)
        assert not journal.calls.keys() & {"consumed", "unconsumed"}

    def test_what_a_task_costs_when_the_receiver_is_fast(self) -> None:
        """Three notifications: one note after each, and a look whether there are more."""
        journal = Watched()
        made = bench(journal, STATES)
        before = journal.calls.copy()
        made.send("go", Wait.FIRST, new=True)
        for event in (task("SUBMITTED"), status("WORKING"), status("COMPLETED")):
            made.emit(event)
            made.delivered()
        made.returned()
        calls = journal.calls - before
        assert (calls["consumed"], calls["page"]) == (3, 3)


def killed(made: Bench, pushed: frozenset[int] = ALL) -> Bench:
    """The next process; nothing of the one before goes on."""
    return bench(made.journal, pushed)


class TestTheNextProcess:
    @pytest.mark.parametrize("done", range(6))
    def test_goes_on_where_the_one_before_stopped(self, done: int) -> None:
        before = bench()
        expected = work(before, 3)
        for _ in range(done):
            if before.hook.under_way:
                before.delivered()
        after = killed(before)
        after.deliver_all()
        assert after.hook.sent == expected[done:], "the one under way again, and no other"
        assert left(after.journal) == []

    def test_longer_than_a_page_and_the_queue(self) -> None:
        before = bench()
        expected = work(before, QUEUE + READ + 7)
        for _ in range(10):
            before.delivered()
        after = killed(before)
        after.deliver_all()
        assert after.hook.sent == expected[10:]

    def test_new_events_come_after_old_ones(self) -> None:
        before = bench()
        before.send("go", Wait.FIRST, new=True)
        before.emit(task("WORKING"))
        before.emit(status("INPUT_REQUIRED"))
        before.returned()
        after = killed(before)
        after.send("on", Wait.FIRST)
        after.emit(status("WORKING"))
        after.emit(status("COMPLETED"))
        after.deliver_all()
        assert after.hook.sent == due(after)

    def test_new_events_while_it_is_not_known_yet_what_is_left(self) -> None:
        journal = Watched()
        before = bench(journal)
        before.send("go", Wait.FIRST, new=True)
        before.emit(task("WORKING"))
        before.emit(status("INPUT_REQUIRED"))
        before.returned()
        journal.away = 1
        after = killed(before)
        after.send("on", Wait.FIRST)
        after.emit(status("COMPLETED"))
        expected = work(after, 2, "other")
        assert after.hook.sent == []
        after.clock.advance(RETRY)
        after.deliver_all()
        assert [sent for sent in after.hook.sent if sent[0] == TASK] == due(after)
        assert [sent for sent in after.hook.sent if sent[0] == "other"] == expected
        assert left(journal) == []

    def test_many_tasks_a_few_at_a_time(self) -> None:
        before = bench()
        expected = [sent for n in range(50) for sent in work(before, 1, f"t{n:04}")]
        after = killed(before)
        while after.hook.under_way:
            assert len(after.hook.under_way) <= BACKLOG
            after.delivered(after.hook.under_way[-1])
        assert sorted(after.hook.sent) == expected
        assert left(after.journal) == []

    def test_a_failing_journal_at_the_start_is_asked_again(self) -> None:
        journal = Watched()
        before = bench(journal)
        expected = work(before, 3)
        journal.away = 4
        after = killed(before)
        drained = after.ask(OUTBOX, Drain())
        for _ in range(4):
            assert drained.given == 0
            after.clock.advance(RETRY)
        assert drained.value is True
        assert after.hook.sent == [], "a process that ends begins nothing that was left"
        after = killed(after)
        after.deliver_all()
        assert after.hook.sent == expected

    def test_what_recovery_says_comes_last(self) -> None:
        before = bench()
        before.send("go", Wait.FIRST, new=True)
        before.emit(task("WORKING"))
        before.emit(artifact())
        after = killed(before)
        after.begin_recovery()
        after.deliver_all()
        assert after.state == "FAILED"
        assert after.hook.sent == due(after)


class TestWhatAnEarlierLifeLeft:
    """Stored, while nobody heard so: its actor was void before it could hand it over."""

    def test_it_comes_before_what_the_next_life_stores(self) -> None:
        journal = Lossy()
        made = Bench(Policy.sdk(pushed="all", storage_patience=0.0), journal, pushed=ALL)
        made.send("go", Wait.FIRST, new=True)
        made.emit(task("WORKING"))
        made.deliver_all()
        journal.faults = broken()
        made.emit(status("INPUT_REQUIRED"))  # stored, and the word of it is lost
        made.clock.advance(5.0)
        made.deliver_all()
        assert made.hook.sent == due(made)
        assert len(made.hook.sent) == 2
        assert left(journal) == []

    def test_it_comes_first_when_a_message_revives_the_task(self) -> None:
        journal = Lossy()
        made = Bench(Policy.sdk(pushed="all", storage_patience=0.0), journal, pushed=ALL)
        made.send("go", Wait.FIRST, new=True)
        made.emit(task("WORKING"))
        made.deliver_all()
        journal.faults = broken()
        made.emit(artifact())
        made.cancel()  # revives it before anybody looks after what was lost
        made.deliver_all()
        assert made.state == "FAILED"
        assert made.hook.sent == due(made)
        assert len(made.hook.sent) == 3
        assert left(journal) == []


class TestWhileTheJournalTakesItDown:
    """It answers later: the next records may come before."""

    actor = OutboxActor(STATES, sender=True)

    def step(self, state: Outbox, message: Message) -> list[Effect]:
        return list(self.actor.step(state, Envelope(message), 0).effects)

    def scanned(self) -> Outbox:
        return self.actor.step(self.actor.start().state, found(()), 0).state

    def done_with(self, state: Outbox, record: Record) -> Consumed:
        """Hand over, send, look for more: what the journal is told then."""
        (send,) = self.step(state, Deliver(TASK, (record,), SENDER))
        assert isinstance(send, Perform)
        (look,) = self.step(state, Delivered(TASK))
        assert isinstance(look, Tell)
        assert isinstance(look.message, NextRecords)
        (told,) = self.step(state, Answered(look.message, (), None))
        assert isinstance(told, Tell)
        assert isinstance(told.message, Consumed)
        return told.message

    def agrees(self, state: Outbox, consumed: Consumed) -> None:
        """The journal has taken it down, and knows of nothing else that is left."""
        (asked,) = self.step(state, Answered(consumed, None, None))
        assert isinstance(asked, Tell)
        assert asked.message == NextPlace(OUTBOX, WEBHOOKS, TASK)
        assert self.step(state, Answered(asked.message, None, None)) == []

    def test_an_actor_revived_meanwhile_repeats_nothing(self) -> None:
        state = self.scanned()
        first, second = (Record(seq, 1, 0, Kind.STATUS) for seq in (3, 4))
        consumed = self.done_with(state, first)
        (look,) = self.step(state, Deliver(TASK, (second,), SENDER, first=True))
        assert isinstance(look, Tell), "where to go on is known here, and not yet in the journal"
        assert look.message == NextRecords(OUTBOX, Place(TASK, 3), READ, WEBHOOKS)
        assert self.step(state, Answered(consumed, None, None)) == []
        (send,) = self.step(state, Answered(look.message, (second,), None))
        assert isinstance(send, Perform)
        assert send.request == notice(second)

    def test_a_record_that_was_read_before_it_is_handed_over_is_sent_once(self) -> None:
        state = self.scanned()
        record = Record(3, 1, 0, Kind.STATUS)
        consumed = self.done_with(state, record)
        self.agrees(state, consumed)
        assert state.couriers == {}
        (look,) = self.step(state, Deliver(TASK, (record,), SENDER))
        assert isinstance(look, Tell)
        assert look.message == NextRecords(OUTBOX, Place(TASK, 3), READ, WEBHOOKS)

    def test_what_it_could_not_take_down_it_is_told_again(self) -> None:
        state = self.scanned()
        consumed = self.done_with(state, Record(3, 1, 0, Kind.STATUS))
        (retry,) = self.step(state, Answered(consumed, None, StorageUnavailable("away")))
        assert isinstance(retry, StartTimer)
        (told,) = self.step(state, retry.message)
        assert isinstance(told, Tell)
        assert told.message == consumed
        self.agrees(state, consumed)
        assert state.couriers == {}
        assert self.step(state, retry.message) == [], "a timer that comes late finds nothing"

    def test_a_timer_that_comes_while_it_reads_asks_nothing(self) -> None:
        state = self.scanned()
        consumed = self.done_with(state, Record(3, 1, 0, Kind.STATUS))
        (retry,) = self.step(state, Answered(consumed, None, StorageUnavailable("away")))
        assert isinstance(retry, StartTimer)
        self.step(state, Deliver(TASK, (Record(4, 1, 0, Kind.STATUS),), SENDER))
        (look,) = self.step(state, Delivered(TASK))
        assert isinstance(look, Tell)
        assert isinstance(look.message, NextRecords)
        assert self.step(state, retry.message) == []
        (told,) = self.step(state, Answered(look.message, (), None))
        assert isinstance(told, Tell)
        assert isinstance(told.message, Consumed)
        self.agrees(state, told.message)
        assert state.couriers == {}
