"""One session on real sockets: a random agent, random clients, and what must hold of them.

Neighbours: `test_random_sockets.py` (a few), `tests/soak/sockets.py` (many).
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from actors.a2a import Policy
from tests.a2a.observed import Observed
from tests.a2a.random_clients import Board, RandomClient, Reach, all_of
from tests.a2a.reaches import reaches_of
from tests.a2a.served import Served, serving
from tests.a2a.whims import Draw, Whims
from tests.a2a.witnessed import Request, Stored, Who

OWNERS = (Who("", ""), Who("ann", "shop"), Who("", "shop"))
CLIENTS = 8
OPERATIONS = 6
PAUSE = 0.02
"""Seconds: of the agent's pauses, and of clients that leave early."""
PATIENCE = 8.0
"""Seconds after which a client has waited long enough."""
STAY = 0.5
"""Seconds after which a reader has."""
LINGER = 3.0
GONE = 3.0
"""Seconds until a server has noticed that its clients have gone."""
TURNS = 100
"""Of the loop, until what is cancelled has ended."""
STANDING = ("_shutdown_watcher", "_poll_wrapper")
"""Coroutines of libraries that last as long as the loop: of sse-starlette, of gRPC."""


@dataclass(slots=True)
class Session:
    """What came of it."""

    wrong: list[str]
    requests: list[Request]
    logs: dict[str, Stored]
    dead_letters: Counter[str] = field(default_factory=Counter)

    @property
    def figures(self) -> Counter[str]:
        """What there was, counted."""
        found: Counter[str] = Counter(requests=len(self.requests), logs=len(self.logs))
        found["records"] = sum(len(log.records) for log in self.logs.values())
        for request in self.requests:
            found[f"{request.what} over {request.binding}"] += 1
            found["events"] += len(request.told)
            found["errors"] += request.error is not None
            found["left"] += request.left
        return found


def policy_of(draw: Random) -> Policy:
    """One of both presets, with short times and anything else drawn."""
    preset = draw.choice((Policy.sdk, Policy.spec))
    return preset(
        during_run=draw.choice(("queue", "reject", "interrupt")),
        during_auth=draw.choice(("queue", "interrupt")),
        deduplicate=draw.choice((True, False)),
        unfinished=draw.choice(("keep", "fail")),
        raised=draw.choice(("error", "task")),
        stream_end=draw.choice(("run", "state")),
        follow_up_first=draw.choice(("update", "task")),
        canceled_again=draw.choice(("refuse", "answer")),
        execution_deadline=0.3,
        cancel_grace=0.2,
        terminal_grace=draw.choice((0.0, 0.1)),
        drain=0.2,
        storage_patience=1.0,
        parked_life=0.6,
    )


def drawing(seed: str) -> Draw:
    """Return what draws the same numbers for the same seed."""
    return Random(seed).randrange


async def session(seed: str, database: Path) -> Session:
    """Let it happen; its choices follow from the seed, its timing does not."""
    policy = policy_of(Random(f"{seed} policy"))
    agent = Whims(lambda run: drawing(f"{seed} {run}"), PAUSE)
    before = asyncio.all_tasks()
    async with serving(agent, policy, database) as served, AsyncExitStack() as stack:
        board = Board(now=time.time, patience=PATIENCE, pause=PAUSE, stay=STAY, linger=LINGER)
        clients = []
        for number in range(CLIENTS):
            draw = Random(f"{seed} client {number}")
            reaches: Sequence[Reach] = await stack.enter_async_context(
                reaches_of(draw.choice(OWNERS), served.card)
            )
            clients.append(RandomClient(f"c{number}", draw.randrange, reaches, board))
        await all_of(clients, OPERATIONS)
        wrong = await _readers_left(served)
        readers = [asyncio.create_task(_to_the_end(client)) for client in clients[:2]]
        await asyncio.sleep(0)
        closing = time.time()
        stack.push_async_callback(asyncio.wait, readers)
    logs = served.logs()
    seen = Observed(board.requests, logs, policy, closing)
    wrong += [*seen.wrong_logs(), *seen.wrong(), *await _left(before, served.left())]
    return Session(wrong, board.requests, logs, served.dead_letters)


async def _readers_left(served: Served) -> list[str]:
    """Clients have gone; their readers go, too, while the server lives on."""
    enough = time.monotonic() + GONE
    while (left := _fanouts(served)) and time.monotonic() < enough:
        await _turn()
    return [f"nobody reads any more, and there is {each}" for each in left]


async def _turn() -> None:
    """Let everything else have a turn."""
    await asyncio.sleep(0)


def _fanouts(served: Served) -> list[str]:
    """The fan-outs that live: each has readers, or will go at once."""
    refs = [ref for system in served.handler.systems for ref in system.refs()]
    return [str(ref) for ref in refs if ref.kind == "fanout"]


async def _to_the_end(client: RandomClient) -> None:
    """Ask for something while the server closes: an answer comes all the same."""
    await client.work(1)


async def _left(before: set[asyncio.Task[Any]], found: list[str]) -> list[str]:
    mine = {*before, asyncio.current_task()}
    for _ in range(TURNS):
        left = [task for task in asyncio.all_tasks() - mine if not _stands(task)]
        if not left:
            return found
        await asyncio.sleep(0)
    return [*found, *(f"left over: {task}" for task in left)]


def _stands(task: asyncio.Task[Any]) -> bool:
    return getattr(task.get_coro(), "__qualname__", "").endswith(STANDING)
