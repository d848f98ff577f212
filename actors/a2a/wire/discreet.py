"""What the SDK logs of requests that it cannot read, without what is in them.

Its dispatchers log whole bodies, and errors of parsers that repeat what they were given; the
credentials of a webhook may be among that. What was wrong with it the client is told.

Neighbours: `jsonrpc.py`, `rest.py` (leave such requests to the SDK).
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Final

from google.protobuf.json_format import ParseError
from pydantic import ValidationError

_LOGGERS: Final = (
    "a2a.server.routes.jsonrpc_dispatcher",
    "a2a.compat.v0_3.jsonrpc_adapter",
    "a2a.utils.error_handlers",
)
_HIDDEN: Final = "..."


def keep_secrets() -> None:
    """Let the SDK's loggers repeat nothing of what clients send; asked again, nothing changes."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_hide)


def _hide(record: logging.LogRecord) -> bool:
    """Leave of a line that may repeat a request its wording and its numbers, such as codes."""
    handled = record.exc_info[1] if record.exc_info else sys.exc_info()[1]
    if record.levelno <= logging.DEBUG or any(map(_repeats, _chain(handled))):
        given = record.args if isinstance(record.args, tuple) else (record.args,)
        record.args = tuple(each if isinstance(each, int) else _HIDDEN for each in given)
        record.exc_info = None
    return True


def _repeats(error: BaseException) -> bool:
    return isinstance(error, ParseError | ValidationError)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield what a traceback would show; one that is raised again may be its own context."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        yield error
        seen.append(error)
        error = error.__context__ if error.__cause__ is None else error.__cause__
