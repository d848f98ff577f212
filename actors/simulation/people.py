"""People: owners and tenants, each with tasks of their own, who try everything on the others'.

Neighbours: `scenarios.py` (says what they do), `invariants/owners.py` (what they must not see).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from actors.simulation.clients import Client
    from actors.simulation.world import World

Choose: TypeAlias = Callable[[int], int]
Whim: TypeAlias = Callable[["Client", Choose, str], Awaitable[object]]

PEOPLE = (("ann", "red"), ("ann", "blue"), ("bob", "red"))
"""Owners and tenants; each has something in common with another."""
CLIENTS = OPERATIONS = 4


async def look_at_all(client: Client, _: Choose, __: str) -> None:
    """List the tasks that there are."""
    await client.list()


def among_others(begin: Whim, able: Sequence[Whim]) -> Callable[[World], None]:
    """Let clients in, one of each person in turn; those of several people say the same.

    Args:
        begin: what each does first, with a task of its own.
        able: what each does then, with anybody's.
    """

    def inhabit(world: World) -> None:
        for number in range(CLIENTS):
            turn, person = divmod(number, len(PEOPLE))
            client = world.client(f"c{number + 1}", *PEOPLE[person], voice=f"v{turn + 1}")
            world.act(client.name, _life(client, number, begin, able))

    return inhabit


async def _life(client: Client, number: int, begin: Whim, able: Sequence[Whim]) -> None:
    choose = client.world.choices.choose
    await begin(client, choose, f"t{number + 1}")
    for _ in range(OPERATIONS - 1):
        task = f"t{1 + (number + 1 + choose(CLIENTS)) % CLIENTS}"
        if choose(6) < 5:  # else it guesses
            await client.world.until_known(task)
        await able[choose(len(able))](client, choose, task)
