"""Comments on silent streams, in virtual time: when, on which, and from how many timers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest
from a2a.types import SubscribeToTaskRequest
from starlette.types import Message

from actors.a2a.sequenced import Sequenced
from actors.a2a.streams import Stream
from actors.a2a.wire.frames import Comment, EventsResponse, Frame
from actors.a2a.wire.silence import KeepAlive, Silent
from actors.simulation.choices import Recorded
from actors.simulation.loop import SimLoop


def run(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What it returns, in time that passes at once, and only when nothing else can happen."""
    loop = SimLoop(Recorded())
    try:
        return loop.run_until_complete(main())
    finally:
        loop.close()


async def at(seconds: float) -> None:
    """Until a moment of the running loop's, counted from its beginning."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(seconds - (loop.time() - STARTED[loop]))


STARTED: dict[asyncio.AbstractEventLoop, float] = {}


def heard() -> tuple[list[float], Callable[[], None]]:
    """What comments on one stream; with the moments at which that was done."""
    loop, moments = asyncio.get_running_loop(), list[float]()
    started = STARTED.setdefault(loop, loop.time())
    return moments, lambda: moments.append(round(loop.time() - started, 6))


def test_a_comment_after_each_time_of_silence() -> None:
    async def main() -> list[float]:
        moments, comment = heard()
        silent = KeepAlive(10).here()
        silent.begin(comment)
        await at(35)
        silent.end(comment)
        await at(100)
        return moments

    assert run(main) == [10, 20, 30]


def test_whoever_speaks_is_not_commented_on() -> None:
    async def main() -> list[float]:
        moments, comment = heard()
        silent = KeepAlive(10).here()
        for begin, end in ((0, 7), (8, 17), (25, 36)):
            await at(begin)
            silent.begin(comment)
            await at(end)
            silent.end(comment)
        await at(100)
        return moments

    assert run(main) == [35]


def test_those_that_are_nearly_due_go_together_and_the_others_in_time() -> None:
    async def main() -> list[list[float]]:
        silent, all_of_them = KeepAlive(10).here(), []
        for begin in (0, 0.5, 4):
            moments, comment = heard()
            await at(begin)
            silent.begin(comment)
            all_of_them.append(moments)
        await at(29)
        return all_of_them

    assert run(main) == [[10, 20], [10, 20], [14, 24]]


def test_one_timer_for_a_thousand() -> None:
    async def main() -> int:
        loop = asyncio.get_running_loop()
        made, timers = loop.call_later, list[float]()

        def counted(delay: float, *rest: Any, **more: Any) -> asyncio.TimerHandle:
            timers.append(delay)
            return made(delay, *rest, **more)

        silent = KeepAlive(10).here()
        loop.call_later = counted  # type: ignore[method-assign, assignment] # counts them
        for _ in range(1000):
            silent.begin(heard()[1])
        await asyncio.sleep(95)
        return len(timers) - 1  # the last is of the sleep

    assert run(main) == 10


def test_none_where_none_are_wanted() -> None:
    async def main() -> list[float]:
        moments, comment = heard()
        KeepAlive(0).here().begin(comment)
        await at(100)
        return moments

    assert run(main) == []


def test_each_loop_has_its_own() -> None:
    keep_alive = KeepAlive(10)

    async def main() -> list[float]:
        moments, comment = heard()
        assert keep_alive.here() is keep_alive.here()
        keep_alive.here().begin(comment)
        await at(15)
        return moments

    assert run(main) == run(main) == [10]


async def test_a_client_that_reads_nothing_gets_one_comment_not_many() -> None:
    gate, sent = asyncio.Event(), list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)
        await gate.wait()

    comment = Comment()
    comment.send = send
    for _ in range(3):
        comment()
        await asyncio.sleep(0)
    assert len(sent) == 1
    gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    comment()
    await asyncio.sleep(0)
    assert len(sent) == 2
    assert sent[0]["body"].startswith(b": ping - 2")
    assert sent[0]["body"].endswith(b"+00:00\r\n\r\n")
    assert sent[0]["more_body"]


@pytest.mark.parametrize("gone", [BrokenPipeError, ConnectionResetError])
async def test_a_client_that_is_gone_is_no_error(gone: type[OSError]) -> None:
    async def send(_: Message) -> None:
        raise gone

    comment = Comment()
    comment.send = send
    comment()
    await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
    comment.stop()


class Told(Silent):
    """Writes down what it is told."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(10)
        self._said = said

    def begin(self, _: object) -> None:
        self._said.append("silent")

    def end(self, _: object) -> None:
        self._said.append("speaks")


class Events:
    """Batches of one event, then an error."""

    def __init__(self, count: int) -> None:
        self._left = count

    def here(self) -> Sequence[Sequenced] | None:
        self._left -= 1
        if self._left < 0:
            raise ValueError
        return [Sequenced(1, b"")]

    def more(self) -> Awaitable[object]:
        raise AssertionError("there always is one")


async def test_a_stream_is_silent_only_while_it_waits() -> None:
    """So no comment comes in the middle of an event that is sent in pieces."""
    said: list[str] = []

    async def send(message: Message) -> None:
        said.append("sends" if message.get("body") else "-")

    async def receive() -> Message:
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    keep_alive = KeepAlive(10)
    keep_alive.here = lambda: Told(said)  # type: ignore[method-assign] # one that tells
    frame = Frame(b"", b"\r\n\r\n", lambda error: {"error": str(error)})
    response = EventsResponse(Stream(Events(2)), SubscribeToTaskRequest(), frame, keep_alive)
    await response({"type": "http", "method": "GET"}, receive, send)
    waits = ["silent", "speaks", "sends"]
    assert said == ["-", *waits, *waits, *waits, "-"]


async def test_a_comment_that_is_due_with_an_event_comes_before_it() -> None:
    """One in the middle of a large event would be part of its JSON."""
    sent: list[bytes] = []
    room = asyncio.Event()

    async def send(message: Message) -> None:
        await room.wait()
        sent.append(message.get("body", b""))

    async def receive() -> Message:
        never: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        return await never

    class Due(Events):
        def here(self) -> Sequence[Sequenced] | None:
            silent.speak()
            asyncio.get_running_loop().call_soon(room.set)
            return super().here()

    class Speaking(Silent):
        speak: Callable[[], object]

        def begin(self, comment: Callable[[], object]) -> None:
            self.speak = comment

    silent = Speaking(10)
    keep_alive = KeepAlive(10)
    keep_alive.here = lambda: silent  # type: ignore[method-assign] # one that speaks when told
    frame = Frame(b"<", b">\r\n\r\n", lambda error: {"error": str(error)})
    response = EventsResponse(Stream(Due(1)), SubscribeToTaskRequest(), frame, keep_alive)
    room.set()
    await response({"type": "http", "method": "GET"}, receive, send)
    told = [part[:6] for part in sent if part]
    assert told == [b": ping", b"id: 1\r", b": ping", b"event:"]
