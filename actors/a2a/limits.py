"""Limits: how much one request, task and owner may have of a server (R100), and who has how much.

What can never become right (a message too large, a history too long) is an InvalidParamsError,
before anything runs (R13); what will be right later is a RetryableError (R99). Whoever is refused
reads what was found, what is allowed, and what to do. An owner is an owner in a tenant.

Neighbours: `entry.py` (asks), `runtime.py` (one `Usage` per runtime), `queue.py` (an agent's
events), `task/rules.py` (a task's artifacts), `errors.py` (the refusals), `wire/bodies.py`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, fields
from math import ceil
from typing import Final

from a2a.types import SendMessageRequest, Task
from a2a.utils.errors import InvalidParamsError

from actors.a2a.errors import RateLimitedError, TooManyRunsError, TooManyStreamsError
from actors.runtime import Caller

MEBIBYTE: Final = 1024 * 1024

RECORD_BYTES: Final = 60 * MEBIBYTE
"""That a record of a journal can carry at all, so what `message_bytes` and `event_bytes` may be."""

OWNERS: Final = 100_000
"""Owners whose rate is remembered; past that, who has been away the longest starts afresh."""

Who = tuple[str, str]
"""Owner and tenant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a server allows; None switches a limit off.

    Raises:
        ValueError: a limit is not a positive number, or more than a record can carry; or `burst`
            has no `rate`.
    """

    message_bytes: int | None = 10 * MEBIBYTE
    """Of one request to send a message, serialised, with its configuration and metadata; None:
    what a record can carry."""
    parts: int | None = 1_000
    """In one message."""
    references: int | None = 20
    """Tasks that one message refers to; each is read for the agent (R10)."""
    history: int | None = 10_000
    """Messages of a task; it takes no further ones from clients."""
    artifacts: int | None = 10_000
    """Artifacts of a task; an agent that makes more has failed."""
    event_bytes: int | None = 16 * MEBIBYTE
    """Of one event of an agent, serialised; more is a ValueError in the agent. None: what a record
    can carry."""
    streams: int | None = 10_000
    """Open streams of an owner."""
    runs: int | None = 10_000
    """Messages of an owner that were accepted by this server and whose run is not over."""
    rate: float | None = None
    """Requests per second of an owner, in the long run."""
    burst: int | None = None
    """Requests that an owner who was quiet may send at once; None: those of a second."""
    body_bytes: int | None = 20 * MEBIBYTE
    """Of the body of an HTTP request and of a gRPC message."""
    body_seconds: float | None = 30.0
    """Until the whole body of an HTTP request has come."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 < value < float("inf"):
                raise ValueError(
                    f"{field.name} is {value!r}, expected a number above 0, or None for no limit"
                )
        for name in ("message_bytes", "event_bytes"):
            if (getattr(self, name) or 0) > RECORD_BYTES:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, at most {RECORD_BYTES} are possible: a "
                    "record of a journal carries no more"
                )
        if self.burst is not None and self.rate is None:
            raise ValueError(f"burst is {self.burst} without a rate: set both, or rate alone")

    def check_message(self, params: SendMessageRequest, size: int) -> None:
        """Refuse a message that is too large, whatever its task (R100).

        Args:
            params: the request.
            size: of it, in serialised bytes.

        Raises:
            InvalidParamsError: it has too many bytes or parts, or refers to too many tasks.
        """
        most = self.message_bytes or RECORD_BYTES
        if size > most:
            raise _beyond(
                "message_bytes",
                f"The message has {size} bytes, {most} are allowed: send large "
                "content by URL, or in several messages.",
            )
        if self.parts is not None and (found := len(params.message.parts)) > self.parts:
            raise _beyond(
                "parts",
                f"The message has {found} parts, {self.parts} are allowed: send several messages.",
            )

        found = len(params.message.reference_task_ids)
        if self.references is not None and found > self.references:
            raise _beyond(
                "references",
                f"The message refers to {found} tasks, {self.references} are allowed: name those "
                "that it is about.",
            )

    def check_history(self, task: Task) -> None:
        """Refuse another message for a task that has as many as it may have.

        Raises:
            InvalidParamsError: it has.
        """
        found = len(task.history) + task.status.HasField("message")
        if self.history is not None and found >= self.history:
            raise _beyond(
                "history",
                f"Task {task.id} has {found} messages, {self.history} are allowed: go on in a new "
                "task of the same context.",
            )


