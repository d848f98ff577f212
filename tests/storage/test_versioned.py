"""ForeignJournal over stores with versions: the store's version is the fence."""

import pytest
from a2a.server.cluster.task_store import LegacyTaskStoreAdapter, StoredTask
from a2a.server.cluster.version import TaskVersion
from a2a.types import Task

from actors.runtime.journal.port import Ack
from actors.storage import ForeignJournal
from tests.storage.stores import (
    COMPLETED,
    INPUT,
    WORKING,
    Versions,
    Watched,
    Writer,
    context_of,
    fold_at,
    status,
    store,
)

STORED, FENCED = [Ack.STORED], [Ack.FENCED]


@pytest.fixture
def versions() -> Versions:
    return Versions()


@pytest.fixture
def versioned(versions: Versions) -> ForeignJournal:
    return ForeignJournal(versions, context_of)


async def test_a_versioned_store_gets_event_and_versions(
    versioned: ForeignJournal, versions: Versions
) -> None:
    writer = Writer()
    await store(versioned, *writer.running())
    await store(versioned, writer.moved(WORKING, "hm"))
    await store(versioned, writer.wrote("a"), writer.wrote("b"))
    await store(versioned, writer.moved(COMPLETED))
    events = [type(save["event"]).__name__ for save in versions.saves]
    assert events == ["Task", "TaskStatusUpdateEvent", "NoneType", "TaskStatusUpdateEvent"]
    over = [save["prev_version"] for save in versions.saves]
    assert over == [TaskVersion.MISSING, TaskVersion(11), TaskVersion(12), TaskVersion(13)]
    assert versions.saves[0]["prev"] is None
    assert versions.saves[2]["prev"].status.message.message_id == "says hm"
    assert versions.tasks["t"].task == writer.fold.task


async def test_a_conflict_fences_and_the_next_read_has_their_task(
    versioned: ForeignJournal, versions: Versions
) -> None:
    writer = Writer()
    await store(versioned, *writer.running())
    theirs = Task(id="t", context_id="ctx", status=status(COMPLETED, "elsewhere"))
    versions.tasks["t"] = StoredTask(theirs, TaskVersion(40))
    group = [writer.wrote("a"), writer.wrote("b")]
    assert await store(versioned, *group) == FENCED * 2
    fold = await fold_at(versioned)
    assert (fold.task, fold.version) == (theirs, 5)
    assert await store(versioned, writer.wrote("late")) == FENCED


async def test_a_read_that_finds_their_write_fences_what_was_decided_before(
    versioned: ForeignJournal, versions: Versions
) -> None:
    writer = Writer()
    await store(versioned, *writer.running())
    theirs = Task(id="t", context_id="ctx", status=status(INPUT, "elsewhere"))
    versions.tasks["t"] = StoredTask(theirs, TaskVersion(40))
    fold = await fold_at(versioned)
    assert (fold.task, fold.version, fold.run) == (theirs, 4, 1)
    assert versioned.page("t", 3, 10) is None
    assert await store(versioned, writer.wrote("a")) == FENCED
    writer.resume(fold)
    assert await store(versioned, writer.accepted()) == STORED
    assert await store(versioned, writer.started()) == STORED


async def test_at_rest_their_write_fences_too(
    versioned: ForeignJournal, versions: Versions
) -> None:
    writer = Writer()
    await store(versioned, *writer.running(), writer.moved(INPUT), writer.ended())
    theirs = Task(id="t", context_id="ctx", status=status(INPUT, "elsewhere"))
    versions.tasks["t"] = StoredTask(theirs, TaskVersion(40))
    assert await store(versioned, writer.accepted()) == FENCED
    writer.resume(await fold_at(versioned))
    assert await store(versioned, writer.accepted()) == STORED
    await store(versioned, writer.started(), writer.moved(COMPLETED))
    assert versions.saves[-1]["prev_version"] == TaskVersion(40)
    assert versions.saves[-1]["prev"] == theirs


async def test_a_read_overtaken_by_our_own_save_is_no_foreign_write(
    versioned: ForeignJournal, versions: Versions
) -> None:
    writer = Writer()
    await store(versioned, *writer.running())

    async def save_meanwhile() -> None:
        versions.before_get = None
        await store(versioned, writer.wrote("a"))

    versions.before_get = save_meanwhile
    assert (await fold_at(versioned)).task == writer.fold.task
    assert await store(versioned, writer.wrote("b")) == STORED

    async def end_meanwhile() -> None:
        versions.before_get = None
        await store(versioned, writer.moved(INPUT), writer.ended())

    versions.before_get = end_meanwhile
    assert (await fold_at(versioned)).version == 5
    assert await store(versioned, writer.accepted()) == STORED
    assert (await fold_at(versioned)).version == 8


async def test_the_adapter_of_the_sdk_is_a_store_without_versions() -> None:
    watched = Watched()
    journal, writer = ForeignJournal(LegacyTaskStoreAdapter(watched), context_of), Writer()
    await store(journal, *writer.running(), writer.moved(INPUT), writer.ended())
    assert (await fold_at(journal)).version == 5
    await store(journal, writer.accepted())
    await store(journal, writer.started(), writer.moved(COMPLETED))
    assert watched.saves[-1] == writer.fold.task
    assert (await fold_at(journal)).version == 8
