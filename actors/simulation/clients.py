"""Clients: they send, read streams, subscribe, cancel and look, and write down what they see.

What a client gets is made by production code all the way: the asks of `TaskCore` and the forms of
`actors/a2a/answers.py`.

Neighbours: `node.py` (serves), `trace.py` (what is seen), `scenarios.py` (what clients do).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from itertools import count
from typing import TYPE_CHECKING, Any

from a2a.types import Message, Part, Role, SendMessageRequest, Task
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError

from actors.a2a import answers
from actors.a2a.answers import Sequenced
from actors.runtime import Caller
from actors.simulation import trace as seen
from actors.simulation.actions import Action
from actors.simulation.node import Node
from actors.simulation.process import Request
from actors.task.core import TaskCore
from actors.task.messages import Admitted, Send, Settled, Wait

if TYPE_CHECKING:
    from actors.simulation.world import World

CONTEXT = "c"


class Reading:
    """How far a client reads its streams.

    Args:
        leave: events after which the connection is closed; None: never.
        stall: events after which nothing more is read, with the connection open; None: never.
    """

    def __init__(self, leave: int | None = None, stall: int | None = None) -> None:
        self.leave = leave
        self.stall = stall


WHOLE = Reading()


class Client:
    """One client, with a name and an owner of its own."""

    def __init__(self, world: World, name: str, owner: str = "owner") -> None:
        self.world = world
        self.name = name
        self.caller = Caller(owner, "")
        self.cursor = 0
        """Sequence number of the last event of its latest stream."""
        self._said = count(1)
        self._asked = count(1)
        self._open: dict[str, Request] = {}
        self._closed: set[str] = set()
        """Requests left open until nothing could happen any more."""

    # -- operations

    async def send(
        self, task: str, *, wait: Wait = Wait.SETTLED, patience: bool = True
    ) -> Task | Message | None:
        """Send a message and wait for the answer; None if there was an error.

        Args:
            task: its task, which begins with this message if nobody has sent one before.
            wait: until when.
            patience: False: close the connection before the answer, at some moment.
        """
        text, new = self._next_text(), self.world.begin(task)
        core, caller = self._core()

        async def ask() -> Task | Message:
            settled = await core.send(task, _message(task, text, wait, new=new), caller)
            assert isinstance(settled, Settled)  # noqa: S101 - only Wait.STREAM is Admitted
            return answers.sent(core.policy, settled)

        answer: Task | Message | None = await self._ask(
            "send", task, ask, (text, wait.value), patience=patience
        )
        return answer

    async def stream(self, task: str, reading: Reading = WHOLE) -> None:
        """Send a message and read the stream of it."""
        text, new = self._next_text(), self.world.begin(task)
        core, caller = self._core()

        async def events() -> AsyncGenerator[Sequenced, None]:
            admitted = await core.send(task, _message(task, text, Wait.STREAM, new=new), caller)
            assert isinstance(admitted, Admitted)  # noqa: S101 - Wait.STREAM is always Admitted
            with core.reading(task, admitted):
                cursor = answers.cursor(core.policy, admitted)
                pages = core.pages(task, admitted, cursor, caller)
                async with aclosing(answers.send_stream(core.policy, admitted, pages)) as stream:
                    async for event in stream:
                        yield event

        await self._read("stream", task, events, (text, Wait.STREAM.value), reading)

    async def subscribe(
        self, task: str, after: int | None = None, reading: Reading = WHOLE
    ) -> None:
        """Read a subscription; `after` resumes one."""
        core, caller = self._core()

        async def events() -> AsyncGenerator[Sequenced, None]:
            admitted = await core.attach(task, after, caller)
            with core.reading(task, admitted):
                pages = core.pages(task, admitted, admitted.version, caller)
                async with aclosing(answers.subscription(core.policy, admitted, pages)) as stream:
                    async for event in stream:
                        yield event

        await self._read("subscribe", task, events, after, reading)

    async def cancel(self, task: str) -> Task | None:
        """Cancel a task; None if there was an error."""
        core, caller = self._core()

        async def ask() -> Task:
            try:
                return answers.cancelled(await core.cancel(task, caller))
            except TaskNotCancelableError as error:
                if core.policy.canceled_again == "refuse":
                    raise
                view = await core.view(task, caller)
                if view is None:
                    raise TaskNotFoundError from None
                return answers.cancelled_before(error, Task.FromString(view.task))

        answer: Task | None = await self._ask("cancel", task, ask)
        return answer

    async def get(self, task: str) -> Any:
        """Look at a task; the `View`, or None."""
        core, caller = self._core()
        return await self._ask("get", task, lambda: core.view(task, caller))

    def leave(self) -> bool:
        """Close every connection that is open, and write down that it was; False if none is."""
        still = {number: each for number, each in self._open.items() if number not in self._closed}
        for number, request in still.items():
            self.world.trace.add(seen.Open(number))
            request.leave()
        self._closed.update(still)
        return bool(still)

    # -- how they go about it

    def _core(self) -> tuple[TaskCore, Caller]:
        self._node = self.world.node
        return self._node.core, self.caller

    def _next_text(self) -> str:
        return f"{self.name}{next(self._said)}"

    def _begin(self, what: str, task: str, detail: Any) -> str:
        number = f"{self.name}.{next(self._asked)}"
        node: Node = self._node
        self.world.trace.add(seen.Asked(number, self.name, node.name, what, task, detail))
        return number

    async def _ask(
        self,
        what: str,
        task: str,
        work: Callable[[], Any],
        detail: Any = None,
        *,
        patience: bool = True,
    ) -> Any:
        number = self._begin(what, task, detail)
        request = self._open[number] = self._node.serve(f"{what} {number}", work())
        if not patience:
            self.world.loop.add(Action(f"{self.name} leaves", lambda: self._leave(number, request)))
        try:
            value = await request.answer
        except Exception as error:  # noqa: BLE001 - every outcome is an observation
            self._answered(number, what, task, None, error)
            return None
        self._answered(number, what, task, value, None)
        return value

    def _leave(self, number: str, request: Request) -> None:
        if not request.answer.done():
            self.world.trace.add(seen.Left(number))
            request.leave()

    async def _read(
        self,
        what: str,
        task: str,
        events: Callable[[], AsyncGenerator[Sequenced, None]],
        detail: Any,
        reading: Reading,
    ) -> None:
        number = self._begin(what, task, detail)
        got = 0

        async def serve() -> None:
            nonlocal got
            async with aclosing(events()) as stream:
                async for each in stream:
                    self.world.trace.add(seen.Streamed(number, *each))
                    self.cursor = each.seq
                    got += 1
                    await self._pace(number, got, reading, request)

        request = self._open[number] = self._node.serve(f"{what} {number}", serve())
        try:
            await request.answer
        except Exception as error:  # noqa: BLE001 - every outcome is an observation
            self._answered(number, what, task, None, error)
        else:
            self._answered(number, what, task, None, None)

    async def _pace(self, number: str, got: int, reading: Reading, request: Request) -> None:
        """Close the connection, or read no further, when it is time to."""
        if got == reading.leave:
            self.world.trace.add(seen.Left(number))
            request.leave()
        elif got == reading.stall:
            self.world.trace.add(seen.Stalled(number))
            await asyncio.get_running_loop().create_future()

    def _answered(
        self, number: str, what: str, task: str, value: Any, error: BaseException | None
    ) -> None:
        del self._open[number]
        if what in ("send", "stream"):
            self.world.known(task)
        self.world.trace.add(seen.Answered(number, value, error))


def _message(task: str, text: str, wait: Wait, *, new: bool) -> Send:
    message = Message(
        message_id=text,
        task_id=task,
        context_id=CONTEXT,
        role=Role.ROLE_USER,
        parts=[Part(text=text)],
    )
    request = SendMessageRequest(message=message).SerializeToString()
    return Send(request, CONTEXT, (), wait, new)
