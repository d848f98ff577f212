"""Random clients and agents: whatever they do, in whatever order, the invariants hold."""

from __future__ import annotations

from functools import cache

from a2a.types import TaskState
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.runtime.journal.record import Record
from actors.task.chart import STATES, task_chart
from actors.task.fold import TERMINAL, Fold
from actors.task.messages import Admitted, Detach, Wait, task_ref
from actors.task.orders import RUNNER
from actors.task.policy import Policy
from actors.task.record import CALLED_OFF, Failure, Kind, messages_of
from actors.task.runner import Runs
from tests.manual import Answer
from tests.task.harness import TASK, Bench, artifact, journal_of, reply, status, task

STATE_NAMES = [TaskState.Name(state).removeprefix("TASK_STATE_") for state in TaskState.values()]


@cache
def edges_of(policy: Policy) -> frozenset[tuple[str, str]]:
    """Every change of the lifecycle that the chart has."""
    table = task_chart(policy).compile()
    return frozenset(
        (before.atomic[0], outcome.configuration.atomic[0])
        for before in table.configurations
        for event in table.events
        for outcome in table.outcomes(before, event)
    )


class Life(RuleBasedStateMachine):
    """One task, its clients, its agent, and crashes in between."""

    policy = Policy.sdk()

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench(self.policy)
        self.answers: list[Answer] = [self.bench.send("0", new=True)]
        self.sent = 0
        self.seen: tuple[Record, ...] = ()

    @rule(wait=st.sampled_from(list(Wait)))
    def send(self, wait: Wait) -> None:
        self.sent += 1
        self.answers.append(self.bench.send(str(self.sent), wait))

    @rule()
    def cancel(self) -> None:
        self.answers.append(self.bench.cancel())

    @rule(state=st.sampled_from(STATE_NAMES), text=st.sampled_from(["", "say"]))
    def emit_status(self, state: str, text: str) -> None:
        self.bench.emit(status(state, text))

    @rule(state=st.sampled_from(STATE_NAMES))
    def emit_task(self, state: str) -> None:
        self.bench.emit(task(state))

    @rule(name=st.sampled_from("ab"), append=st.booleans(), last=st.booleans())
    def emit_artifact(self, name: str, append: bool, last: bool) -> None:
        self.bench.emit(artifact(name, append=append, last=last))

    @rule()
    def emit_message(self) -> None:
        self.bench.emit(reply("bare"))

    @rule(failure=st.sampled_from([None, Failure("InternalError", "boom")]), cancel=st.booleans())
    def end(self, failure: Failure | None, cancel: bool) -> None:
        """As the port reports: the outcome of a cancel if one was asked for, once for each run."""
        asked = bool(self.bench.agent.cancels()) and self.bench.agent.cancels()[-1].run
        if self._run_is_on() and asked == self.bench.run:
            self.bench.cancelled(failure)
        elif self._run_is_on() and not cancel:
            self.bench.returned(failure)

    @rule(seconds=st.sampled_from([0.1, 0.3, 6.0]))
    def wait(self, seconds: float) -> None:
        self.bench.clock.advance(seconds)

    @precondition(lambda self: self.bench.log)
    @rule()
    def crash(self) -> None:
        """The process dies; another one finds the log as it is. Open asks die with it."""
        self.bench = Bench(self.policy, journal_of(self.bench.log, self.bench.journal))
        self.answers = []
        self.bench.recover()
        if not self.bench.agent.starts():
            # The agent of a settled task is no more; play on against the last run there was.
            self.answers.append(self.bench.send("after"))
        if not self.bench.agent.starts():
            self.bench = Bench(self.policy)
            self.seen = ()
            self.answers = [self.bench.send("0", new=True)]

    @invariant()
    def what_is_stored_stays(self) -> None:
        log = self.bench.log
        assert log[: len(self.seen)] == self.seen
        self.seen = log

    @invariant()
    def sequence_numbers_are_gap_free(self) -> None:
        log = self.bench.log
        assert [record.seq for record in log] == list(range(1, len(log) + 1))
        assert [record.epoch for record in log] == sorted(record.epoch for record in log)

    @invariant()
    def nothing_follows_the_end(self) -> None:
        known = Fold()
        for record in self.bench.log:
            assert not known.final, f"{record} follows the end"
            known.apply(record)

    @invariant()
    def every_change_of_state_is_an_edge(self) -> None:
        edges = edges_of(self.policy)
        known = Fold()
        for record in self.bench.log:
            before = STATES.get(known.state, "absent")
            known.apply(record)
            after = "replied" if known.replied else STATES.get(known.state, "absent")
            assert before == after or (before, after) in edges

    @invariant()
    def at_most_one_run_and_each_message_once(self) -> None:
        running: tuple[int, ...] = ()
        settled: set[int] = set()
        for record in self.bench.log:
            messages = messages_of(record)
            if record.kind == Kind.STARTED:
                assert not running or running == messages
                assert not settled.intersection(messages) or record.number("again")
                running = messages
                settled.update(messages)
            elif record.kind == Kind.ENDED:
                if record.facts["outcome"] == CALLED_OFF:
                    settled.difference_update(running)  # the next run is for them too
                running = ()
            elif record.kind == Kind.REFUSED:
                assert not settled.intersection(messages)
                settled.update(messages)

    @invariant()
    def every_ask_has_at_most_one_answer(self) -> None:
        assert all(answer.given <= 1 for answer in self.answers)

    @invariant()
    def a_final_task_keeps_nobody_waiting(self) -> None:
        if self.bench.folded.state in TERMINAL:
            self.bench.clock.advance(self.policy.terminal_grace + 0.01)
            assert all(answer.given == 1 for answer in self.answers)

    def teardown(self) -> None:
        """Once the agent has ended and readers have left, nothing is left over (invariant 31)."""
        while self._run_is_on():
            self.end(None, cancel=False)
        self.bench.clock.advance(10)
        for answer in self.answers:
            assert answer.given == 1, "an ask was never answered"
            if answer.values and isinstance(answer.value, Admitted):
                self.bench.system.tell(
                    task_ref(TASK), Detach(answer.value.fanout, answer.value.reader)
                )
        self.bench.clock.run()
        assert self.bench.system.refs()[3:] == []

    def _run_is_on(self) -> bool:
        runner: Runs = self.bench.system._cells[RUNNER].state
        return bool(runner.by_task)


class LifeUnderSpec(Life):
    policy = Policy.spec()


class LifeWithRerun(Life):
    policy = Policy.sdk(recovery="rerun", during_run="reject")


class LifeWithInterruptions(Life):
    policy = Policy.sdk(recovery="rerun", during_run="interrupt", during_auth="interrupt")


TestLifeUnderSdk = Life.TestCase
TestLifeWithInterruptions = LifeWithInterruptions.TestCase
TestLifeUnderSpec = LifeUnderSpec.TestCase
TestLifeWithRerun = LifeWithRerun.TestCase
_SETTINGS = settings(max_examples=60, stateful_step_count=25, derandomize=True, deadline=None)
TestLifeUnderSdk.settings = _SETTINGS
TestLifeWithInterruptions.settings = _SETTINGS
TestLifeUnderSpec.settings = _SETTINGS
TestLifeWithRerun.settings = _SETTINGS
