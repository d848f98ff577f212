"""What a webhook costs the stream beside it, whatever its receiver does.

    python -m tests.bench.webhooks

Kinds of receivers take turns; of each the median pace counts: of an agent that emits a chunk every
3 ms, as one that streams tokens, and of one that emits as fast as it can, whose stream then shares
this one process with the POSTs, and with the receiver that answers them. Then, for each kind, what
became of the records: taken, or dead letters; none is missing.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median

from a2a.server.agent_execution import RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import Part
from rich.console import Console
from rich.table import Table

from actors.a2a import Delivery, Policy, RequestHandler
from actors.storage import MemoryJournal
from actors.task.orders import Deliveries
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.receivers import Answer, receiving, status

CHUNKS = 300
ROUNDS = 5
PAUSE = 0.003
SLOW = 0.05
"""Seconds for each answer of the slow receiver."""
KINDS = ("none", "healthy", "slow", "down", "redirects to loopback", "410")
ME = as_user("me")


class Streaming(Actor):
    """Emits chunks, with `pause` seconds between."""

    def __init__(self, pause: float) -> None:
        super().__init__()
        self.pause = pause

    async def flow(self, context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await self._begin(context, queue)
        for number in range(CHUNKS):
            await to.add_artifact([Part(text="x" * 100)], artifact_id="a", append=number > 0)
            await asyncio.sleep(self.pause)
        await to.complete()


def _answer(kind: str) -> Answer:
    async def slowly(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(SLOW)
        await status(200)(writer)

    return {
        "slow": slowly,
        "redirects to loopback": status(307, "Location: http://127.0.0.2:9/"),
        "410": status(410),
    }.get(kind, status(200))


@asynccontextmanager
async def _url(kind: str) -> AsyncIterator[str]:
    if kind in ("none", "down"):
        yield "" if kind == "none" else "http://127.0.0.1:9/"
        return
    async with receiving(*[_answer(kind)] * (CHUNKS + 10)) as receiver:
        yield receiver.url()


async def _run(kind: str, pause: float, *, wait: bool) -> tuple[float, Deliveries]:
    """Return the chunks per second of the stream, and how its webhook was doing at the end."""
    delivery = Delivery(allow=("127.0.0.1/32",), first_delay=0.01, longest_delay=0.05, give_up=0.2)
    handler = RequestHandler(
        Streaming(pause),
        agent_card=card(push_notifications=True),
        journal=MemoryJournal(),
        policy=Policy.sdk(pushed="all", drain=0.0),
        delivery=delivery,
    )
    async with _url(kind) as url:
        params = ask("flow")
        if url:
            params.configuration.task_push_notification_config.url = url
        begun = time.perf_counter()
        async for _ in handler.on_message_send_stream(params, ME):
            pass
        pace = CHUNKS / (time.perf_counter() - begun)
        while wait and (await handler.webhooks()).waiting:  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.05)
        told = await handler.webhooks()
        await handler.aclose()
    return pace, told


def main() -> None:
    """Measure and print."""
    logging.disable(logging.CRITICAL)
    runs = [(kind, pause) for _ in range(ROUNDS) for pause in (PAUSE, 0.0) for kind in KINDS]
    paces: dict[tuple[str, float], list[float]] = {}
    for run in runs:
        paces.setdefault(run, []).append(asyncio.run(_run(*run, wait=False))[0])

    def shown(kind: str, pause: float) -> str:
        pace = median(paces[kind, pause])
        return f"{pace:,.0f}/s ({pace / median(paces['none', pause]):.0%})"

    table = Table("receiver", "paced", "burst", "taken", "dead letters")
    for kind in KINDS:
        _, told = asyncio.run(_run(kind, 0.0, wait=True))
        counts = (str(told.delivered), str(told.dead))
        table.add_row(kind, shown(kind, PAUSE), shown(kind, 0.0), *counts)
    Console().print(table)
    print(f"{CHUNKS + 2} records; medians of {ROUNDS} runs each, in turns")


if __name__ == "__main__":
    main()
