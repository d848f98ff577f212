"""The raw client: what arrives in any pieces is the same answer."""

from __future__ import annotations

import asyncio

import pytest

from tests.bench.suite.rawclient import Connection, Counter, DisconnectedError, Template

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Length: 11\r\n\r\nhello world"
EVENTS = (
    b'data: {"a": 1}\r\n\r\n',
    b'id: 3\r\ndata: {"b": 2}\r\n\r\ndata: {}\r\n\r\n',
    b": hush\r\n\r\n",
)
CHUNKED = (
    b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(b"%x\r\n%b\r\n" % (len(event), event) for event in EVENTS)
    + b"0\r\n\r\n"
)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closing


def connected() -> tuple[Connection, Wire]:
    connection, wire = Connection(), Wire()
    connection.connection_made(wire)
    return connection, wire


@pytest.mark.parametrize(
    ("answer", "status", "body"), [(PLAIN, 200, b"hello world"), (CHUNKED, 404, b"".join(EVENTS))]
)
async def test_an_answer_in_any_two_pieces_is_the_same(
    answer: bytes, status: int, body: bytes
) -> None:
    connection, wire = connected()
    for at in range(len(answer) + 1):
        got = bytearray()
        over = connection.send(b"GET", got.extend)
        for piece in filter(None, (answer[:at], answer[at:])):
            assert not over.done()
            connection.data_received(piece)
        assert await over == status
        assert bytes(got) == body
    assert wire.written == b"GET" * (len(answer) + 1)


def test_an_event_is_counted_once_wherever_it_is_cut() -> None:
    body = b"".join(EVENTS)
    for size in range(1, len(body)):
        counter = Counter()
        for at in range(0, len(body), size):
            counter(body[at : at + size])
        assert counter.events == 3, f"pieces of {size}"
        assert counter.last == body


async def test_who_waits_is_told_that_the_server_hung_up() -> None:
    connection, wire = connected()
    over = connection.send(b"GET", lambda _: None)
    connection.data_received(PLAIN[:-1])
    connection.connection_lost(None)
    with pytest.raises(DisconnectedError, match="end of file"):
        await over
    wire.closing = True
    with pytest.raises(DisconnectedError):
        await connection.send(b"GET", lambda _: None)


def test_requests_differ_in_the_message_id_and_in_nothing_else() -> None:
    template = Template("SendMessage", "short")
    one, other = template.next(), template.next()
    assert len(one) == len(other)
    assert sum(a != b for a, b in zip(one, other, strict=True)) in {1, 2}
    head, _, body = one.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
