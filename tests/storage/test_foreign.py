"""ForeignJournal over the in-memory store of a2a-sdk: what it saves when, and remembers."""

import asyncio
from collections.abc import Sequence
from inspect import isawaitable
from typing import Any

import pytest
from a2a.types import Message, StreamResponse, Task
from a2a.utils.errors import InvalidParamsError

from actors.runtime import Caller
from actors.runtime.journal.errors import StorageRejected
from actors.runtime.journal.port import Ack, Copy, Head, MaybeAwaitable, Snapshot
from actors.runtime.journal.projection import Keep, Query
from actors.storage import ForeignJournal, remembered
from actors.task.fold import TERMINAL, Fold
from actors.task.listing import TASKS, TaskRow, task_row
from actors.task.record import Kind
from tests.storage.stores import (
    ANN,
    BOB,
    COMPLETED,
    INPUT,
    WORKING,
    Watched,
    Writer,
    context_of,
    fold_at,
    status,
    store,
)

STORED, FENCED = [Ack.STORED], [Ack.FENCED]


def at_once(answer: MaybeAwaitable[Sequence[Ack]]) -> Sequence[Ack]:
    assert not isawaitable(answer)
    return answer


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def journal(watched: Watched) -> ForeignJournal:
    return ForeignJournal(watched, context_of)


# -- what is saved, and when


