"""The ports of the task core: what it needs of the outside world, as Protocols.

Neighbours: `record.py` (what a journal stores), `runner.py` and `outbox.py` (the actors that talk
to these ports), `actors/storage` and `actors/a2a` (the real ones), `actors/simulation` (seeded).
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from actors.runtime import ActorRef, Caller, Message
from actors.runtime.journal.record import Record
from actors.runtime.values import value


class RunId(NamedTuple):
    """One execution of the agent for one task. Anything but the current one is a dead letter."""

    task: str
    epoch: int
    run: int


@value
class StartRun:
    """Call the agent's `execute`."""

    run: RunId
    caller: Caller
    request: bytes
    """SendMessageRequest as accepted, ids filled in; `combined`: with the parts of others."""
    context: str
    extensions: tuple[str, ...]
    task: bytes
    """The stored Task as of the start of the run; empty when there is none."""
    recovered: bool
    """The process that accepted the request is gone; its call context must be made up."""
    trace: str = ""
    """W3C traceparent of the request."""
    seq: int = 0
    """Sequence number of the record that says that the run began."""
    combined: bool = False
    """The parts of earlier messages, whose runs were called off, come before its own (A2)."""


@value
class CancelRun:
    """Call the agent's `cancel` with the queue of the run open, then cancel `execute`.

    Reported as one end: when `cancel` has returned and `execute` has unwound, or when `cancel`
    raised. The end of `execute` alone is not reported any more.
    """

    run: RunId
    caller: Caller
    context: str
    task: bytes


@value
class AbandonRun:
    """Fence the run: resolve its waits, cancel its asyncio task, never await it again."""

    run: RunId


@value
class GrantCredit:
    """The journal has room: the agent may emit `events` more."""

    run: RunId
    events: int


@value
class ForgetRequest:
    """The run of the request behind `key` is over, or will never be."""

    key: int


AgentRequest = StartRun | CancelRun | AbandonRun | GrantCredit | ForgetRequest


class Removed(NamedTuple):
    """A task is gone, with all that the journal kept of it."""

    task: str
    caller: Caller
    """Its owner and tenant; the request is long over."""


class RemovalPort(Protocol):
    """Whoever keeps more about tasks than the journal does."""

    def perform(self, request: Removed, sender: ActorRef[Message]) -> None:
        """Begin; must not block and must not raise."""


class Notify(NamedTuple):
    """Tell whoever is to hear of a task about one public record, by one attempt."""

    task: str
    hook: str
    """Id of the webhook's configuration; "" for the sender that the user passed."""
    config: bytes
    """TaskPushNotificationConfig; empty for the user's sender."""
    record: Record
    delivery: str
    """The same for every attempt to deliver this record to this webhook, and for no other."""
    attempt: int
    """From 1."""

    def __repr__(self) -> str:
        """Say nothing of the configuration, which has credentials in it."""
        about = f"task={self.task!r}, hook={self.hook!r}, seq={self.record.seq}"
        return f"Notify({about}, delivery={self.delivery!r}, attempt={self.attempt})"


class WebhookPort(Protocol):
    """The receivers of push notifications. Reports each end by telling `orders.Delivered`."""

    def perform(self, request: Notify, sender: ActorRef[Message]) -> None:
        """Begin; must not block and must not raise."""


class AgentPort(Protocol):
    """The agent, as RunnerActor commands it; only the real one awaits user code.

    It reports by telling: `messages.Emitted` to the TaskActor for each event, and
    `orders.RunReported` to the RunnerActor for each end, which may bring the last events along.
    """

    def perform(self, request: AgentRequest, sender: ActorRef[Message]) -> None:
        """Begin; must not block and must not raise."""
