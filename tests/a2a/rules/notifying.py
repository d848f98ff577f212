"""R60 to R62: what webhooks are sent.

The receivers are real ones, on sockets; the notifications are ours, and those of a2a-sdk's sender.

Neighbours: `hooking.py`, `lasting.py` (the configurations), `attempting.py` (R63 to R65: how often,
and where to), `hearing.py` (setups and operations).
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from a2a.types import (
    StreamResponse,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import InternalError
from google.protobuf.json_format import MessageToDict, ParseDict

from tests.a2a.receivers import Receiver, receiving
from tests.a2a.rules import plays
from tests.a2a.rules.hearing import (
    bodies,
    both,
    create,
    hooked,
    states,
    undisturbed,
)
from tests.a2a.rules.hook_defects import posting, swallowing
from tests.a2a.rules.plays import Play, Stage
from tests.a2a.rules.registry import breaks, rule
from tests.a2a.rules.server import Setup
from tests.a2a.rules.world import World, collect, state_of

FAILED = TaskState.TASK_STATE_FAILED
BEARER = {"scheme": "Bearer", "credentials": "s3cret"}


async def told(world: World, receiver: Receiver, play: Play, **config: Any) -> list[StreamResponse]:
    """Stream a message whose webhook is `receiver`; returns the stream, once all is delivered."""
    hook = TaskPushNotificationConfig(url=receiver.url(), **config)
    events = await collect(world.stream(play, task_push_notification_config=hook))
    await undisturbed(world)
    return events


def worth_telling(world: World, events: list[StreamResponse]) -> list[dict[str, Any]]:
    """Return those events of a stream that webhooks hear of, as JSON (A10)."""
    told = [event for event in events if world.spec or not event.HasField("artifact_update")]
    return [MessageToDict(event) for event in told]


@rule(
    "R60",
    "a notification is a POST of one event as streams carry it, as application/a2a+json",
    sdk="as the rule, but as application/json",
    spec="as the rule; by a2a-sdk's sender, if the user passes that, as application/json",
    setup=hooked,
)
async def r60(world: World) -> None:
    async with both(world) as worlds:
        for each in worlds:
            async with receiving() as receiver:
                events = await told(each, receiver, plays.work)
            assert bodies(receiver) == worth_telling(each, events)
            for got, body in zip(receiver.got, bodies(receiver), strict=True):
                assert got.line == "POST / HTTP/1.1"
                assert len(body) == 1
                ParseDict(body, StreamResponse())
                ours = each.spec and each is world
                said = "application/a2a+json" if ours else "application/json"
                assert got.headers["content-type"] == said


@breaks("R60", policy="spec")
def sends_plain_json(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, pushed_as="json"))


@breaks("R60")
def sends_what_a2a_sdk_does_not(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, pushed_as="a2a+json"))


@breaks("R60")
def wraps_notifications(setup: Setup) -> Setup:
    return posting(setup, lambda post: post._replace(body=b'{"result": %s}' % post.body))


@rule(
    "R61",
    "a notification carries the credentials and the token that its configuration has",
    setup=hooked,
)
async def r61(world: World) -> None:
    async with both(world) as worlds:
        for each in worlds:
            async with receiving() as receiver:
                await told(each, receiver, plays.ask, token="t0ken", authentication=BEARER)
            assert receiver.got
            for got in receiver.got:
                assert got.headers.get("authorization") == "Bearer s3cret"
                assert got.headers.get("x-a2a-notification-token") == "t0ken"
            async with receiving() as receiver:
                await told(each, receiver, plays.ask)
            assert receiver.got
            for got in receiver.got:
                assert not {"authorization", "x-a2a-notification-token"} & set(got.headers)


@breaks("R61")
def sends_no_credentials(setup: Setup) -> Setup:
    return posting(setup, lambda post: post._replace(secret=[]))


@breaks("R61")
def sends_credentials_to_everybody(setup: Setup) -> Setup:
    secret = [
        (b"Authorization", b"Bearer s3cret"),
        (b"X-A2A-Notification-Token", b"t0ken"),
    ]
    return posting(setup, lambda post: post._replace(secret=secret))


@rule(
    "R62",
    "every webhook of a task hears of every update, in order, a failure of the agent included",
    sdk="of Task and status updates, as from a2a-sdk (A10)",
    spec="of all updates (A10)",
    setup=hooked,
)
async def r62(world: World) -> None:
    async with both(world) as worlds:
        for each in worlds:
            await all_hear_of_all(each)


async def all_hear_of_all(world: World) -> None:
    async def fails(stage: Stage) -> None:
        await stage.status(TaskState.TASK_STATE_WORKING)
        await stage.chunk("half")
        raise RuntimeError("no luck")

    async with receiving() as one, receiving() as two, receiving() as three:
        task = (await world.task(plays.ask)).id
        for number, receiver in enumerate((one, two, three)):
            await create(world, task, receiver.url(), id=f"h{number}")
        await world.task(plays.ask, task=task)
        with suppress(InternalError):  # A5, sdk
            await world.task(fails, task=task)
        assert state_of(await world.get(task)) == "FAILED"
        await undisturbed(world)
        heard = ["INPUT_REQUIRED", "WORKING", *(["artifact"] if world.spec else []), "FAILED"]
        for receiver in (one, two, three):
            assert states(receiver) == heard


@breaks("R62")
@breaks("R62", policy="spec")
def says_nothing_of_failures(setup: Setup) -> Setup:
    return swallowing(setup, lambda event: event.status_update.status.state == FAILED)


@breaks("R62", policy="spec")
def says_nothing_of_artifacts(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, pushed="states"))


@breaks("R62")
def says_something_of_artifacts(setup: Setup) -> Setup:
    return replace(setup, policy=replace(setup.policy, pushed="all"))
