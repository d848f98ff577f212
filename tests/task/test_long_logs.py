"""A task that does not come to rest: what reads it never reads a long log."""

from itertools import pairwise

import pytest

from actors.runtime.journal.logged import LONG_LOG, SNAPSHOT_TAIL
from actors.runtime.journal.port import Snapshot, Stored
from actors.storage import MemoryJournal
from actors.task.policy import Policy
from actors.task.revive import folded
from tests.task.harness import TASK, Bench, artifact, status, task


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Snapshot]:
    """Every snapshot that any journal is given from now on."""
    seen: list[Snapshot] = []
    save = MemoryJournal.save_snapshot

    def saving(journal: MemoryJournal, log: str, snapshot: Snapshot) -> None:
        seen.append(snapshot)
        save(journal, log, snapshot)

    monkeypatch.setattr(MemoryJournal, "save_snapshot", saving)
    return seen


def running(events: int, bench: Bench | None = None) -> Bench:
    """A task whose agent has emitted so much and goes on."""
    if bench is None:
        bench = Bench(Policy.sdk())
        bench.send(new=True)
        bench.emit(task())
    for _ in range(events):
        bench.emit(artifact())
    return bench


def known(bench: Bench) -> Stored:
    stored = bench.journal.read(TASK)
    assert stored is not None
    return stored


def test_a_running_task_leaves_a_snapshot_at_each_doubling(kept: list[Snapshot]) -> None:
    bench = running(LONG_LOG - 8)
    assert not kept
    longest = 0
    for _ in range(4 * LONG_LOG // 64):
        running(64, bench)
        longest = max(longest, len(known(bench).tail))
    assert [each.seq for each in kept] == [LONG_LOG, 2 * LONG_LOG, 4 * LONG_LOG]
    assert longest < 2 * LONG_LOG
    stored = known(bench)
    whole = Stored(stored.head, stored.row, None, bench.journal.page(TASK, 0, 10**6) or ())
    assert stored.snapshot is not None
    assert folded(stored).pack() == folded(whole).pack()


def test_a_run_that_is_lost_is_settled_from_such_a_snapshot(kept: list[Snapshot]) -> None:
    before = running(LONG_LOG)
    assert len(kept) == 1
    bench = Bench(Policy.sdk(), before.journal)
    read = known(bench)
    assert read.snapshot == kept[0]
    assert before.state == "SUBMITTED"
    bench.recover()
    assert bench.state == "FAILED"
    assert bench.kinds()[-3:] == ["EPOCH_CLAIMED", "ENDED", "STATUS"]
    assert folded(known(bench)).artifacts == folded(read).artifacts


def test_one_that_comes_to_rest_and_goes_on_leaves_no_more_than_it_must(
    kept: list[Snapshot],
) -> None:
    bench = running(LONG_LOG + SNAPSHOT_TAIL)
    bench.emit(status("INPUT_REQUIRED"))
    bench.returned()
    resting = len(bench.log)
    bench.send("go on")
    running(2 * LONG_LOG - len(bench.log), bench)
    assert [each.seq for each in kept] == [LONG_LOG, resting, 2 * LONG_LOG]
    assert all(later.seq - one.seq >= SNAPSHOT_TAIL for one, later in pairwise(kept))
