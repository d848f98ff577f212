"""`persistent.open`: from entering to leaving, on a real loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from actors.runtime import (
    ActorRef,
    ActorStopped,
    Caller,
    DeadLetterNotice,
    StartTimer,
    Tell,
    persistent,
)
from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Append
from actors.runtime.journal.projection import Query
from actors.runtime.journal.record import Record
from actors.runtime.message import NOBODY
from actors.runtime.naming import log_of, ref_of
from actors.runtime.recovery import Recovery
from actors.storage import MemoryJournal
from tests.runtime.orders import (
    ALICE,
    ClosedError,
    Do,
    Expire,
    Look,
    Note,
    Noted,
    Order,
    Pay,
    Place,
    Post,
    State,
    order,
    read,
)

KINDS = {"order": Order}


class Slow(MemoryJournal):
    """Answers later, as a server would."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: asyncio.Future[None] | None = None
        self.asked: asyncio.Future[None] | None = None
        self.opened = self.closed = 0
        self.turns = 0
        """Iterations of the loop that an append takes."""

    def shut(self) -> asyncio.Future[None]:
        """Let appends wait from now on; `asked` is done once one does."""
        loop = asyncio.get_running_loop()
        self.gate, self.asked = loop.create_future(), loop.create_future()
        return self.gate

    async def open(self, *projections: Any) -> None:  # type: ignore[override] # either may be
        self.opened += 1
        MemoryJournal.open(self, *projections)

    async def close(self) -> None:  # type: ignore[override] # either may be
        self.closed += 1

    async def append(self, group: Any) -> Any:  # type: ignore[override] # either may be
        if self.gate is not None and self.asked is not None:
            if not self.asked.done():
                self.asked.set_result(None)
            await self.gate
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return MemoryJournal.append(self, group)


def opened(journal: MemoryJournal, **options: Any) -> persistent.PersistentSystem:
    return persistent.open(journal, KINDS, ports={"post": lambda _: Post()}, **options)


async def recovered(orders: persistent.PersistentSystem) -> Recovery:
    async with asyncio.timeout(5):
        while not (found := await orders.recovery()).done:
            pass
        return found


async def test_a_program_is_short() -> None:
    journal = Slow()
    async with opened(journal) as orders:
        assert await orders.ask(order("1"), Place("book"), ALICE) == "placed"
        with pytest.raises(PermissionError):
            await orders.ask(order("1"), Pay(), Caller("bob"))
        orders.tell(order("1"), Note("hello"))
        assert await orders.ask(order("1"), Pay(), ALICE) == "paid"
        with pytest.raises(ClosedError):
            await orders.ask(order("1"), Pay())
    assert (journal.opened, journal.closed) == (1, 1)
    async with opened(journal) as orders:
        state: State = await orders.ask(order("1"), Look())
    assert (state.status, state.notes) == ("paid", ("hello",))


async def test_what_was_active_is_revived_and_listed() -> None:
    journal = MemoryJournal()
    async with opened(journal) as orders:
        for name in ("1", "2"):
            await orders.ask(order(name), Place("book"), ALICE)
    async with opened(journal) as orders:
        found = await recovered(orders)
        assert (found.settled, found.failed) == (2, 0)
        assert orders.system.alive(order("1"))
        projection = Order.projection
        assert projection is not None
        page = await orders.list(Query(projection=projection, owner="alice", tenant=""))
        assert [ref_of(stored.head.log).id for stored in page.logs] == ["2", "1"]


async def test_leaving_waits_for_what_is_under_way() -> None:
    journal = Slow()
    async with opened(journal) as orders:
        gate = journal.shut()
        asked = asyncio.ensure_future(orders.ask(order("1"), Note("x")))
        assert journal.asked is not None
        await journal.asked
        orders.tell(order("2"), Note("y"))
        asyncio.get_running_loop().call_soon(gate.set_result, None)
    assert await asked == 1
    assert read(journal, "order/2").head.seq == 1


async def test_what_was_told_before_leaving_is_done_and_what_that_tells_too() -> None:
    journal = Slow()
    journal.turns = 50
    async with opened(journal) as orders:
        then = (Tell(order("2"), Note("by 1")),)
        orders.tell(order("1"), Do(persistent.persist(Noted("x"), then=then)))
    assert read(journal, "order/1").head.seq == 1
    assert read(journal, "order/2").head.seq == 1


async def test_leaving_waits_no_longer_than_said() -> None:
    journal = Slow()
    async with opened(journal, drain=0.01) as orders:
        journal.shut()
        asked = asyncio.ensure_future(orders.ask(order("1"), Note("x")))
        assert journal.asked is not None
        await journal.asked
    with pytest.raises(ActorStopped):
        await asked
    assert journal.closed == 1
    with pytest.raises(ActorStopped, match="no further commands"):
        await orders.ask(order("1"), Look())
    letters: list[DeadLetterNotice] = []
    orders.system.on_dead_letter(letters.append)
    orders.tell(order("1"), Note("late"))
    assert len(letters) == 1


