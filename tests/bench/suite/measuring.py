"""What every measurement needs: requests made beforehand, time, processor time.

Neighbours: `tasks.py`, `streams.py`, `fanout.py`, `latency.py`, `memory.py` (measure with it),
`processes.py` (what children use).
"""

from __future__ import annotations

import gc
import itertools
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from a2a.server.context import ServerCallContext
from a2a.types import SendMessageRequest

from tests.a2a.agents import as_user, ask
from tests.bench.suite.processes import ended_children, family, usage

SECONDS: Final = float(os.environ.get("BENCH_SECONDS", "0.6"))
"""For how long at least what can be repeated is repeated."""

Found = dict[str, float]
Asked = tuple[SendMessageRequest, ServerCallContext]

_numbers = itertools.count(1)


def asked(text: str, *, at_once: bool = False) -> Asked:
    """Return a request with a message id of its own, and its context.

    Args:
        text: what the agent is to do.
        at_once: whether the answer is the Task as it begins.
    """
    request = ask(text, return_immediately=at_once)
    request.message.message_id = f"m-{next(_numbers)}"
    return request, as_user("ann")


def cpu() -> float:
    """Return the seconds of processor time that this process and its children have used.

    Of this process with the threads that have ended, of which the peer's databases may have some.
    """
    me, *children = family(os.getpid())
    others = ended_children(me) + sum(usage(each).seconds for each in children)
    return time.process_time() + others


@dataclass(slots=True)
class Spent:
    """What some work has come to; it adds up."""

    done: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    async def work(self, count: int, work: Awaitable[object]) -> None:
        """Do this much work on the clock, with what came before collected first."""
        gc.collect()
        began, before = time.perf_counter(), cpu()
        await work
        self.seconds += time.perf_counter() - began
        self.cpu += cpu() - before
        self.done += count

    def found(self) -> Found:
        """Return the figures."""
        return {
            "per_second": self.done / self.seconds,
            "us": 1e6 * self.seconds / self.done,
            "cpu_us": 1e6 * self.cpu / self.done,
        }


async def repeated(once: Callable[[Spent], Awaitable[object]]) -> Spent:
    """Do it again and again, until `SECONDS` are on the clock."""
    spent = Spent()
    while spent.seconds < SECONDS:
        await once(spent)
    return spent
