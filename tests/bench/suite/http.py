"""Over HTTP: a server process on one side, a raw client in this one.

    python -m tests.bench.suite.http SIDE DIMENSION SIZE

Closed loops of `LOAD_SECONDS`, on connections that are kept; every answer is looked at as
far as to know that it is the right one. What a server costs is the processor time of its process
and of its children, so of a journal's writer too.

Neighbours: `server.py` (the sides), `rawclient.py` (the client), `program.py` (the other side, and
the table).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from tests.bench.suite.measuring import SECONDS, Found
from tests.bench.suite.processes import Usage, usage
from tests.bench.suite.rawclient import Connection, Counter, Template, connect, jsonrpc

ROOT: Final = Path(__file__).parent.parent.parent.parent
LOAD_SECONDS: Final = 4 * SECONDS
IDLE_SECONDS: Final = 10 * SECONDS
PATIENCE: Final = 60.0
"""Seconds after which a server does not answer any more."""
STREAMS: Final = 8
"""At once, where there is more than one."""


def measure(side: str, dimension: str, size: int) -> Found:
    """Return what one measurement has found, of a server process of its own.

    Args:
        side: of `server.SIDES`.
        dimension: of `DIMENSIONS`.
        size: `tasks`: connections; `streams`, `stream`: chunks that the agent sends in each;
            `subscriptions`: how many.

    Raises:
        AssertionError: the server gave a wrong answer; then there is nothing to measure.
        TimeoutError: it gave none.
    """
    return asyncio.run(DIMENSIONS[dimension](side, size))


async def tasks(side: str, size: int) -> Found:
    """Blocking sends of short tasks: how many a second, and what each costs."""
    async with served(side) as server:
        clients = [await connect(server.port) for _ in range(size)]
        template = Template("SendMessage", "short")

        async def one(client: Connection) -> int:
            body = await client.call(template.next())
            assert client.status == 200, f"status {client.status}: {body[:300]!r}"
            assert b'"TASK_STATE_COMPLETED"' in body, f"not completed: {body[:300]!r}"
            return 1

        return await server.loaded(clients, one)


async def streams(side: str, size: int) -> Found:
    """Streams of bursts, eight at once: events a second, and what each costs."""
    return await _streamed(side, size, STREAMS)


async def stream(side: str, size: int) -> Found:
    """Streams of bursts, one after the other."""
    return await _streamed(side, size, 1)


async def _streamed(side: str, size: int, at_once: int) -> Found:
    async with served(side) as server:
        clients = [await connect(server.port) for _ in range(at_once)]
        template = Template("SendStreamingMessage", f"burst {size}")

        async def one(client: Connection) -> int:
            counter = Counter()
            await client.send(template.next(), counter)
            assert counter.events == size + 2, f"{counter.events} events: {counter.last!r}"
            assert b'"TASK_STATE_COMPLETED"' in counter.last, f"no end: {counter.last!r}"
            return counter.events

        return await server.loaded(clients, one)


async def subscriptions(side: str, size: int) -> Found:
    """Subscriptions to parked tasks, one each: what they cost while nothing happens."""
    async with served(side) as server:
        await _parked(server.port, 1)  # what is there once: a writer process
        before = server.usage()
        names = [await _parked(server.port, each) for each in _by(size, 50)]
        asleep = server.usage()
        clients = [await _subscribed(server.port, name) for some in names for name in some]
        await asyncio.sleep(1)  # whatever the last subscription has left to be done
        open_ = server.usage()
        await asyncio.sleep(IDLE_SECONDS)
        spent = server.usage().seconds - open_.seconds
        for client in clients:
            client.close()
        return {
            "cpu_percent": 100 * spent / IDLE_SECONDS,
            "kib_per_parked_task": (asleep.resident - before.resident) / size / 1024,
            "kib_per_subscription": (open_.resident - asleep.resident) / size / 1024,
        }


def _by(size: int, most: int) -> list[int]:
    return [min(most, size - done) for done in range(0, size, most)]


async def _parked(port: int, count: int) -> list[str]:
    """Return the ids of tasks that wait for input."""
    template = Template("SendMessage", "park")

    async def one() -> str:
        client = await connect(port)
        body = await client.call(template.next())
        client.close()
        task = json.loads(body)["result"]["task"]
        assert task["status"]["state"] == "TASK_STATE_INPUT_REQUIRED", task
        return str(task["id"])

    return await asyncio.gather(*(one() for _ in range(count)))


async def _subscribed(port: int, name: str) -> Connection:
    """Return a subscription that has told the Task."""
    client, counter = await connect(port), Counter()
    told = asyncio.get_running_loop().create_future()

    def sink(piece: bytes) -> None:
        counter(piece)
        if counter.events and not told.done():
            told.set_result(None)

    over = client.send(jsonrpc("SubscribeToTask", {"id": name}), sink)
    over.add_done_callback(lambda ended: ended.exception())  # it ends when we hang up
    async with asyncio.timeout(PATIENCE):
        await told
    return client


class Served:
    """A server process that serves.

    Attributes:
        port: where.
    """

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    def usage(self) -> Usage:
        """Return what it has used until now, with its children."""
        return usage(self._process.pid)

    async def loaded(
        self, clients: list[Connection], one: Callable[[Connection], Coroutine[Any, Any, int]]
    ) -> Found:
        """Let each client do the same again and again; `one` says how much it was."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(one(client) for client in clients))  # to warm up
        done, began, before = 0, time.perf_counter(), self.usage()

        async def again(client: Connection) -> None:
            nonlocal done
            while time.perf_counter() - began < LOAD_SECONDS:
                found = await one(client)  # `done` is read after the wait, not before
                done += found

        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(again(client) for client in clients))
        took, spent = time.perf_counter() - began, self.usage().seconds - before.seconds
        for client in clients:
            client.close()
        return {"per_second": done / took, "cpu_us": 1e6 * spent / done}


@asynccontextmanager
async def served(side: str) -> AsyncIterator[Served]:
    """Start a server of a side in a new process, with a new database; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="bench-http-") as directory:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.suite.server", side, directory),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE):
                line = await process.stdout.readline()
            assert re.fullmatch(rb"\d+\n", line), f"the server of {side} did not start: {line!r}"
            yield Served(process, int(line))
        finally:
            process.stdin.close()
            await process.wait()


DIMENSIONS: Final[dict[str, Callable[[str, int], Coroutine[Any, Any, Found]]]] = {
    "tasks": tasks,
    "streams": streams,
    "stream": stream,
    "subscriptions": subscriptions,
}
SIZES: Final = {"tasks": 32, "streams": 200, "stream": 2_000, "subscriptions": 1_000}
"""Of the dimensions, in the table of targets."""


if __name__ == "__main__":
    _, given_side, given_dimension, given_size = sys.argv
    print(json.dumps(measure(given_side, given_dimension, int(given_size))))
