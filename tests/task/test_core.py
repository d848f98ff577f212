"""TaskCore on a loop: what waits long, waits on; what comes to rest leaves a snapshot once."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import closing
from typing import Any

import pytest

from actors.a2a.emission import emitted
from actors.runtime import ActorStopped, ActorSystem, AskTimeout, LoopClock
from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.logged import SNAPSHOT_TAIL
from actors.runtime.journal.messages import ReadPage
from actors.runtime.journal.record import Record
from actors.storage import MemoryJournal
from actors.task import reader as reader_module
from actors.task.core import TaskCore
from actors.task.messages import Admitted, Emitted, Get, Send, Wait, task_ref
from actors.task.orders import Left, Page
from actors.task.policy import Policy
from actors.task.record import Kind
from tests.manual import Answer
from tests.task.harness import (
    ALICE,
    CONTEXT,
    TASK,
    Bench,
    PlayedAgent,
    artifact,
    journal_of,
    request,
    status,
    task,
)


class Counting(ActorSystem):
    """Says when a reader has looked elsewhere three times."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(LoopClock(loop), loop.create_future)
        self.looks = 0
        self.third = loop.create_future()

    async def ask(self, ref: Any, message: Any, *args: Any, **more: Any) -> Any:
        self.looks += isinstance(message, ReadPage)
        if self.looks == 3 and not self.third.done():
            self.third.set_result(None)
        return await super().ask(ref, message, *args, **more)


@pytest.fixture
async def core(request: pytest.FixtureRequest) -> AsyncIterator[TaskCore]:
    policy = Policy.sdk(request_deadline=getattr(request, "param", 86_400.0))
    system = Counting(asyncio.get_running_loop())
    made = TaskCore(system, MemoryJournal(), policy, incarnation="test")
    await made.start(agent=PlayedAgent())
    yield made
    await made.close(0.01)


async def test_a_journal_has_one_core_at_a_time(core: TaskCore) -> None:
    loop = asyncio.get_running_loop()
    system = ActorSystem(LoopClock(loop), loop.create_future)
    second = TaskCore(system, core.journal, core.policy, incarnation="second")
    with pytest.raises(StorageError, match=r"is open already, for .*Counting"):
        await second.start(agent=PlayedAgent())
    await core.close(0.01)
    await second.start(agent=PlayedAgent())
    await second.close(0.01)


def new(wait: Wait) -> Send:
    return Send(request("hi"), CONTEXT, (), wait, True)


async def test_a_sender_who_leaves_before_its_stream_is_there_is_let_out(core: TaskCore) -> None:
    sending = asyncio.ensure_future(core.send(TASK, new(Wait.STREAM), ALICE))
    await asyncio.sleep(0)  # it has asked
    sending.cancel()
    agent = core.system.ports["agent"]
    assert isinstance(agent, PlayedAgent)
    for _ in range(5):
        await asyncio.sleep(0)
    assert sending.cancelled()
    assert agent.starts()
    assert core.system.cells[task_ref(TASK)].state.readers == 0


async def test_a_reader_of_a_silent_task_looks_elsewhere_again_and_again(
    core: TaskCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_module, "SILENCE", 0.001)
    admitted = await core.send(TASK, new(Wait.STREAM), ALICE)
    assert isinstance(admitted, Admitted)
    # Behind the acceptance and the start.
    with closing(core.reader(TASK, admitted, 2, ALICE)) as reader:
        reading = asyncio.ensure_future(reader.next())
        assert isinstance(core.system, Counting)
        await asyncio.wait({core.system.third, reading}, return_when=asyncio.FIRST_COMPLETED)
        assert not reading.done()
        agent = core.system.ports["agent"]
        assert isinstance(agent, PlayedAgent)
        run = agent.starts()[0].run
        core.system.tell(task_ref(TASK), Emitted(run, (emitted(run, CONTEXT, task()),)))
        page = await reading
        assert page is not None
        assert [Kind(record.kind).name for record in page.records] == ["TASK"]


async def test_a_reader_whose_task_was_silent_until_it_came_back_reads_on(core: TaskCore) -> None:
    """It was away for hours, and records came before it was back: nothing is to be looked for."""
    admitted = await core.send(TASK, new(Wait.STREAM), ALICE)
    assert isinstance(admitted, Admitted)
    with closing(core.reader(TASK, admitted, 2, ALICE)) as reader:
        reading = asyncio.ensure_future(reader.next())
        await asyncio.sleep(0)
        reader.resolve(Page((Record(3, 1, 0, Kind.ARTIFACT),), stands=True))
        assert await reading is not None
        reader._look_up()  # the timer: nothing has come
        reader.resolve(Page((Record(4, 1, 0, Kind.ARTIFACT),)))  # and now it has
        assert await reader.next() is not None
        assert not reader._silent, "or it would look elsewhere in place of pulling"


