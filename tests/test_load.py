"""The soak under load: its sessions with a real server, and what its judge says."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actors.a2a import RequestHandler
from actors.a2a.app import build_app
from tests.a2a.agents import card
from tests.soak import load_sessions
from tests.soak.load_agent import Busy
from tests.soak.load_figures import Latencies
from tests.soak.load_judge import EACH, SPARE, Growth, Row, growth, memory_wrong, rest_wrong
from tests.soak.load_server import Look
from tests.soak.load_sessions import SESSIONS, Clients
from tests.sockets import listening


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_sessions, "CHUNKS", (5, 20))
    monkeypatch.setattr(load_sessions, "PAUSE", 1)
    monkeypatch.setattr(load_sessions, "THINKING", 0)
    monkeypatch.setattr(load_sessions, "AWAY", 0)


def lying(app: ASGIApp) -> ASGIApp:
    """Return an application that tells one chunk as another."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        async def told(message: Message) -> None:
            if "body" in message:
                message["body"] = message["body"].replace(b"chunk 3 ", b"chunk 4 ")
            await send(message)

        await app(scope, receive, told)

    return wrapped


async def play(app: ASGIApp) -> tuple[Clients, Counter[str], Counter[str]]:
    """Let four sessions of each kind happen."""
    ended: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    async with listening(app) as port:
        clients = Clients(port, random.Random(1), ended, errors)
        for kind in SESSIONS:
            for _ in range(4):
                await clients.session(kind, time.monotonic())
        clients.line.close()
    return clients, ended, errors


async def test_sessions_are_told_to_their_end(tmp_path: Path) -> None:
    handler = RequestHandler(Busy(), None, card(), database=tmp_path / "tasks.db")
    clients, ended, errors = await play(build_app(handler, card()))
    assert (clients.wrong, errors, clients.refused) == ([], {}, 0)
    assert ended == dict.fromkeys(SESSIONS, 4)
    told = clients.latencies.told()
    assert set(told) == {
        *("short", "read", "question", "answer", "first event", "event", "resume", "cancel")
    }
    assert told["first event"]["count"] == 12


async def test_a_server_that_errs_is_found_out(tmp_path: Path) -> None:
    handler = RequestHandler(Busy(), None, card(), database=tmp_path / "tasks.db")
    clients, ended, errors = await play(lying(build_app(handler, card())))
    assert errors["stream"] == 4
    assert ended["short"] == 4
    assert any("chunk 4 came in place of 3" in text for text in clients.wrong)


def test_quantiles_are_told_within_two_percent() -> None:
    latencies, others = Latencies(), Latencies()
    for number in range(1, 1001):
        (latencies if number % 2 else others).note("short", number / 1000)
    latencies.take(others)
    told = latencies.told()["short"]
    assert told["count"] == 1000
    for name, exact in {"p50": 500, "p90": 900, "p99": 990, "max": 1000}.items():
        assert told[name] == pytest.approx(exact, rel=0.02)


def look(**given: Any) -> Look:
    gauges = {"tasks": 0.0, "actors": 5.0, "runs": 0.0, "requests": 0.0, "streams": 0.0}
    usual: dict[str, Any] = {
        "resident": 0,
        "children": 0,
        "files": 12,
        "seconds": 1.0,
        "waited": 0.0,
    }
    return Look(**{**usual, "gauges": gauges, **given})


def rows(each: float, warm: int = 0) -> list[Row]:
    """Half an hour of 50 sessions a second, each of which leaves so many bytes."""
    return [
        Row(at, at * 50, look(resident=int(1e8 + each * at * 50 + (warm if at > 100 else 0))))
        for at in range(10, 1801, 10)
    ]


def grown(found: list[Row]) -> Growth:
    return growth(found, [row.look.resident for row in found])


def test_memory_may_grow_while_it_warms_up_only() -> None:
    assert grown(rows(0, warm=10**8)).flat
    leak = grown(rows(190))  # an entry of a dictionary for each session
    assert leak.sessions == 50 * 1500
    assert leak.grown == pytest.approx(190 * leak.sessions)
    assert leak.allowed == SPARE + EACH * leak.sessions
    (said,) = memory_wrong({"the server": leak, "its children": grown(rows(0))})
    assert said.startswith("the memory of the server grows: +13.59 MiB over 75,000 sessions")
    with pytest.raises(ValueError, match="run for longer"):
        growth(rows(0)[:1], [1])


def test_what_is_left_of_a_load_is_told() -> None:
    assert rest_wrong(look(), look(files=14)) == []
    left = {"tasks": 2.0, "actors": 7.0, "runs": 0.0, "requests": 0.0, "streams": 1.0}
    assert rest_wrong(look(), look(files=15, gauges=left)) == [
        "2 tasks are left: nobody is there",
        "1 streams are left: nobody is there",
        "actors: 7, 5 before",
        "open files: 15, 12 before the load",
    ]
