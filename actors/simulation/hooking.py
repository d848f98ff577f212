"""Hooking: what clients do with the webhooks of tasks.

Neighbours: `scenarios.py` (lets clients do this), `receivers.py` (whom webhooks call).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from actors.simulation.receivers import BRIEF
from actors.task.messages import Wait

if TYPE_CHECKING:
    from actors.simulation.clients import Client

Choose: TypeAlias = Callable[[int], int]

HOOKS = RECEIVERS = 2
"""Ids of webhooks that clients speak of, and receivers that these are at."""
SOME_TIME = BRIEF.give_up
"""Virtual seconds in which a receiver fails for good, or not."""


async def hook(client: Client, choose: Choose, task: str) -> None:
    """Set a webhook, or another in its place."""
    await client.configure(task, *_which(choose))


async def unhook(client: Client, choose: Choose, task: str) -> None:
    """Delete a webhook."""
    await client.unconfigure(task, _which(choose)[0])


async def hook_anew(client: Client, choose: Choose, task: str) -> None:
    """Delete a webhook and set one of that id again, one after the other or at once."""
    name, receiver = _which(choose)
    if choose(2):
        client.at_once(client.unconfigure(task, name))
    else:
        await client.unconfigure(task, name)
    await client.configure(task, name, receiver)


async def begin_hooked(client: Client, choose: Choose, task: str) -> None:
    """Send a message with a webhook in it."""
    webhook = client.webhook(*_which(choose))
    await client.send(task, wait=(Wait.FIRST, Wait.SETTLED)[choose(2)], hook=webhook)


async def wait_and_see(client: Client, _: Choose, task: str) -> None:
    """Look at a task when a receiver may have been given up."""
    await client.pause(SOME_TIME)
    await client.get(task)


ON_HOOKS: tuple[Callable[[Client, Choose, str], Awaitable[object]], ...] = (
    *(hook, hook, unhook, hook_anew, begin_hooked, wait_and_see),
)


def _which(choose: Choose) -> tuple[str, int]:
    return f"h{1 + choose(HOOKS)}", 1 + choose(RECEIVERS)
