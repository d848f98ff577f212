"""What nobody should send: mangled requests, bytes that are no HTTP, connections that stop midway.

Neighbours: `battered.py` (the server, and what must hold), `tests/soak/surface.py` (many more).
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from random import Random

import pytest
import pytest_asyncio

from tests.a2a.battered import Battery, battery
from tests.a2a.mangled import mangled, raw
from tests.a2a.raw_http import Reply, exchange, wrong
from tests.a2a.wellformed import Call

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUESTS = 300
PARSE_ERROR = -32700
CALL = b'{"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": {"id": "x"}}'
CARD = b"GET /.well-known/agent-card.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gun(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Battery]:
    logging.disable(logging.CRITICAL)  # every refusal is logged
    try:
        async with battery("ci", tmp_path_factory.mktemp("surface") / "tasks.db") as made:
            yield made
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize("first", range(0, 2 * REQUESTS, REQUESTS))
async def test_mangled_requests(gun: Battery, first: int) -> None:
    found = await gun.fire(first, REQUESTS)
    assert not found, "\n".join(map(str, found[:3]))
    assert gun.answers["200"]
    assert gun.answers["400"]


def post(path: str, body: bytes, version: str = "1.0") -> bytes:
    headers = [("A2A-Version", version)] if version else []
    return raw(Call(method="POST", path=path, headers=headers), body)


UNREADABLE = {
    "no UTF-8": b'{"jsonrp\xf3": "2.0"}',
    "too deep": b"[" * 20_000 + b"]" * 20_000,
    "a long number": b'{"jsonrpc": "2.0", "id": ' + b"1" * 5_000 + b"}",
    "half of a pair as id": b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "GetTask"}',
    "half of a pair within": (
        b'{"jsonrpc": "2.0", "id": 1, "method": "GetTask", "params": "\\ud800"}'
    ),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("version", ["1.0", ""])
async def test_json_that_cannot_be_read_is_a_parse_error(
    gun: Battery, body: bytes, version: str
) -> None:
    """Not a fault of the server (R78)."""
    reply = await exchange(gun.port, post("/", body, version))
    assert json.loads(reply.body)["error"]["code"] == PARSE_ERROR, reply


@pytest.mark.parametrize("path", ["/rest/message:send", "/rest/message:stream"])
@pytest.mark.parametrize("body", [UNREADABLE["no UTF-8"], UNREADABLE["too deep"]])
async def test_a_body_of_rest_that_cannot_be_read(gun: Battery, path: str, body: bytes) -> None:
    reply = await exchange(gun.port, post(path, body))
    assert reply.status == 400, reply


async def test_a_body_of_the_old_rest_that_cannot_be_read(gun: Battery) -> None:
    reply = await exchange(gun.port, post("/rest/v1/message:send", b"\xff", "0.3"))
    assert reply.status == 400, reply


@pytest.mark.parametrize("version", ["1" * 5_000, "1." + "9" * 5_000, "2" * 5_000])
@pytest.mark.parametrize("path", ["/", "/rest/message:send", "/rest/message:stream"])
async def test_a_version_of_thousands_of_digits(gun: Battery, path: str, version: str) -> None:
    """R90: no fault of the server, and none of the versions that it has unless it begins so."""
    reply = await exchange(gun.port, post(path, CALL, version))
    assert not wrong(reply), reply
    assert version.startswith("1.") or b"is not supported" in reply.body


@pytest.mark.parametrize("method", ["SendMessage", "SendStreamingMessage", "CancelTask"])
async def test_an_integer_beyond_a_double(gun: Battery, method: str) -> None:
    body = f'"metadata": {{"a": {"9" * 400}}}'
    call = f'{{"jsonrpc": "2.0", "id": 1, "method": "{method}", "params": {{{body}}}}}'
    assert not wrong(reply := await exchange(gun.port, post("/", call.encode()))), reply
    for path in ("/rest/message:send", "/rest/message:stream"):
        reply = await exchange(gun.port, post(path, f"{{{body}}}".encode()))
        assert reply.status == 400, reply


# -- below HTTP


async def _garbage(gun: Battery) -> None:
    for seed in range(30):
        draw = Random(seed)
        reply = await exchange(gun.port, draw.randbytes(draw.randrange(1, 2_000)) + b"\r\n\r\n")
        assert reply.status in (0, 400), reply


async def _cut_off(gun: Battery) -> None:
    whole = post("/", b'{"jsonrpc": "2.0", "id": 1, "method": "GetTask"}')
    for end in range(1, len(whole), 7):
        reply = await exchange(gun.port, whole[:end], half_close=True)
        assert not wrong(reply), reply


async def _half_closed(gun: Battery) -> None:
    """Who says at once that nothing follows may get an answer, and nothing else may come of it."""
    assert (await exchange(gun.port, CARD, half_close=True)).status in (0, 200)


async def _one_after_another(gun: Battery) -> None:
    """Three requests in one go: three answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gun.port)
    kept = CARD.replace(b"Connection: close\r\n", b"")
    writer.write(kept + kept + CARD)
    async with asyncio.timeout(5):
        answer = await reader.read()
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    writer.close()
    await writer.wait_closed()


async def _too_large(gun: Battery) -> None:
    """Refused by what it says of its length, before it is sent."""
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999999999\r\n\r\n"
    reply = await exchange(gun.port, head)
    assert reply.status == 413, reply


async def _slow(gun: Battery) -> None:
    """Many who never finish what they send keep nobody else waiting."""
    opened = [await asyncio.open_connection("127.0.0.1", gun.port) for _ in range(50)]
    for number, (_, writer) in enumerate(opened):
        start = post("/", b'{"jsonrpc": "2.0"}')
        writer.write(start[: 1 + number * (len(start) - 2) // len(opened)])
    await gun.serves()
    for _, writer in opened:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize(
    "attack",
    [_garbage, _cut_off, _half_closed, _one_after_another, _too_large, _slow],
    ids=lambda attack: attack.__name__.strip("_"),
)
async def test_below_http(gun: Battery, attack: Callable[[Battery], Awaitable[None]]) -> None:
    await attack(gun)
    await gun.serves()


# -- the judge itself


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, {}, b""),
        Reply(503, {}, b""),
        Reply(200, {}, b"Traceback (most recent call last)"),
        Reply(400, {}, b'File "/srv/actors/a2a/wire.py", line 1'),
        Reply(400, {}, b"MailboxFull"),
        Reply(200, {"content-type": "application/json"}, b'{"error": {"code": -32603}}'),
        Reply(200, {"content-type": "application/json"}, b'{"a": NaN}'),
        Reply(200, {"content-type": "application/json"}, b"{"),
    ],
)
async def test_an_answer_as_none_must_be_is_noticed(reply: Reply) -> None:
    assert wrong(reply)


async def test_an_answer_that_is_in_order() -> None:
    assert not wrong(Reply(404, {"content-type": "application/json"}, b'{"error": {"code": 404}}'))


async def test_mangled_requests_depend_on_the_seed_alone() -> None:
    for number in range(200):
        assert mangled(Random(number), "t") == mangled(Random(number), "t")
