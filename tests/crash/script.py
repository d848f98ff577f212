"""What a victim does: a handler at work on everything that a journal is asked for.

Streams, questions and their answers, tasks at once, a cancel, a bare reply, a failure, webhooks, a
log long enough for a snapshot, data enough for a checkpoint, and a sweep that shortens some logs
and removes others. Whatever a client is shown is told first, line by line, to a pipe; the pipe
outlives the process. Messages have ids, and the handler deduplicates, so that a client may repeat
what was not answered.

Neighbours: `zygote.py` (runs it), `judge.py` (knows what to expect of it).
"""

from __future__ import annotations

import asyncio
import json
import os
import zlib
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryPushNotificationConfigStore, PushNotificationSender
from a2a.types import (
    CancelTaskRequest,
    Message,
    SendMessageRequest,
    StreamResponse,
    SubscribeToTaskRequest,
    Task,
)
from a2a.utils.errors import A2AError

from actors.a2a import Policy, RequestHandler
from actors.a2a.errors import RetryableError
from actors.runtime import ActorSystem
from actors.runtime.journal.port import Journal
from actors.task.retention import Limit, Retention
from tests.a2a.agents import Actor, as_user, ask, card
from tests.crash.clock import HeldClock
from tests.crash.quiet import Watched

ME: Final[ServerCallContext] = as_user("me")
POLICY: Final = Policy.sdk(deduplicate=True, storage_patience=600.0, cancel_grace=0.05)
RETENTION: Final = Retention(canceled=Limit(count=0), records=60.0, every=600.0)
"""Cancelled tasks go; of others at rest for a minute the records go."""

