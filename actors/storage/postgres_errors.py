"""What goes wrong with PostgreSQL, in the words of the port; and where the database is, in words.

Neighbours: `postgres_link.py` (raises these), `actors/runtime/journal/errors.py` (the port's).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import asyncpg

from actors.runtime.journal.errors import JournalCorrupt, StorageError, StorageUnavailable

_PASSING: Final = ("08", "25006", "40", "53", "55006", "55P03", "57014", "57P", "58")
"""SQLSTATEs (or how they begin) of what passes: connection, read-only, serialization, resources
(disk, memory, connections), locks, time limit, shutdown, I/O."""
_LOST: Final = ("08", "57P")
"""SQLSTATEs after which the connection is of no more use."""
_DAMAGED: Final = ("XX001", "XX002")
_SCHEMES: Final = ("postgresql", "postgres")

WENT: Final = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""Without a word of the server; the last is what asyncpg makes of an end in the middle of one."""


class Address:
    """Where a database is: the DSN to connect with, and what may be shown of it."""

    def __init__(self, dsn: str) -> None:
        try:
            parts = urlsplit(dsn)
        except ValueError:  # its text would show the password
            parts = SplitResult("", "", "", "", "")
        user, _, hosts = parts.netloc.rpartition("@")
        if parts.scheme not in _SCHEMES or "@" in parts.path or not _plain(hosts):
            raise ValueError(
                "the DSN is expected to look like postgresql://user:password@host:5432/database, "
                "special characters in user and password percent-encoded; what was given does not"
            )
        name, _, password = user.partition(":")
        options = parse_qs(parts.query)
        places = "".join(f"?host={host}" for host in options.get("host", ()))
        secrets = {password, unquote(password), *options.get("password", ())}
        self.dsn = dsn
        self.shown = f"postgresql://{name}{'@' if name else ''}{hosts}{parts.path}{places}"
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)

    def __repr__(self) -> str:
        return self.shown

    def hide(self, text: str) -> str:
        """The text without the password, should it be in there."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def error(self, error: Exception, doing: str) -> StorageError:
        """The error of the port that `error` amounts to; `doing` says what was tried."""
        code = getattr(error, "sqlstate", None) or ""
        name = type(error).__name__
        text = self.hide(f"{doing} in {self.shown}: {name}{f' ({code})' if code else ''}: {error}")
        if code.startswith(_DAMAGED):
            return JournalCorrupt(f"{text}; restore a backup of the database")
        if code:
            return StorageUnavailable(text) if code.startswith(_PASSING) else StorageError(text)
        if isinstance(error, asyncpg.exceptions.ClientConfigurationError | ValueError | TypeError):
            return StorageError(text)
        return StorageUnavailable(text) if isinstance(error, WENT) else StorageError(text)


def usable_after(error: BaseException) -> bool:
    """Whether the server itself has refused, or we have, on a connection that goes on."""
    if isinstance(error, JournalCorrupt):  # what was read is damaged; no statement was under way
        return True
    if not isinstance(error, asyncpg.PostgresError):
        return False
    return not (error.sqlstate or "08").startswith(_LOST)


def _plain(hosts: str) -> bool:
    """Whether these are hosts, each with a port that is a number or none."""
    for host in hosts.split(","):
        _, _, port = host.rpartition("]")[2].rpartition(":")
        if ":" in host.rpartition("]")[2] and not port.isdecimal():
            return False
    return True
