"""What clients under load do: each session is one story, told to its end.

Neighbours: `load_wire.py` (how they talk), `load_agent.py` (to whom), `load_offer.py` (when).
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tests.bench.suite.rawclient import jsonrpc
from tests.soak.load_figures import Latencies
from tests.soak.load_wire import Line, RefusedError, Stream, WrongError

PATIENCE: Final = 60.0
"""Seconds after which a session counts as not answered."""
CHUNKS: Final = (100, 500)
"""Of a stream: at least and at most."""
PAUSE: Final = 5
"""Milliseconds between chunks."""
THINKING: Final = 10.0
"""Seconds that somebody thinks about an answer, at most."""
AWAY: Final = 1.0
"""Seconds that somebody who has hung up stays away, at most."""
REMEMBERED: Final = 10_000
"""Tasks that have ended, to be read again."""
TOLD: Final = 5
"""Errors that are kept as they were."""


class Clients:
    """All clients, and what they have found.

    Args:
        port: of the server.
        rng: chooses what they do.
        sessions: counts those that have ended as they should, by kind.
        errors: counts the others.

    Attributes:
        line: to the server.
        latencies: by kind, since somebody took them.
        ended: sessions that have ended as they should.
        refused: sessions that ended as the server had too much to do.
        wrong: the first errors, as they were.
    """

    def __init__(
        self, port: int, rng: random.Random, sessions: Counter[str], errors: Counter[str]
    ) -> None:
        self.line = Line(port)
        self.latencies = Latencies()
        self.ended = 0
        self.refused = 0
        self.wrong: list[str] = []
        self._sessions = sessions
        self._errors = errors
        self._rng = rng
        self._numbers = itertools.count()
        self._unique = rng.getrandbits(64)
        self._tasks: deque[str] = deque(maxlen=REMEMBERED)

    def drawn(self) -> str:
        """Return the kind of the next session."""
        kinds = list(SESSIONS)
        return self._rng.choices(kinds, [SESSIONS[kind][0] for kind in kinds])[0]

    async def session(self, kind: str, due: float) -> None:
        """Let a session happen, and count how it ended.

        Args:
            kind: of `SESSIONS`.
            due: when it should have begun, by `time.monotonic`: its first answer is late by that.
        """
        try:
            async with asyncio.timeout(PATIENCE):
                await SESSIONS[kind][1](self, due)
        except TimeoutError:
            self._failed(kind, f"it was not over after {PATIENCE:g} s")
        except RefusedError:
            self.refused += 1
            await asyncio.sleep(self._rng.random())  # what a client does who was told to wait
        except (WrongError, OSError) as error:
            self._failed(kind, f"{type(error).__name__}: {error}")
        else:
            self._sessions[kind] += 1
            self.ended += 1

    def _failed(self, kind: str, why: str) -> None:
        self._errors[kind] += 1
        if len(self.wrong) < TOLD:
            self.wrong.append(f"{kind}: {why}")

    async def short(self, due: float) -> None:
        """A task that is over at once, for which its client waits."""
        self._tasks.append(await self._sent("short", due, "short", "COMPLETED"))

    async def read(self, due: float) -> None:
        """A look at a task that may have ended long ago."""
        if not self._tasks:
            return
        wanted = self._rng.choice(self._tasks)
        task = await self.line.call("GetTask", {"id": wanted})
        self._since(due, "read")
        _expect(task["id"] == wanted, f"task {wanted} was read, {task['id']} came")
        _expect(_state(task) in {"COMPLETED", "CANCELED"}, f"task {wanted} is {_state(task)} again")

    async def parked(self, due: float) -> None:
        """A question; half of them are never answered."""
        task = await self._sent("ask", due, "question", "INPUT_REQUIRED")
        if self._rng.random() < 0.5:
            return
        await asyncio.sleep(self._rng.uniform(0, THINKING))
        await self._sent("the first", time.monotonic(), "answer", "COMPLETED", taskId=task)
        self._tasks.append(task)

    async def stream(self, due: float) -> None:
        """A stream of hundreds of chunks, read to its end."""
        count = self._rng.randint(*CHUNKS)
        stream = self._stream()
        await stream.read(self._request(f"stream {count} {PAUSE}"))
        self.latencies.note("first event", stream.began - due)
        self._whole(stream, count, "COMPLETED")

    async def resumed(self, due: float) -> None:
        """A stream whose client hangs up in the middle, once or more, and comes back."""
        count = self._rng.randint(*CHUNKS)
        breaks = sorted(self._rng.sample(range(1, count), self._rng.randint(1, 3)))
        stream = self._stream()
        await stream.read(self._request(f"stream {count} {PAUSE}"), breaks[0])
        self.latencies.note("first event", stream.began - due)
        for until in (*breaks[1:], None):
            await asyncio.sleep(self._rng.uniform(0, AWAY))
            if until is None or until > stream.chunks:
                began, stream.began = time.monotonic(), 0.0
                header = f"Last-Event-ID: {stream.last}"
                request = jsonrpc("SubscribeToTask", {"id": stream.task}, header)
                await stream.read(request, until)
                self.latencies.note("resume", stream.began - began)
        self._whole(stream, count, "COMPLETED")

    async def canceled(self, due: float) -> None:
        """A stream whose task is canceled from another connection."""
        least = self._rng.randint(1, CHUNKS[0])
        enough = asyncio.get_running_loop().create_future()

        def arrived(seconds: float) -> None:
            self.latencies.note("event", seconds)
            if stream.chunks == least:
                enough.set_result(None)

        stream = Stream(self.line, arrived)
        reading = asyncio.ensure_future(stream.read(self._request(f"stream {CHUNKS[1]} {PAUSE}")))
        try:
            await asyncio.wait((reading, enough), return_when=asyncio.FIRST_COMPLETED)
            began = time.monotonic()
            task = await self.line.call("CancelTask", {"id": stream.task})
            self._since(began, "cancel")
            _expect(_state(task) == "CANCELED", f"a canceled task is {_state(task)}")
            await reading
        finally:
            reading.cancel()
        self.latencies.note("first event", stream.began - due)
        self._whole(stream, stream.chunks, "CANCELED")

    async def _sent(self, text: str, due: float, kind: str, state: str, **more: Any) -> str:
        """Send a message and wait; returns the id of the task, which must be in this state."""
        answer = await self.line.call("SendMessage", {"message": self._message(text, **more)})
        self._since(due, kind)
        task = answer.get("task", {})
        _expect(_state(task) == state, f"{text!r} was answered with {answer}")
        return str(task["id"])

    def _request(self, text: str) -> bytes:
        return jsonrpc("SendStreamingMessage", {"message": self._message(text)})

    def _message(self, text: str, **more: Any) -> dict[str, Any]:
        name = f"m{self._unique:x}-{next(self._numbers)}"
        return {"messageId": name, "role": "ROLE_USER", "parts": [{"text": text}], **more}

    def _stream(self) -> Stream:
        return Stream(self.line, lambda seconds: self.latencies.note("event", seconds))

    def _whole(self, stream: Stream, count: int, state: str) -> None:
        found = f"{stream.chunks} chunks of {count}, {stream.state}"
        _expect((stream.chunks, stream.state) == (count, state), f"stream {stream.task}: {found}")
        self._tasks.append(stream.task)

    def _since(self, due: float, kind: str) -> None:
        self.latencies.note(kind, time.monotonic() - due)


def _state(task: dict[str, Any]) -> str:
    return str(task.get("status", {}).get("state", "")).removeprefix("TASK_STATE_")


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise WrongError(otherwise)


Story = Callable[[Clients, float], Awaitable[None]]

SESSIONS: Final[dict[str, tuple[int, Story]]] = {
    "short": (60, Clients.short),
    "read": (10, Clients.read),
    "parked": (10, Clients.parked),
    "stream": (8, Clients.stream),
    "resumed": (6, Clients.resumed),
    "canceled": (6, Clients.canceled),
}
"""What there is, and how often of a hundred."""
