"""Engines that the actor runtime is measured beside, and what is measured of each.

A queue worker is the least that asyncio can do for the same: no deadline, no bound, no supervision,
no address. Callers of pykka block, and its actors are threads.

Neighbours: `actors.py` (measures).
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeAlias

import pykka

from actors.runtime import (
    Actor,
    ActorRef,
    ActorStopped,
    ActorSystem,
    Envelope,
    LoopClock,
    Message,
    Passivate,
    Reply,
    Step,
)

IN_FLIGHT = 100
BURST = 1_000
MANY = 1_000


@dataclass(frozen=True, slots=True)
class Note(Message):
    """Counted."""


@dataclass(frozen=True, slots=True)
class Question(Message):
    """Counted, and answered with the count."""


@dataclass(frozen=True, slots=True)
class Leave(Message):
    """Passivates."""


class Counter(Actor[int]):
    """Counts what it hears."""

    def start(self) -> Step[int]:
        return Step(0)

    def step(self, state: int, envelope: Envelope, now: int) -> Step[int]:
        if envelope.reply_to is not None:
            return Step(state + 1, (Reply(envelope.reply_to, state),))
        if type(envelope.message) is Leave:
            return Step(state, (Passivate(),))
        return Step(state + 1)


def new_system() -> ActorSystem:
    loop = asyncio.get_running_loop()
    return ActorSystem(LoopClock(loop), loop.create_future)


# -- engines on an event loop: two calls for each actor


class Engine(Protocol):
    """Actors that count."""

    @property
    def tells(self) -> Sequence[Callable[[], object]]: ...

    @property
    def asks(self) -> Sequence[Callable[[], Awaitable[object]]]: ...

    async def close(self) -> None: ...


class Ours:
    """Actors of our runtime."""

    def __init__(self, actors: int) -> None:
        self.system = new_system()
        refs: list[ActorRef[Any]] = [ActorRef("counter", str(n)) for n in range(actors)]
        for ref in refs:
            self.system.spawn(ref, Counter())
        self.tells = [partial(self.system.tell, ref, Note()) for ref in refs]
        self.asks = [partial(self.system.ask, ref, Question()) for ref in refs]

    async def close(self) -> None:
        self.system.shutdown(ActorStopped("measured"))


Queued: TypeAlias = "asyncio.Queue[asyncio.Future[int] | None]"


class Queues:
    """A task and a queue for each actor, and a future for each answer."""

    def __init__(self, actors: int) -> None:
        queues: list[Queued] = [asyncio.Queue() for _ in range(actors)]
        self.workers = [asyncio.ensure_future(self._work(queue)) for queue in queues]
        self.tells = [partial(queue.put_nowait, None) for queue in queues]
        self.asks = [partial(self._ask, queue) for queue in queues]

    @staticmethod
    async def _work(queue: Queued) -> None:
        count = 0
        while True:
            answer = await queue.get()
            if answer is not None:
                answer.set_result(count)
            count += 1

    @staticmethod
    async def _ask(queue: Queued) -> int:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        queue.put_nowait(answer)
        return await answer

    async def close(self) -> None:
        for worker in self.workers:
            worker.cancel()
        await asyncio.gather(*self.workers, return_exceptions=True)


async def ask(engine: Engine, times: int) -> None:
    asks = engine.asks[0]
    for _ in range(times):
        await asks()


async def ask_in_flight(engine: Engine, times: int) -> None:
    await asyncio.gather(*(ask(engine, times // IN_FLIGHT) for _ in range(IN_FLIGHT)))


async def tell(engine: Engine, times: int) -> None:
    """Bursts that no mailbox refuses; the answer to an ask says that all of it was handled."""
    tells, asks = engine.tells[0], engine.asks[0]
    for _ in range(times // BURST):
        for _ in range(BURST):
            tells()
        await asks()


async def turns(engine: Engine, times: int) -> None:
    """One message to each actor; who was told last is served last."""
    last = engine.asks[-1]
    for _ in range(times // MANY):
        for tells in engine.tells:
            tells()
        await last()


# -- pykka, whose callers block


class Threaded(pykka.ThreadingActor):
    """Counts what it hears."""

    count = 0

    def on_receive(self, message: object) -> int:
        self.count += 1
        return self.count


Pykka: TypeAlias = "list[pykka.ActorRef[Threaded]]"


def pykka_ask(actors: Pykka, times: int) -> None:
    asks = partial(actors[0].ask, Question(), block=False)
    for _ in range(times):
        asks().get()


def pykka_ask_in_flight(actors: Pykka, times: int) -> None:
    asks = partial(actors[0].ask, Question(), block=False)
    for _ in range(times // IN_FLIGHT):
        pykka.get_all([asks() for _ in range(IN_FLIGHT)])


def pykka_tell(actors: Pykka, times: int) -> None:
    tells = partial(actors[0].tell, Note())
    for _ in range(times // BURST):
        for _ in range(BURST):
            tells()
        actors[0].ask(Question())


def pykka_turns(actors: Pykka, times: int) -> None:
    """Messages to each actor; the last is an ask, as no thread waits for another."""
    for _ in range(times // MANY - 1):
        for actor in actors:
            actor.tell(Note())
    pykka.get_all([actor.ask(Question(), block=False) for actor in actors])


# -- measuring

Life: TypeAlias = Callable[[Engine, int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Dimension:
    """Something measured of every engine, in microseconds per message."""

    life: Life
    threaded: Callable[[Pykka, int], None]
    times: int
    threaded_times: int
    actors: int = 1


DIMENSIONS = {
    "ask": Dimension(ask, pykka_ask, 10_000, 2_000),
    "ask, 100 in flight": Dimension(ask_in_flight, pykka_ask_in_flight, 20_000, 2_000),
    "tell": Dimension(tell, pykka_tell, 100_000, 5_000),
    "turns, 1,000 actors": Dimension(turns, pykka_turns, 50_000, 5_000, actors=MANY),
}


def uvloop_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        raise OSError("uvloop does not run on Windows: measure on another system")
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def on_a_loop(
    make: Callable[[int], Engine], factory: Callable[[], asyncio.AbstractEventLoop], of: Dimension
) -> float:
    """Return microseconds per message."""

    async def life() -> float:
        engine = make(of.actors)
        await engine.asks[-1]()
        began = time.perf_counter()
        await of.life(engine, of.times)
        took = time.perf_counter() - began
        await engine.close()
        return took

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(life()) / of.times * 1e6


def in_threads(of: Dimension) -> float:
    """Return microseconds per message."""
    actors = [Threaded.start() for _ in range(of.actors)]
    try:
        began = time.perf_counter()
        of.threaded(actors, of.threaded_times)
        return (time.perf_counter() - began) / of.threaded_times * 1e6
    finally:
        pykka.ActorRegistry.stop_all()


OURS = "ours, asyncio"
ENGINES: dict[str, Callable[[Dimension], float]] = {
    OURS: partial(on_a_loop, Ours, asyncio.new_event_loop),
    "ours, uvloop": partial(on_a_loop, Ours, uvloop_loop),
    "queue, asyncio": partial(on_a_loop, Queues, asyncio.new_event_loop),
    "queue, uvloop": partial(on_a_loop, Queues, uvloop_loop),
    "pykka": in_threads,
}