async def test_nothing_is_saved_before_there_is_a_task(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer = Writer()
    assert at_once(journal.append([writer.accepted()])) == STORED
    assert at_once(journal.append([writer.accepted(), writer.started()])) == STORED * 2
    assert watched.saves == []
    fold = await fold_at(journal)
    assert (fold.task, fold.version, fold.running, fold.queue) == (None, 3, 1, (2,))
    assert fold.accepted == writer.fold.accepted
    assert await journal.read("t", BOB) is None
    await store(journal, writer.created())
    assert [task.id for task in watched.saves] == ["t"]


async def test_a_group_is_saved_once_with_all_it_says(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer = Writer()
    group = [*writer.running(), writer.wrote("a"), writer.wrote("b"), writer.moved(INPUT, "more?")]
    assert await store(journal, *group) == STORED * 6
    assert watched.saves == [writer.fold.task]
    assert await watched.store.get("t", context_of(ANN)) == writer.fold.task


async def test_a_fenced_append_leaves_the_others_of_its_group(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer, zombie = Writer(), Writer()
    await store(journal, *writer.running())
    late = zombie.accepted()
    group = [late, writer.wrote("a"), late._replace(epoch=1), writer.wrote("b")]
    assert await store(journal, *group) == [Ack.FENCED, Ack.STORED, Ack.FENCED, Ack.STORED]
    assert watched.saves[-1] == writer.fold.task
    saves = len(watched.saves)
    assert at_once(journal.append([late])) == FENCED
    assert len(watched.saves) == saves


async def test_private_records_are_not_saved_but_a_message_that_enters_the_history_is(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer = Writer()
    await store(journal, *writer.running())
    assert at_once(journal.append([writer.accepted()])) == STORED
    await store(journal, writer.moved(INPUT, "more?"), writer.ended())
    assert len(watched.saves) == 2
    await store(journal, writer.started())
    assert len(watched.saves) == 3
    saved = await watched.store.get("t", context_of(ANN))
    assert saved is not None
    assert [message.message_id for message in saved.history] == ["says more?", "m3"]


async def test_a_bare_reply_is_saved_nowhere(journal: ForeignJournal, watched: Watched) -> None:
    writer = Writer()
    reply = StreamResponse(message=Message(message_id="r")).SerializeToString()
    group = [writer.accepted(), writer.started(), writer.append((Kind.REPLY, reply, {}))]
    assert at_once(journal.append(group)) == STORED * 3
    assert watched.saves == []
    assert await journal.read("t", ANN) is None


async def test_the_store_never_shares_an_object_with_us() -> None:
    watched = Watched(use_copying=False)
    journal, writer = ForeignJournal(watched, context_of), Writer()
    await store(journal, *writer.running())
    kept = await watched.store.get("t", context_of(ANN))
    assert kept is not None
    before = kept.SerializeToString()
    await store(journal, writer.wrote("a"))
    assert kept.SerializeToString() == before
    latest = await watched.store.get("t", context_of(ANN))
    assert latest is not None
    latest.artifacts[0].parts[0].text = "changed by its owner"
    assert (await fold_at(journal)).task == writer.fold.task


async def test_a_run_without_its_request_saves_as_the_owner_of_the_row(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer = Writer()
    await store(journal, *[each._replace(caller=Caller()) for each in writer.running()])
    assert await watched.store.get("t", context_of(ANN)) == writer.fold.task


# -- while a save is under way


async def test_nothing_is_shown_before_the_save_has_returned(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer, other = Writer(), Writer("other")
    await store(journal, *writer.running())
    seen = Fold.unpack(writer.fold.pack())
    watched.gate = asyncio.Event()
    pending = asyncio.ensure_future(store(journal, writer.wrote("a"), writer.moved(COMPLETED)))
    await watched.at_gate.wait()
    assert (await fold_at(journal)).pack() == seen.pack()
    assert journal.page("t", 3, 10) == ()
    with pytest.raises(RuntimeError, match="two groups"):
        journal.append([writer.accepted()])
    gate, watched.gate = watched.gate, None
    assert await store(journal, *other.running()) == STORED * 3
    assert not pending.done()
    gate.set()
    assert await pending == STORED * 2
    assert (await fold_at(journal)).task == writer.fold.task


async def test_the_first_save_shows_no_task_before_it_has_returned(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer = Writer()
    watched.gate = asyncio.Event()
    pending = asyncio.ensure_future(store(journal, *writer.running()))
    await watched.at_gate.wait()
    stored = await journal.read("t", ANN)
    assert stored is None or task_row(stored).state == 0
    watched.gate.set()
    assert await pending == STORED * 3
    assert (await fold_at(journal)).task == writer.fold.task


# -- stores that refuse


async def test_what_a_save_raises_reaches_the_caller_and_the_store_is_asked_anew(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer = Writer()
    await store(journal, *writer.running())
    saved = Task()
    assert writer.fold.task is not None
    saved.CopyFrom(writer.fold.task)
    watched.error = ZeroDivisionError("their own")
    with pytest.raises(StorageRejected, match="their own") as caught:
        await store(journal, writer.wrote("lost"), writer.wrote("lost too"))
    assert caught.value.cause is watched.error
    assert at_once(journal.append([writer.wrote("void")])) == FENCED
    watched.error = None
    fold = await fold_at(journal)
    assert fold.task == saved
    assert (fold.version, fold.epoch, fold.run, fold.running) == (5, 2, 1, None)
    assert journal.page("t", 3, 10) is None
    writer.resume(fold)
    assert await store(journal, writer.moved(COMPLETED)) == STORED
    assert (await fold_at(journal)).version == 6


async def test_a_first_save_that_fails_leaves_nothing(
    journal: ForeignJournal, watched: Watched
) -> None:
    watched.error = ValueError("no")
    with pytest.raises(StorageRejected):
        await store(journal, *Writer().running())
    watched.error = None
    assert await journal.read("t", BOB) is None
    assert await store(journal, *Writer().running()) == FENCED * 3
    assert await journal.read("t", ANN) is None
    assert await store(journal, *Writer().running()) == STORED * 3


async def test_a_save_that_was_cancelled_has_an_unknown_outcome(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer = Writer()
    await store(journal, *writer.running())
    watched.gate = asyncio.Event()
    pending = asyncio.ensure_future(store(journal, writer.moved(INPUT)))
    await watched.at_gate.wait()
    pending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pending
    watched.gate = None
    writer.resume(await fold_at(journal))
    assert (writer.fold.version, writer.fold.state) == (4, WORKING)
    assert await store(journal, writer.moved(COMPLETED)) == STORED


async def test_what_get_and_list_raise_reaches_the_caller(journal: ForeignJournal) -> None:
    await store(journal, *Writer().running())
    with pytest.raises(StorageRejected) as caught:
        await journal.list(
            Query(projection=TASKS, owner="ann", tenant="acme", after=(0, "no token"), caller=ANN)
        )
    assert isinstance(caught.value.cause, InvalidParamsError)

    def no_context(caller: Caller) -> object:
        return None

    with pytest.raises(StorageRejected) as caught:
        await ForeignJournal(Watched(), no_context).read("t", ANN)
    assert isinstance(caught.value.cause, AttributeError)


async def test_appends_that_break_the_contract_are_loud(journal: ForeignJournal) -> None:
    writer = Writer()
    with pytest.raises(ValueError, match="two lanes"):
        journal.append([writer.accepted(), Writer("u").accepted()])
    with pytest.raises(ValueError, match="has the row None"):
        journal.append([writer.accepted()._replace(row=None)])
    assert at_once(journal.append([])) == []
    assert journal.lane("t") != journal.lane("u")


# -- what is read


async def test_a_read_asks_the_store_once(journal: ForeignJournal, watched: Watched) -> None:
    writer = Writer()
    await store(journal, *writer.running())
    for caller, gets in ((ANN, 1), (BOB, 2), (None, 3)):
        await journal.read("t", caller)
        assert watched.gets == gets


async def test_another_owner_sees_nothing_and_changes_nothing(journal: ForeignJournal) -> None:
    writer = Writer()
    await store(journal, *writer.running())
    assert await journal.read("t", BOB) is None
    assert await store(journal, writer.moved(INPUT), writer.ended()) == STORED * 2
    assert await journal.read("t", BOB) is None
    assert await store(journal, writer.accepted()) == STORED
    assert (await fold_at(journal, caller=None)).queue == (6,)


async def test_a_task_that_only_the_store_knows(journal: ForeignJournal, watched: Watched) -> None:
    task = Task(id="t", context_id="ctx", status=status(INPUT, "well?"))
    await watched.store.save(task, context_of(ANN))
    stored = await journal.read("t", ANN)
    assert stored is not None
    assert stored.row == TaskRow("ann", "acme", "ctx", INPUT, 1_000)
    assert stored.head == Head("t", 1, 1, active=False)
    writer = Writer()
    writer.resume(await fold_at(journal))
    assert writer.fold.task == task
    assert await store(journal, writer.accepted()) == STORED
    assert await store(journal, writer.started(), writer.moved(COMPLETED)) == STORED * 2
    saved = await watched.store.get("t", context_of(ANN))
    assert saved == writer.fold.task


async def test_numbers_go_on_after_rest_and_end(journal: ForeignJournal) -> None:
    writer = Writer()
    await store(journal, *writer.running(), writer.moved(INPUT), writer.ended())
    fold = await fold_at(journal)
    assert (fold.version, fold.run) == (5, 1)
    writer.resume(fold)
    await store(journal, writer.accepted(), writer.started(), writer.moved(COMPLETED))
    fold = await fold_at(journal)
    assert (fold.version, fold.run, fold.state in TERMINAL) == (8, 2, True)
    assert journal.page("t", 4, 10) is None
    assert journal.page("t", 8, 10) == ()


async def test_at_rest_the_next_append_builds_on_what_the_store_has_by_now(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer = Writer()
    await store(journal, *writer.running(), writer.moved(INPUT), writer.ended())
    theirs = await watched.store.get("t", context_of(ANN))
    assert theirs is not None
    theirs.metadata["note"] = "from an administrator"
    await watched.store.save(theirs, context_of(ANN))
    assert (await fold_at(journal)).task == theirs
    await store(journal, writer.accepted())
    await store(journal, writer.started(), writer.moved(COMPLETED))
    saved = await watched.store.get("t", context_of(ANN))
    assert saved is not None
    assert saved.metadata["note"] == "from an administrator"
    assert saved.status.state == COMPLETED


async def test_a_task_deleted_from_the_store_is_gone(
    journal: ForeignJournal, watched: Watched
) -> None:
    writer = Writer()
    await store(journal, *writer.running(), writer.moved(INPUT), writer.ended())
    await watched.store.delete("t", context_of(ANN))
    assert await store(journal, writer.accepted()) == FENCED
    assert await journal.read("t", ANN) is None
    assert await store(journal, *Writer().running()) == STORED * 3


async def test_pages_reach_back_as_far_as_memory(journal: ForeignJournal) -> None:
    writer = Writer()
    group = writer.running()
    records = [each.records[0] for each in group]
    await store(journal, *group)
    assert journal.page("t", 0, 2) == tuple(records[:2])
    assert journal.page("t", 3, 2) == ()
    assert journal.page("unknown", 0, 2) is None
    for _ in range(remembered.RECENT):
        append = writer.wrote("x")
        records += append.records
        await store(journal, append)
    assert journal.page("t", 2, 5) is None
    assert journal.page("t", 3, 5) == tuple(records[3:8])
    assert journal.page("t", 250, 500) == tuple(records[250:])


async def test_the_oldest_tasks_at_rest_are_forgotten(
    journal: ForeignJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered, "RESTING", 3)
    busy = Writer("busy")
    await store(journal, *busy.running())
    for number in range(5):
        writer = Writer(str(number))
        await store(journal, *writer.running(), writer.moved(INPUT), writer.ended())
    assert [(await fold_at(journal, str(number))).version for number in (4, 3, 0)] == [5, 5, 1]
    assert await store(journal, busy.wrote("still here")) == STORED


# -- listing


async def test_listing_pages_with_the_token_of_the_store(journal: ForeignJournal) -> None:
    for number in range(5):
        writer = Writer(f"t{number}")
        await store(journal, writer.created(INPUT if number % 2 else WORKING, at=number))
    await store(journal, Writer("of bob", BOB).created())
    names: list[str] = []
    after = None
    while True:
        query = Query(projection=TASKS, owner="ann", tenant="acme", size=2, after=after, caller=ANN)
        listing = await journal.list(query)
        assert listing.total == 5
        names += [each.head.log for each in listing.logs]
        if (after := listing.next) is None:
            break
    assert names == ["t4", "t3", "t2", "t1", "t0"]
    ours: dict[str, Any] = {"projection": TASKS, "owner": "ann", "tenant": "acme", "caller": ANN}
    listing = await journal.list(Query(**ours, where={"state": INPUT}, since=3))
    assert [each.head.log for each in listing.logs] == ["t3"]
    assert listing.logs[0] == await journal.read("t3", ANN)
    assert not (await journal.list(Query(**ours, where={"context": "x"}))).logs


def test_a_store_is_looked_after_by_its_owner(journal: ForeignJournal) -> None:
    assert journal.heads(active=True) == []
    assert journal.unconsumed("webhooks") == []
    assert journal.place("webhooks", "t") is None
    assert journal.surplus(Keep(projection=TASKS, state=INPUT, count=0)) == []
    assert not journal.compact("t", 1)
    assert not journal.remove(Head("t"))
    assert not journal.restore(Copy(Head("t", 1, floor=1), None, Snapshot(1, b""), ()))


def test_it_says_what_it_is(journal: ForeignJournal) -> None:
    assert repr(journal) == "<ForeignJournal Watched remembers=0>"
