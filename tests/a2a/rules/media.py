"""R84 and R97: media types, of what comes and of what is wanted back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import Part
from a2a.utils.errors import ContentTypeNotSupportedError

from actors.a2a.streams import Stream
from tests.a2a.rules import plays
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.registry import GRPC, breaks, rule
from tests.a2a.rules.server import Setup, push_store
from tests.a2a.rules.world import World, collect

TEXT = Part(text="x", media_type="text/plain")
IMAGE = Part(raw=b"\x89PNG", media_type="image/png")
UNNAMED = Part(raw=b"\x89PNG")


def reading_text(setup: Setup) -> Setup:
    """Return the setup of a text agent whose user has input modes validated."""
    return replace(setup, options=lambda: {**push_store(), "validate_input_modes": True})


@rule(
    "R84",
    "a part of a media type that the card does not list is CTN, where input modes are validated "
    "(`validate_input_modes`; a2a-sdk leaves them to the agent unless told, and so do we)",
    setup=reading_text,
)
async def r84(world: World) -> None:
    asked = await world.task(plays.ask)
    for parts in ([IMAGE], [TEXT, IMAGE]):
        for task in ("", asked.id):
            image = world.request(plays.work, message={"parts": parts}, task=task)
            error = await world.refused(ContentTypeNotSupportedError, world.send(image))
            assert "image/png" in str(error)
            await world.refused(ContentTypeNotSupportedError, world.stream(image))
    assert len(world.seen) == 1
    assert await world.get(asked.id) == asked
    for parts in ([TEXT], [UNNAMED], [TEXT, UNNAMED]):
        assert (await world.task(plays.work, message={"parts": parts})).id


@breaks("R84")
@breaks("R84", binding=GRPC)
def takes_any_media_type(setup: Setup) -> Setup:
    return replace(setup, options=push_store)


@rule("R97", "the agent sees which output modes the client accepts, with each message")
async def r97(world: World) -> None:
    asked = await world.task(plays.ask, accepted_output_modes=["text/plain", "image/png"])
    assert modes(world) == ["text/plain", "image/png"]
    await world.task(plays.ask, task=asked.id, accepted_output_modes=["audio/ogg"])
    assert modes(world) == ["audio/ogg"]
    await collect(world.stream(plays.ask, task=asked.id, accepted_output_modes=["text/html"]))
    assert modes(world) == ["text/html"]
    await world.task(plays.work, task=asked.id)
    assert modes(world) == []


def modes(world: World) -> list[str]:
    """The modes that the agent has been told of last."""
    configuration = world.seen[-1].configuration
    return [] if configuration is None else list(configuration.accepted_output_modes)


@breaks("R97")
@breaks("R97", binding=GRPC)
def keeps_modes_from_the_agent(setup: Setup) -> Setup:
    return _changing(setup, lambda params: params.configuration.ClearField("accepted_output_modes"))


@breaks("R97")
def knows_one_mode_only(setup: Setup) -> Setup:
    def one(params: Any) -> None:
        del params.configuration.accepted_output_modes[1:]

    return _changing(setup, one)


def _changing(setup: Setup, change: Callable[[Any], None]) -> Setup:
    class Changes(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            if op == "send":
                change(params)
            return await go(params)

        async def opened(
            self, op: str, params: Any, context: ServerCallContext, go: Proceed
        ) -> Stream:
            if op == "stream":
                change(params)
            return await super().opened(op, params, context, go)

    return with_handler(setup, Changes)
