"""Two servers, one journal, any appends lost or refused: what a server believes is what is stored.

Whatever a journal has stored by the end has a run that goes on, or none.

Neighbours: `lossy.py` (the journals here), `test_unknown_outcome.py` (the cases one by one).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Ack, Append
from actors.runtime.journal.record import Record
from actors.storage import MemoryJournal
from actors.task.messages import Admitted, Wait
from actors.task.orders import RUNNER
from actors.task.policy import Policy
from actors.task.record import Kind
from actors.task.runner import Runs
from tests.manual import Answer
from tests.task.harness import TASK, Bench, active, status, task
from tests.task.lossy import node

POLICY = Policy.sdk(recovery="rerun", storage_patience=1.0)
HASTY = Policy.sdk(recovery="rerun", storage_patience=0.1)
NAMES = ("one", "two")


class Chosen(MemoryJournal):
    """Each append and page meets the next of the chosen fates; when they are used up, all is well.

    Fates: "ok"; "lost", done and not acknowledged; "away", not done; "late", not acknowledged and
    done later, just before the next append that is done: by then patience may have ended.
    """

    def __init__(self, shared: MemoryJournal, fates: list[str]) -> None:
        super().__init__()
        self._logs = shared._logs
        self.fates = fates
        self.held: list[Sequence[Append]] = []

    def append(self, group: Sequence[Append]) -> Sequence[Ack]:
        fate = self._fate()
        if fate == "away":
            raise StorageUnavailable("connection refused")
        if fate == "late":
            self.held.append(group)
            raise StorageUnavailable("connection broke during commit")
        for held in self.held:
            super().append(held)
        self.held.clear()
        acks = super().append(group)
        if fate == "lost":
            raise StorageUnavailable("connection broke during commit")
        return acks

    def page(self, task: str, after: int, limit: int) -> tuple[Record, ...] | None:
        if self._fate() != "ok":
            raise StorageUnavailable("connection broke")
        return super().page(task, after, limit)

    def _fate(self) -> str:
        return self.fates.pop() if self.fates else "ok"


class Server:
    """One server on the shared journal, and what clients have been told there."""

    def __init__(
        self,
        shared: MemoryJournal,
        name: str,
        fates: list[str],
        policy: Policy,
        *,
        follow_up: bool,
    ) -> None:
        self.name = name
        self.follow_up = follow_up
        self.bench: Bench = node(Chosen(shared, fates), name, policy)
        self.bench.clock.run()
        self.sent: list[Answer] = []

    def act(self, action: str) -> None:
        bench = self.bench
        if action == "send":
            new = not self.sent and not self.follow_up
            self.sent.append(bench.send("same", Wait.STREAM, new=new))
        elif action == "recover":
            bench.recover()
        elif action == "wait":
            bench.clock.advance(0.06)
        elif bench.agent.starts():
            self._play(action)

    def _play(self, action: str) -> None:
        match action:
            case "task":
                self.bench.emit(task())
            case "ask":
                self.bench.emit(status("INPUT_REQUIRED"))
            case "end":
                self.bench.emit(status("COMPLETED"))
            case "return":
                self.bench.returned()

    @property
    def runs(self) -> bool:
        """Whether the agent is at work here, as far as this server knows."""
        runner: Runs = self.bench.system.cells[RUNNER].state
        return TASK in runner.by_task

    def settle(self) -> None:
        for _ in range(60):  # a journal that fails is asked again after longer and longer times
            self.bench.clock.advance(1.0)


def parked(shared: MemoryJournal) -> None:
    """Leave a task that waits for its client, by a server that is no more."""
    gone = node(shared, "gone", POLICY)
    gone.send(new=True)
    gone.emit(task("INPUT_REQUIRED"))
    gone.returned()


def check(servers: Sequence[Server], log: Sequence[Record]) -> None:
    """What is told as accepted is in the log; no two servers own one run; none sees a phantom."""
    assert [record.seq for record in log] == list(range(1, len(log) + 1))
    told = Counter(
        answer.value.message
        for server in servers
        for answer in server.sent
        if answer.values and isinstance(answer.value, Admitted)
    )
    assert all(times == 1 for times in told.values())
    assert all(log[seq - 1].kind == Kind.ACCEPTED for seq in told)
    assert all(answer.given == 1 for server in servers for answer in server.sent)
    signed = {record.facts["by"] for record in log if "by" in record.facts}
    for server in servers:
        alone = signed <= {server.name}
        errors = [str(error) for answer in server.sent for error in answer.errors]
        assert not (alone and any("another server" in e or "is taken" in e for e in errors))
    assert TASK not in active(servers[0].bench.journal) or any(server.runs for server in servers)
    starts = [start.run for server in servers for start in server.bench.agent.starts()]
    assert len(starts) == len(set(starts))


ACTIONS = ("send", "send", "recover", "wait", "task", "ask", "end", "return")
FATES = st.lists(st.sampled_from(["ok", "lost", "away", "late"]), max_size=8)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    steps=st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from(ACTIONS)), max_size=16),
    first=FATES,
    second=FATES,
    follow_up=st.booleans(),
    policy=st.sampled_from([POLICY, HASTY]),
)
def test_what_a_server_believes_is_what_is_stored(
    steps: list[tuple[int, str]],
    first: list[str],
    second: list[str],
    follow_up: bool,
    policy: Policy,
) -> None:
    shared = MemoryJournal()
    if follow_up:
        parked(shared)
    chosen = zip(NAMES, (first, second), strict=True)
    servers = [
        Server(shared, name, list(fates), policy, follow_up=follow_up) for name, fates in chosen
    ]
    for which, action in steps:
        servers[which].act(action)
    for server in servers:
        server.settle()
    check(servers, shared.page(TASK, 0, 10_000) or ())
