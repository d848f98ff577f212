"""Chunks that follow one another are decided, stored and folded as one, and nobody can tell."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from a2a.types import Task

from actors.a2a.emission import Event, emitted
from actors.a2a.gathering import joined
from actors.task.fold import Fold, fold
from actors.task.messages import AgentEvent, Emitted, Wait, task_ref
from actors.task.policy import Policy
from actors.task.ports import GrantCredit
from tests.task.harness import CONTEXT, Bench, artifact, status, task

POLICIES = (Policy.sdk(), Policy.spec())


def random_burst(rng: random.Random) -> list[Event]:
    """Mostly chunks of the same few artifacts, and now and then whatever may stand between them."""
    burst: list[Event] = []
    for number in range(rng.randrange(1, 40)):
        name = rng.choice("aaaab")
        last, append = rng.random() < 0.03, rng.random() < 0.9
        chunk = artifact(name, f"{number} " * rng.choice((1, 1, 1, 900)), append=append, last=last)
        if rng.random() < 0.2:
            chunk.artifact.metadata.update({rng.choice("xy"): number, "deep": {str(number): 1}})
        if rng.random() < 0.1:
            chunk.artifact.name = f"name {number}"
            chunk.artifact.extensions.append("urn:x")
        if rng.random() < 0.02:
            chunk.task_id = "another"
        rare: Event = status(rng.choice(("WORKING", "INPUT_REQUIRED", "COMPLETED")), "so")
        burst.append(rare if rng.random() < 0.04 else chunk)
    return burst


def burst(bench: Bench, events: Sequence[AgentEvent]) -> None:
    bench.system.tell(task_ref(bench.run.task), Emitted(bench.run, tuple(events)))
    bench.clock.run()


def outcome(policy: Policy, wait: Wait, events: Sequence[Event], *, together: bool) -> list[Any]:
    """What a burst comes to: the log, the Task, answers, credit, dead letters."""
    bench = Bench(policy)
    bench.send(new=True)
    bench.emit(task("WORKING"))
    bench.emit(artifact("a", "first"))
    facts = [emitted(bench.run, CONTEXT, event) for event in events]
    waits = bench.send("more", wait)
    burst(bench, joined(facts) if together else facts)
    bench.returned()
    credit = sum(each.events for each in bench.agent.asked if isinstance(each, GrantCredit))
    seen = bench.get()
    left = dict(bench.system.dead_letters)
    answers = [*waits.values, *map(repr, waits.errors)]
    return [bench.log, seen.values, answers, credit, left]


@pytest.mark.parametrize("policy", POLICIES, ids=("sdk", "specification"))
@pytest.mark.parametrize("wait", [Wait.FIRST, Wait.SETTLED])
def test_a_burst_comes_to_the_same_as_its_events(policy: Policy, wait: Wait) -> None:
    for seed in range(40):
        events = random_burst(random.Random(seed))
        apart = outcome(policy, wait, events, together=False)
        assert outcome(policy, wait, events, together=True) == apart, seed


def test_events_put_apart_are_those_that_were_joined() -> None:
    bench = Bench(POLICIES[0])
    bench.send(new=True)
    sizes = set()
    for seed in range(200):
        burst = random_burst(random.Random(seed))
        facts = [emitted(bench.run, CONTEXT, event) for event in burst]
        groups = joined(facts)
        assert [each for group in groups for each in group.apart()] == facts, seed
        sizes |= {len(group.more) for group in groups}
    assert len(sizes) > 5, "bursts are joined"


def test_chunks_are_folded_as_one_after_another() -> None:
    bench = Bench(POLICIES[0])
    bench.send(new=True)
    bench.emit(task("WORKING"))
    bench.emit(artifact("a", "first"))
    begun = len(bench.log)
    for number in range(9):
        chunk = artifact("a", str(number), append=True, last=number == 8)
        chunk.artifact.metadata.update({"n": number, str(number): {"deep": number}})
        chunk.artifact.description = "no news"
        bench.emit(chunk)
    together = fold(bench.log[:begun])
    together.extend(bench.log[begun:], "a")
    one_by_one = fold(bench.log)
    assert dict(as_fields(together)) == dict(as_fields(one_by_one))
    assert together.artifacts == {"a": (0, True)}


def as_fields(known: Fold) -> list[tuple[str, Any]]:
    return [(name, getattr(known, name)) for name in Fold.__slots__]


def test_a_fold_refuses_chunks_out_of_place() -> None:
    bench = Bench(POLICIES[0])
    bench.send(new=True)
    bench.emit(task("WORKING"))
    for _ in range(3):
        bench.emit(artifact("a", "x"))
    *before, second, third = bench.log
    known = fold(before)
    with pytest.raises(ValueError, match="cannot follow"):
        known.extend((third,), "a")
    with pytest.raises(ValueError, match="cannot follow"):
        known.extend((second, second), "a")
    assert isinstance(known.task, Task)
    assert known.version == len(before)
