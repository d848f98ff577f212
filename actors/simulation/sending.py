"""Sending: how a message is handed in, as the entry does it; once, where the policy says so.

The same message again, with another task in mind if it was the first of one, leads to the answer
that it got before: its key is looked up first, and its turn waited for (R86).

Neighbours: `clients.py` (asks), `actors/a2a/handler.py` (does the same for requests of the SDK),
`actors/a2a/once.py`, `actors/task/again.py` (do it).
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from a2a.types import Message, Part, Role, SendMessageRequest

from actors.a2a.once import Turn, idempotency_key
from actors.runtime import AskTimeout, Caller
from actors.simulation import trace as seen
from actors.simulation.node import Node
from actors.task.again import answer_again, stream_again
from actors.task.core import TaskCore
from actors.task.messages import Admitted, Send, Settled, Wait

CONTEXT = "c"

Answer = tuple[str, Admitted | Settled]
"""The task of a message, and what the core says."""


class Said(NamedTuple):
    """One message of one client."""

    text: str
    """Also its id."""
    task: str
    new: bool
    """The task begins with it."""
    hook: bytes = b""
    """A webhook to set with it (TaskPushNotificationConfig); empty for none."""

    @property
    def request(self) -> SendMessageRequest:
        """As it comes over the wire."""
        message = Message(
            message_id=self.text,
            task_id=self.task,
            context_id=CONTEXT,
            role=Role.ROLE_USER,
            parts=[Part(text=self.text)],
        )
        return SendMessageRequest(message=message)


async def hand_in(node: Node, number: str, said: Said, wait: Wait, caller: Caller) -> Answer:
    """Have a message stored and answered by a process, or find what it was answered before.

    Args:
        node: the process.
        number: of the request, for the trace.
        said: the message.
        wait: until when to wait.
        caller: who sends it.
    """
    core = node.core
    if not core.policy.deduplicate:
        return await _send(core, said, wait, caller)
    key = idempotency_key(caller, said.request)
    async with node.once.turn(key) as turn:
        place = await core.find(key)
        if place is None:
            sending = _send(core, said, wait, caller, key, turn)
            return await turn.send(sending, lambda answer: _let_out(core, *answer))
    node.trace.add(seen.Repeated(number, place.log))
    if wait is Wait.STREAM:
        return place.log, await stream_again(core, place, caller)
    try:
        async with asyncio.timeout(core.policy.request_deadline):
            return place.log, await answer_again(core, place, wait, caller)
    except TimeoutError:
        raise AskTimeout("the first answer is still waited for") from None


async def _send(
    core: TaskCore, said: Said, wait: Wait, caller: Caller, key: str = "", turn: Turn | None = None
) -> Answer:
    request = said.request.SerializeToString()
    send = Send(request, CONTEXT, (), wait, said.new, key=key, stored=turn, hook=said.hook)
    return said.task, await core.send(said.task, send, caller)


def _let_out(core: TaskCore, task: str, answer: Admitted | Settled) -> None:
    """Let a reader out, if that is the answer, whose client has gone."""
    core.let_out(task, answer)
