"""What watching costs: runs of an agent with nobody watching, with metrics, with spans too.

    python -m tests.bench.telemetry [--rounds 9] [--events 5000] [--requests 300]

Processor time, so that others on the machine matter less. Two loads, behind the production handler:
one run with many events, and many requests with a run of five events each. The three take turns in
one process; figures are medians, with the middle half of the rounds.

Neighbours: `actors.py`, `journal.py` (what an event costs where).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import statistics
import time
from collections.abc import Callable

from opentelemetry.sdk.trace import TracerProvider

from actors.a2a import RequestHandler
from actors.storage import MemoryJournal
from actors.telemetry import Telemetry
from actors.telemetry.prometheus import Exposition
from tests.a2a.agents import Actor, as_user, ask, card

ME = as_user("me")
EVENTS_OF_A_REQUEST = 5


def handler_of(kind: str) -> RequestHandler:
    """Return a handler that nobody watches, or that is watched."""
    spans = TracerProvider(shutdown_on_exit=False) if kind == "metrics and spans" else None
    handler = RequestHandler(
        Actor(), None, card(), journal=MemoryJournal(), telemetry=Telemetry(tracer_provider=spans)
    )
    if kind != "nobody":
        Exposition(handler.observer)
    return handler


async def run(kind: str, events: int, requests: int) -> tuple[float, float]:
    """Return microseconds for each event of a long run, and for each short request."""
    handler = handler_of(kind)
    numbers = itertools.count()

    async def timed(count: int, text: Callable[[], str]) -> float:
        gc.collect()
        began = time.process_time()
        for _ in range(count):
            request = ask(text())
            request.message.message_id = f"m{next(numbers)}"
            await handler.on_message_send(request, ME)
        return (time.process_time() - began) * 1e6

    await timed(20, lambda: "work")
    long = await timed(1, lambda: f"many {events}") / events
    short = await timed(requests, lambda: f"many {EVENTS_OF_A_REQUEST}") / requests
    await handler.aclose()
    return long, short


def main() -> None:
    """Run the rounds and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--requests", type=int, default=300)
    given = parser.parse_args()
    kinds = ("nobody", "metrics", "metrics and spans")
    found: dict[str, list[tuple[float, float]]] = {kind: [] for kind in kinds}
    for _ in range(given.rounds):
        for kind in kinds:
            found[kind].append(asyncio.run(run(kind, given.events, given.requests)))
    print(f"{'watched by':<20}{'us an event':>24}{'us a request of 5 events':>30}")
    for kind, rounds in found.items():
        cells = [f"{_figure([each[at] for each in rounds]):>{24 + 6 * at}}" for at in (0, 1)]
        print(f"{kind:<20}{''.join(cells)}")


def _figure(values: list[float]) -> str:
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


if __name__ == "__main__":
    main()
