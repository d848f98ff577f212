"""How a command fails: one line on stderr and an exit code, never a traceback.

Neighbours: `app.py` prints it.
"""

from __future__ import annotations

from typing import Any


class CommandError(Exception):
    """A command cannot go on; the message says what was found and what to do.

    Args:
        message: one line, for people.
        code: exit code; 2 for what was asked wrongly, 1 for everything else.
    """

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class ServerError(CommandError):
    """The server answered with an error.

    Args:
        code: its JSON-RPC code.
        text: its message.
        retryable: it says that trying again makes sense.
    """

    def __init__(self, code: int, text: str, *, retryable: bool = False) -> None:
        super().__init__(f"the server answered with error {code}: {text}")
        self.number = code
        self.retryable = retryable


def rpc_error(error: dict[str, Any]) -> ServerError:
    """Return the `error` member of a JSON-RPC response."""
    details = error.get("data") or []
    hints = [detail.get("metadata", {}) for detail in details if isinstance(detail, dict)]
    retryable = any(str(hint.get("retryable")).lower() == "true" for hint in hints)
    return ServerError(error.get("code", 0), error.get("message", ""), retryable=retryable)