async def test_what_cannot_be_opened_is_closed_again() -> None:
    journal = Slow()

    def broken(_: Any) -> Any:
        raise KeyError("no such host")

    with pytest.raises(KeyError):
        async with persistent.open(journal, KINDS, ports={"post": broken}):
            raise AssertionError
    assert journal.closed == 1


async def test_it_is_entered_once() -> None:
    system = opened(MemoryJournal())
    with pytest.raises(ActorStopped, match="async with"):
        await system.ask(order("1"), Look())
    async with system:
        with pytest.raises(RuntimeError, match="open another"):
            await system.__aenter__()
    assert "closed" in repr(system)


@pytest.mark.parametrize("kind", ["", "Order", "or/der", "journal", "recovery", "x" * 32, "ört"])
def test_kinds_are_words(kind: str) -> None:
    with pytest.raises(ValueError, match="found kind"):
        persistent.open(MemoryJournal(), {kind: Order})


@pytest.mark.parametrize("name", ["", "a\0b", "\ud800"])
async def test_ids_are_text(name: str) -> None:
    async with opened(MemoryJournal()) as orders:
        with pytest.raises(ValueError, match="found id"):
            await orders.ask(order(name), Look())
        with pytest.raises(ValueError, match="no actors of kind 'door'"):
            orders.tell(ActorRef("door", "1"), Look())


@pytest.mark.parametrize("name", ["1", "a/b", "/", "é ", "order/1"])
def test_a_log_is_named_after_its_actor(name: str) -> None:
    assert ref_of(log_of(order(name))) == order(name)


@pytest.mark.parametrize("log", ["", "order", "order/", "/1", "3f2-task"])
def test_other_logs_are_nobodys(log: str) -> None:
    with pytest.raises(ValueError, match="found"):
        ref_of(log)


async def test_logs_of_others_are_left_alone() -> None:
    journal = MemoryJournal()
    record = Record(1, 1, 0, 1)
    for log in ("3f2-task", "door/1", "order/\0"):
        journal.append([Append(log, 1, 0, (record,), NOBODY, active=True)])
    async with opened(journal) as orders:
        found = await recovered(orders)
        assert (found.settled, found.strange) == (0, 3)
    assert [head.seq for head in journal.heads()] == [1, 1, 1]


async def test_a_timer_runs_on_the_loop() -> None:
    async with opened(MemoryJournal()) as orders:
        await orders.ask(order("1"), Place("book"))
        soon = persistent.answer(then=(StartTimer("payment", 0.0, Expire()),))
        await orders.ask(order("1"), Do(soon))
        async with asyncio.timeout(5):
            while (await orders.ask(order("1"), Look())).status == "placed":
                pass


def test_the_port_of_the_journal_is_not_replaced() -> None:
    with pytest.raises(ValueError, match="'journal', which is taken"):
        persistent.open(MemoryJournal(), KINDS, ports={"journal": lambda _: Post()})


def test_a_store_of_somebody_else_is_refused() -> None:
    journal = MemoryJournal()
    journal.external = True
    with pytest.raises(ValueError, match="another program"):
        opened(journal)


@pytest.mark.parametrize(
    ("journal", "kinds", "says"),
    [
        ("orders.db", KINDS, "expected one, such as `SqliteJournal"),
        (MemoryJournal(), {"order": Order()}, "not an instance"),
        (MemoryJournal(), {"order": dict}, "expected a subclass of PersistentActor"),
    ],
)
def test_what_is_given_is_what_is_wanted(journal: Any, kinds: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        persistent.open(journal, kinds)


@pytest.mark.parametrize("patience", [float("nan"), -1.0])
def test_patience_is_a_time(patience: float) -> None:
    with pytest.raises(ValueError, match="patience is"):
        opened(MemoryJournal(), patience=patience)


async def test_an_id_that_is_no_text_is_said() -> None:
    async with opened(MemoryJournal()) as orders:
        with pytest.raises(ValueError, match="kind and id to be of type str"):
            await orders.ask(ActorRef("order", 1), Look())  # type: ignore[arg-type] # the point


async def test_a_journal_has_one_user_at_a_time() -> None:
    journal = Slow()
    async with opened(journal) as orders:
        with pytest.raises(StorageError, match="is open already, for <PersistentSystem of order"):
            await opened(journal).__aenter__()
        assert (journal.opened, journal.closed) == (1, 0)
        assert await orders.ask(order("1"), Note("x")) == 1
    async with opened(journal) as orders:
        assert (await orders.ask(order("1"), Look())).notes == ("x",)


def test_the_builtin_open_is_not_shadowed() -> None:
    assert "open" not in persistent.__all__


@pytest.mark.parametrize("drain", [float("inf"), float("nan")])
def test_leaving_ends(drain: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        opened(MemoryJournal(), drain=drain)
