"""Bodies that no reader of JSON gets anything from, though they are not simply wrong JSON.

Not UTF-8; nested deeper than a parser goes; a number longer than it reads; half of a surrogate
pair, which no answer could repeat. Left to themselves, parsers raise what is not theirs to explain,
and the client would hear of a fault of the server.

Neighbours: `jsonrpc.py`, `rest.py`, `bodies.py` (ask).
"""

from __future__ import annotations

import json
from typing import Any

from a2a.utils.constants import VERSION_HEADER
from starlette.types import Scope

_VERSION = VERSION_HEADER.lower().encode()
UNREADABLE = (
    "The body cannot be read: send JSON in UTF-8, without halves of surrogate pairs (\\ud800), "
    "thousands of levels or numbers of thousands of digits."
)


LONGEST_VERSION = 64
"""Characters of a version that are looked at: thousands of digits are more than a parser takes."""


def with_short_version(scope: Scope) -> Scope:
    """Return a request whose version is no longer than one that means something (R90)."""
    headers = scope["headers"]
    if all(name != _VERSION or len(value) <= LONGEST_VERSION for name, value in headers):
        return scope
    shortened = [
        (name, value[:LONGEST_VERSION] if name == _VERSION else value) for name, value in headers
    ]
    return {**scope, "headers": shortened}


def repeatable(value: Any) -> bool:
    """Whether parsed JSON could be said again, in UTF-8."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def is_text(body: bytes) -> bool:
    """Whether a body is UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True
