"""Scenarios: who is in a world, and what they are up to.

Neighbours: `world.py` (where it happens), `search.py` (runs it with many choices).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from actors.a2a.emission import Event
from actors.simulation.choices import Choices
from actors.simulation.clients import WHOLE, Client, Reading
from actors.simulation.faults import FaultPlan
from actors.simulation.hooking import ON_HOOKS, begin_hooked
from actors.simulation.invariants import INVARIANTS
from actors.simulation.invariants.rule import Invariant
from actors.simulation.invariants.run import RUN
from actors.simulation.people import among_others, look_at_all
from actors.simulation.receivers import BRIEF
from actors.simulation.script import Fixed, Script, Verb, Whims, Words
from actors.simulation.trace import Trace
from actors.simulation.world import World
from actors.task.delivery import Delivery
from actors.task.messages import Wait
from actors.task.policy import Policy
from actors.task.retention import Limit, Retention

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
    delivery: Delivery | None = None
    """Tasks have webhooks that clients set, delivered so; None: a user's sender hears all."""
    retention: Retention | None = None
    """What is kept of tasks; None: everything."""
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
            delivery=self.delivery,
            retention=self.retention,
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


Choose = Callable[[int], int]
Whim = Callable[[Client, Choose, str], Awaitable[object]]
"""Something that a client does with a task, in one way or another."""


def whims(
    clients: int = 3,
    operations: int = 3,
    tasks: int = 1,
    more: Sequence[Whim] = (),
    begin: Whim | None = None,
) -> Inhabit:
    """Let clients in that do anything that clients can do.

    Args:
        clients: how many.
        operations: of each.
        tasks: how many they speak of.
        more: what they can do beside the usual.
        begin: what the first one begins with, if not with any kind of message.
    """
    able = (*ANYTHING, *more)

    def inhabit(world: World) -> None:
        for number in range(1, clients + 1):
            client = world.client(f"c{number}")
            opens = (begin or _begin) if number == 1 else None
            world.act(client.name, _life(client, opens, operations, tasks, able))

    return inhabit


async def _life(
    client: Client, opens: Whim | None, operations: int, tasks: int, able: Sequence[Whim]
) -> None:
    choose = client.world.choices.choose
    if opens is not None:
        await opens(client, choose, "t1")
    elif choose(12) < 11:  # a client that guesses at tasks sees little
        await client.world.until_known("t1")
    for _ in range(operations - (opens is not None)):
        task = f"t{1 + choose(tasks)}"
        await able[choose(len(able))](client, choose, task)


async def _begin(client: Client, choose: Choose, task: str) -> None:
    match choose(3):
        case 0:
            await client.send(task)
        case 1:
            await client.stream(task)
        case _:
            await client.send(task, wait=Wait.FIRST)


ANYTHING: tuple[Whim, ...] = (
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


def _some(choose: Choose) -> Reading:
    return Reading(leave=1 + choose(2)) if choose(2) else WHOLE


async def _twice(client: Client, choose: Choose, task: str) -> None:
    """Send the same message on two connections at once."""
    client.at_once(client.stream_again() if choose(2) else client.send_again())
    await client.send(task)


async def _sweep(client: Client, choose: Choose, _: str) -> None:
    """Make room, at once or when a moment has passed."""
    if choose(2):
        await client.pause()
    await client.sweep()


AGAIN: tuple[Whim, ...] = (
    lambda client, _, __: client.send_again(),
    lambda client, _, __: client.stream_again(),
    lambda client, _, __: client.send_again(wait=Wait.FIRST),
    lambda client, _, __: client.send_again(patience=False),
    _twice,
)
"""What clients do that cannot be sure whether their message has come through."""

SWEEPS: tuple[Whim, ...] = (_sweep,) * 6
"""What makes room, often enough to be in the way."""

NEVER = 1e9
"""Virtual seconds between two sweeps, where a scenario says when one comes."""


def removing() -> Retention:
    """Return a retention that keeps no task that can go."""
    none = Limit(count=0)
    return Retention.terminal(none, input_required=none, auth_required=none, every=NEVER)


def shortening() -> Retention:
    """Return a retention that keeps no record that can go."""
    return Retention(records=0.0, every=NEVER)


KEPT = (
    Scenario(
        name="removed",
        # A process that comes back when tasks have been removed would write its first records anew.
        plan=FaultPlan(pauses=0),
        inhabit=whims(operations=4, more=(*AGAIN, *SWEEPS)),
        policy=Policy.sdk(deduplicate=True),
        retention=removing(),
    ),
    Scenario(
        name="shortened",
        inhabit=whims(operations=4, more=(*AGAIN, *SWEEPS)),
        policy=Policy.sdk(deduplicate=True),
        retention=shortening(),
    ),
)
"""Messages that come again, while tasks, or only their records, make room as soon as they can."""


def logins(_: Choices) -> Script:
    """Return an agent that asks for a login, and goes on once its user has seen to that."""

    def begins(words: Words) -> Event:
        return words.status("WORKING") if words.exists else words.task()

    asks: list[Verb] = [lambda words: words.status("AUTH_REQUIRED")]
    return Fixed((begins, *asks, Words.chunk, Words.chunk, lambda words: words.status("COMPLETED")))


INTERRUPTING = (
    Scenario(
        name="interrupting",
        inhabit=whims(operations=4, more=AGAIN),
        policy=Policy.sdk(
            during_run="interrupt", during_auth="interrupt", recovery="rerun", deduplicate=True
        ),
    ),
    Scenario(
        name="interrupting-logins",
        inhabit=whims(operations=4),
        script=logins,
        policy=Policy.spec(during_run="reject", during_auth="interrupt", recovery="park"),
    ),
)
"""Messages that do not wait for the end of a run: what has begun is called off for them."""


def hooked(policy: Policy) -> Scenario:
    """Return a scenario in which clients set webhooks at any time, and their receivers fail."""
    return Scenario(
        name=f"hooked-{policy.name}",
        inhabit=whims(operations=5, more=ON_HOOKS * 4, begin=begin_hooked),
        policy=policy,
        plan=FaultPlan(webhooks=5),
        delivery=BRIEF,
    )


HOOKED = (
    hooked(Policy.sdk()),
    hooked(Policy.spec()),
    Scenario(
        name="hooked-removed",
        plan=FaultPlan(webhooks=5, pauses=0),
        inhabit=whims(operations=5, more=(*ON_HOOKS * 3, *SWEEPS), begin=begin_hooked),
        policy=Policy.spec(deduplicate=True),
        delivery=BRIEF,
        retention=removing(),
    ),
)
"""Webhooks that hear of states, webhooks that hear of all, and tasks that go when they have."""


# -- several people


def strangers(more: Sequence[Whim] = AGAIN) -> Inhabit:
    """Let several people in, who do anything that clients can do with each other's tasks.

    Args:
        more: what they can do beside the usual, and looking at all tasks.
    """
    return among_others(_begin, (*ANYTHING, look_at_all, look_at_all, *more))


STRANGERS = Scenario(
    name="strangers",
    inhabit=strangers(more=(*AGAIN, *ON_HOOKS)),
    policy=Policy.sdk(deduplicate=True),
    delivery=BRIEF,
)
"""Several owners and tenants, with ids of messages in common."""


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
    each.name: each
    for each in (
        Scenario(name="whims", inhabit=whims()),
        *INTERRUPTING,
        *KEPT,
        *HOOKED,
        STRANGERS,
        *SMALL,
    )
}
"""Scenarios by name: what reports and tests of failing runs import them by."""
