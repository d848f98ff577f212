"""Once: messages with the same idempotency key are admitted one after another (R86).

The journal knows every key whose message is stored. Between asking it and storing lies a moment in
which the same message may come again, over another connection; here the second waits until the
first is stored or refused, and then finds it.

Neighbours: `handler.py` (asks for a turn), `task/again.py` (the answer to the second).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from a2a.types import SendMessageRequest
from a2a.utils.errors import InvalidParamsError

from actors.runtime import Caller

T = TypeVar("T")


def idempotency_key(caller: Caller, params: SendMessageRequest) -> str:
    """Return what makes a message the same again: its owner, their tenant, and its id."""
    return json.dumps([caller.owner, caller.tenant, params.message.message_id])


def check_same(params: SendMessageRequest, stored: bytes) -> None:
    """See that a message is the one that was accepted under its id.

    Args:
        params: what has come now.
        stored: SendMessageRequest as it was accepted, with the ids that it got then.

    Raises:
        InvalidParamsError: it has other parts, or names another task or context.
    """
    now, then = params.message, SendMessageRequest.FromString(stored).message
    differs = [
        name
        for name, same in (
            ("parts", list(now.parts) == list(then.parts)),
            ("taskId", now.task_id in ("", then.task_id)),
            ("contextId", now.context_id in ("", then.context_id)),
        )
        if not same
    ]
    if differs:
        raise InvalidParamsError(
            f"Message id {now.message_id!r} was used before, for a message with other "
            f"{' and '.join(differs)}: send a new message under an id of its own, or the same one "
            "unchanged"
        )


class Turn:
    """The right to be the only one with a key; a `ReplyTo` that is answered when it is stored.

    To be entered, by the only one; whoever is next may have a turn when it is over.

    Args:
        turns: those that are taken, by key.
        key: of this one.
    """

    __slots__ = ("_key", "_left", "_next", "_sending", "_turns", "loop", "over")

    def __init__(self, turns: dict[str, Turn], key: str) -> None:
        self.loop = asyncio.get_running_loop()
        """Where those wait who want the next turn."""
        self.over = False
        self._turns = turns
        self._key = key
        self._next: asyncio.Future[None] | None = None
        """What those wait for."""
        self._sending: asyncio.Task[Any] | None = None
        self._left = False
        """Its sender has; somebody has to be told the answer."""

    async def __aenter__(self) -> Turn:
        while (other := self._turns.get(self._key)) is not None and other.loop is self.loop:
            await other.wait()
        self._turns[self._key] = self
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    def resolve(self, value: None) -> None:
        """Let the next one in: the message is stored."""
        if self.over:
            return
        self.over = True
        if self._turns.get(self._key) is self:  # not that of another loop, when ours has ended
            del self._turns[self._key]
        if self._next is not None:
            self._next.set_result(None)
        if self._left and self._sending is not None:
            self._sending.cancel()

    def reject(self, error: Exception) -> None:
        """Let the next one in: the message is not stored."""
        self.resolve(None)

    async def send(self, sending: Coroutine[Any, Any, T], undelivered: Callable[[T], None]) -> T:
        """Return what `sending` returns; whoever leaves early leaves it until the turn is over.

        Else the next one would be let in while nobody knows whether the message is stored.

        Args:
            sending: has the message stored, and waits for its answer.
            undelivered: told the answer when it comes and the sender has left.
        """
        task = self._sending = self.loop.create_task(sending)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(lambda _: _give_back(task, undelivered))
            self._left = True
            if self.over:
                task.cancel()
            raise

    def leave(self) -> None:
        """Let the next one in, at the latest when what is under way has ended."""
        if self._sending is None or self._sending.done():
            self.resolve(None)
        else:
            self._sending.add_done_callback(lambda _: self.resolve(None))

    async def wait(self) -> None:
        """Return when this turn is over; leaving early takes it from nobody."""
        if self._next is None:
            self._next = self.loop.create_future()
        await asyncio.wait({self._next})

    def __fingerprint__(self) -> object:
        """Whether it is over."""
        return self.over


def _give_back(task: asyncio.Task[T], undelivered: Callable[[T], None]) -> None:
    if not task.cancelled() and task.exception() is None:
        undelivered(task.result())


class Once:
    """The turns that are taken."""

    def __init__(self) -> None:
        self._turns: dict[str, Turn] = {}

    def turn(self, key: str) -> Turn:
        """Return a turn; entering it waits until nobody else is storing a message of this key."""
        return Turn(self._turns, key)
