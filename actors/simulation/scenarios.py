"""Scenarios: who is in a world, and what they are up to.

Neighbours: `world.py` (where it happens), `search.py` (runs it with many choices).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from actors.a2a.queue import Event
from actors.simulation.choices import Choices
from actors.simulation.clients import WHOLE, Client, Reading
from actors.simulation.faults import FaultPlan
from actors.simulation.invariants import INVARIANTS
from actors.simulation.invariants.rule import Invariant
from actors.simulation.invariants.run import RUN
from actors.simulation.script import Fixed, Script, Verb, Whims, Words
from actors.simulation.trace import Trace
from actors.simulation.world import World
from actors.task.messages import Wait
from actors.task.policy import Policy

Inhabit = Callable[[World], None]
"""Lets the clients in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A kind of run: with the same choices it is the same run."""

    name: str
    inhabit: Inhabit
    script: Callable[[Choices], Script] = Whims
    policy: Policy = field(default_factory=Policy.sdk)
    plan: FaultPlan = field(default_factory=FaultPlan)
    webhooks: bool = True
    """Somebody is notified of each change; without, there is less to interleave."""
    early: bool = True
    """Timers may fire although something else could happen; without, only when nothing can."""
    settled: bool = False
    """A process that starts finds out at once what is to be recovered; without, sometime."""

    @property
    def invariants(self) -> tuple[Invariant, ...]:
        """All of them."""
        return (*RUN, *INVARIANTS)

    def world(self, choices: Choices, *, detailed: bool = False) -> World:
        """Make the world of one run."""
        world = World(
            choices,
            self.policy,
            self.script(choices),
            self.plan,
            webhooks=self.webhooks,
            early=self.early,
            settled=self.settled,
            detailed=detailed,
        )
        self.inhabit(world)
        return world

    def __call__(self, choices: Choices, *, detailed: bool = False) -> Trace:
        """Run it once."""
        return self.world(choices, detailed=detailed).run()


# -- anything goes


def whims(clients: int = 3, operations: int = 3, tasks: int = 1) -> Inhabit:
    """Let clients in that do anything that clients can do."""

    def inhabit(world: World) -> None:
        for number in range(1, clients + 1):
            client = world.client(f"c{number}")
            world.act(client.name, _life(client, number == 1, operations, tasks))

    return inhabit


async def _life(client: Client, opens: bool, operations: int, tasks: int) -> None:
    choose = client.world.choices.choose
    if opens:
        await _begin(client, choose, "t1")
    elif choose(12) < 11:  # a client that guesses at tasks sees little
        await client.world.until_known("t1")
    for _ in range(operations - opens):
        await _do_anything(client, choose, f"t{1 + choose(tasks)}")


async def _begin(client: Client, choose: Callable[[int], int], task: str) -> None:
    match choose(3):
        case 0:
            await client.send(task)
        case 1:
            await client.stream(task)
        case _:
            await client.send(task, wait=Wait.FIRST)


async def _do_anything(client: Client, choose: Callable[[int], int], task: str) -> None:
    await ANYTHING[choose(len(ANYTHING))](client, choose, task)


ANYTHING: tuple[Callable[[Client, Callable[[int], int], str], Awaitable[object]], ...] = (
    lambda client, _, task: client.get(task),
    lambda client, _, task: client.send(task),
    lambda client, _, task: client.stream(task),
    lambda client, _, task: client.subscribe(task),
    lambda client, _, task: client.subscribe(task, client.cursor),
    lambda client, _, task: client.cancel(task),
    lambda client, _, task: client.send(task, wait=Wait.FIRST),
    lambda client, _, task: client.send(task, patience=False),
    lambda client, choose, task: client.stream(task, Reading(leave=1 + choose(3))),
    lambda client, choose, task: client.subscribe(task, reading=Reading(stall=1 + choose(2))),
    lambda client, choose, task: client.subscribe(task, reading=_some(choose)),
)
"""What a client can do."""


def _some(choose: Callable[[int], int]) -> Reading:
    return Reading(leave=1 + choose(2)) if choose(2) else WHOLE


# -- small scopes, to be searched exhaustively


Act = Callable[[Client], Coroutine[Any, Any, None]]


def acting(*acts: Act) -> Inhabit:
    """Let a client in for each act."""

    def inhabit(world: World) -> None:
        for number, act in enumerate(acts, 1):
            world.act(f"c{number}", act(world.client(f"c{number}")))

    return inhabit


async def sends(client: Client) -> None:
    """Send the first message of the task and wait for its answer."""
    await client.send("t1")


async def looks(client: Client) -> None:
    """Look at the task."""
    await client.get("t1")


async def subscribes(client: Client) -> None:
    """Subscribe to the task."""
    await client.subscribe("t1")


async def cancels(client: Client) -> None:
    """Cancel the task."""
    await client.cancel("t1")


def completes(events: int) -> Callable[[Choices], Script]:
    """Return an agent that emits so many events: its Task, chunks, and COMPLETED at the end."""
    chunks: list[Verb] = [Words.chunk] * max(0, events - 2)
    first: list[Verb] = [Words.task] if events > 1 else []

    def last(words: Words) -> Event:
        return words.status("COMPLETED") if words.exists else words.task("COMPLETED")

    return lambda _: Fixed((*first, *chunks, last))


def small(name: str, *acts: Act, events: int = 3, crashes: int = 1) -> Scenario:
    """Return a scope that can be searched exhaustively: one task, and nothing else that fails.

    Time passes early in it where there is one client; with two that would be millions of states.
    What is to be recovered is known at once where a process starts: to interleave the reading of
    that with all else would be ten times as many states.
    """
    plan = FaultPlan.only(crashes=crashes)
    return Scenario(
        name=name,
        inhabit=acting(*acts),
        script=completes(events),
        plan=plan,
        webhooks=False,
        early=len(acts) == 1,
        settled=True,
    )


SMALL = (
    small("one-client", sends),
    small("and-a-look", sends, looks),
    small("and-a-subscription", sends, subscribes),
    small("and-a-cancel", sends, cancels),
)
"""One task, at most two clients, three events of the agent, one crash at any moment."""

SCENARIOS: dict[str, Scenario] = {
    each.name: each for each in (Scenario(name="whims", inhabit=whims()), *SMALL)
}
"""Scenarios by name: what reports and tests of failing runs import them by."""
