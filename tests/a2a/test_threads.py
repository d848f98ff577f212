"""Calls of webhooks that block: how many there are at once, and whom they do not hold up."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
import trustme

from actors.a2a.pinned import domain
from actors.a2a.threads import AT_ONCE, EACH, Threads
from tests.a2a.receivers import receiving
from tests.a2a.test_hooks import DONE, RETRY, client_tls, sending, server_tls


class Blocked:
    """A call that returns when it is let, and says in which threads it is."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.inside: list[threading.Thread] = []
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> str:
        self.inside.append(threading.current_thread())
        self._loop.call_soon_threadsafe(self.begun.set)
        self.let.wait(10)
        return "done"


@pytest.fixture
async def blocked() -> Any:
    made = Blocked()
    yield made
    made.let.set()
    for thread in made.inside:
        thread.join()


async def test_what_a_call_returns_or_raises() -> None:
    threads = Threads()
    assert await threads.call("", threading.current_thread) is not threading.current_thread()
    with pytest.raises(ValueError, match="invalid literal"):
        await threads.call("", lambda: int("x"))


async def test_a_place_is_taken_until_its_thread_has_returned(
    blocked: Blocked, caplog: pytest.LogCaptureFixture
) -> None:
    threads = Threads(each=1)
    first = asyncio.ensure_future(threads.call("a", blocked))
    async with asyncio.timeout(5):
        await blocked.begun.wait()
        first.cancel()
        second = asyncio.ensure_future(threads.call("a", lambda: 2))
        assert await threads.call("b", lambda: 1) == 1
        assert not second.done()
        blocked.let.set()
        assert await second == 2
    assert first.cancelled()
    assert not caplog.records, "what is of no use to anybody any more is no error"


async def test_whoever_waits_for_a_place_takes_none_once_cancelled(blocked: Blocked) -> None:
    threads = Threads(at_once=1, each=1)
    first = asyncio.ensure_future(threads.call("a", blocked))
    ran: list[str] = []
    waiting = [
        asyncio.ensure_future(threads.call(group, partial(ran.append, group))) for group in "abb"
    ]
    async with asyncio.timeout(5):
        await blocked.begun.wait()
        for call in waiting:
            call.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        blocked.let.set()
        assert await first == "done"
        assert [await threads.call(group, lambda: 1) for group in "ab"] == [1, 1]
    assert not ran


async def test_a_system_without_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    threads = Threads(at_once=1, each=1)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none)
        with pytest.raises(OSError, match="no more threads"):
            await threads.call("", lambda: 1)
    async with asyncio.timeout(5):
        assert await threads.call("", lambda: 1) == 1


def test_a_thread_that_returns_after_its_loop_has_ended() -> None:
    made: list[Blocked] = []

    async def begin() -> None:
        made.append(Blocked())
        call = asyncio.ensure_future(Threads().call("", made[0]))
        await made[0].begun.wait()
        call.cancel()

    asyncio.run(begin())
    (thread,) = made[0].inside
    assert thread.daemon, "the process does not wait for it either"
    made[0].let.set()
    thread.join()  # that it raised nothing pytest sees to


@pytest.mark.parametrize(
    ("host", "registered"),
    [
        ("localhost", "localhost"),
        ("hooks.example", "hooks.example"),
        ("a.B.Hooks.Example.", "hooks.example"),
        ("a1.hooks.co.uk", "hooks.co.uk"),
        ("co.uk", "co.uk"),
        ("a.hooks.de", "hooks.de"),
    ],
)
def test_who_is_behind_a_name(host: str, registered: str) -> None:
    assert domain(host) == registered


# -- of webhooks


async def test_names_that_hang_hold_up_nobody_else(
    blocked: Blocked, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Callable[..., Any] = socket.getaddrinfo

    def look_up(host: str, *more: Any, **named: Any) -> Any:
        return blocked() if host.endswith("slow.test") else real(host, *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    async with receiving() as receiver, sending(["localhost"]) as sender:
        for number in range(AT_ONCE + 1):
            sender.begin(f"http://a{number}.slow.test/")
        async with asyncio.timeout(5):
            await blocked.begun.wait()
        assert (await sender.send(receiver.url("localhost"))).verdict is DONE
        async with asyncio.timeout(5):
            assert await asyncio.to_thread(lambda: 1) == 1
        assert 0 < len(blocked.inside) <= EACH
        await sender.hooks.aclose()
        assert (await sender.told()).verdict is RETRY


async def test_certificates_are_loaded_once_elsewhere_and_for_https_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = trustme.CA()
    server, _ = server_tls(authority, "localhost")
    loaded: list[threading.Thread] = []

    def load() -> Any:
        loaded.append(threading.current_thread())
        return client_tls(authority)

    monkeypatch.setattr(httpx, "create_ssl_context", load)
    async with (
        receiving() as plain,
        receiving(tls=server) as secure,
        sending(["localhost"], tls=None) as sender,
    ):
        assert (await sender.send(plain.url("localhost"))).verdict is DONE
        assert not loaded
        for _ in range(3):
            sender.begin(secure.url("localhost", scheme="https"))
        assert [(await sender.told()).verdict for _ in range(3)] == [DONE] * 3
    assert len(loaded) == 1
    assert loaded[0] is not threading.main_thread()
