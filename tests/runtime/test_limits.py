"""Too much: of messages, of actors, of generations. Each refusal is answered, the rest goes on."""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import pytest

from actors.runtime import (
    Actor,
    ActorRef,
    ActorStopped,
    Effect,
    MailboxFull,
    Message,
    Reply,
    Spawn,
    SpawnLimit,
    Step,
)
from actors.runtime.book import DEPTH_BOUND
from actors.runtime.message import Envelope
from tests.manual import Answer
from tests.runtime.puppets import A, B, Do, Hold, Note, Puppet, Ref, Seen, Wake, World, spawn

MANY = 100_000
COUNTER: Ref = ActorRef("counter", "")


@dataclass(frozen=True, slots=True)
class Count(Message):
    revives: ClassVar[bool] = True


class Counting(Actor[int]):
    """Answers with how many it has counted."""

    def start(self) -> Step[int]:
        return Step(0)

    def step(self, state: int, envelope: Envelope, now: int) -> Step[int]:
        assert envelope.reply_to is not None
        return Step(state + 1, (Reply(envelope.reply_to, state + 1),))


class Tally:
    """Counts answers by kind."""

    def __init__(self) -> None:
        self.given: Counter[str] = Counter()

    def resolve(self, value: object) -> None:
        self.given["result"] += 1

    def reject(self, error: Exception) -> None:
        self.given[type(error).__name__] += 1


def test_a_flood_of_one_actor_is_bounded_and_each_message_is_answered() -> None:
    world, tally = World(), Tally()
    world.system.spawn(COUNTER, Counting())
    most = 0
    for number in range(MANY):
        world.system.tell(COUNTER, Count(), tally)
        most = max(most, len(world.system.cells[COUNTER].mailbox))
        if number % 5_000 == 0:
            world.clock.run()
    world.clock.run()
    assert most == Counting.mailbox_bound == 1024
    accepted = world.system.cells[COUNTER].state
    assert tally.given == {"result": accepted, "MailboxFull": MANY - accepted}
    assert world.system.dead_letters == {"overflow": MANY - accepted}
    assert accepted == 20 * 1024 + 1, "nothing accepted is lost"


def test_a_hundred_thousand_actors_with_a_message_each() -> None:
    world, tally = World(), Tally()
    world.system.register("counter", lambda _: Counting())
    for number in range(MANY):
        world.system.tell(ActorRef("counter", str(number)), Count(), tally)
    world.clock.run()
    assert tally.given == {"result": MANY}
    assert len(world.system.cells) == MANY
    world.system.shutdown(ActorStopped("enough"))
    assert world.system.leftovers() == []


def test_an_idle_actor_takes_at_most_three_kibibytes() -> None:
    world, count = World(), 2_000
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(count):
            ref: Ref = ActorRef("puppet", str(number))
            world.system.spawn(ref, Puppet())
            world.system.tell(ref, Note())
        world.clock.run()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert all(world.system.cells[ref].started for ref in world.system.cells)
    assert (after - before) / count <= 3 * 1024


class Endless(Puppet):
    """Spawns itself as soon as it starts."""

    def __init__(self, generation: int = 0) -> None:
        super().__init__()
        self.generation = generation

    def start(self) -> Step[Seen]:
        child = self.generation + 1
        ref: Ref = ActorRef("endless", str(child))
        return Step(Seen(), (Spawn(ref, lambda: Endless(child)),))


def test_an_actor_that_spawns_itself_for_ever_is_stopped_with_a_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    world.spawn(A)
    world.spawn(ActorRef("endless", "0"), Endless())
    (record,) = caplog.records
    assert "SpawnLimit (cannot spawn endless:64" in record.message
    assert f"it would be of generation {DEPTH_BOUND + 1}" in record.message
    assert "does endless:63 spawn itself for ever?" in record.message
    assert len(world.system.refs()) == DEPTH_BOUND, "63 of them, and the one beside them"
    world.tell(A, Note("still here"))
    assert world.notes(A) == ("still here",)


def test_a_deep_family_ends_from_its_youngest() -> None:
    log: list[str] = []
    world = World()
    names = [str(number) for number in range(DEPTH_BOUND)]
    refs = world.family(*names, log=log)
    held = world.ask(refs[-1], Hold())
    frames = sys.getrecursionlimit()
    sys.setrecursionlimit(_depth() + 60)
    try:
        world.system.stop(refs[0], ActorStopped("enough"))
    finally:
        sys.setrecursionlimit(frames)
    assert log == names[::-1]
    assert str(held.error) == "enough"


def _depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


def test_more_actors_than_allowed_crash_the_spawner_and_refuse_a_revival() -> None:
    world = World(actors_bound=2)
    world.system.register("puppet", lambda _: Puppet())
    world.spawn(A)
    world.spawn(B)
    third: Ref = ActorRef("puppet", "third")
    answer = world.ask(third, Wake())
    assert isinstance(answer.error, MailboxFull)
    with pytest.raises(SpawnLimit, match="found 2 live actors"):
        world.system.spawn(third, Puppet())
    world.do(A, spawn(third))
    assert world.system.refs() == [B]
    world.tell(third, Wake("room"))
    assert world.notes(third) == ("room",)


def test_start_runs_in_a_turn_of_its_own() -> None:
    started: list[str] = []

    def begin() -> tuple[Effect, ...]:
        started.append("b")
        return ()

    world = World()
    world.system.spawn(A, Puppet())
    world.system.tell(A, Do(lambda _: (spawn(B, Puppet(begin=begin)),)))
    assert world.system.cells[A].runnable
    assert started == []
    world.clock.run()
    assert started == ["b"]


def test_nobody_is_spawned_after_a_shutdown() -> None:
    world = World()
    world.system.register("puppet", lambda _: Puppet())
    world.system.shutdown(ActorStopped("closing"))
    with pytest.raises(ActorStopped, match="has been shut down"):
        world.system.spawn(A, Puppet())
    answer: Answer = world.ask(A, Wake())
    assert isinstance(answer.error, ActorStopped)
