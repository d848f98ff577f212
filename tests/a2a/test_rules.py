"""Every A2A rule, under both policies, over every binding; and every check against its defects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import pytest_asyncio
from a2a.utils.errors import A2AError

from tests.a2a.rules.registry import POLICIES, Breaker, Rule, load, number
from tests.a2a.rules.remote import Remote, connected
from tests.a2a.rules.server import BASES, Server, Setup, serving
from tests.a2a.rules.world import World

if TYPE_CHECKING:
    from tests.a2a.rules.registry import Change

REGISTRY = load()
RULES = sorted(REGISTRY.rules.values(), key=lambda rule: number(rule.id))
PATIENCE = 8.0
"""Seconds after which a check has hung."""
SOON = 0.6
"""Seconds after which a defect that shows in silence has shown."""

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Place(NamedTuple):
    """Where checks can share a server."""

    policy: str
    setup: Change | None


class Lab:
    """The servers of the checks, one for each policy and setup, and clients for each binding."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._worlds: dict[tuple[Place, str], tuple[Server, Remote]] = {}

    async def start(self, cases: list[tuple[Rule, str, str]]) -> None:
        servers: dict[Place, Server] = {}
        for rule, policy, binding in cases:
            place = Place(policy, rule.setup)
            if place not in servers:
                made = serving(setup_of(rule, policy))
                servers[place] = await self._stack.enter_async_context(made)
            if (place, binding) not in self._worlds:
                remote = await self._stack.enter_async_context(connected(servers[place], binding))
                self._worlds[place, binding] = servers[place], remote

    def world(self, rule: Rule, policy: str, binding: str) -> World:
        server, remote = self._worlds[Place(policy, rule.setup), binding]
        return World(server, binding, remote, f"{rule.id}-{policy}-{binding}")

    async def close(self) -> None:
        for server, _ in self._worlds.values():
            server.agent.open_gates()
        await self._stack.aclose()


def setup_of(rule: Rule, policy: str) -> Setup:
    setup = Setup(policy=BASES[policy])
    return setup if rule.setup is None else rule.setup(setup)


CASES = [
    (rule, policy, binding) for rule in RULES for policy in POLICIES for binding in rule.bindings
]


def parameters() -> Iterator[Any]:
    for rule, policy, binding in CASES:
        fails = rule.known.get(policy)
        marks = [] if fails is None else [pytest.mark.xfail(reason=fails, strict=True)]
        name = f"{rule.id}-{policy}-{binding}"
        yield pytest.param(rule, policy, binding, id=name, marks=marks)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lab() -> AsyncIterator[Lab]:
    made = Lab()
    await made.start(CASES)
    yield made
    await made.close()


@pytest.mark.parametrize(("rule", "policy", "binding"), list(parameters()))
async def test_rule(lab: Lab, rule: Rule, policy: str, binding: str) -> None:
    world = lab.world(rule, policy, binding)
    async with asyncio.timeout(PATIENCE):
        await rule.check(world)
    world.gate.set()


def breaker_id(breaker: Breaker) -> str:
    return f"{breaker.rule}-{breaker.name}-{breaker.policy}"


@pytest.mark.parametrize("breaker", REGISTRY.breakers, ids=breaker_id)
async def test_breaker(breaker: Breaker) -> None:
    """The check runs against the defect, and fails as the breaker says."""
    rule = REGISTRY.rules[breaker.rule]
    binding = breaker.binding or rule.bindings[0]
    setup = breaker.change(setup_of(rule, breaker.policy))
    async with serving(setup) as server, connected(server, binding) as remote:
        world = World(server, binding, remote, f"{rule.id}-{breaker.name}")
        noticed = await how_it_fails(rule, world, SOON if breaker.hangs else PATIENCE)
    expected = TimeoutError if breaker.hangs else breaker.error
    assert noticed is not None, f"the check of {rule.id} does not notice {breaker.name}"
    assert isinstance(noticed, expected), f"failed by {noticed!r}, not by {expected.__name__}"


async def how_it_fails(rule: Rule, world: World, patience: float) -> Exception | None:
    try:
        async with asyncio.timeout(patience):
            await rule.check(world)
    except (AssertionError, A2AError, TimeoutError) as error:
        return error
    return None
