"""What strikes a simulated journal, whatever it is asked; and that it answers when it is chosen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actors.runtime.journal.actor import Fetch
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.messages import (
    JOURNAL,
    Compact,
    Consumed,
    FindKey,
    Heads,
    NextPlace,
    NextRecords,
    Remove,
    Surplus,
    Unconsumed,
    WholeLog,
)
from actors.runtime.journal.port import Head, Journal, Place, Snapshot
from actors.runtime.journal.projection import Keep
from actors.runtime.message import Envelope
from actors.simulation import trace as seen
from actors.simulation.choices import Recorded
from actors.simulation.chosen import ChosenJournal
from actors.simulation.faults import FAIL, LOSE, FaultPlan, Faults
from actors.simulation.journal import SimJournal
from actors.simulation.loop import SimLoop
from actors.simulation.ports import _reading, _writing
from actors.simulation.process import Process
from actors.simulation.report.lines import text_of
from actors.simulation.storing import Storing
from actors.simulation.trace import Trace
from actors.simulation.writes import Consume, Cut, Drop, Group, Upkeep
from actors.storage.samples import ITEMS, VISITS, appending, query
from tests.simulation.journals import journal_on
from tests.simulation.test_journal_upkeep import COPY, STEPS, begun
from tests.simulation.test_journal_upkeep import seen as held

UPKEEP = [each for each in STEPS if not isinstance(each, Group)]


def storing(journal: SimJournal, *chosen: int) -> tuple[Storing, Trace]:
    trace = Trace()
    plan = FaultPlan.only(appends=len(chosen))
    faults = Faults(plan, Recorded(chosen), lambda *_: None, lambda: 0.0)
    return Storing("n1", journal, faults, trace), trace


def done(each: Storing, write: Upkeep) -> Any:
    each.under_way.append(write)
    return each.write(write)


def test_a_write_that_fails_changes_nothing_and_one_that_loses_its_word_does() -> None:
    for at, write in enumerate(UPKEEP):
        journal = begun()
        for before in UPKEEP[:at]:
            journal.write(before)
        unchanged = held(journal)
        each, trace = storing(journal, FAIL, LOSE)
        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                done(each, write)
            assert each.under_way == []
            assert (held(journal) == unchanged) is (len(trace.entries) == 1)
        failed, lost = trace.entries
        assert failed == seen.Untended("n1", write)
        assert (lost.write, lost.told) == (write, False)
        assert "FAILED" in text_of(failed, {})
        assert "ACKNOWLEDGEMENT IS LOST" in text_of(lost, {})


def test_a_crash_leaves_of_writes_under_way_what_it_is_told_to() -> None:
    whole = begun()
    for write in UPKEEP:
        whole.write(write)
    expected = {"nothing": held(begun()), "all": held(whole)}
    for survives in ("nothing", "all", "torn"):
        journal = begun()
        each, trace = storing(journal)
        each.under_way += UPKEEP
        each.crash(survives)
        found = held(journal)
        assert found == held(journal_on(journal.disk))
        assert found == expected.get(survives, found)
        assert found not in expected.values() if survives == "torn" else True
        told = {"nothing": [0], "all": [len(UPKEEP)], "torn": range(1, len(UPKEEP))}
        assert len(trace.entries) in told[survives]


def test_a_chosen_journal_answers_each_operation_when_the_loop_has_come_to_it() -> None:
    loop = SimLoop(Recorded())
    process = Process("n1", loop)
    faults = Faults(FaultPlan.none(), loop.choices, loop.touch, loop.time)
    chosen = ChosenJournal(begun(), process, faults, Trace())
    journal: Journal = chosen
    chosen.open(ITEMS, VISITS)
    chosen.save_snapshot("a", Snapshot(4, b"at 4"))
    calls: list[Callable[[], Any]] = [
        lambda: journal.append([appending("z", 0)]),
        lambda: journal.compact("a", 4),
        lambda: journal.consumed("hooks", Place("b", 2)),
        lambda: journal.remove(Head("b", 2, 1)),
        lambda: journal.restore(COPY),
        lambda: journal.read("a"),
        lambda: journal.page("a", 4, 9),
        lambda: journal.find("k1"),
        lambda: journal.list(query()),
        lambda: journal.head("b"),
        lambda: journal.heads(active=True),
        lambda: journal.unconsumed("hooks"),
        lambda: journal.place("hooks", "b"),
        lambda: journal.surplus(Keep(projection=ITEMS, state=2, count=0)),
    ]

    async def whole(answer: Awaitable[Any]) -> Any:
        return await answer

    found = []
    for call in calls:
        answer = call()
        assert not answer.done()
        found.append(loop.run_until_complete(whole(answer)))
    assert chosen.storing.under_way == []
    model = begun()
    model.open(ITEMS, VISITS)
    model.save_snapshot("a", Snapshot(4, b"at 4"))
    journal = model
    assert found == [call() for call in calls]
    loop.close()


def test_a_shell_tells_writes_from_reads_and_names_alike_only_what_is_alike() -> None:
    def asked(message: Any) -> Fetch:
        return Fetch(message, Envelope(message))

    to, place = JOURNAL, Place("a", 3)
    assert _writing(asked(Consumed(to, "hooks", place))) == Consume("hooks", place)
    assert _writing(asked(Compact(to, place))) == Cut("a", 3)
    assert _writing(asked(Remove(to, Head("a", 3)))) == Drop(Head("a", 3))
    keep = Keep(projection=ITEMS, state=2)
    reads = [
        FindKey("k"),
        FindKey("l"),
        Heads(to, "a"),
        Heads(to, "a", active=True),
        Heads(to, "b"),
        NextRecords(to, place),
        NextRecords(to, Place("a", 4)),
        Unconsumed(to, "hooks"),
        Unconsumed(to, "hooks", ("", "a")),
        WholeLog(to, "a"),
        WholeLog(to, "b"),
        NextRecords(to, place, consumer="hooks"),
        NextPlace(to, "hooks", "a"),
        NextPlace(to, "hooks", "b"),
        NextPlace(to, "bells", "a"),
        Surplus(to, keep),
        Surplus(to, Keep(projection=ITEMS, state=3)),
    ]
    assert {_writing(asked(read)) for read in reads} == {None}
    assert len({_reading(asked(read)) for read in reads}) == len(reads)
