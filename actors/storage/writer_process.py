"""The writer process: carries out requests that come through a socket, until that ends.

A request is `[name, arguments]`; its answer `["", result]` or `[error, text]`, in the order of the
requests. The first request says which file. Interrupts are for the process
that started this one: it says when to end, by closing the socket or by dying.

Started by `link.py` as a program of its own, never forked. To start fast it imports only what it
needs, and so the modules here name no package but their own and msgpack.

Neighbours: `link.py` (the other end), `talk.py` (bytes), `filewriter.py` (works), `lock.py`.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from actors.runtime.journal.port import Head, Snapshot
from actors.storage.database import connect
from actors.storage.entries import Values, Whole
from actors.storage.filewriter import FileWriter
from actors.storage.lock import Holder, WriterLock
from actors.storage.logwriter import STORED
from actors.storage.rows import Shape
from actors.storage.talk import ROOM, packed, unpacker

Work = Callable[..., Any]

_CACHE_KIB: Final = 500
"""Pages that SQLite keeps, a quarter of what it would: appends go to the ends of tables, and what
else they need the system has in memory (measured with 100,000 tasks: the same rate with 2,000)."""


def main() -> None:
    """Write until the socket, which is our standard input, ends."""
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupt, signal.SIG_IGN)
    pipe = socket.socket(fileno=0)
    incoming = requests(pipe)
    start = next(incoming, None)
    if start is None:  # the other end is gone already
        return
    path, holder, shapes = start[1]
    try:
        lock = WriterLock(Path(path).resolve(), Holder(*holder))
        db = connect(Path(path), full=True)
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        work = table(FileWriter(db, Path(path)))
        work["register"](shapes)
    except Exception as error:  # noqa: BLE001 - told to whoever started us, and the end
        tell(pipe, failure(error))
        return
    tell(pipe, ["", None])
    for name, arguments in incoming:
        tell(pipe, answer(work[name], arguments))
    db.close()
    lock.release()


def requests(pipe: socket.socket) -> Iterator[tuple[str, list[Any]]]:
    """Requests, until the other end closes or is gone."""
    messages, room = unpacker(), memoryview(bytearray(ROOM))
    while size := _received(pipe, room):
        messages.feed(room[:size])
        yield from messages


def answer(work: Work, arguments: list[Any]) -> list[Any]:
    """Do something, and say what came of it."""
    try:
        return ["", work(*arguments)]
    except Exception as error:  # noqa: BLE001 - told to whoever asked
        return failure(error)


def failure(error: Exception) -> list[Any]:
    """The answer that an error is."""
    return [type(error).__name__, str(error)]


def table(writer: FileWriter) -> dict[str, Work]:
    """Name of a request -> what does it, with arguments as msgpack gives them."""

    def row(sent: list[Any] | None) -> tuple[str, Values] | None:
        return None if sent is None else (sent[0], tuple(sent[1]))

    def register(shapes: list[list[Any]]) -> None:
        made = [Shape(*fields) for fields in shapes]
        writer.register(
            shape._replace(columns=tuple((name, kind) for name, kind in shape.columns))
            for shape in made
        )

    def restore(*fields: Any) -> bool:
        sent = Whole(*fields)
        beside: Any = sent.row
        snapshot = None if sent.snapshot is None else Snapshot(*sent.snapshot)
        head = Head(*sent.head)
        return writer.restore(sent._replace(head=head, row=row(beside), snapshot=snapshot))

    return {
        # Which is content with lists of fields.
        "append": lambda group: [ack is STORED for ack in writer.append(group)],
        "register": register,
        "restore": restore,
        "save_snapshot": lambda name, snapshot: writer.save_snapshot(name, Snapshot(*snapshot)),
        "consumed": writer.consumed,
        "compact": writer.compact,
        "remove": lambda head: writer.remove(Head(*head)),
    }


def tell(pipe: socket.socket, message: list[Any]) -> None:
    """Answer; nobody hears it if the other end is gone, and then the requests end too."""
    try:
        pipe.sendall(packed(message))
    except OSError:
        os._exit(1)


def _received(pipe: socket.socket, room: memoryview) -> int:
    try:
        return pipe.recv_into(room)
    except ConnectionError:
        return 0
