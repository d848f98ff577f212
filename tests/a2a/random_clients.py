"""Clients that do anything: send, stream, subscribe, resume, cancel, read, list, retry, leave.

What they do is drawn. What they see is written down (`observed.py`).

Neighbours: `whims.py` (the agent at the other end), `reaches.py` (over sockets).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Protocol

from a2a.types import (
    ListTasksRequest,
    ListTasksResponse,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    Task,
)

from tests.a2a.whims import Draw
from tests.a2a.witnessed import Request, Told, Who

SAYING = ("send", "stream")
OPERATIONS = (
    *SAYING * 3,
    *("immediately", "subscribe", "resume", "get", "cancel") * 2,
    "list",
)

Answer = Task | Message | ListTasksResponse


class Reach(Protocol):
    """What one client can do over one binding."""

    binding: str
    who: Who
    numbered: bool
    """Its events bear sequence numbers, and it can go on after one."""

    async def send(self, params: SendMessageRequest) -> Task | Message:
        """Send a message."""

    def stream(self, params: SendMessageRequest) -> AsyncGenerator[Told, None]:
        """Send one and read on."""

    def subscribe(self, task: str, after: int | None) -> AsyncGenerator[Told, None]:
        """Read along."""

    async def get(self, task: str) -> Task:
        """Look at a task."""

    async def cancel(self, task: str) -> Task:
        """Cancel it."""

    async def list(self, params: ListTasksRequest) -> ListTasksResponse:
        """Look at all."""


@dataclass(slots=True)
class Board:
    """What the clients of a session know together."""

    now: Callable[[], float]
    """Seconds."""
    patience: float
    """Seconds after which a client gives up."""
    pause: float
    """Seconds after which one leaves that does so early."""
    stay: float
    """Seconds after which a reader leaves: a stream need not end."""
    linger: float
    """Seconds after which one leaves that stays long enough to be sure of the end."""
    requests: list[Request] = field(default_factory=list)
    tasks: list[tuple[Who, str]] = field(default_factory=list)
    sent: list[tuple[Who, SendMessageRequest]] = field(default_factory=list)


class RandomClient:
    """One client.

    Args:
        name: unique in its session.
        draw: decides.
        reaches: over which it works, all of one owner.
        board: shared with the others.
    """

    def __init__(self, name: str, draw: Draw, reaches: Sequence[Reach], board: Board) -> None:
        self._name = name
        self._draw = draw
        self._reaches = reaches
        self._board = board
        self._number = 0

    async def work(self, operations: int) -> None:
        """Do so many things, one after another."""
        for _ in range(operations):
            await self._anything()

    async def _anything(self) -> None:
        reach = self._reaches[self._draw(len(self._reaches))]
        what = OPERATIONS[self._draw(len(OPERATIONS))]
        match what if self._board.tasks else SAYING[self._draw(len(SAYING))]:
            case "send" | "immediately" | "stream" as what:
                await self._say(reach, what)
            case "subscribe":
                await self._read_along(reach, None)
            case "resume":
                await self._read_along(reach, self._draw(8) if reach.numbered else None)
            case "list":
                context = ListTasksRequest(page_size=1 + self._draw(3))
                request = self._new(reach, "list")
                await self._ask(request, lambda: reach.list(context))
            case what:
                task = self._task(reach.who)
                request = self._new(reach, what, task=task)
                work = reach.get if what == "get" else reach.cancel
                await self._ask(request, lambda: work(task))

    # -- what it does

    async def _say(self, reach: Reach, what: str) -> None:
        params = self._params(reach.who, what)
        said = params.message
        if what != "stream":  # a retry is what was sent first
            what = "immediately" if params.configuration.return_immediately else "send"
        request = self._new(reach, what, task=said.task_id, message=said.message_id)
        if what == "stream":
            await self._read(request, reach.stream(params))
        else:
            await self._ask(request, lambda: reach.send(params))

    async def _read_along(self, reach: Reach, after: int | None) -> None:
        task = self._task(reach.who)
        request = self._new(reach, "subscribe", task=task)
        request.after = after
        await self._read(request, reach.subscribe(task, after))

    def _params(self, who: Who, what: str) -> SendMessageRequest:
        board = self._board
        mine = [params for other, params in board.sent if other == who]
        if mine and not self._draw(6):  # the answer was lost, so once more
            return mine[self._draw(len(mine))]
        self._number += 1
        said = Message(
            message_id=f"{self._name} says {self._number}",
            role=Role.ROLE_USER,
            parts=[Part(text="go on")],
            task_id=self._task(who) if self._draw(2) else "",
        )
        configuration = SendMessageConfiguration(return_immediately=what == "immediately")
        params = SendMessageRequest(message=said, configuration=configuration, tenant=who.tenant)
        board.sent.append((who, params))
        return params

    def _task(self, who: Who) -> str:
        """A task of its own, mostly; a stranger's; none that there is."""
        tasks = self._board.tasks
        chance = self._draw(10)
        strangers = [task for other, task in tasks if other != who]
        mine = [task for other, task in tasks if other == who]
        known = strangers if chance in (1, 2) else mine or strangers
        return known[-1 - self._draw(min(len(known), 3))] if known and chance else "no such task"

    # -- how

    def _new(self, reach: Reach, what: str, *, task: str = "", message: str = "") -> Request:
        request = Request(
            who=reach.who,
            binding=reach.binding,
            what=what,
            task=task,
            message=message,
            began=self._board.now(),
        )
        self._board.requests.append(request)
        return request

    async def _ask(self, request: Request, work: Callable[[], Awaitable[Answer]]) -> None:
        async def ask() -> None:
            request.answer = await work()

        await self._until_enough(request, ask(), self._board.patience)

    async def _read(self, request: Request, stream: AsyncGenerator[Told, None]) -> None:
        enough = self._draw(24)
        enough = enough if enough < 6 else 0

        async def read() -> None:
            async with aclosing(stream) as events:
                async for told in events:
                    request.told.append(told)
                    self._learn(request)
                    if len(request.told) == enough:
                        request.left = True
                        return

        board = self._board
        await self._until_enough(request, read(), board.stay if self._draw(8) else board.linger)

    async def _until_enough(
        self, request: Request, work: Coroutine[Any, Any, None], patience: float
    ) -> None:
        board = self._board
        early = not self._draw(8)
        try:
            async with asyncio.timeout(board.pause if early else patience) as limit:
                await work
        except TimeoutError as error:
            if not limit.expired():
                request.error = error
            else:
                request.left, request.late = True, not early
        except Exception as error:  # noqa: BLE001 - whatever it is, it is judged
            request.error = error
        request.ended = board.now()
        self._learn(request)

    def _learn(self, request: Request) -> None:
        for task in request.tasks:
            known = (request.who, task)
            if task and known not in self._board.tasks:
                self._board.tasks.append(known)


async def all_of(clients: Sequence[RandomClient], operations: int) -> None:
    """Let clients work side by side."""
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.work(operations))
