"""A server that is sent what nobody should send, and must go on serving everybody else.

Neighbours: `mangled.py` (what is sent), `raw_http.py` (how, and what must be true of the answer).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

import httpx
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Part, Task, TaskState, TaskStatus

from actors.a2a import Policy
from tests.a2a.mangled import mangled
from tests.a2a.raw_http import Reply, exchange, wrong
from tests.a2a.served import Served, serving
from tests.sse import HEADERS

AT_ONCE = 8
OFTEN = 50
"""Requests after which somebody else is served."""


class Echo(AgentExecutor):
    """Has no faults: completes, or asks when it is told to."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        task, message = str(context.task_id), context.message
        if context.current_task is None and message is not None:
            status = TaskStatus(state=TaskState.TASK_STATE_SUBMITTED)
            made = Task(id=task, context_id=str(context.context_id), status=status)
            made.history.append(message)
            await event_queue.enqueue_event(made)
        updater = TaskUpdater(event_queue, task, str(context.context_id))
        await updater.add_artifact([Part(text="echo")], artifact_id="echo")
        if "ask" in context.get_user_input():
            await updater.requires_input()
        else:
            await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        updater = TaskUpdater(event_queue, str(context.task_id), str(context.context_id))
        await updater.cancel()


class Finding(NamedTuple):
    """A request that was answered as none must be."""

    number: int
    why: str
    sent: bytes
    got: Reply

    def __str__(self) -> str:
        sent, got = repr(self.sent[:1_500]), repr(self.got.body[:400])
        return f"request {self.number}: {self.why}\n  sent {sent}\n  got {self.got.status} {got}"


class Battery:
    """Sends mangled requests to one server.

    Args:
        served: the server.
        seed: of what is sent.
    """

    def __init__(self, served: Served, seed: str) -> None:
        self._served = served
        self._seed = seed
        self.answers: Counter[str] = Counter()
        """By their status."""

    @property
    def port(self) -> int:
        """Where the server listens."""
        return self._served.port

    async def fire(self, first: int, count: int) -> list[Finding]:
        """Send the requests from number `first` on, a few at a time."""
        found: list[Finding] = []
        for start in range(first, first + count, OFTEN):
            task = await self.serves()
            numbers = iter(range(start, min(start + OFTEN, first + count)))

            async def lane(task: str = task, numbers: object = numbers) -> None:
                for number in numbers:  # type: ignore[attr-defined] # shared by the lanes
                    found.extend(await self._one(number, task))

            await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
        await self.serves()
        return found

    async def _one(self, number: int, task: str) -> list[Finding]:
        data = mangled(Random(f"{self._seed} {number}"), task)
        try:
            reply = await exchange(self._served.port, data)
        except TimeoutError:
            return [Finding(number, "no answer in time", data, Reply(0, {}, b""))]
        self.answers[str(reply.status)] += 1
        why = wrong(reply)
        return [Finding(number, why, data, reply)] if why else []

    async def serves(self) -> str:
        """Be an ordinary client; returns the id of a task that waits for input."""
        base = f"http://127.0.0.1:{self._served.port}"
        async with httpx.AsyncClient(base_url=base, headers=HEADERS, timeout=10) as client:
            said = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "ask"}]}
            body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": said}}
            sent = await client.post("/", json=body)
            task: str = sent.json()["result"]["task"]["id"]
            got = await client.get(f"/rest/tasks/{task}")
            assert got.json()["status"]["state"] == "TASK_STATE_INPUT_REQUIRED", got.text
            return task


@asynccontextmanager
async def battery(seed: str, database: Path) -> AsyncIterator[Battery]:
    """Serve, and see to it that nothing is left behind."""
    policy = Policy.sdk(drain=0.2, terminal_grace=0.0, cancel_grace=0.2)
    async with serving(Echo(), policy, database) as served:
        yield Battery(served, seed)
    assert served.left() == []
