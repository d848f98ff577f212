"""R63 to R65: how often a webhook is tried, for how long, and where it may be.

Neighbours: `notifying.py` (R60 to R62: what is sent), `hearing.py` (setups and operations).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

from a2a.server.context import ServerCallContext
from a2a.types import SendMessageRequest
from a2a.utils.errors import InvalidParamsError
from a2a.utils.push_url_validator import validate_push_notification_url

from actors.a2a import RequestHandler
from actors.a2a.configs import own_delivery
from actors.task.delivery import Delivery
from tests.a2a.receivers import raw, receiving, status
from tests.a2a.rules import plays
from tests.a2a.rules.defects import with_handler
from tests.a2a.rules.hearing import (
    beside,
    bodies,
    create,
    delivering,
    hooked,
    hooks,
)
from tests.a2a.rules.hook_defects import posting
from tests.a2a.rules.notifying import told, worth_telling
from tests.a2a.rules.registry import JSONRPC, breaks, rule
from tests.a2a.rules.server import Setup, push_store
from tests.a2a.rules.world import World


@rule(
    "R63",
    "a notification that its receiver cannot take now is sent again, as it was, and given up "
    "after a time",
    sdk="as the rule; a2a-sdk's sender, if the user passes that, tries once",
    spec="as the rule; a2a-sdk's sender, if the user passes that, tries once",
    setup=hooked,
)
async def r63(world: World) -> None:
    async with receiving(status(503), status(500), status(429)) as receiver:
        events = await told(world, receiver, plays.ask)
    again = receiver.got[:4]
    assert bodies(receiver)[3:] == worth_telling(world, events)
    assert [got.body for got in again] == [receiver.got[0].body] * 4
    assert len({got.headers["x-a2a-delivery-id"] for got in again}) == 1
    assert 0 < Delivery().first_delay < Delivery().longest_delay < Delivery().give_up
    if world.binding == JSONRPC:
        await gives_up(world)


async def gives_up(world: World) -> None:
    """See that a notification that nobody ever takes is given up; over one binding will do."""
    async with beside(world, impatient) as other, receiving(*[status(503)] * 1000) as receiver:
        events = await told(other, receiver, plays.ask)
        letters = await other.server.handler.webhooks()
    assert letters.dead == len(worth_telling(world, events))
    assert len(receiver.got) > letters.dead


def impatient(setup: Setup) -> Setup:
    """Return the setup of a server that soon gives a notification up."""
    return delivering(setup, give_up=0.3)


@breaks("R63")
def tries_once(setup: Setup) -> Setup:
    return delivering(setup, give_up=0)


@breaks("R63")
def sends_something_else_again(setup: Setup) -> Setup:
    attempts = count()
    return posting(setup, lambda post: post._replace(body=post.body + b" " * next(attempts)))


def soon_over(setup: Setup) -> Setup:
    """Return the setup of a server that waits for a receiver for a moment only."""
    return delivering(setup, timeout=0.2)


@rule(
    "R64",
    "a receiver has 10 to 30 seconds (here less), and one that hangs holds up no other",
    sdk="as the rule; a2a-sdk's sender, if the user passes that, waits as its HTTP client does",
    spec="as the rule; a2a-sdk's sender, if the user passes that, waits as its HTTP client does",
    setup=soon_over,
)
async def r64(world: World) -> None:
    assert 10 <= Delivery().timeout <= 30
    card = world.server.card
    assert own_delivery(card, (None, None, None), None) == Delivery()
    async with receiving(raw(b"")) as hung, receiving() as fine:
        task = (await world.task(plays.ask)).id
        await create(world, task, hung.url(), id="hung")
        await create(world, task, fine.url(), id="fine")
        await world.task(plays.ask, task=task)
        await fine.asked.get()
        other = {"url": fine.url(path="/other")}
        await world.task(plays.ask, task_push_notification_config=other)
        while (await fine.asked.get()).line != "POST /other HTTP/1.1":
            pass  # on a slow machine something came twice
        await hung.asked.get()
        await hung.asked.get()  # once more, after the time
    first, again = hung.got[:2]
    assert first.headers["x-a2a-delivery-id"] == again.headers["x-a2a-delivery-id"]


@breaks("R64", hangs=True)
def waits_a_minute(setup: Setup) -> Setup:
    return delivering(setup, timeout=60)


@breaks("R64", hangs=True)
def notifies_one_at_a_time(setup: Setup) -> Setup:
    return delivering(setup, timeout=60, at_once=1)


PRIVATE = (
    "http://127.0.0.1:9/",
    "http://[::1]/",
    "http://localhost/",
    "http://10.1.2.3/",
    "http://192.168.0.1/in",
    "https://172.16.0.1/",
    "http://169.254.169.254/latest/meta-data",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://0.0.0.0/",
    "http://2130706433/",
    "file:///etc/passwd",
)


def only_public(setup: Setup) -> Setup:
    """Return the setup of a server that allows no private addresses, which is the usual one."""
    return replace(setup, options=dict)


@rule(
    "R65",
    "a webhook with a private, loopback or link-local address is refused, wherever it is given",
    sdk="as the rule; with a store of the user's, what their push_url_validator refuses",
    spec="as the rule; with a store of the user's, what their push_url_validator refuses",
    setup=only_public,
)
async def r65(world: World) -> None:
    await refuses_private_ones(world)
    if world.binding == JSONRPC:
        async with beside(world, validating) as theirs:
            await refuses_private_ones(theirs)


def validating(setup: Setup) -> Setup:
    """Return the setup of a user who has a store, and a2a-sdk's own check of addresses."""
    checked = {"push_url_validator": validate_push_notification_url}
    return replace(setup, options=lambda: {**push_store(), **checked})


async def refuses_private_ones(world: World) -> None:
    task = (await world.task(plays.ask)).id
    for url in PRIVATE:
        error = await world.refused(InvalidParamsError, create(world, task, url))
        assert "Invalid push notification" in str(error)
    assert await hooks(world, task) == []
    runs = len(world.seen)
    inline = {"task_push_notification_config": {"url": PRIVATE[0]}}
    await world.refused(InvalidParamsError, world.send(plays.work, **inline))
    await world.refused(InvalidParamsError, world.stream(plays.work, task=task, **inline))
    assert len(world.seen) == runs
    public = await create(world, task, "https://8.8.8.8/in")
    assert await hooks(world, task) == [public.id]


@breaks("R65")
def allows_every_address(setup: Setup) -> Setup:
    return delivering(setup, allow=("0.0.0.0/0", "::/0", "localhost"))


@breaks("R65")
def allows_the_link_local_ones(setup: Setup) -> Setup:
    return delivering(setup, allow=("169.254.0.0/16",))


@breaks("R65")
def checks_only_what_is_created(setup: Setup) -> Setup:
    class Unchecked(RequestHandler):
        async def _inline(
            self, task: str, params: SendMessageRequest, context: ServerCallContext
        ) -> bytes:
            return b""

    return with_handler(setup, Unchecked)
