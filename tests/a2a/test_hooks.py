"""Webhooks over real sockets: what is sent, what an answer means, and what never leaks (R60-65)."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pytest
import trustme
from a2a.server.tasks import PushNotificationSender
from a2a.types import StreamResponse, TaskPushNotificationConfig
from google.protobuf.json_format import MessageToDict, ParseDict

from actors.a2a import hook_client, hooks
from actors.a2a.hooks import A2A_JSON, Bodies, Hooks
from actors.a2a.verdicts import Answer, of_answer, wait_of
from actors.a2a.webhook import Webhooks
from actors.runtime import ActorRef, ActorSystem
from actors.runtime.journal.record import Record
from actors.task.delivery import Delivery
from actors.task.messages import Configure, Send, Wait
from actors.task.orders import OUTBOX, Delivered, Verdict
from actors.task.ports import Notify
from actors.telemetry import Observer, Telemetry
from tests.a2a.receivers import endless, raw, receiving, status

DONE, RETRY, REFUSED = Verdict.DONE, Verdict.RETRY, Verdict.REFUSED
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
LOCAL = ("127.0.0.0/8", "::1")
EVENT = ParseDict(
    {
        "statusUpdate": {
            "taskId": "t",
            "contextId": "c",
            "status": {"state": "TASK_STATE_WORKING", "timestamp": "2026-01-02T03:04:05.006Z"},
            "metadata": {"how": "schön"},
        }
    },
    StreamResponse(),
)
NO_HTTP = "what came is no HTTP answer, or none came"
TOKEN, CREDENTIALS, QUERY = "tok-5ecret", "cred-5ecret", "query-5ecret"


class Ear:
    """Stands for the system: hears what the outbox would be told."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[Delivered] = asyncio.Queue()

    def tell(self, ref: ActorRef[Any], message: Delivered) -> None:
        assert ref == OUTBOX
        self.told.put_nowait(message)


class Sender:
    """A Hooks, and the notifications that a test has it send."""

    def __init__(self, delivery: Delivery, **options: Any) -> None:
        self.ear = Ear()
        self.seq = 6
        loop = asyncio.get_running_loop()
        options.setdefault("tls", NOBODY)  # quicker to make than one that trusts somebody
        self.hooks = Hooks(delivery, cast(ActorSystem, self.ear), loop, **options)

    def begin(self, url: str, payload: bytes = b"", delivery: str = "d-1", **config: Any) -> None:
        self.seq += 1
        said = TaskPushNotificationConfig(id="h", url=url, **config).SerializeToString()
        record = Record(self.seq, 1, 0, 2, payload or EVENT.SerializeToString())
        self.hooks.perform(Notify("t", "h", said, record, delivery, 1), OUTBOX)

    async def told(self) -> Delivered:
        async with asyncio.timeout(5):
            return await self.ear.told.get()

    async def send(self, url: str, **more: Any) -> Delivered:
        self.begin(url, **more)
        return await self.told()


@asynccontextmanager
async def sending(
    allow: Sequence[str] = LOCAL,
    timeout: float = 5,  # noqa: ASYNC109 - of an attempt
    **options: Any,
) -> AsyncIterator[Sender]:
    sender = Sender(Delivery(allow=tuple(allow), timeout=timeout), **options)
    yield sender
    await sender.hooks.aclose()


