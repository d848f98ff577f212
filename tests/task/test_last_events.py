"""A run whose last events and end are heard of at once: one message, one decision, one append.

Neighbours: `test_races.py` (ends that overtake), `tests/a2a/test_last_words.py` (who tells so).
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.a2a.emission import Event, emitted
from actors.runtime.journal.port import Ack, Append
from actors.storage import MemoryJournal
from actors.task.messages import Emitted, RunOver, task_ref
from actors.task.orders import RUNNER, RunReported
from actors.task.policy import Policy
from actors.task.ports import ForgetRequest, GrantCredit, RunId
from actors.task.record import Kind
from tests.task.harness import ALICE, CONTEXT, TASK, Bench, artifact, reply, status, task


class Kept(MemoryJournal):
    """Remembers what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.appends: list[Append] = []

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        self.appends += group
        return super().append(group)


def begun() -> tuple[Bench, Kept]:
    journal = Kept()
    return Bench(Policy.sdk(), journal), journal


def report(bench: Bench, *events: Event, run: RunId | None = None) -> None:
    """Say that the agent has returned, and what it emitted last."""
    run = run or bench.run
    heard = tuple(emitted(run, CONTEXT, event) for event in events)
    bench.system.tell(RUNNER, RunReported(run, None, cancel=False, events=heard))
    bench.clock.run()


def test_they_are_one_append_and_the_task_is_left_at_once() -> None:
    bench, journal = begun()
    answer = bench.send(new=True, key=7)
    report(bench, task(), artifact(), status("COMPLETED"))
    assert [len(append.records) for append in journal.appends] == [2, 3]
    assert answer.value.task == bench.get().value.task
    assert not bench.system.alive(task_ref(TASK))
    # Nothing is left to wait for: no grace for the run (A1), no room for what it will not emit.
    assert not bench.clock.timers
    assert bench.agent.asked[-1] == ForgetRequest(7)
    assert not any(isinstance(request, GrantCredit) for request in bench.agent.asked)
    assert not bench.system.dead_letters


def test_the_append_is_in_the_name_of_the_request_that_is_over() -> None:
    """A user's own store saves in the call of that request."""
    bench, journal = begun()
    bench.send(new=True, key=7)
    report(bench, task(), status("COMPLETED"))
    assert journal.appends[-1].caller == ALICE._replace(key=7)


def test_an_answer_that_an_error_may_follow_is_held_no_longer() -> None:
    bench, _ = begun()
    answer = bench.send(new=True)
    report(bench, reply("pong"))
    assert answer.value.message
    assert not bench.clock.timers


def test_events_that_leave_the_task_open_come_before_what_the_return_means() -> None:
    bench, journal = begun()
    answer = bench.send(new=True)
    report(bench, task(), status("WORKING"))
    kinds = [record.kind for record in journal.appends[-1].records]
    assert kinds == [Kind.TASK, Kind.STATUS, Kind.ENDED]
    assert answer.given == 1


def test_the_task_judges_the_events_of_a_report_that_counts_for_nothing() -> None:
    bench, _ = begun()
    bench.send(new=True)
    bench.emit(task())
    cancelling = bench.cancel()
    report(bench, artifact(), status("COMPLETED"))  # just as the cancel goes out
    assert bench.system.dead_letters == {"superseded run": 1}
    assert cancelling.given == 1  # the agent has completed it
    stranger = bench.run._replace(run=99)
    report(bench, artifact(), status("COMPLETED"), run=stranger)
    assert bench.system.dead_letters["superseded run"] == 4  # another report, and two events


def test_each_event_that_is_lost_is_counted_once() -> None:
    bench, _ = begun()
    bench.send(new=True)
    letters: list[object] = []
    bench.system.on_dead_letter(lambda notice: letters.append(notice.message))
    stranger = bench.run._replace(run=99)
    event = emitted(stranger, CONTEXT, artifact())
    bench.system.tell(task_ref(TASK), RunOver(stranger, None, (event,)))
    bench.clock.run()
    assert letters == [Emitted(stranger, (event,)), RunOver(stranger, None)]
