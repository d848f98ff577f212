"""Two nodes on one disk do anything in any order, beside a list of groups that is the truth."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.runtime.journal.errors import StorageError
from actors.runtime.journal.port import Append, Copy, Head, Place, Snapshot
from actors.simulation.disk import Disk
from actors.simulation.journal import Staged
from actors.simulation.writes import Begin, Consume, Drop, Group, Write
from actors.storage.samples import appending, claiming, records
from tests.simulation.journals import TASKS, applied, contents, holding, journal_on, new_model

MARKS: tuple[dict[str, Any], ...] = ({}, {"keys": ("k",)}, {"consumers": ("hooks",)})
"""What an append may bear."""


class Frame(NamedTuple):
    """A staged write, as the model of the random test knows it."""

    write: Write
    staged: Staged[Any]
    size: int


WANTED = st.lists(
    st.tuples(st.sampled_from(TASKS), st.integers(-1, 1), st.integers(1, 3), st.integers(-1, 1)),
    max_size=4,
)
"""Appends of a group: task, distance from the head, number of records, distance from the epoch."""


class Nodes(RuleBasedStateMachine):
    """Two nodes on one disk beside a list of writes, the order of which is the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = Disk()
        self.nodes = [journal_on(self.disk), journal_on(self.disk)]
        self.frames: list[Frame] = []
        self.lost: list[Staged[Any]] = []
        self.told = 0
        """How many groups, from the first, are known to be durable."""
        self.model = new_model()

    @rule(node=st.integers(0, 1), wanted=WANTED, claim=st.booleans(), data=st.data())
    def stage(
        self,
        node: int,
        wanted: list[tuple[str, int, int, int]],
        claim: bool,
        data: st.DataObject,
    ) -> None:
        marks = data.draw(st.sampled_from(MARKS))
        group = [self.wish(*each, claim=claim)._replace(**marks) for each in wanted]
        self.put(node, Group(tuple(group)))

    @rule(node=st.integers(0, 1), log=st.sampled_from(TASKS), off=st.integers(-1, 0))
    def consume(self, node: int, log: str, off: int) -> None:
        self.put(node, Consume("hooks", Place(log, max(0, self.head(log).seq + off))))

    @rule(node=st.integers(0, 1), log=st.sampled_from(TASKS), older=st.booleans())
    def remove(self, node: int, log: str, older: bool) -> None:
        head = self.head(log)
        self.put(node, Drop(head._replace(seq=head.seq - 1) if older else head))

    @rule(
        node=st.integers(0, 1),
        log=st.sampled_from(TASKS),
        seq=st.integers(1, 4),
        kept=st.integers(0, 4),
        marks=st.sampled_from(MARKS),
    )
    def restore(self, node: int, log: str, seq: int, kept: int, marks: dict[str, Any]) -> None:
        head = Head(log, seq, 2, floor=max(0, seq - kept))
        kept = min(kept, seq)
        copy = Copy(head, None, Snapshot(seq, b"copied"), records(head.floor, kept, 2))
        keys = tuple((key, seq) for key in marks.get("keys", ()))
        left = tuple((consumer, seq - 1) for consumer in marks.get("consumers", ()) if kept)
        self.put(node, Begin(copy._replace(keys=keys, consumers=left)))

    def head(self, log: str) -> Head:
        return self.model.head(log) or Head(log)

    def put(self, node: int, write: Write) -> None:
        before = self.disk.size
        staged = self.nodes[node].prepare(write)
        answer = applied(self.model, write)
        assert staged.answer == answer
        self.frames.append(Frame(write, staged, self.disk.size - before))

    def wish(self, task: str, off: int, count: int, newer: int, *, claim: bool) -> Append:
        stored = self.model.read(task)
        head, epoch = (stored.head.seq, stored.head.epoch) if stored else (0, 1)
        expected, epoch = max(0, head + off), max(1, epoch + newer)
        return claiming(task, expected, epoch) if claim else appending(task, expected, count, epoch)

    @precondition(lambda self: self.frames)
    @rule(node=st.integers(0, 1), data=st.data())
    def commit(self, node: int, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.frames) - 1))
        staged = self.frames[index].staged
        if staged.crashes == self.disk.crashes:
            assert self.nodes[node].commit(staged) == staged.answer
            self.told = max(self.told, index + 1)
            assert self.disk.synced >= sum(frame.size for frame in self.frames[: index + 1])

    @rule(data=st.data(), flipped=st.booleans(), first=st.integers(0, 1))
    def crash(self, data: st.DataObject, flipped: bool, first: int) -> None:
        keep = data.draw(st.integers(0, self.disk.tail))
        flip = data.draw(st.integers(0, keep - 1)) if flipped and keep else None
        good = self.disk.synced + (keep if flip is None else flip)
        self.disk.crash(keep, flip=flip)
        ends = accumulate(frame.size for frame in self.frames)
        survive = sum(end <= good for end in ends)
        assert survive >= self.told
        self.lost = [frame.staged for frame in self.frames]
        self.frames = self.frames[:survive]
        self.told = survive
        self.model = new_model()
        for frame in self.frames:
            applied(self.model, frame.write)
        for node in (first, 1 - first):
            self.nodes[node].open()

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def commit_too_late(self, data: st.DataObject) -> None:
        with pytest.raises(StorageError):
            self.nodes[0].commit(data.draw(st.sampled_from(self.lost)))

    @rule(node=st.integers(0, 1))
    def restart(self, node: int) -> None:
        self.nodes[node] = journal_on(self.disk)

    @invariant()
    def both_show_what_is_durable_and_no_more(self) -> None:
        durable = holding([frame.write for frame in self.frames[: self.told]])
        assert contents(self.nodes[0]) == contents(self.nodes[1]) == durable

    @invariant()
    def the_file_is_what_was_staged_and_held(self) -> None:
        afresh = journal_on(Disk(self.disk.data))
        assert contents(afresh) == contents(self.model)


Nodes.TestCase.settings = settings(
    derandomize=True, deadline=None, max_examples=150, stateful_step_count=25
)
TestNodes = Nodes.TestCase