async def test_a_reader_hears_of_an_error_behind_the_pages_that_have_come(core: TaskCore) -> None:
    admitted = await core.send(TASK, new(Wait.STREAM), ALICE)
    assert isinstance(admitted, Admitted)
    with closing(core.reader(TASK, admitted, 2, ALICE)) as reader:
        reading = asyncio.ensure_future(reader.next())
        await asyncio.sleep(0)
        brought = Page((Record(3, 1, 0, Kind.ARTIFACT),), stands=True)
        reader.resolve(brought)
        reader.reject(ActorStopped("gone"))
        assert await reading == brought
        with pytest.raises(ActorStopped, match="gone"):
            async with asyncio.timeout(5):
                await reader.next()


async def test_a_reader_reads_on_from_the_task_where_records_are_no_longer_kept(
    core: TaskCore,
) -> None:
    admitted = await core.send(TASK, new(Wait.STREAM), ALICE)
    assert isinstance(admitted, Admitted)
    agent = core.system.ports["agent"]
    assert isinstance(agent, PlayedAgent)
    with closing(core.reader(TASK, admitted, 2, ALICE)) as reader:
        async with asyncio.timeout(5):
            for _ in range(3):  # turns of the loop, until the run has begun
                await asyncio.sleep(0)
            run = agent.starts()[0].run
            core.system.tell(task_ref(TASK), Emitted(run, (emitted(run, CONTEXT, task()),)))
            assert await reader.next()
            core.system.tell(admitted.fanout, Left(admitted.reader))  # its pull is answered
            reader.resolve(Page((), gap=True))
            given_up = asyncio.ensure_future(reader.next())
            await asyncio.sleep(0)
            given_up.cancel()  # which leaves the reader where it was
            await asyncio.wait({given_up})
            page = await reader.next()
            assert page is not None
            assert page.snapshot is not None
            assert page.snapshot.version == reader.cursor == 3
            core.system.tell(task_ref(TASK), Emitted(run, (emitted(run, CONTEXT, artifact()),)))
            page = await reader.next()
            assert page is not None
            assert [record.seq for record in page.records] == [4]


async def test_a_silent_reader_hears_that_the_journal_is_away(
    core: TaskCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise StorageUnavailable("away")

    admitted = await core.send(TASK, new(Wait.STREAM), ALICE)
    assert isinstance(admitted, Admitted)
    with closing(core.reader(TASK, admitted, 2, ALICE)) as reader:
        reading = asyncio.ensure_future(reader.next())
        await asyncio.sleep(0)
        monkeypatch.setattr(core.system, "ask", away)
        reader._look_up()  # the timer: nothing has come
        with pytest.raises(StorageUnavailable, match="away"):
            async with asyncio.timeout(5):
                await reading


@pytest.mark.parametrize("core", [0.005], indirect=True)
async def test_a_blocking_request_ends_at_its_deadline_and_its_task_goes_on(core: TaskCore) -> None:
    with pytest.raises(AskTimeout, match="no answer to Send"):
        await core.send(TASK, new(Wait.SETTLED), ALICE)
    assert core.system.alive(task_ref(TASK))


def test_an_actor_that_is_kept_from_its_rest_leaves_its_snapshot_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Bench(Policy.sdk())
    before.send(new=True)
    before.emit(task())
    for _ in range(SNAPSHOT_TAIL):
        before.emit(artifact())
    before.emit(status("INPUT_REQUIRED"))
    before.returned()
    journal = journal_of(before.log, before.journal)
    kept: list[int] = []
    monkeypatch.setattr(journal, "save_snapshot", lambda _, snapshot: kept.append(snapshot.seq))
    bench = Bench(Policy.sdk(), journal)
    answers = [Answer() for _ in range(3)]
    for answer in answers:
        bench.system.tell(task_ref(TASK), Get(), answer, ALICE)
    bench.clock.run()
    assert len({answer.value for answer in answers}) == 1
    assert bench.system.refs()[3:] == []
    assert kept == [len(before.log)]


@pytest.mark.parametrize("wrong", [math.inf, math.nan])
async def test_a_close_that_never_ends_is_refused(core: TaskCore, wrong: float) -> None:
    with pytest.raises(ValueError, match="expected a finite number of seconds"):
        await core.close(wrong)
    assert core.system.refs(), "nothing is closed by it"
