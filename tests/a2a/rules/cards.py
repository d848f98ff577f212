"""R75 and R76: the extended card."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from a2a.client.errors import A2AClientError
from a2a.server.context import ServerCallContext
from a2a.types import AgentCard, GetExtendedAgentCardRequest
from a2a.utils.errors import (
    A2AError,
    ExtendedAgentCardNotConfiguredError,
    InvalidRequestError,
)

from actors.a2a import RequestHandler
from tests.a2a.agents import card
from tests.a2a.rules.defects import with_handler
from tests.a2a.rules.errors import wrong_grpc
from tests.a2a.rules.registry import GRPC, JSONRPC, REST, breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World

SECRET = "for those who may see it"


async def permitted(extended: AgentCard, context: ServerCallContext) -> AgentCard:
    """Return the card as the caller may see it."""
    if context.user.user_name.endswith("mallory"):
        raise InvalidRequestError("you may not")
    return extended


def extended(setup: Setup) -> Setup:
    """Return the setup of an agent with an extended card."""

    def options() -> dict[str, Any]:
        more = card(streaming=True)
        more.description = SECRET
        return {"extended_agent_card": more, "extended_card_modifier": permitted}

    return replace(setup, capabilities={"extended_agent_card": True}, options=options)


def asked(world: World) -> Awaitable[AgentCard]:
    """Ask for the card."""
    return world.remote.blocking.get_extended_agent_card(
        GetExtendedAgentCardRequest(), context=world.call
    )


@contextmanager
def without(world: World, name: str) -> Iterator[None]:
    """Take the capability or the card away for the length of a block; nobody else asks then."""
    handler, capabilities = world.server.handler, world.server.card.capabilities
    kept = handler.extended_agent_card
    if name == "card":
        handler.extended_agent_card = None
    else:
        capabilities.extended_agent_card = False
    try:
        yield
    finally:
        handler.extended_agent_card = kept
        capabilities.extended_agent_card = True


async def reason(world: World) -> str:
    """Ask by hand, as a2a-sdk's client does not where the card declares none; "" for an answer."""
    if world.binding == REST:
        answer = (await world.rest("GET", "/extendedAgentCard")).json()
        details = answer.get("error", {}).get("details", [{}])
    elif world.binding == JSONRPC:
        answer = await world.rpc("GetExtendedAgentCard", {})
        details = answer.get("error", {}).get("data", [{}])
    else:
        call = world.remote.stub.GetExtendedAgentCard
        request = GetExtendedAgentCardRequest()
        details = (await wrong_grpc(call(request, metadata=world.metadata))).details or [{}]
    return str(details[0].get("reason", ""))


@rule(
    "R75",
    "the extended card is UNS without the capability, ECN where there is none, and else the card",
    setup=extended,
)
async def r75(world: World) -> None:
    assert (await asked(world)).description == SECRET
    with without(world, "capability"):
        assert await reason(world) == "UNSUPPORTED_OPERATION"
    with without(world, "card"):
        assert await reason(world) == "EXTENDED_AGENT_CARD_NOT_CONFIGURED"
    assert await reason(world) == ""


@breaks("R75")
@breaks("R75", binding=REST)
@breaks("R75", binding=GRPC)
def shows_it_without_declaring_it(setup: Setup) -> Setup:
    class Shows(RequestHandler):
        async def on_get_extended_agent_card(
            self, params: GetExtendedAgentCardRequest, context: ServerCallContext
        ) -> AgentCard:
            shown: AgentCard = self.extended_agent_card or card()
            return shown

    return with_handler(setup, Shows)


@breaks("R75")
def shows_the_public_card_instead(setup: Setup) -> Setup:
    class Shows(RequestHandler):
        async def on_get_extended_agent_card(
            self, params: GetExtendedAgentCardRequest, context: ServerCallContext
        ) -> AgentCard:
            try:
                shown: AgentCard = await super().on_get_extended_agent_card(params, context)
            except ExtendedAgentCardNotConfiguredError:
                return self._agent_card
            return shown

    return with_handler(setup, Shows)


@rule(
    "R76",
    "the extended card is for callers who are authenticated, and whom the user's part permits",
    sdk="the user's part alone judges; without one anybody gets it, as from a2a-sdk",
    setup=extended,
)
async def r76(world: World) -> None:
    assert (await asked(world)).description == SECRET
    for refused in [world.as_("mallory"), *([world.as_(None)] if world.spec else [])]:
        said = await outcome(refused)
        assert SECRET not in said
        assert "InvalidRequestError" in said or "401" in said, said
    if not world.spec:
        assert SECRET in await outcome(world.as_(None))
    elif world.binding == REST:
        anonymous = await world.as_(None).rest("GET", "/extendedAgentCard")
        assert (anonymous.status_code, anonymous.json()["error"]["status"]) == (
            401,
            "UNAUTHENTICATED",
        )


async def outcome(world: World) -> str:
    """What comes of asking, in words."""
    try:
        return (await asked(world)).description
    except (A2AError, A2AClientError) as error:
        return repr(error)


@breaks("R76")
@breaks("R76", binding=GRPC)
def permits_everybody(setup: Setup) -> Setup:
    class Permits(RequestHandler):
        async def on_get_extended_agent_card(
            self, params: GetExtendedAgentCardRequest, context: ServerCallContext
        ) -> AgentCard:
            self.extended_card_modifier = None
            shown: AgentCard = await super().on_get_extended_agent_card(params, context)
            return shown

    return with_handler(setup, Permits)


@breaks("R76", policy="spec")
@breaks("R76", policy="spec", binding=REST)
def shows_it_to_anybody(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, extended_card="anybody"))