SWEEP: Final = (600.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""Seconds until a sweep, and between its pages."""

BREATH, AWAY = 0.05, 6.0
"""Real seconds after which so many held ones pass, when the journal is away."""

PAUSE: Final = 0.5
"""Real seconds after which so many pass while a handler closes."""

BULK: Final = 250_000
"""Bytes of a big chunk."""


def tell(out: int, **what: object) -> None:
    """Say what somebody is about to see."""
    os.write(out, json.dumps(what).encode() + b"\n")


class Agent(Actor):
    """Beside the scenes of `Actor`: big chunks, and waiting for a cancel."""

    async def bulk(self, context: Any, queue: Any, to: Any) -> None:
        """As many big chunks as the second word says."""
        await self._begin(context, queue)
        for number in range(int(context.get_user_input().split()[1])):
            part = Message(message_id="-").parts.add(text=f"{number} {'x' * BULK}")
            await to.add_artifact([part], artifact_id="many", append=number > 0)
        await to.complete()


class Sender(PushNotificationSender):
    """Tells what webhooks are told."""

    def __init__(self, out: int) -> None:
        self._out = out

    async def send_notification(self, task_id: str, event: Any) -> None:
        tell(self._out, told="push", task=task_id, crc=crc(event))


def crc(event: Any) -> int:
    """What an event is known by."""
    return zlib.crc32(event.SerializeToString(deterministic=True))


class Stage:
    """A handler and its clients, on a journal.

    Args:
        journal: the journal.
        out: file descriptor to tell things to.
    """

    def __init__(self, journal: Journal, out: int) -> None:
        self.out = out
        self.agent = Agent()
        loop = asyncio.get_running_loop()
        self.clock = HeldClock(loop)
        # What failed is tried again after some time, which nobody else lets pass.
        away = partial(loop.call_later, BREATH, self.clock.advance, AWAY)
        self.watched = Watched(journal, away)
        self.handler = _Handler(
            self.clock,
            self.agent,
            None,
            card(push_notifications=True),
            push_config_store=InMemoryPushNotificationConfigStore(),
            push_sender=Sender(out),
            policy=POLICY,
            journal=self.watched,
            retention=RETENTION,
        )

    async def send(self, text: str, task: str = "") -> str:
        """Send and wait for the answer; returns the task."""
        request = ask(text, task)
        tell(self.out, told="sent", id=request.message.message_id, text=text, task=task)
        try:
            answer = await self.insisting(lambda: self.handler.on_message_send(request, ME))
        except A2AError as error:
            tell(self.out, told="error", id=request.message.message_id, error=str(error))
            return ""
        known = answer.id if isinstance(answer, Task) else ""
        tell(self.out, told="answer", id=request.message.message_id, task=known)
        return known

    async def insisting(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Ask again while the storage is away."""
        while True:
            try:
                return await call()
            except RetryableError:
                await self.clock.pass_by(1.0)

    async def stream(self, text: str, task: str = "", *, twice: bool = False) -> str:
        """Send, and tell every event; with a second reader if `twice`."""
        request: SendMessageRequest = ask(text, task)
        tell(self.out, told="sent", id=request.message.message_id, text=text, task=task)
        second: asyncio.Task[None] | None = None
        try:
            async with aclosing(self.handler.send_stream(request, ME)) as events:
                async for each in events:
                    task = task or each.event.task.id
                    self.show("sender", request, task, each.seq, each.event)
                    if twice and second is None:
                        second = asyncio.create_task(self.watch(task))
        except RetryableError:
            return await self.send(text, task)
        if second is not None:
            await second
        tell(self.out, told="answer", id=request.message.message_id, task=task)
        return task

    async def watch(self, task: str) -> None:
        """Subscribe, and tell every event."""
        subscribe = SubscribeToTaskRequest(id=task)
        try:
            async with aclosing(self.handler.subscribe(subscribe, ME)) as events:
                async for each in events:
                    self.show("watcher", None, task, each.seq, each.event)
        except A2AError as error:
            tell(self.out, told="refused", task=task, error=str(error))

    def show(
        self,
        who: str,
        request: SendMessageRequest | None,
        task: str,
        seq: int,
        event: StreamResponse,
    ) -> None:
        kind = str(event.WhichOneof("payload"))
        tell(self.out, told="event", who=who, task=task, seq=seq, kind=kind, crc=crc(event))
        if request is not None:  # somebody who hears of a message's task knows that it is accepted
            tell(self.out, told="accepted", id=request.message.message_id, task=task)

    async def cancel(self, text: str) -> None:
        """Begin a run that waits, and cancel it."""
        task = await self.send_now(text)
        if task:
            cancel = CancelTaskRequest(id=task)
            tell(self.out, told="cancelling", task=task)
            try:
                await self.insisting(lambda: self.handler.on_cancel_task(cancel, ME))
            except A2AError as error:
                tell(self.out, told="refused", task=task, error=str(error))
                return
            tell(self.out, told="cancelled", task=task)

    async def send_now(self, text: str) -> str:
        """Send and go on as soon as there is a task."""
        request = ask(text, return_immediately=True)
        tell(self.out, told="sent", id=request.message.message_id, text=text, task="")
        answer = await self.insisting(lambda: self.handler.on_message_send(request, ME))
        assert isinstance(answer, Task)
        tell(self.out, told="answer", id=request.message.message_id, task=answer.id)
        return answer.id

    async def close(self) -> None:
        """Close the handler; what waits to try again does so soon."""
        closing = asyncio.create_task(self.handler.aclose())
        while not (await asyncio.wait({closing}, timeout=PAUSE))[0]:
            self.clock.advance(AWAY)
        await closing

    async def sweep(self) -> None:
        """Let the retention do its work."""
        await self.watched.quiet()
        for seconds in SWEEP:
            await self.clock.pass_by(seconds)
            await self.watched.quiet()


class _Handler(RequestHandler):
    """The handler, with the time in our hands."""

    def __init__(self, clock: HeldClock, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._clock = clock

    def new_system(self, loop: asyncio.AbstractEventLoop) -> ActorSystem:
        return ActorSystem(self._clock, loop.create_future)


async def work(stage: Stage) -> None:
    """Everything but what needs megabytes."""
    await stage.stream("many 5 streamed", twice=True)
    asked = await stage.send("ask first")
    if asked:
        await stage.stream("work on that", asked)
    together = (stage.send(f"many {3 + number} at once {number}") for number in range(4))
    await asyncio.gather(*together, stage.send("reply barely"), stage.send("fail soon"))
    await stage.send("many 70 long")
    await stage.cancel("wait for the end")
    await stage.send("ask second")
    await stage.sweep()
    await stage.stream("work after the sweep")
    await stage.close()
    tell(stage.out, told="done")


async def bulk(stage: Stage) -> None:
    """So much that SQLite checkpoints: while it appends, and while records go."""
    await stage.send("many 5 before")
    await stage.stream("bulk 44")
    await stage.send("many 5 between")
    await stage.sweep()
    await stage.send("many 5 after")
    await stage.close()
    tell(stage.out, told="done")


PARTS: Final = {"work": work, "bulk": bulk}


async def again(stage: Stage, sent: list[dict[str, Any]]) -> None:
    """What clients do after a crash: repeat what was not answered, then go on."""
    stage.agent.gate.set()
    for each in sent:
        await stage.send(str(each["text"]), str(each["task"]))
    await stage.stream("work after the crash")
    await stage.watched.quiet()
    await stage.close()
    tell(stage.out, told="done")
