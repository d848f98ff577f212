"""A PostgreSQL server for the suite, with an empty database for each measurement.

Neighbours: `program.py` (asks for them), `sides.py` (who uses them), `tests/postgres.py` (the
server: our own, on a socket, with fsync).
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.bench.suite.targets import Key
from tests.postgres import OwnServer, execute

_numbers = itertools.count(1)


def wanted(key: Key) -> bool:
    """Whether a measurement needs a database."""
    return "postgres" in key.side


@contextmanager
def server(needed: bool) -> Iterator[str]:
    """Return the DSN of a server that ends with the block, or nothing where none is needed."""
    if not needed:
        yield ""
        return
    own = OwnServer()
    try:
        yield own.dsn
    finally:
        own.stop()


@contextmanager
def database(dsn: str) -> Iterator[str]:
    """Return the DSN of an empty database, which is dropped after the block."""
    name = f"bench_{next(_numbers)}"
    asyncio.run(execute(dsn, f"CREATE DATABASE {name}"))
    try:
        yield urlsplit(dsn)._replace(path=f"/{name}").geturl()
    finally:
        asyncio.run(execute(dsn, f"DROP DATABASE {name} WITH (FORCE)"))
