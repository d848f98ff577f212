"""R99 and R100: too much, too often, not now; and what must not be in logs.

Neighbours: `errors.py` (errors that do not pass), `tests/a2a/test_limits.py` (each limit).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import AuthenticationInfo, Part, TaskPushNotificationConfig
from a2a.utils.errors import InternalError, InvalidParamsError, TaskNotFoundError

from actors.a2a.limits import Limits
from actors.runtime import Caller
from actors.runtime.journal.errors import JournalCorrupt, StorageUnavailable
from actors.runtime.journal.port import Stored
from actors.storage import MemoryJournal
from tests.a2a.rules import plays
from tests.a2a.rules.credentials import Heard
from tests.a2a.rules.defects import Defect, Proceed, with_handler
from tests.a2a.rules.errors import Seen, wrong
from tests.a2a.rules.plays import Stage
from tests.a2a.rules.registry import GRPC, JSONRPC, REST, breaks, rule
from tests.a2a.rules.server import Setup, push_store
from tests.a2a.rules.wire_defects import changing_answers
from tests.a2a.rules.world import World

HASTY = "hasty"


class Away(MemoryJournal):
    """A journal that is away for some."""

    def read(self, log: str, caller: Caller | None = None) -> Stored | None:
        if caller is not None and caller.owner.endswith("unlucky"):
            raise StorageUnavailable("the cable is cut")
        if caller is not None and caller.owner.endswith("doomed"):
            raise JournalCorrupt("a sector is lost")
        return super().read(log, caller)


def narrow(setup: Setup) -> Setup:
    """Return the setup of a server with one run for each owner, and a journal with holes."""
    limits = Limits(runs=1)
    return replace(setup, options=lambda: {**push_store(), "limits": limits}, journal=Away)


@rule(
    "R99",
    "what may be tried again says so and when: 429 or 503 with Retry-After over REST, in the "
    "details over JSON-RPC; what may not, does not. gRPC has the words only",
    setup=narrow,
)
async def r99(world: World) -> None:
    busy = await world.task(plays.wait, return_immediately=True)
    seen = await wrong(world, world.request(plays.work))
    check_temporary(world, seen, 429)
    world.gate.set()
    await collect_or_done(world, busy.id)
    while (await wrong(world, world.request(plays.work))).message:
        await world.get(busy.id)  # its run is over a moment after its task
    check_permanent(world, await wrong(world, world.request(plays.work, history_length=-1)))
    unlucky, doomed = world.as_("unlucky"), world.as_("doomed")
    error = await unlucky.refused(InternalError, unlucky.get("any"))
    assert "try again" in str(error)
    assert "cable" not in str(error)
    error = await doomed.refused(InternalError, doomed.get("any"))
    assert "try again" not in str(error)
    assert "sector" not in str(error)
    if world.binding == REST:
        for unfit, status in ((unlucky, 503), (doomed, 500), (world, 404)):
            answer = await unfit.rest("GET", "/tasks/any")
            assert answer.status_code == status
            assert ("retry-after" in answer.headers) == (status == 503)


async def collect_or_done(world: World, task: str) -> None:
    """Wait until a task is over."""
    while True:
        if (await world.get(task)).status.state not in (1, 2):
            return


def check_temporary(world: World, seen: Seen, status: int) -> None:
    """See that an error says that, and when, another try makes sense."""
    assert "try again" in seen.message or "wait" in seen.message.lower(), seen.message
    if world.binding == GRPC:  # a2a-sdk puts no metadata into it
        assert seen.codes[0] == "INTERNAL"
        return
    hint = seen.details[0].get("metadata", {})
    assert hint.get("retryable") is True
    assert hint["retryAfterMs"] > 0
    assert hint["reason"]
    assert seen.codes[0] == (-32603 if world.binding == JSONRPC else status)


def check_permanent(world: World, seen: Seen) -> None:
    """See that it does not."""
    assert seen.codes
    assert all("retryable" not in detail.get("metadata", {}) for detail in seen.details)


@breaks("R99")
@breaks("R99", binding=REST)
def does_not_say_when(setup: Setup) -> Setup:
    def change(answer: Any) -> Any:
        error = answer.get("error", {})
        for detail in error.get("data") or error.get("details") or ():
            detail["metadata"] = {}
        return answer

    return changing_answers(setup, change)


@breaks("R99", binding=GRPC)
def takes_everything_for_final(setup: Setup) -> Setup:
    class Final(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            try:
                return await go(params)
            except InternalError as error:
                raise InternalError("no") from error

    return with_handler(setup, Final)


@breaks("R99")
def has_no_limit_of_runs(setup: Setup) -> Setup:
    return replace(setup, options=push_store)


# -- size, rate, logs

SECRETS = ("s3cret-header", "s3cret-token", "s3cret-credentials", "s3cret-url")


def bounded(setup: Setup) -> Setup:
    """Return the setup of a server that takes little."""
    limits = Limits(message_bytes=2000, parts=3, history=6, body_bytes=4000, rate=0.01, burst=30)
    return replace(setup, options=lambda: {**push_store(), "limits": limits})


@rule(
    "R100",
    "messages, parts, bodies, histories and rates have limits, each refusal says which; "
    "credentials are not in logs, also when something fails",
    setup=bounded,
)
async def r100(world: World) -> None:
    await check_sizes(world)
    hasty = world.as_(HASTY)
    for _ in range(30):
        await hasty.refused(TaskNotFoundError, hasty.get("any"))
    error = await hasty.refused(InternalError, hasty.get("any"))
    assert "fast" in str(error) or "requests" in str(error), error
    await world.as_("patient").list()
    with everything_logged() as heard:
        await with_secrets(world.as_("secretive"))
    assert heard.lines, "nothing is logged at all, so this says nothing"
    for secret in SECRETS:
        assert not [line for line in heard.lines if secret in line]


async def check_sizes(world: World) -> None:
    """See that what is too large is refused before the agent has it."""
    large = world.request(plays.work, "x" * 2500)
    many = world.request(plays.work, message={"parts": [Part(text="x")] * 4})
    for request, found, allowed in ((large, "bytes", "2000"), (many, "parts", "3")):
        error = await world.refused(InvalidParamsError, world.send(request))
        assert found in str(error)
        assert allowed in str(error)
        await world.refused(InvalidParamsError, world.stream(request))
    asked = await world.task(plays.ask)
    for _ in range(2):
        asked = await world.task(plays.ask, task=asked.id)
    runs = len(world.seen)
    error = await world.refused(InvalidParamsError, world.send(plays.ask, task=asked.id))
    assert "6 are allowed" in str(error)
    assert len(world.seen) == runs == 3
    if world.binding != GRPC:  # whose server bounds messages itself
        path = "/" if world.binding == JSONRPC else "/rest/message:send"
        answer = await world.remote.http.post(
            path, content=b" " * 5000, headers=dict(world.metadata)
        )
        assert (answer.status_code, "4000" in answer.text) == (413, True)


async def with_secrets(world: World) -> None:
    """Send credentials in every place that there is for them; some requests fail."""

    async def fails(stage: Stage) -> None:
        await stage.begin()
        raise RuntimeError("no luck")

    private = replace(world, headers={"Authorization": f"Bearer {SECRETS[0]}"})
    hook = TaskPushNotificationConfig(
        url=f"https://user:{SECRETS[3]}@hook.test/",
        token=SECRETS[1],
        authentication=AuthenticationInfo(scheme="Bearer", credentials=SECRETS[2]),
    )
    for play, parts in ((plays.work, 1), (fails, 1), (plays.work, 4)):
        message = {"parts": [Part(text="x")] * parts}
        request = private.request(play, message=message, task_push_notification_config=hook)
        await wrong(private, request)
    await wrong(private, private.request(plays.work, task="unknown"))
    await private.refused(InvalidParamsError, private.list(page_size=0))


@contextmanager
def everything_logged() -> Iterator[Heard]:
    """Hear what the server logs at any level."""
    heard, loggers = Heard(), [logging.getLogger(name) for name in ("actors", "a2a.server")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(heard)
        logger.setLevel(logging.DEBUG)
    try:
        yield heard
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(heard)
            logger.setLevel(level)


@breaks("R100")
@breaks("R100", binding=GRPC)
def takes_messages_of_any_size(setup: Setup) -> Setup:
    return _with_limits(setup, message_bytes=None)


@breaks("R100", binding=REST)
def takes_bodies_of_any_size(setup: Setup) -> Setup:
    return _with_limits(setup, body_bytes=None)


@breaks("R100")
def takes_requests_as_they_come(setup: Setup) -> Setup:
    return _with_limits(setup, rate=None, burst=None)


@breaks("R100")
def takes_histories_of_any_length(setup: Setup) -> Setup:
    return _with_limits(setup, history=None)


def _with_limits(setup: Setup, **changes: Any) -> Setup:
    options = setup.options
    given: Limits = options()["limits"]
    return replace(setup, options=lambda: {**options(), "limits": replace(given, **changes)})


@breaks("R100")
@breaks("R100", binding=GRPC)
def logs_requests(setup: Setup) -> Setup:
    class Logs(Defect):
        async def unary(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
            logging.getLogger("actors.a2a").debug("asked: %s", params)
            return await go(params)

    return with_handler(setup, Logs)
