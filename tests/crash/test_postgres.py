"""The crash matrix on PostgreSQL: the process that writes is killed, or the whole server is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count, islice

import pytest

from tests.crash.matrix import Kill, Result, Zygote, chosen, zygotes
from tests.postgres import OwnServer, dsn, execute, own_server

__all__ = ["dsn", "own_server"]

SEED = 20264
RUNS = int(os.environ.get("ACTORS_TEST_KILLS", "8"))
"""Set it higher to look further."""
SERVER_RUNS = 1 + RUNS // 4

_numbers = count(1)


@pytest.fixture
async def zygote() -> AsyncIterator[Zygote]:
    async with zygotes(1) as (made,):
        yield made


async def kills(zygote: Zygote, dsn: str, *steps: str) -> Iterator[Kill]:
    schema = f"actors_crash_{os.getpid()}_{next(_numbers)}"
    try:
        points = await zygote.points(f"{dsn} {schema}", "work")
    finally:
        await execute(dsn, f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    return chosen([kill for kill in points if kill.step in steps or not steps], SEED)


async def run(zygote: Zygote, dsn: str, kill: Kill, server: int = 0) -> Result:
    """One run, in a schema of its own."""
    schema = f"actors_crash_{os.getpid()}_{next(_numbers)}"
    try:
        return await zygote.run(f"{dsn} {schema}", kill, server)
    finally:
        await execute(dsn, f"DROP SCHEMA IF EXISTS {schema} CASCADE")


async def test_whatever_step_it_is_killed_at_nothing_is_lost_twice_or_torn(
    zygote: Zygote, dsn: str
) -> None:
    results = [await run(zygote, dsn, kill) for kill in islice(await kills(zygote, dsn), RUNS)]
    problems = [f"{each.kill}: {problem}" for each in results for problem in each.problems]
    assert not problems, "\n".join(problems)
    assert sum(result.killed for result in results) >= RUNS * 0.7


async def test_a_server_that_dies_at_any_step_is_waited_for(
    zygote: Zygote, own_server: OwnServer, dsn: str
) -> None:
    steps = ("append", "acknowledge", "consumed", "snapshot", "compact", "remove", "publish")
    died = 0
    for kill in islice(await kills(zygote, dsn, *steps), SERVER_RUNS):
        with restarted(own_server) as (main, deaths):
            result = await run(zygote, dsn, kill, main)
        assert not result.problems, f"{kill}: {result.problems}"
        died += len(deaths)
    assert died == SERVER_RUNS


@contextmanager
def restarted(server: OwnServer) -> Iterator[tuple[int, list[int]]]:
    """The main process of a server, which is started again whenever it dies."""
    main = server._processes()[0].pid
    ended = os.pidfd_open(main)
    loop = asyncio.get_running_loop()
    deaths: list[int] = []

    def again() -> None:
        loop.remove_reader(ended)
        deaths.append(main)
        server.kill()
        server.start()

    loop.add_reader(ended, again)
    try:
        yield main, deaths
    finally:
        loop.remove_reader(ended)
        os.close(ended)