def _beyond(limit: str, text: str) -> InvalidParamsError:
    """Return an error that metrics can tell from others of its class, which routes look up."""
    error = InvalidParamsError(text)
    vars(error)["reason"] = limit
    return error


class Usage:
    """What owners have of one runtime at the moment; forgotten with it.

    Args:
        limits: what they may have.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self.streams = Count()
        self.runs = Count()
        self._rate = None
        if limits.rate is not None:
            self._rate = Rate(limits.rate, limits.burst or max(1, round(limits.rate)))

    def stream(self, caller: Caller) -> Callable[[], None]:
        """Count a stream that is open; returns what to call, once, when it is closed.

        Raises:
            TooManyStreamsError: its owner has as many as allowed.
        """
        who, most = (caller.owner, caller.tenant), self._limits.streams
        if not self.streams.take(who, most):
            raise TooManyStreamsError(
                f"You have {most} open streams, and no more are allowed: close one, or read the "
                "task now and then."
            )
        return Held(self.streams, who)

    def run(self, caller: Caller) -> Callable[[], None]:
        """Count a message whose run is not over; returns what to call, once, when it is.

        Raises:
            TooManyRunsError: its owner has as many as allowed.
        """
        who, most = (caller.owner, caller.tenant), self._limits.runs
        if not self.runs.take(who, most):
            raise TooManyRunsError(
                f"The agent works on {most} messages of yours, and no more are allowed at once: "
                "wait for one to end, or cancel its task."
            )
        return Held(self.runs, who)

    def request(self, caller: Caller, now: float) -> None:
        """Count one request against the rate of its owner.

        Args:
            caller: who asks.
            now: seconds of a clock that does not go back.

        Raises:
            RateLimitedError: it comes too early; says when to come again.
        """
        if self._rate is None:
            return
        early = self._rate.early((caller.owner, caller.tenant), now)
        if early > 0:
            raise RateLimitedError(
                f"More than {self._limits.rate:g} requests per second are not allowed: try again "
                f"in {early:.3f} s.",
                ceil(early * 1000),
            )


class Count:
    """How many of something each owner has; those with none take no room."""

    def __init__(self) -> None:
        self._held: dict[Who, int] = {}

    def __len__(self) -> int:
        return len(self._held)

    def of(self, who: Who) -> int:
        """Return how many an owner has."""
        return self._held.get(who, 0)

    def take(self, who: Who, most: int | None) -> bool:
        """Give an owner one more, unless it has `most` already."""
        held = self._held.get(who, 0)
        if most is not None and held >= most:
            return False
        self._held[who] = held + 1
        return True

    def give(self, who: Who) -> None:
        """Take one back."""
        held = self._held.pop(who) - 1
        if held:
            self._held[who] = held


class Held:
    """One of something that an owner has; to be called, once, when it is given back.

    A `partial` takes twice as much, 250 bytes of each stream that is open.
    """

    __slots__ = ("_count", "_who")

    def __init__(self, count: Count, who: Who) -> None:
        self._count = count
        self._who = who

    def __call__(self) -> None:
        """Give it back."""
        self._count.give(self._who)


class Rate:
    """A token bucket for each owner, kept as the one time at which it will be full again.

    Args:
        rate: tokens per second that flow in.
        burst: tokens that it holds.
        owners: buckets that are remembered.
    """

    def __init__(self, rate: float, burst: int, owners: int = OWNERS) -> None:
        self._interval = 1 / rate
        self._depth = burst / rate
        self._owners = owners
        self._full_at: OrderedDict[Who, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def early(self, who: Who, now: float) -> float:
        """Take a token and return 0; or how many seconds too early it is for one."""
        full_at = max(self._full_at.get(who, now), now) + self._interval
        early = full_at - now - self._depth
        if early > 1e-9:  # else rounding alone would refuse
            return early
        self._full_at[who] = full_at
        self._full_at.move_to_end(who)
        self._forget(now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Drop buckets that are full, in the order of their last use: at most two each time."""
        for _ in range(2):
            who, full_at = next(iter(self._full_at.items()))
            if full_at > now and len(self._full_at) <= self._owners:
                return
            del self._full_at[who]
