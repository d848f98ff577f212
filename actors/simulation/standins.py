"""Stand-ins: what answers in the place of clocks and of sources of chance.

Only the primitives have one. What Python builds on them needs none: uuid4, secrets and SystemRandom
come down to os.urandom, every unseeded Random to Random.seed.

Neighbours: `traps.py` (puts them in place, decides who gets which answer), `dates.py` (classes).
"""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Answer = Callable[..., Any]

REPEAT = "a replay cannot repeat it"
DURATION = "asyncio.get_running_loop().time(), which is virtual in a simulation"
DATE = "a time that the request or a clock of your own brings, or for durations " + DURATION
SLEEP = "await asyncio.sleep(...)"
IDS = "the ids of the request context (task_id, context_id), or a random.Random(seed) of your own"
CHANCE = "a random.Random(seed) of your own, its seed taken from the request or a setting"


class Rule(NamedTuple):
    """What a trapped call is called, and what its caller is told."""

    call: str
    instead: str
    why: str = REPEAT
    nobody: bool = False
    """Libraries may not do it either."""


class StandIn(NamedTuple):
    """One function to be replaced: `name` of `owner`."""

    owner: Any
    name: str
    rule: Rule
    answer: Answer
    """What libraries get; called with the arguments of the call."""
    repeatable: Callable[..., bool] = lambda *_args, **_options: False
    """Whether the arguments make the call one that a replay repeats."""


class World:
    """Virtual time and seeded chance, as the standard functions give them.

    Args:
        now: virtual UTC seconds.
        chance: the source of bytes, ids and seeds.
    """

    def __init__(self, now: Callable[[], float], chance: random.Random) -> None:
        self.now = now
        self.chance = chance
        self.shared = random.Random(chance.getrandbits(64))  # noqa: S311 - a simulation
        """Behind `random.random` and its like; of its own, as a library may seed it."""
        self.node = chance.getrandbits(48) | 1 << 40
        self.sequence = chance.getrandbits(14)

    def seconds(self, *_: object) -> float:
        """Virtual seconds, on every clock."""
        return self.now()

    def nanoseconds(self, *_: object) -> int:
        """Virtual nanoseconds: microseconds are as fine as a float of UTC seconds goes."""
        return round(self.now() * 1e6) * 1000

    def urandom(self, size: int, *_: object) -> bytes:
        """Seeded bytes."""
        return self.chance.randbytes(size)


def functions(world: Callable[[], World]) -> Iterator[StandIn]:
    """The stand-ins that this platform needs, for whatever `world()` is when they are called."""
    for each in (*_clocks(world), *_calendars(world), *_chance(world)):
        if callable(getattr(each.owner, each.name, None)):
            yield each


def _clocks(world: Callable[[], World]) -> Iterator[StandIn]:
    for name in ("time", "monotonic", "perf_counter", "process_time", "thread_time"):
        rule = Rule(f"time.{name}", DURATION)
        yield StandIn(time, name, rule, lambda: world().seconds())
        rule = Rule(f"time.{name}_ns", DURATION)
        yield StandIn(time, f"{name}_ns", rule, lambda: world().nanoseconds())
    rule = Rule("time.clock_gettime", DURATION)
    yield StandIn(time, "clock_gettime", rule, lambda clock: world().seconds(clock))
    rule = Rule("time.clock_gettime_ns", DURATION)
    yield StandIn(time, "clock_gettime_ns", rule, lambda clock: world().nanoseconds(clock))
    blocks = "it blocks the loop, on which virtual time stands still meanwhile"
    rule = Rule("time.sleep", SLEEP, blocks, nobody=True)
    yield StandIn(time, "sleep", rule, time.sleep)


def _calendars(world: Callable[[], World]) -> Iterator[StandIn]:
    localtime, asctime, strftime = time.localtime, time.asctime, time.strftime

    def given(*args: object) -> bool:
        return bool(args) and args[0] is not None

    for name in ("localtime", "gmtime", "ctime"):
        original = getattr(time, name)
        answer = _at(original, world)
        yield StandIn(time, name, Rule(f"time.{name}", DATE), answer, given)
    rule = Rule("time.asctime", DATE)
    yield StandIn(time, "asctime", rule, lambda: asctime(localtime(world().now())), given)
    rule = Rule("time.strftime", DATE)
    yield StandIn(
        time,
        "strftime",
        rule,
        lambda form: strftime(form, localtime(world().now())),
        lambda *args: len(args) > 1,
    )


def _at(original: Answer, world: Callable[[], World]) -> Answer:
    return lambda *_: original(world().now())


def _chance(world: Callable[[], World]) -> Iterator[StandIn]:
    for name in ("urandom", "getrandom"):
        answer = lambda size, *_: world().urandom(size)  # noqa: E731 - a column of the table
        yield StandIn(os, name, Rule(f"os.{name}", CHANCE), answer)
    yield StandIn(uuid, "getnode", Rule("uuid.getnode", IDS), lambda: world().node)
    yield StandIn(uuid, "_generate_time_safe", Rule("uuid.uuid1", IDS), lambda: _time_safe(world()))
    for name in ("choice", "randbits"):  # methods of one SystemRandom; told by their own names
        yield StandIn(secrets, name, Rule(f"secrets.{name}", CHANCE), getattr(secrets, name))
    for name, value in list(vars(random).items()):
        if isinstance(getattr(value, "__self__", None), random.Random):
            yield StandIn(random, name, Rule(f"random.{name}", CHANCE), _shared(name, world))
    seed = random.Random.seed
    yield StandIn(
        random.Random,
        "seed",
        Rule("random.Random", CHANCE),
        lambda generator, *_args, **_options: seed(generator, world().chance.getrandbits(64)),
        lambda _generator, a=None, *_args, **_options: a is not None,
    )


def _shared(name: str, world: Callable[[], World]) -> Answer:
    return lambda *args, **options: getattr(world().shared, name)(*args, **options)


def _time_safe(world: World) -> tuple[bytes, None]:
    """Bytes of a uuid1 from virtual time; uuid keeps two of one instant apart."""
    return uuid.uuid1(world.node, world.sequence).bytes, None
