"""Refusals that are worth trying again, as errors of a2a-sdk's kind (R99).

Subclasses of the SDK's InternalError, so its routes send them as -32603/INTERNAL/500; our own
routes send 503 or 429 with Retry-After. None of them carries a word about our internals.

Neighbours: `handler.py` (turns what the task core raises into these).
"""

from __future__ import annotations

from typing import Any, ClassVar

import grpc
from a2a.server.request_handlers.grpc_handler import _ERROR_CODE_MAP as GRPC_CODES
from a2a.utils.errors import (
    A2A_ERROR_MAPPING,
    A2A_ERROR_REASONS,
    A2AError,
    ErrorMapping,
    InternalError,
    InvalidRequestError,
)

from actors.runtime import ActorCrashed, ActorStopped, AskTimeout, MailboxFull
from actors.runtime.journal.errors import StorageError, StorageRejected, StorageUnavailable


class RetryableError(InternalError):
    """The request was not carried out, through no fault of its own."""

    reason: ClassVar[str] = "unavailable"
    http_status: ClassVar[int] = 503
    retry_after_ms: ClassVar[int] = 1000

    def __init__(self, message: str, retry_after_ms: int | None = None) -> None:
        after = self.retry_after_ms if retry_after_ms is None else retry_after_ms
        super().__init__(message, {"retryable": True, "retryAfterMs": after, "reason": self.reason})
        self.after_ms = after
        """Milliseconds after which another try makes sense."""


class OverloadedError(RetryableError):
    """Too many requests wait, for this task or for what all tasks share."""

    reason = "overloaded"
    http_status = 429


class TooManyStreamsError(OverloadedError):
    """The owner has as many streams open as one may have."""

    reason = "too_many_streams"


class TooManyRunsError(OverloadedError):
    """The agent works on as many messages of the owner as it may at once."""

    reason = "too_many_runs"


class RateLimitedError(OverloadedError):
    """The owner's requests come faster than allowed."""

    reason = "rate_limited"


class StorageAwayError(RetryableError):
    """The journal cannot store or read anything at the moment."""

    reason = "storage_unavailable"


class DrainingError(RetryableError):
    """The server is going away, or the task's actor was lost; another try finds its successor."""

    reason = "draining"


class UnauthenticatedError(InvalidRequestError):
    """The caller would have to say who it is (R76); 401 over REST, UNAUTHENTICATED over gRPC."""

    message = "This is for authenticated callers only: send credentials that the card asks for."


def client_error(error: Exception) -> Exception:
    """Return what a caller hears instead of an error of the task core.

    Errors that are the caller's or the agent's business already (A2AError and whatever a user's
    own store raised) stay as they are.
    """
    match error:
        case StorageRejected():
            return error.cause
        case StorageUnavailable():
            return StorageAwayError("The server cannot reach its storage; try again shortly.")
        case StorageError():
            return InternalError("The server could not read or store this task.")
        case MailboxFull():
            return OverloadedError("Too many requests are waiting; try again shortly.")
        case ActorCrashed():
            return InternalError("The server failed while it handled this request.")
        case ActorStopped() | AskTimeout():
            return DrainingError("The server could not answer in time; try again shortly.")
        case _:
            return error


def _register(*errors: type[RetryableError]) -> None:
    """Teach the SDK's routes our classes: they look errors up by exact class, not by base.

    Not the table of JSON-RPC codes: unknown classes are -32603 there already, and the SDK's client
    reads it backwards.
    """
    tables: tuple[dict[type[A2AError], Any], ...] = (
        A2A_ERROR_MAPPING,
        A2A_ERROR_REASONS,
        GRPC_CODES,
    )
    for error in errors:
        for table in tables:
            table[error] = table[InternalError]


_register(
    RetryableError,
    OverloadedError,
    TooManyStreamsError,
    TooManyRunsError,
    RateLimitedError,
    StorageAwayError,
    DrainingError,
)

# A client of the SDK's finds an InvalidRequestError in it: it knows no other word for this.
A2A_ERROR_MAPPING[UnauthenticatedError] = ErrorMapping(401, "UNAUTHENTICATED", "INVALID_REQUEST")
A2A_ERROR_REASONS[UnauthenticatedError] = "INVALID_REQUEST"
GRPC_CODES[UnauthenticatedError] = grpc.StatusCode.UNAUTHENTICATED
