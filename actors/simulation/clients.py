"""Clients: they send, read streams, subscribe, cancel and look, and write down what they see.

What a client gets is made by production code all the way: the asks of `TaskCore` and the forms of
`actors/a2a/answers.py`.

Neighbours: `node.py` (serves), `trace.py` (what is seen), `scenarios.py` (what clients do).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing, closing
from itertools import count
from typing import TYPE_CHECKING, Any

from a2a.types import ListTasksRequest, Message, Task
from a2a.utils.errors import TaskNotCancelableError, TaskNotFoundError

from actors.a2a import answers, listing
from actors.a2a.sequenced import Sequenced
from actors.runtime import Caller
from actors.simulation import trace as seen
from actors.simulation.actions import Action
from actors.simulation.node import Node
from actors.simulation.process import Request
from actors.simulation.receivers import webhook
from actors.simulation.sending import Said, hand_in
from actors.task.messages import Admitted, Settled, Wait
from actors.task.orders import TaskPage

if TYPE_CHECKING:
    from actors.simulation.world import World


MOMENT = 0.01
"""Virtual seconds."""


async def _batch(told: answers.Telling) -> Sequence[Sequenced]:
    """Return the events that are there, once there is one; none when it is over."""
    while (batch := told.here()) is None:
        await told.more()
    return batch


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
    """One client.

    Args:
        world: where it is.
        name: its own.
        person: on whose behalf it asks.
        voice: what its messages, and their ids, begin with; clients of several people may have the
            same.
    """

    def __init__(self, world: World, name: str, person: Caller, voice: str) -> None:
        self.world = world
        self.name = name
        self.caller = person
        self._voice = voice
        self.cursor = 0
        """Sequence number of the last event of its latest stream."""
        self._said = count(1)
        self._sent: Said | None = None
        """Its latest message."""
        self._asked = count(1)
        self._beside = count(1)
        self._open: dict[str, Request] = {}
        self._closed: set[str] = set()
        """Requests left open until nothing could happen any more."""

    # -- operations

    async def send(
        self, task: str, *, wait: Wait = Wait.SETTLED, patience: bool = True, hook: bytes = b""
    ) -> Task | Message | None:
        """Send a message and wait for the answer; None if there was an error.

        Args:
            task: its task, which begins with this message if nobody has sent one before.
            wait: until when.
            patience: False: close the connection before the answer, at some moment.
            hook: a webhook to set with it (TaskPushNotificationConfig).
        """
        return await self._send(self._next(task)._replace(hook=hook), wait, patience=patience)

    async def send_again(
        self, *, wait: Wait = Wait.SETTLED, patience: bool = True
    ) -> Task | Message | None:
        """Send its latest message once more, as if no answer had come; see `send`."""
        said = self._latest()
        return said and await self._send(said, wait, patience=patience)

    async def _send(self, said: Said, wait: Wait, *, patience: bool) -> Task | Message | None:
        node, caller = self._served()

        async def ask(number: str) -> Task | Message:
            _, settled = await hand_in(node, number, said, wait, caller)
            assert isinstance(settled, Settled)  # noqa: S101 - only Wait.STREAM is Admitted
            return answers.sent(node.core.policy, settled)

        detail = (said.text, wait.value)
        answer: Task | Message | None = await self._ask(
            "send", said.task, ask, detail, patience=patience
        )
        return answer

    async def stream(self, task: str, reading: Reading = WHOLE) -> None:
        """Send a message and read the stream of it."""
        await self._stream(self._next(task), reading)

    async def stream_again(self, reading: Reading = WHOLE) -> None:
        """Send its latest message once more, and read the stream of it."""
        said = self._latest()
        if said is not None:
            await self._stream(said, reading)

    async def _stream(self, said: Said, reading: Reading) -> None:
        node, caller = self._served()
        core = node.core

        async def events(number: str) -> AsyncGenerator[Sequenced, None]:
            task, admitted = await hand_in(node, number, said, Wait.STREAM, caller)
            assert isinstance(admitted, Admitted)  # noqa: S101 - Wait.STREAM is always Admitted
            cursor = answers.cursor(core.policy, admitted)
            with closing(core.reader(task, admitted, cursor, caller)) as reader:
                told = answers.SendStream(core.policy, admitted, reader)
                while batch := await _batch(told):
                    for event in batch:
                        yield event

        await self._read("stream", said.task, events, (said.text, Wait.STREAM.value), reading)

    async def subscribe(
        self, task: str, after: int | None = None, reading: Reading = WHOLE
    ) -> None:
        """Read a subscription; `after` resumes one."""
        node, caller = self._served()
        core = node.core

        async def events(_: str) -> AsyncGenerator[Sequenced, None]:
            admitted = await core.attach(task, after, caller)
            with closing(core.reader(task, admitted, admitted.version, caller)) as reader:
                told = answers.Subscription(core.policy, admitted, reader)
                while batch := await _batch(told):
                    for event in batch:
                        yield event

        await self._read("subscribe", task, events, after, reading)

    async def cancel(self, task: str) -> Task | None:
        """Cancel a task; None if there was an error."""
        node, caller = self._served()
        core = node.core

        async def ask(_: str) -> Task:
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
        node, caller = self._served()
        return await self._ask("get", task, lambda _: node.core.view(task, caller))

    async def configure(self, task: str, hook: str, receiver: int) -> None:
        """Set a webhook of a task, or put another in its place."""
        node, caller = self._served()
        config = self.webhook(hook, receiver)
        await self._ask("hook", task, lambda _: node.core.configure(task, config, caller), hook)

    async def unconfigure(self, task: str, hook: str) -> None:
        """Delete a webhook of a task."""
        node, caller = self._served()
        await self._ask("unhook", task, lambda _: node.core.unconfigure(task, hook, caller), hook)

    def webhook(self, hook: str, receiver: int) -> bytes:
        """Return the configuration of a webhook that is like no other."""
        return webhook(hook, receiver, f"{self.name}{next(self._said)}")

    async def list(self) -> TaskPage | None:
        """Look at all tasks that there are; None if there was an error."""
        node, caller = self._served()
        query = listing.query(ListTasksRequest(), caller, external=False)
        page: TaskPage | None = await self._ask("list", "", lambda _: node.core.listing(query))
        return page

    def at_once(self, act: Coroutine[Any, Any, object]) -> None:
        """Do something on another connection, beside all else that it does."""

        async def acts() -> None:
            await act

        self.world.act(f"{self.name} beside {next(self._beside)}", acts())

    async def pause(self, seconds: float = MOMENT) -> None:
        """Let virtual seconds pass; by default a moment, so that what was stored is past."""
        await asyncio.sleep(seconds)

    async def sweep(self) -> None:
        """Have the retention look, now, for what is beyond its limits."""
        if not self.world.node.down:
            self.world.node.sweep()

    def leave(self) -> bool:
        """Close every connection that is open, and write down that it was; False if none is."""
        still = {number: each for number, each in self._open.items() if number not in self._closed}
        for number, request in still.items():
            self.world.trace.add(seen.Open(number))
            request.leave()
        self._closed.update(still)
        return bool(still)

    # -- how they go about it

    def _served(self) -> tuple[Node, Caller]:
        self._node = self.world.node
        return self._node, self.caller

    def _next(self, task: str) -> Said:
        new = self.world.begin(task, self.caller)
        said = Said(f"{self._voice}{next(self._said)}", task, new)
        self._sent = said
        return said

    def _latest(self) -> Said | None:
        """What it said last, as it is said again: whoever began a task is not told which."""
        said = self._sent
        if said is None or not said.new:
            return said
        return said._replace(task=self.world.another(said.task, self.caller))

    def _begin(self, what: str, task: str, detail: Any) -> str:
        number = f"{self.name}.{next(self._asked)}"
        node: Node = self._node
        self.world.trace.add(seen.Asked(number, self.name, node.name, what, task, detail))
        return number

    async def _ask(
        self,
        what: str,
        task: str,
        work: Callable[[str], Any],
        detail: Any = None,
        *,
        patience: bool = True,
    ) -> Any:
        number = self._begin(what, task, detail)
        request = self._open[number] = self._node.serve(f"{what} {number}", work(number))
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
        events: Callable[[str], AsyncGenerator[Sequenced, None]],
        detail: Any,
        reading: Reading,
    ) -> None:
        number = self._begin(what, task, detail)
        got = 0

        async def serve() -> None:
            nonlocal got
            async with aclosing(events(number)) as stream:
                async for each in stream:
                    told = seen.Streamed(number, each.seq, each.event, each.snapshot)
                    self.world.trace.add(told)
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
