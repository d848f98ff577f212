"""What a receiver's answer, or its silence, says about a notification (R63).

Neighbours: `hook_client.py` and `hooks.py` (ask), `task/outbox.py` (decides what follows).
"""

from __future__ import annotations

import os
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpcore

from actors.a2a.hook_config import ConfigError
from actors.a2a.targets import TargetError
from actors.task.orders import Verdict

LONGEST_WAIT = 3600.0
"""Seconds that a receiver can ask to be left alone for."""

_TRY_AGAIN = frozenset({408, 425, 429})
_MOVED = frozenset({307, 308})
_MOVED_OTHERWISE = frozenset({300, 301, 302, 303})


class Answer(NamedTuple):
    """The head of a receiver's answer, as far as it matters."""

    status: int
    retry_after: str = ""
    location: str = ""

    @staticmethod
    def of(response: httpcore.Response) -> Answer:
        """Take what matters from a response whose body may be still to come."""
        head = {name.lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(response.status, head.get(b"retry-after", ""), head.get(b"location", ""))

    @property
    def moved(self) -> bool:
        """Whether the same request may be sent to `location`."""
        return self.status in _MOVED and bool(self.location)


class Judgement(NamedTuple):
    """What became of an attempt; `why` is for the operator and has no secrets."""

    verdict: Verdict
    why: str = ""
    wait: float = 0.0


def of_answer(answer: Answer, host: str, now: datetime) -> Judgement:
    """Judge a receiver by its answer."""
    status = answer.status
    if 200 <= status <= 299:
        return Judgement(Verdict.DONE)
    why = f"{host} answered {status}"
    if status in _TRY_AGAIN or 500 <= status <= 599:
        return Judgement(Verdict.RETRY, why, wait_of(answer.retry_after, now))
    if status in _MOVED_OTHERWISE:
        why += "; a webhook may be redirected by 307 and 308 only"
    return Judgement(Verdict.REFUSED, why)


def wait_of(retry_after: str, now: datetime) -> float:
    """Return the seconds that a Retry-After asks for; 0: none, or none that we understand."""
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a receiver may write anything here
        return 0.0
    if then.tzinfo is None:  # "-0000", as good as UTC here
        then = then.replace(tzinfo=UTC)
    return min(max((then - now).total_seconds(), 0.0), LONGEST_WAIT)


def of_failure(error: Exception, host: str) -> Judgement | None:
    """Judge an attempt that got no answer; None: nothing that a receiver or a network does."""
    match error:
        case TargetError() | ConfigError():
            return Judgement(Verdict.REFUSED, str(error))
        case TimeoutError() | httpcore.TimeoutException():
            return Judgement(Verdict.RETRY, f"{host} has not answered in time")
        case httpcore.NetworkError() | httpcore.RemoteProtocolError() | OSError():
            return Judgement(Verdict.RETRY, f"{host}: {_words(error)}")
        case _:
            return None


def _words(error: BaseException) -> str:
    """Say what went wrong on the wire, in the system's words; a peer's words stay out of it."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"its certificate is not good: {inner.verify_message}"
        if isinstance(inner, ssl.SSLError):
            return f"TLS failed: {inner.reason}"
        if isinstance(inner, OSError) and inner.errno is not None:
            return (inner.strerror if inner.errno < 0 else None) or os.strerror(inner.errno)
        inner = inner.__cause__ or inner.__context__
    return _PLAIN.get(type(error), "no connection")


_PLAIN: dict[type[BaseException], str] = {
    httpcore.ReadError: "the connection broke, or the answer is too long",
    httpcore.WriteError: "the connection broke",
    httpcore.RemoteProtocolError: "what came is no HTTP answer, or none came",
}
