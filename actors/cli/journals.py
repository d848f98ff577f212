"""What the operator's commands have in common: which journal, times, and errors in one line.

Neighbours: `journal.py`, `tasks.py`, `replay.py`, `fork.py` (the commands).
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime

from rich.console import Console

from actors.cli.failure import CommandError
from actors.runtime.journal.errors import StorageError
from actors.storage.choose import is_dsn, source_at
from actors.storage.source import TaskSource

_INDENT = 2


@asynccontextmanager
async def reading(where: str) -> AsyncIterator[TaskSource]:
    """The journal there, read beside a server.

    Raises:
        CommandError: it cannot be read.
    """
    with told_in_a_line():
        async with source_at(where) as source:
            yield source


@contextmanager
def told_in_a_line(code: int = 1) -> Iterator[None]:
    """Turn errors of storage into the error of a command.

    Raises:
        CommandError: in place of a StorageError or OSError.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (StorageError, OSError) as error:
        raise CommandError(" ".join(str(error).split()), code) from error


def shown(where: str) -> str:
    """A place as it may be printed: without a password."""
    if not is_dsn(where):
        return where
    from actors.storage.postgres_errors import Address

    try:
        return str(Address(where))
    except ValueError:
        return "the database"


def clock(at: int) -> str:
    """UTC milliseconds as people read them."""
    try:
        moment = datetime.fromtimestamp(at / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{at} ms"
    return f"{moment:%Y-%m-%d %H:%M:%S}.{at % 1000:03d}"


def out(console: Console, value: object, *, indented: bool = False) -> None:
    """Print JSON: a line, or indented for people."""
    indent = _INDENT if indented else None
    console.out(json.dumps(value, ensure_ascii=False, indent=indent), highlight=False)
