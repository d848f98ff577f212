"""Calls that no replay repeats, and code of users and of libraries that makes them."""

from __future__ import annotations

import datetime
import os
import random
import secrets
import time
import uuid
from collections.abc import Callable
from datetime import date
from datetime import datetime as moment
from random import Random
from typing import Any

from actors.simulation.traps import Traps

NOW = 1_767_225_600.25
"""2026-01-01 00:00:00.25 UTC."""
INSTALLED = "/opt/venv/lib/python3.11/site-packages/lib.py"

TIME = {
    **{f"time.{name}()": NOW for name in ("time", "monotonic", "perf_counter")},
    **{f"time.{name}()": NOW for name in ("process_time", "thread_time")},
    **{f"time.{name}_ns()": 1_767_225_600_250_000_000 for name in ("time", "monotonic")},
    "time.perf_counter_ns()": 1_767_225_600_250_000_000,
    "time.clock_gettime(time.CLOCK_REALTIME)": NOW,
    "time.localtime()": time.localtime(NOW),
    "time.gmtime(None)": time.gmtime(NOW),
    "time.ctime()": time.ctime(NOW),
    "time.asctime()": time.ctime(NOW),
    "time.strftime('%Y %H')": time.strftime("%Y %H", time.localtime(NOW)),
    "datetime.datetime.now()": moment.fromtimestamp(NOW),
    "datetime.datetime.now(datetime.timezone.utc)": moment.fromtimestamp(NOW, datetime.UTC),
    "datetime.datetime.today()": moment.fromtimestamp(NOW),
    "datetime.datetime.utcnow()": moment(2026, 1, 1, 0, 0, 0, 250_000),
    "datetime.date.today()": date.fromtimestamp(NOW),
}
"""Calls, and what a library gets."""
CHANCE = [
    *("uuid.uuid1()", "uuid.uuid1(clock_seq=5)", "uuid.uuid4()", "uuid.getnode()"),
    *("random.random()", "random.randint(1, 10**9)", "random.choice(range(10**9))"),
    *("random.shuffle(list(range(9)))", "random.uniform(1, 2)", "random.getrandbits(64)"),
    *("random.gauss(0, 1)", "random.sample(range(10**9), 3)", "random.randbytes(8)"),
    *("secrets.token_bytes(8)", "secrets.token_hex(8)", "secrets.token_urlsafe(8)"),
    *("secrets.choice(range(10**9))", "secrets.randbelow(10**9)", "secrets.randbits(64)"),
    *("os.urandom(8)", "os.getrandom(8)"),
]
FRESH = {
    "random.Random().random()": "random.Random",
    "random.Random(None).random()": "random.Random",
    "random.SystemRandom().random()": "random.SystemRandom.random",
    "random.SystemRandom().choice(range(10**9))": "random.SystemRandom.choice",
    "random.seed()": "random.seed",
}
"""Calls that are told by another name than their own."""
CALLS = {call: call.partition("(")[0] for call in (*TIME, *CHANCE)} | FRESH


def run(call: str, filename: str) -> Any:
    """Evaluate `call` as code of `filename`."""
    names = {each.__name__: each for each in (datetime, os, random, secrets, time, uuid)}
    return eval(compile(call, filename, "eval"), names)


def traps(seed: int = 1, now: Callable[[], float] = lambda: NOW) -> Traps:
    return Traps(now, Random(seed))


def library(call: str, seed: int = 1) -> Any:
    with traps(seed):
        return run(call, INSTALLED)