class Names:
    """A resolver whose answers a test writes down; they are asked for one after the other."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("_", "."): found for name, found in answers.items()}
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        found = self.answers[host].pop(0)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found


# -- the request


async def test_what_is_sent_is_what_streams_carry_with_the_receivers_credentials() -> None:
    async with receiving() as receiver, sending() as sender:
        told = await sender.send(
            receiver.url(path="/in?q=1#part"),
            token=TOKEN,
            authentication={"scheme": "Bearer", "credentials": CREDENTIALS},
            delivery="t:h/7 ü",
        )
    assert told == Delivered("t", "h")
    (got,) = receiver.got
    assert got.line == "POST /in?q=1 HTTP/1.1"
    assert json.loads(got.body) == MessageToDict(EVENT)
    assert "schön".encode() in got.body
    assert b": " not in got.body
    agent = got.headers.pop("user-agent")
    assert agent.startswith("statechart-actors/")
    assert got.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "content-length": str(len(got.body)),
        "content-type": "application/json",
        "x-a2a-notification-token": TOKEN,
        "authorization": f"Bearer {CREDENTIALS}",
        "x-a2a-delivery-id": "t:h/7%20%C3%BC",
        "x-a2a-sequence": "7",
    }


async def test_the_content_type_of_the_specification() -> None:
    async with receiving() as receiver, sending(content_type=A2A_JSON) as sender:
        await sender.send(receiver.url())
    assert receiver.got[0].headers["content-type"] == "application/a2a+json"


async def test_a_scheme_without_credentials_sends_none_and_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiving() as receiver, sending() as sender:
        for _ in range(2):
            told = await sender.send(receiver.url(), authentication={"scheme": "Bearer"})
            assert told.verdict is DONE
    assert "authorization" not in receiver.got[0].headers
    assert caplog.text.count("no credentials") == 1


async def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with receiving() as receiver, sending(tls=None) as sender:
        assert (await sender.send(receiver.url())).verdict is DONE


def test_a_record_becomes_json_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bytes] = []

    def to_json(payload: bytes) -> bytes:
        made.append(payload)
        return b"j" * 5

    def said(payload: bytes) -> Record:
        return Record(1, 1, 0, 2, payload)

    monkeypatch.setattr(hooks, "_json", to_json)
    monkeypatch.setattr(hooks, "BODIES", 30)
    bodies = Bodies()
    a, b, c, large = b"a" * 10, b"b" * 10, b"c" * 10, b"d" * 100
    for payload in (a, b, bytes(bytearray(a)), c, a):
        assert bodies.of(said(payload)) == b"jjjjj"
    assert made == [a, b, c]
    bodies.of(said(b))
    assert made == [a, b, c, b], "the one that was not used for longest is let go"
    for payload in (large, large, b):
        bodies.of(said(payload))
    assert made == [a, b, c, b, large, b], "however large, it is kept for those who come next"


async def test_webhooks_of_one_task_share_the_json(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[StreamResponse] = []

    def to_dict(message: StreamResponse) -> Any:
        made.append(message)
        return MessageToDict(message)

    monkeypatch.setattr(hooks, "MessageToDict", to_dict)
    async with receiving(status(503)) as receiver, sending() as sender:
        for _ in range(3):
            await sender.send(receiver.url())
    assert made == [EVENT]
    assert [json.loads(got.body) for got in receiver.got] == [MessageToDict(EVENT)] * 3


# -- verdicts


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        *((code, DONE) for code in (200, 201, 202, 204, 299)),
        *((code, RETRY) for code in (408, 425, 429, 500, 502, 503, 504, 599)),
        *((code, REFUSED) for code in (300, 301, 302, 303, 304, 305, 307, 308)),  # to nowhere
        *((code, REFUSED) for code in (400, 401, 403, 404, 405, 410, 413, 422, 451, 101, 600, 999)),
    ],
)
def test_what_an_answer_means(code: int, verdict: Verdict) -> None:
    judgement = of_answer(Answer(code), "hooks.example", datetime.now(UTC))
    assert judgement.verdict is verdict
    if verdict is not DONE:
        assert judgement.why.startswith(f"hooks.example answered {code}")


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("", 0),
        ("0", 0),
        (" 120 ", 120),
        ("86400", 3600),
        ("9" * 400, 3600),
        ("-1", 0),
        ("1.5", 0),
        ("1e3", 0),
        ("٣", 0),
        ("soon", 0),
        ("Fri, 02 Jan 2026 03:05:05 GMT", 60),
        ("Fri, 02 Jan 2026 03:05:05 -0000", 60),
        ("Fri, 02 Jan 2026 04:05:05 +0100", 60),
        ("Thu, 01 Jan 2026 00:00:00 GMT", 0),
        ("Fri, 01 Jan 2027 00:00:00 GMT", 3600),
        ("Fri, 99 Jan 2026 99:99:99 GMT", 0),
        ("Fri, 02 Jan 99999999999 03:05:05 GMT", 0),
    ],
)
def test_how_long_a_receiver_wants_to_be_left_alone(said: str, seconds: float) -> None:
    assert wait_of(said, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == seconds


async def test_busy_then_fine_over_one_connection() -> None:
    async with receiving(status(503, "Retry-After: 7")) as receiver, sending() as sender:
        told = await sender.send(receiver.url())
        assert told == Delivered("t", "h", RETRY, "127.0.0.1 answered 503", 7.0)
        assert (await sender.send(receiver.url())).verdict is DONE
    assert receiver.connections == 1
    assert [got.headers["x-a2a-delivery-id"] for got in receiver.got] == ["d-1", "d-1"]


async def test_gone_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with receiving(status(410)) as receiver, sending() as sender:
        told = await sender.send(receiver.url())
    assert told == Delivered("t", "h", REFUSED, "127.0.0.1 answered 410")
    assert not [record for record in caplog.records if record.levelno > logging.INFO], (
        "the outbox warns of what is given up"
    )


async def test_a_change_of_protocols_is_no_success() -> None:
    switch = raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    async with receiving(switch) as receiver, sending() as sender:
        told = await sender.send(receiver.url())
    assert told == Delivered("t", "h", RETRY, f"127.0.0.1: {NO_HTTP}")


async def test_a_receiver_that_is_down() -> None:
    async with receiving() as receiver, sending() as sender:
        url = receiver.url()
    async with sending() as sender:
        told = await sender.send(url)
    assert told == Delivered("t", "h", RETRY, "127.0.0.1: Connection refused")


async def test_a_name_that_nobody_knows() -> None:
    async with sending(resolver=Names(gone_test=[[]])) as sender:
        told = await sender.send("http://gone.test/")
    assert told == Delivered("t", "h", RETRY, "gone.test: Name or service not known")


async def test_a_resolver_that_hangs_is_within_the_time() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        found: asyncio.Future[Sequence[str]] = asyncio.get_running_loop().create_future()
        return await found

    async with sending(timeout=0.05, resolver=never) as sender:
        told = await sender.send("http://slow.test/")
    assert told == Delivered("t", "h", RETRY, "slow.test has not answered in time")


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_an_answer_that_never_comes(start: bytes) -> None:
    async with receiving(raw(start)) as receiver, sending(timeout=0.1) as sender:
        told = await sender.send(receiver.url())
        assert told == Delivered("t", "h", RETRY, "127.0.0.1 has not answered in time")
        if receiver.got:  # the machine was fast enough to get there in the time
            async with asyncio.timeout(5):
                await receiver.gone.get()


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a"),
    ],
)
async def test_an_answer_that_never_ends(start: bytes, more: bytes) -> None:
    async with receiving(endless(start, more * 100)) as receiver, sending() as sender:
        told = await sender.send(receiver.url())
        assert told.verdict is RETRY
        assert "too long" in told.why
        async with asyncio.timeout(5):
            await receiver.gone.get()


async def test_each_answer_may_be_long_but_not_too_long() -> None:
    answers = [status(200, body=bytes(20_000))] * 4
    async with receiving(*answers) as receiver, sending() as sender:
        for _ in answers:
            assert (await sender.send(receiver.url())).verdict is DONE
    assert receiver.connections == 1


async def test_a_connection_that_closes_without_an_answer() -> None:
    async with receiving(raw(b"", close=True)) as receiver, sending() as sender:
        told = await sender.send(receiver.url())
    assert told.verdict is RETRY
    assert "none came" in told.why


async def test_what_is_no_http() -> None:
    async with (
        receiving(raw(b"220 mail.example ESMTP\r\n", close=True)) as receiver,
        sending() as sender,
    ):
        assert (await sender.send(receiver.url())).verdict is RETRY


@pytest.mark.parametrize("timeout", [5, 0.6], ids=["body bound", "deadline"])
async def test_once_the_status_is_known_the_body_does_not_count(
    timeout: float,  # noqa: ASYNC109 - of an attempt
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hook_client, "BODY", 0.05 if timeout == 5 else 60)
    drip = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    async with receiving(drip) as receiver, sending(timeout=timeout) as sender:
        async with asyncio.timeout(5):
            assert (await sender.send(receiver.url())).verdict is DONE
            await receiver.gone.get()
            assert (await sender.send(receiver.url())).verdict is DONE
    assert receiver.connections == 2


async def test_a_huge_body_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_client, "BODY", 60)
    sent = 0

    async def huge(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()

    async with receiving(huge) as receiver, sending() as sender:
        assert (await sender.send(receiver.url())).verdict is RETRY
        async with asyncio.timeout(5):
            await receiver.gone.get()
    assert sent < 20_000_000  # the buffers of the system


# -- redirects


async def test_a_redirect_within_the_receiver_gets_it_all() -> None:
    async with receiving(status(307, "Location: /new?x=1")) as receiver, sending() as sender:
        assert (await sender.send(receiver.url(path="/old"), token=TOKEN)).verdict is DONE
    old, new = receiver.got
    assert new.line == "POST /new?x=1 HTTP/1.1"
    assert (new.headers, new.body) == (old.headers, old.body)


async def test_a_redirect_to_somebody_else_gets_no_credentials() -> None:
    async with receiving() as other:
        to = status(308, f"Location: {other.url()}")
        async with receiving(to) as receiver, sending() as sender:
            told = await sender.send(
                receiver.url(),
                token=TOKEN,
                authentication={"scheme": "Bearer", "credentials": CREDENTIALS},
            )
    assert told.verdict is DONE
    assert receiver.got[0].headers["x-a2a-notification-token"] == TOKEN
    headers = other.got[0].headers
    assert headers["host"] == f"127.0.0.1:{other.port}"
    assert not {"x-a2a-notification-token", "authorization"} & set(headers)


@pytest.mark.parametrize("code", [301, 302, 303])
async def test_other_redirects_are_not_followed(code: int) -> None:
    async with receiving(status(code, "Location: /new")) as receiver, sending() as sender:
        told = await sender.send(receiver.url())
    assert told.verdict is REFUSED
    assert len(receiver.got) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:{port}/?" + QUERY,
        "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://localhost:{port}/",
        "http://other.test:{port}/",
        "ftp://hooks.test/",
        "http://hooks.test:99999/",
        "http://user:" + QUERY + "@hooks.test/",
        "http://[::",
        "http://[2606::1%\xe9]/",
        "http:////hooks.test]",
    ],
)
async def test_a_redirect_to_where_it_may_not(location: str) -> None:
    names = Names(hooks_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    async with receiving() as receiver, sending(["hooks.test"], resolver=names) as sender:
        where = location.format(port=receiver.port)
        receiver.answers.append(status(307, f"Location: {where}"))
        told = await sender.send(receiver.url("hooks.test"))
    assert told.verdict is REFUSED
    assert "redirects to" in told.why or "other.test has the address" in told.why
    assert QUERY not in told.why
    assert len(receiver.got) == 1


async def test_a_circle_of_redirects_ends() -> None:
    circle = [status(307, "Location: /")] * 10
    async with receiving(*circle) as receiver, sending() as sender:
        told = await sender.send(receiver.url())
    assert told == Delivered("t", "h", REFUSED, "127.0.0.1 redirects more than 3 times")
    assert len(receiver.got) == 4


# -- addresses


async def test_a_name_is_resolved_once_and_only_that_answer_is_connected_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def no_other(*_: Any, **__: Any) -> Any:
        raise AssertionError("the name was resolved behind our back")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_other)
    names = Names(hooks_test=[["127.0.0.1"], ["127.0.0.9"]])
    async with receiving() as receiver, sending(["127.0.0.1"], resolver=names) as sender:
        url = receiver.url("hooks.test")
        assert (await sender.send(url)).verdict is DONE
        assert names.asked == ["hooks.test"]
        assert (await sender.send(url)).verdict is DONE
        assert names.asked == ["hooks.test"]  # the connection was used again
        receiver.answers.append(status(200, "Connection: close"))
        assert (await sender.send(url)).verdict is DONE
        told = await sender.send(url)
    assert told.verdict is REFUSED
    assert "127.0.0.9" in told.why
    assert names.asked == ["hooks.test", "hooks.test"]
    assert receiver.got[0].headers["host"] == f"hooks.test:{receiver.port}"


async def test_one_private_address_refuses_the_whole_name() -> None:
    names = Names(hooks_test=[["127.0.0.1", "127.0.0.2"]])
    async with receiving() as receiver, sending(["127.0.0.1"], resolver=names) as sender:
        told = await sender.send(receiver.url("hooks.test"))
    assert told.verdict is REFUSED
    assert told.why == ("hooks.test has the address 127.0.0.2, which is neither public nor allowed")
    assert receiver.connections == 0


async def test_the_next_address_is_tried_when_one_is_down() -> None:
    names = Names(hooks_test=[["127.0.0.3", "127.0.0.1"]])
    async with receiving() as receiver, sending(resolver=names) as sender:
        assert (await sender.send(receiver.url("hooks.test"))).verdict is DONE


@pytest.mark.parametrize("found", ["fe80::1%lo", "what"])
async def test_strange_addresses_are_refused(found: str) -> None:
    async with sending(["hooks.test"], resolver=Names(hooks_test=[[found]])) as sender:
        assert (await sender.send("http://hooks.test/")).verdict is REFUSED


async def test_the_systems_resolver_and_a_private_address() -> None:
    async with receiving() as receiver, sending([]) as sender:
        for host in ("localhost", "127.0.0.1"):
            told = await sender.send(receiver.url(host))
            assert told.verdict is REFUSED
    async with receiving() as receiver, sending(["localhost"]) as sender:
        assert (await sender.send(receiver.url("localhost"))).verdict is DONE


async def test_over_ipv6() -> None:
    try:
        probe = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    probe.close()
    async with receiving(host="::1") as receiver, sending() as sender:
        assert (await sender.send(receiver.url("[::1]"))).verdict is DONE
    assert receiver.got[0].headers["host"] == f"[::1]:{receiver.port}"


# -- TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def server_tls(authority: trustme.CA, *names: str) -> tuple[ssl.SSLContext, list[str | None]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(*names).configure_cert(context)
    asked: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    return context, asked


async def test_tls_keeps_the_name_while_the_address_is_pinned(authority: trustme.CA) -> None:
    server, asked = server_tls(authority, "hooks.test")
    names = Names(hooks_test=[["127.0.0.1"]], hooks_test_=[["127.0.0.1"]])
    client = client_tls(authority)
    async with receiving(tls=server) as receiver, sending(resolver=names, tls=client) as sender:
        told = await sender.send(receiver.url("hooks.test", scheme="https"))
        dotted = await sender.send(receiver.url("hooks.test.", scheme="https"))
    assert (told.verdict, dotted.verdict) == (DONE, DONE)
    assert asked == ["hooks.test", "hooks.test"]
    assert receiver.got[0].headers["host"] == f"hooks.test:{receiver.port}"


async def test_a_certificate_of_somebody_else(authority: trustme.CA) -> None:
    server, _ = server_tls(authority, "hooks.test")
    names = Names(hooks_test=[["127.0.0.1"]], other_test=[["127.0.0.1"]])
    client = client_tls(authority)
    async with receiving(tls=server) as receiver, sending(resolver=names, tls=client) as sender:
        fine = await sender.send(receiver.url("hooks.test", scheme="https"))
        told = await sender.send(receiver.url("other.test", scheme="https"), token=TOKEN)
    assert fine.verdict is DONE
    assert told.verdict is RETRY
    assert "certificate is not good" in told.why
    assert len(receiver.got) == 1  # nothing went over the connection to the same address


async def test_a_certificate_that_nobody_trusts(authority: trustme.CA) -> None:
    server, _ = server_tls(authority, "hooks.test")
    names = Names(hooks_test=[["127.0.0.1"]])
    async with receiving(tls=server) as receiver, sending(resolver=names, tls=None) as sender:
        told = await sender.send(receiver.url("hooks.test", scheme="https"))
    assert told.verdict is RETRY
    assert "certificate is not good" in told.why


async def test_tls_is_not_left_by_a_redirect(authority: trustme.CA) -> None:
    server, _ = server_tls(authority, "hooks.test")
    names = Names(hooks_test=[["127.0.0.1"]])
    client = client_tls(authority)
    async with (
        receiving() as plain,
        receiving(status(307, f"Location: {plain.url()}"), tls=server) as receiver,
        sending(resolver=names, tls=client) as sender,
    ):
        told = await sender.send(receiver.url("hooks.test", scheme="https"))
    assert told == Delivered("t", "h", REFUSED, "hooks.test redirects from https to http")
    assert not plain.connections


# -- the end, and what goes wrong within


async def test_closing_in_the_middle_leaves_no_task_and_no_socket() -> None:
    async with receiving(raw(b"HTTP/1.1 200 OK\r\n")) as receiver, sending() as sender:
        sender.begin(receiver.url())
        async with asyncio.timeout(5):
            await receiver.asked.get()
            await sender.hooks.aclose()
            told = sender.ear.told.get_nowait()  # by then nothing is under way
            await receiver.gone.get()
        assert told == Delivered("t", "h", RETRY, "the attempt was given up")
        told = await sender.send(receiver.url())
    assert told == Delivered("t", "h", RETRY, "the server is shutting down")


async def test_an_attempt_that_is_closed_before_it_began_is_told_too() -> None:
    async with sending() as sender:
        sender.begin("http://127.0.0.1:1/")
        sender.hooks.close()
        assert await sender.told() == Delivered("t", "h", RETRY, "the attempt was given up")


async def test_closing_lets_kept_connections_go() -> None:
    async with receiving() as receiver, sending() as sender:
        await sender.send(receiver.url())
        assert receiver.gone.empty()
        await sender.hooks.aclose()
        async with asyncio.timeout(5):
            await receiver.gone.get()


async def test_receivers_do_not_wait_for_one_another() -> None:
    async with receiving(raw(b"")) as stuck, receiving() as other, sending() as sender:
        sender.begin(stuck.url())
        async with asyncio.timeout(5):
            await stuck.asked.get()
        assert (await sender.send(other.url())).verdict is DONE


async def test_what_cannot_be_sent_is_refused_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with receiving() as receiver, sending() as sender:
        broken = await sender.send(receiver.url(), payload=b"\xff" + TOKEN.encode())
        header = await sender.send(receiver.url(), token=TOKEN + "\r\nX: 1")
        nobody = await sender.send(f"http://me:{CREDENTIALS}@hooks.test/?{QUERY}")
    assert (broken.verdict, header.verdict, nobody.verdict) == (REFUSED, REFUSED, REFUSED)
    assert "DecodeError" in caplog.text
    assert not receiver.connections
    for secret in (TOKEN, CREDENTIALS, QUERY):
        assert secret not in caplog.text + broken.why + header.why + nobody.why


async def test_a_failure_of_ours_is_told_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(host: str, port: int) -> Sequence[str]:
        raise RuntimeError(TOKEN)

    async with sending(resolver=broken) as sender:
        told = await sender.send("http://hooks.test/")
    assert told == Delivered("t", "h", REFUSED, "the notification could not be made: RuntimeError")
    assert "in broken" in caplog.text
    assert TOKEN not in caplog.text


async def test_no_secret_is_logged_however_much_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = f"Set-Cookie: {TOKEN}"
    moved = status(307, f"Location: /b?{QUERY}", secret)
    answers = (
        status(200, secret),
        moved,
        status(503, secret),
        status(410, secret),
        raw(b"?", close=True),
    )
    whys: list[str] = []
    async with receiving(*answers) as receiver, sending() as sender:
        for _ in range(4):
            told = await sender.send(
                receiver.url(path=f"/a?{QUERY}"),
                token=TOKEN,
                authentication={"scheme": "Basic", "credentials": CREDENTIALS},
            )
            whys.append(told.why)
    assert len(receiver.got) == 5
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "webhook 'h' of task t: record 8, attempt 1: 127.0.0.1 answered 503" in logged
    for secret in (TOKEN, CREDENTIALS, QUERY):
        assert secret not in logged + caplog.text + "".join(whys) + repr(sender.hooks)


def test_an_attempt_that_ctrl_c_ends_is_to_be_made_again() -> None:
    async def interrupted(host: str, port: int) -> Sequence[str]:
        raise KeyboardInterrupt

    async def begin() -> Sender:
        sender = Sender(Delivery(), resolver=interrupted)
        sender.begin("http://hooks.test/")
        return sender

    async def told() -> Delivered:
        return await sender.told()

    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        sender = loop.run_until_complete(begin())
        with pytest.raises(KeyboardInterrupt):
            loop.run_forever()
        assert loop.run_until_complete(told()).verdict is RETRY
        loop.run_until_complete(sender.hooks.aclose())


@pytest.mark.parametrize(
    ("raised", "verdict"),
    [(asyncio.CancelledError(), RETRY), (OSError("down"), DONE), (None, DONE)],
)
async def test_a_sender_of_the_users_that_is_cancelled_is_to_be_called_again(
    raised: BaseException | None, verdict: Verdict
) -> None:
    class Theirs(PushNotificationSender):
        async def send_notification(self, task_id: str, event: object) -> None:
            if raised is not None:
                raise raised

    ear, loop = Ear(), asyncio.get_running_loop()
    port = Webhooks(Theirs(), cast(ActorSystem, ear), loop, Observer(Telemetry()))
    port.perform(
        Notify("t", "", b"", Record(1, 1, 0, 2, EVENT.SerializeToString()), "d", 1), OUTBOX
    )
    async with asyncio.timeout(5):
        assert (await ear.told.get()).verdict is verdict


def test_what_carries_a_configuration_does_not_show_it() -> None:
    secret = CREDENTIALS.encode()
    send = Send(b"", "c", (), Wait.FIRST, new=True, hook=secret)
    assert CREDENTIALS not in repr(Configure(secret)) + repr(send)


def test_nothing_is_opened_before_the_first_notification() -> None:
    loop = asyncio.new_event_loop()
    Hooks(Delivery(), cast(ActorSystem, Ear()), loop)
    loop.close()


def test_an_allowance_that_is_none_is_told_at_once() -> None:
    loop = asyncio.new_event_loop()
    try:
        with pytest.raises(ValueError, match=r"10\.0\.0\.0/40"):
            Hooks(Delivery(allow=("10.0.0.0/40",)), cast(ActorSystem, Ear()), loop)
    finally:
        loop.close()
