"""What is left when nothing happens: no asyncio task, no actor, no object, nothing for the GC.

Neighbours: `costs.py` (agent and counts), `test_costs.py` (what happens costs).
"""

from __future__ import annotations

import asyncio
import gc
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from a2a.types import SubscribeToTaskRequest, Task

from actors.a2a import RequestHandler
from actors.runtime import ActorSystem
from actors.runtime.mailbox import Mailbox
from actors.storage import logwriter
from tests.a2a.agents import STANDING, ask, card
from tests.a2a.costs import ME, Chatty, followed, serving, streamed
from tests.a2a.test_once import until

TASKS = 300
TOGETHER = 20
"""Sent at a time."""


@pytest.fixture
async def handler() -> AsyncIterator[RequestHandler]:
    made, _ = serving()
    yield made
    await made.aclose()


async def system_of(handler: RequestHandler) -> ActorSystem:
    return (await handler._entry.core()).system


async def sent(handler: RequestHandler, scene: str, tasks: int) -> list[str]:
    answers = await asyncio.gather(*(handler.on_message_send(ask(scene), ME) for _ in range(tasks)))
    return [answer.id for answer in answers if isinstance(answer, Task)]


async def quiet(handler: RequestHandler) -> None:
    """Wait until the agent's asyncio tasks have ended and no actor has anything to do."""
    system = await system_of(handler)
    cells = system.cells
    await until(
        lambda: len(asyncio.all_tasks()) == 1 and not any(cell.ready for cell in cells.values())
    )


@pytest.mark.parametrize("scene", ["ask", "burst 3"])
async def test_a_task_at_rest_has_no_actor_and_no_asyncio_task(
    handler: RequestHandler, scene: str
) -> None:
    """Whether it has ended or waits for an answer."""
    await sent(handler, scene, 50)
    await quiet(handler)  # else this raises
    kinds = Counter(ref.kind for ref in (await system_of(handler)).refs())
    assert set(kinds) <= STANDING


@pytest.mark.parametrize("scene", ["ask", "burst 3"])
async def test_a_task_at_rest_leaves_no_object(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scene: str
) -> None:
    """In a file, with a cache of few tips: the rest is rows in the journal, and nothing else."""
    monkeypatch.setattr(logwriter, "_TIPS", 8)
    handler = RequestHandler(Chatty(), None, card(), database=str(tmp_path / "tasks.db"))
    await sent(handler, scene, 2 * TOGETHER)
    await quiet(handler)
    before = _objects()
    for _ in range(TASKS // TOGETHER):
        await sent(handler, scene, TOGETHER)
    await quiet(handler)
    more = _objects() - before
    await handler.aclose()
    assert sum(more.values()) < 0.5 * TASKS, more.most_common(8)


def _objects() -> Counter[str]:
    gc.collect()
    return Counter(
        f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects()
    )


async def test_an_open_stream_is_only_its_readers_asyncio_task(handler: RequestHandler) -> None:
    """Of a task that waits for an answer: two actors, with nothing in their mailboxes."""
    readers = 20
    tasks = await sent(handler, "ask", readers)
    streams = [handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task), ME) for task in tasks]
    for stream in streams:
        await anext(stream)
    waiting = [asyncio.ensure_future(anext(stream)) for stream in streams]
    system = await system_of(handler)
    await until(lambda: not any(cell.ready for cell in system.cells.values()))
    kinds = Counter(ref.kind for ref in system.refs())
    assert len(asyncio.all_tasks()) == 1 + readers
    assert kinds["task"] == kinds["fanout"] == readers
    empty = Mailbox(1)
    assert all(cell.mailbox.normal is empty.normal for cell in system.cells.values())
    assert all(cell.mailbox.system is empty.system for cell in system.cells.values())
    for reader in waiting:
        reader.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for stream in streams:
        await stream.aclose()


@contextmanager
def cycles() -> Iterator[Counter[str]]:
    """Find what only the cyclic garbage collector could free after the block."""
    found: Counter[str] = Counter()
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found.update(type(each).__qualname__ for each in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def test_what_happens_leaves_no_cycles() -> None:
    """Events, tasks and readers go when they are done with, without the collector's help."""
    handler, agent = serving()
    await followed(handler, agent, 5, 2)
    with cycles() as found:
        await streamed(handler, "burst 1000")
        await streamed(handler, "paced 100")
        await sent(handler, "burst 1", 200)
        await followed(handler, agent, 20, 10)
        await quiet(handler)
    await handler.aclose()
    assert sum(found.values()) < 20, found.most_common(8)
