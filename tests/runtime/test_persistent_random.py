"""Random commands, a journal that fails as it likes, kills at any point, two processes at a time.

Whatever happens: the state is the fold of the log; what was acknowledged is in the log exactly
once; what was shown is a beginning of the log; each ask is answered exactly once; and in the end
every order that was placed is paid or has expired.

Neighbours: `orders.py` (actors, bench, fates), `test_persistent.py` (the cases one by one).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from actors.runtime import ActorCrashed, ActorStopped
from tests.manual import Answer, ManualClock
from tests.runtime.fates import Fates
from tests.runtime.orders import (
    TIMEOUT,
    Bench,
    ClosedError,
    Do,
    Event,
    Expired,
    Kept,
    Look,
    Note,
    Noted,
    Order,
    Paid,
    Pay,
    Place,
    Placed,
    State,
    read,
)

NAMES = ("1", "2")


class Often(Kept):
    """Keeps all keys that a test uses."""

    keys_kept = 1000


BEHAVIOURS: tuple[Order, ...] = (Order(), Often())


@dataclass
class World:
    """A journal, and the processes that have it open."""

    behaviour: Order
    fates: list[str]
    shared: Fates = field(default_factory=Fates)
    time: float = 1000.0
    posted: list[object] = field(default_factory=list)
    asked: list[tuple[str, Any, Answer]] = field(default_factory=list)
    started: int = 0
    servers: list[Bench] = field(default_factory=list)
    journals: list[Fates] = field(default_factory=list)

    def start(self) -> Bench:
        self.started += 1
        clock = ManualClock()
        clock.time = self.time
        journal = Fates(self.shared)
        journal.fates, journal.held = self.fates, self.shared.held
        self.journals.append(journal)
        bench = Bench(journal, clock, self.behaviour, f"server {self.started}")
        bench.post.sent = self.posted
        bench.recover()
        return bench

    def kill(self, which: int) -> None:
        """End a process; what its journal was asked and has not begun never happens."""
        bench = self.servers[which]
        bench.shell.requests.clear()
        bench.system.shutdown(ActorStopped("killed"))
        bench.clock.run()
        self.servers[which] = self.start()

    def act(self, which: int, action: str, name: str) -> None:
        bench = self.servers[which]
        match action:
            case "kill":
                self.kill(which)
            case "hold":
                bench.shell.holding = True
            case "go":
                bench.shell.let_go()
                bench.clock.run()
            case "wait" | "long":
                self.advance(0.06 if action == "wait" else TIMEOUT / 2000)
            case "recover":
                bench.recover()
            case _:
                command = self.command(action)
                self.asked.append((name, command, bench.ask(command, name)))

    def command(self, action: str) -> Any:
        number = len(self.asked)
        return {
            "place": Place("book"),
            "note": Note(f"note {number}"),
            "keyed": Note("keyed", "k"),
            "pay": Pay(),
            "look": Look(),
            "raise": Do(KeyError("x")),
            "poison": Note("poison"),
        }[action]

    def advance(self, seconds: float) -> None:
        self.time += seconds
        for bench in self.servers:
            bench.clock.advance(seconds)

    def end(self) -> Bench:
        """Kill everything, start once more with a journal that works, let time pass."""
        for bench in self.servers:
            bench.shell.requests.clear()
            bench.system.shutdown(ActorStopped("killed"))
        self.fates.clear()
        self.journals[0].land()  # a journal is opened once nothing of another process is under way
        last = self.start()
        self.servers = [last]
        self.advance(TIMEOUT / 1000)
        return last


def fold(behaviour: Order, events: list[Event]) -> State:
    state = behaviour.initial()
    for each in events:
        state = behaviour.evolve(state, each)
    return state


def check(world: World, last: Bench) -> None:
    assert all(answer.given == 1 for _, _, answer in world.asked)
    for name in NAMES:
        check_log(world, last, name)


def check_log(world: World, last: Bench, name: str) -> None:
    stored = last.journal.head(f"order/{name}") is not None
    events = last.events(name) if stored else []
    states = [fold(world.behaviour, events[:end]) for end in range(len(events) + 1)]
    assert last.look(name) == states[-1]
    assert states[-1].status != "placed"
    assert not last.alive(name)
    kinds = Counter(map(type, events))
    assert kinds[Placed] <= 1
    assert kinds[Paid] + kinds[Expired] == kinds[Placed]
    texts = Counter(each.text for each in events if isinstance(each, Noted))
    assert all(times == 1 for times in texts.values())
    assert world.posted.count((name, "book")) <= kinds[Paid]
    for asked, command, answer in world.asked:
        if asked == name:
            check_answer(command, answer, states, kinds, texts)
    if stored:
        assert read(last.journal, f"order/{name}").row == world.behaviour.row(states[-1])


def check_answer(
    command: Any,
    answer: Answer,
    states: list[State],
    kinds: Counter[type],
    texts: Counter[str],
) -> None:
    refused = any(isinstance(error, ClosedError) for error in answer.errors)
    crashed = any(isinstance(error, ActorCrashed) for error in answer.errors)
    event(f"{type(command).__name__} {'answered' if answer.values else 'failed'}")
    match command:
        case Look() if answer.values:
            assert answer.value in states
        case Note("poison"):
            assert texts["poison"] == 0
        case Note(text) if answer.values:
            assert texts[text] == 1
        case Note(text, "") if crashed:
            assert texts[text] == 0
        case Place() if answer.values:
            assert kinds[Placed] == 1
        case Pay() if answer.values:
            assert kinds[Paid] == 1
        case Place() if refused:
            assert kinds[Placed] == 1
        case _:
            pass


ACTIONS = (
    *("place", "note", "note", "keyed", "pay", "look", "look", "raise", "poison"),
    *("kill", "hold", "go", "go", "wait", "wait", "long", "recover"),
)
STEPS = st.lists(
    st.tuples(st.sampled_from([0, 0, 1]), st.sampled_from(ACTIONS), st.sampled_from(NAMES)),
    max_size=30,
)
FATES = st.lists(st.sampled_from(["ok", "ok", "lost", "away", "late", "never"]), max_size=10)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(steps=STEPS, fates=FATES, behaviour=st.sampled_from(BEHAVIOURS))
def test_what_is_acknowledged_is_stored_once_and_nobody_waits_for_ever(
    steps: list[tuple[int, str, str]], fates: list[str], behaviour: Order
) -> None:
    world = World(behaviour, list(fates))
    world.servers = [world.start(), world.start()]
    for which, action, name in steps:
        world.act(which, action, name)
    check(world, world.end())
