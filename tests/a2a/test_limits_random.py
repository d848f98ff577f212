"""Whatever clients and agents do, in whatever order: in the end nobody has anything any more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

from a2a.types import CancelTaskRequest, SubscribeToTaskRequest
from a2a.utils.errors import A2AError
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.a2a import Limits, RequestHandler
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.limited import usage
from tests.a2a.test_once import turns, until

SCENES = ("work", "ask", "wait", "auth", "reply", "fail", "fail_first", "silent", "late")
WHO = ("me", "you")

steps = st.one_of(
    st.tuples(st.sampled_from(["stream", "send"]), st.sampled_from(SCENES), st.sampled_from(WHO)),
    st.tuples(st.sampled_from(["leave", "cancel", "subscribe", "again"]), st.integers(0, 9)),
    st.tuples(st.just("gate")),
)


class Clients:
    """What several clients have going on; each thing is read in an asyncio task of its own."""

    def __init__(self) -> None:
        self.agent = Actor()
        limits = Limits(streams=3, runs=3)
        self.handler = RequestHandler(
            self.agent, None, card(), journal=MemoryJournal(), limits=limits
        )
        self.going: list[asyncio.Task[None]] = []
        self.tasks: list[tuple[str, Any]] = []

    async def do(self, step: tuple[Any, ...]) -> None:
        """Take one step, and let everybody else take theirs."""
        match step:
            case ("stream", scene, who):
                stream = self.handler.on_message_send_stream(ask(scene), as_user(who))
                self._go(self._read(stream, as_user(who)))
            case ("send", scene, who):
                self._go(self._tried(self.handler.on_message_send(ask(scene), as_user(who))))
            case ("leave", index) if self.going:
                self.going[index % len(self.going)].cancel()
            case ("gate",):
                self.agent.gate.set()
            case (what, index) if self.tasks:
                task, who = self.tasks[index % len(self.tasks)]
                self._follow(what, task, who)
        await turns()

    def _follow(self, what: str, task: str, who: Any) -> None:
        if what == "cancel":
            self._go(self._tried(self.handler.on_cancel_task(CancelTaskRequest(id=task), who)))
        elif what == "subscribe":
            wanted = SubscribeToTaskRequest(id=task)
            self._go(self._read(self.handler.on_subscribe_to_task(wanted, who), who))
        elif what == "again":
            stream = self.handler.on_message_send_stream(ask("work", task), who)
            self._go(self._read(stream, who))

    def _go(self, work: Any) -> None:
        self.going.append(asyncio.ensure_future(work))

    async def _read(self, stream: AsyncGenerator[Any, None], who: Any) -> None:
        async def everything() -> None:
            async for event in stream:
                if task := getattr(event, "task_id", "") or getattr(event, "id", ""):
                    self.tasks.append((task, who))

        await self._tried(everything())

    async def _tried(self, call: Awaitable[Any]) -> None:
        try:
            await call
        except A2AError:
            return

    async def end(self) -> None:
        """Everybody leaves; runs end."""
        self.agent.gate.set()
        for task in self.going:
            task.cancel()
        await asyncio.gather(*self.going, return_exceptions=True)
        found = usage(self.handler)
        await until(lambda: not len(found.streams) and not len(found.runs))
        assert len(self.handler._entry.calls) == 0
        await self.handler.aclose()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(steps, max_size=25))
def test_nobody_has_anything_in_the_end(script: list[tuple[Any, ...]]) -> None:
    async def play() -> None:
        clients = Clients()
        await clients.handler.start()
        async with asyncio.timeout(10):
            for step in script:
                await clients.do(step)
                found = usage(clients.handler)
                assert max(found.streams.of((who, "")) for who in WHO) <= 3
                assert max(found.runs.of((who, "")) for who in WHO) <= 3
            await clients.end()

    asyncio.run(play())
