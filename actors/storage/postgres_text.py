"""Text as PostgreSQL can keep it: any str that is valid Unicode, NUL included, in the same order.

A column of type text holds no NUL, but ids of clients may. So NUL and U+0001 are written as two
characters each, which keeps names apart, and in the order of their UTF-8 bytes.

Neighbours: `postgres_append.py`, `postgres_read.py`, `postgres_upkeep.py` (all text passes here).
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final

from actors.runtime.journal.projection import Row, Value

MAX_NAME: Final = 2_000
"""Bytes of a log's name: an entry of an index takes about 2,700."""
MAX_CONSUMER: Final = 600
"""Bytes of a consumer's name, which stands beside that of a log in an index."""
_LONG: Final = "\x01\x03"
"""Stands before a digest; `kept` writes no such thing."""
_DIGEST: Final = re.compile(_LONG + "[0-9a-f]{64}")


def kept(text: str) -> str:
    """Text as it is stored."""
    if "\x00" in text or "\x01" in text:
        return text.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")
    return text


def told(text: str) -> str:
    """What was stored with `kept`."""
    if "\x01" in text:
        return text.replace("\x01\x01", "\x00").replace("\x01\x02", "\x01")
    return text


def kept_key(key: str) -> str:
    """An idempotency key as it is stored: one too long for an index as its digest."""
    if len(key) <= MAX_NAME // 4:
        return kept(key)
    return _LONG + sha256(key.encode()).hexdigest()


def is_digest(key: str) -> bool:
    """Whether this is what an export tells of a key that was too long to be kept as it was."""
    return _DIGEST.fullmatch(key) is not None


def copied_key(key: str) -> str:
    """A key out of an export as it is stored: a digest stands for the same key as before.

    Only for whole copies: a client could write down the digest of somebody's key too.
    """
    return key if is_digest(key) else kept_key(key)


def kept_value(value: Value) -> Value:
    """A column of a row as it is stored."""
    return kept(value) if isinstance(value, str) else value


def kept_row(row: Row) -> tuple[Value, ...]:
    """The columns of a row as they are stored."""
    return tuple([kept(value) if isinstance(value, str) else value for value in row])


def told_row(row: Row) -> tuple[Value, ...]:
    """The columns of a row as they were before `kept_row`."""
    return tuple(told(value) if isinstance(value, str) else value for value in row)
