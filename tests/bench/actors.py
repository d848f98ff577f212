"""The actor runtime: speed beside other engines, memory, and what it does under overload.

    python -m tests.bench.actors [--rounds 5] [--json FILE] [--profile NAME]

Rounds alternate between the engines, so that a busy moment of the machine hits all of them; the
figure is the median of the rounds, a ratio the median of the ratios of each round. Memory is what
`tracemalloc` counts: everything that Python has allocated, nothing of the asyncio loop's own.

Neighbours: `engines.py` (what is run), `step.py` (charts), `simulation.py` (schedules).
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import statistics
import sys
import time
import tracemalloc
from collections import Counter as Tally
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from actors.runtime import (
    Actor,
    ActorRef,
    ActorSystem,
    Envelope,
    MailboxFull,
    Passivate,
    Reply,
    Step,
)
from tests.bench.engines import (
    DIMENSIONS,
    ENGINES,
    OURS,
    Counter,
    Dimension,
    Leave,
    Note,
    Question,
    Queues,
    new_system,
)

IDLE = 20_000
CROWD = 100_000
TARGETS = {"ask": 10.0}
"""Microseconds that we want at most, on either loop."""
MEMORY = 3 * 1024
"""Bytes that we want a live idle actor to have at most; a passivated one has none."""
MIB = 1024**2
Figures = dict[str, float]


# -- speed


def measure(of: Dimension, rounds: int) -> dict[str, Figures]:
    """Return, by engine, the median microseconds per message and the ratio to ours."""
    found: dict[str, list[float]] = {name: [] for name in ENGINES}
    for _ in range(rounds):
        for name, run in ENGINES.items():
            found[name].append(run(of))
    ratios = {
        name: [a / b for a, b in zip(found[name], found[OURS], strict=True)] for name in found
    }
    return {
        name: {"us": statistics.median(times), "ratio": statistics.median(ratios[name])}
        for name, times in found.items()
    }


def speed_table(results: dict[str, dict[str, Figures]]) -> str:
    """Return the results as plain text."""
    lines = [f"{'dimension':<22}{'engine':<18}{'µs':>9}{'per second':>13}{'ratio':>8}  target"]
    for dimension, found in results.items():
        for name, of in found.items():
            line = f"{dimension:<22}{name:<18}{of['us']:>9.2f}{1e6 / of['us']:>13,.0f}"
            line += f"{of['ratio']:>8.2f}"
            if dimension in TARGETS and name.startswith("ours"):
                line += "  " + verdict(of["us"], TARGETS[dimension])
            lines.append(line)
    return "\n".join(lines)


def verdict(found: float, most: float) -> str:
    return f"<= {most:g} {'met' if found <= most else 'MISSED'}"


# -- memory


class Place(NamedTuple):
    """The state of an idle actor."""

    name: str
    heard: int = 0


class Idle(Actor[Place]):
    """A behaviour of its own for each address, as most have."""

    def __init__(self, name: str) -> None:
        self.name = name

    def start(self) -> Step[Place]:
        return Step(Place(self.name))

    def step(self, state: Place, envelope: Envelope, now: int) -> Step[Place]:
        if type(envelope.message) is Leave:
            return Step(state, (Passivate(),))
        after = Place(state.name, state.heard + 1)
        return Step(after, () if envelope.reply_to is None else (Reply(envelope.reply_to, after),))


class Weighed:
    """Bytes that are allocated since this was made, now and at most."""

    def __enter__(self) -> Weighed:
        gc.collect()
        tracemalloc.start()
        self._before = tracemalloc.get_traced_memory()[0]
        return self

    def __exit__(self, *_: object) -> None:
        tracemalloc.stop()

    @property
    def now(self) -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - self._before

    @property
    def most(self) -> int:
        return tracemalloc.get_traced_memory()[1] - self._before


def idle(number: int) -> ActorRef[Any]:
    return ActorRef("idle", f"idle-{number}")


async def all_gone(system: ActorSystem) -> None:
    for ref in system.refs():
        system.tell(ref, Leave())
    while system.cells:  # noqa: ASYNC110 - lets the dispatcher's turns by, waits for no time
        await asyncio.sleep(0)


async def memory() -> Figures:
    """Bytes of one of many actors that have started and wait, and what is left of one."""
    system = new_system()
    with Weighed() as weighed:
        for number in range(IDLE):
            ref = idle(number)
            system.spawn(ref, Idle(ref.id))
        await system.ask(ref, Question())
        live = weighed.now
        await all_gone(system)
        return {"live": live / IDLE, "passivated": weighed.now / IDLE}


async def queue_memory() -> Figures:
    """Bytes of one of many tasks that wait for their queues."""
    with Weighed() as weighed:
        engine = Queues(IDLE)
        await engine.asks[-1]()
        live = weighed.now
        await engine.close()
        return {"live": live / IDLE}


# -- overload


async def told_one() -> Figures:
    """Messages to one actor, all at once: it has not had a turn before the last."""
    system, refused = new_system(), Tally[str]()
    system.on_dead_letter(lambda dead: refused.update([dead.reason]))
    system.spawn(idle(1), Counter())
    for _ in range(CROWD):
        system.tell(idle(1), Note())
    cell = system.cells[idle(1)]
    accepted = len(cell.mailbox)
    while len(cell.mailbox):  # noqa: ASYNC110 - as in all_gone
        await asyncio.sleep(0)
    return {"accepted": accepted, "refused": refused["overflow"], "handled": cell.state}


async def asked_one() -> Figures:
    """Asks of one actor, all at once; each is a task of its own, as requests are."""
    system = new_system()
    system.spawn(idle(1), Counter())
    asks = (system.ask(idle(1), Question()) for _ in range(CROWD))
    answers = Tally(map(type, await asyncio.gather(*asks, return_exceptions=True)))
    return {"answered": answers[int], "refused": answers[MailboxFull], "all": answers.total()}


async def asked_many() -> Figures:
    """An ask of each of many actors, all at once; then they passivate."""
    system = new_system()
    for number in range(CROWD):
        system.spawn(idle(number), Idle(str(number)))
    asks = (system.ask(idle(number), Question()) for number in range(CROWD))
    answers = Tally(map(type, await asyncio.gather(*asks, return_exceptions=True)))
    found: Figures = {"answered": answers[Place], "refused": answers[MailboxFull]}
    await asyncio.sleep(0)  # in its next round the loop lets go of the deadlines that were met
    live = traced()
    await all_gone(system)
    return found | {"MiB live": live, "MiB passivated": traced()}


def traced() -> float:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / MIB


OVERLOADS = {
    "100,000 told to one": told_one,
    "100,000 asked of one": asked_one,
    "100,000 asked of 100,000": asked_many,
}
Life = Callable[[], Coroutine[Any, Any, Figures]]


def overload(life: Life) -> Figures:
    """Run it for its time, and again for its memory."""
    began = time.perf_counter()
    asyncio.run(life())
    seconds = time.perf_counter() - began
    with Weighed() as weighed:
        found = asyncio.run(life())
        return found | {
            "MiB at most": weighed.most / MIB,
            "MiB after": weighed.now / MIB,
            "seconds": seconds,
        }


def figures(found: Figures) -> str:
    return ", ".join(
        f"{name} {value:,.0f}" if value == int(value) else f"{name} {value:,.2f}"
        for name, value in found.items()
    )


# -- all of it


def profiled(run: Callable[[], object], top: int) -> None:
    """Run something and print where its time went."""
    profile = cProfile.Profile()
    profile.runcall(run)
    pstats.Stats(profile).sort_stats("tottime").print_stats(top)


PROFILES: dict[str, Callable[[], object]] = {
    **{name: partial(ENGINES[OURS], of) for name, of in DIMENSIONS.items()},
    **{name: partial(lambda life: asyncio.run(life()), life) for name, life in OVERLOADS.items()},
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--profile", choices=PROFILES)
    options = parser.parse_args(arguments)
    if options.profile:
        profiled(PROFILES[options.profile], 20)
        return 0
    speed = {name: measure(of, options.rounds) for name, of in DIMENSIONS.items()}
    print(speed_table(speed))
    bytes_each = {"ours": asyncio.run(memory()), "queue": asyncio.run(queue_memory())}
    live = bytes_each["ours"]["live"]
    print(f"\nbytes of an idle actor: {figures(bytes_each['ours'])}; {verdict(live, MEMORY)}")
    print(f"bytes of a queue worker: {figures(bytes_each['queue'])}\n")
    crowds = {name: overload(life) for name, life in OVERLOADS.items()}
    for name, found in crowds.items():
        print(f"{name}: {figures(found)}")
    if options.json:
        all_found = {"speed": speed, "bytes": bytes_each, "overload": crowds}
        options.json.write_text(json.dumps(all_found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
