"""Courier: what the outbox knows of one webhook, and which records it has yet to hear.

Neighbours: `outbox.py` (owns couriers; performs what they want), `attempts.py` (what attempts have
led to), `traffic.py` (how many at once).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from enum import Enum
from urllib.parse import urlsplit

from a2a.types import TaskPushNotificationConfig

from actors.runtime.journal.record import Record
from actors.task.orders import Hook
from actors.task.record import Kind

_PORTS = {"http": "80", "https": "443"}

READ = 64
"""Records that are read at a time."""

UNKNOWN = NOTHING = -1

QUEUE = 256
"""Records that wait in memory; whatever more there is waits in the journal."""


class Doing(Enum):
    """What a courier is about."""

    LEFT = "left"
    """By an earlier process; its turn is still to come."""
    NOTHING = "nothing"
    READING = "reading"
    WAITING = "waiting"
    """For its turn to send: too many others are sending."""
    SENDING = "sending"
    RESTING = "resting"
    """Until the next attempt."""


class Courier:
    """One webhook's deliveries, in order.

    Args:
        hook: id of the webhook; "" for the sender that the user passed.
        known: every record up to this one is done with, or waits here; UNKNOWN until the journal
            has told.
        behind: there may be records after `known` that nobody will hand over.
    """

    __slots__ = (
        *("_asked", "_first", "_handed", "_told", "attempt", "began", "behind", "checked"),
        *("closed", "doing", "failed_at", "failing", "hook", "id", "known", "noting", "queue"),
        *("receiver", "sent", "unread", "why"),
    )

    def __init__(self, hook: str, known: int, *, behind: bool) -> None:
        self.id = hook
        self.known = known
        self.behind = behind
        self.doing = Doing.NOTHING
        self.hook: Hook | None = None
        """Whom it notifies; None until its task's log has told."""
        self.receiver = ""
        """Scheme, host and port."""
        self.closed = NOTHING
        """The record by which the webhook was deleted: none is sent any more."""
        self.queue: deque[Record] = deque()
        self.sent: Record | None = None
        """What is being sent, or is to be sent once more."""
        self.attempt = 0
        """Number of the latest attempt to send it."""
        self.began = 0
        """UTC milliseconds of the first of them, once it has failed."""
        self.failed_at = 0
        """UTC milliseconds of the first attempt that failed since the last that did not."""
        self.failing = False
        """A record was given up: each further one gets one attempt, until one succeeds."""
        self.why = ""
        """What the latest attempt failed for."""
        self.noting = NOTHING
        """The journal is being told that all up to here is done with."""
        self.checked = False
        """The journal had nothing after `known` when it was asked last."""
        self.unread = 0
        """How often in a row the journal could not be read."""
        self._told = b""
        """Its configuration when the latest attempt began."""
        self._first = self._handed = self._asked = 0

    @property
    def busy(self) -> bool:
        """Something is under way that will be reported."""
        return self.doing not in (Doing.NOTHING, Doing.LEFT)

    @property
    def quiet(self) -> bool:
        """Nothing is under way, or will be before its turn comes, or a timer is over."""
        stuck = self.doing is Doing.NOTHING and self.unread > 0
        return stuck or self.doing in (Doing.RESTING, Doing.LEFT)

    @property
    def unserved(self) -> bool:
        """It is not known whom it notifies, if anybody."""
        return self.hook is None and self.closed == NOTHING

    @property
    def done(self) -> bool:
        """There is nothing left to do."""
        return self.checked and not (self.busy or self.queue or self.sent)

    @property
    def ready(self) -> bool:
        """There is something to send."""
        return self.closed == NOTHING and bool(self.sent or self.queue)

    @property
    def outdated(self) -> bool:
        """What is being sent is for a webhook that was deleted meanwhile."""
        since = 0 if self.hook is None else self.hook.since
        return self.closed != NOTHING or (self.sent is not None and self.sent.seq <= since)

    @property
    def replaced(self) -> bool:
        """What is being sent is sent by a configuration that was replaced meanwhile."""
        return self.hook is not None and self.hook.config != self._told

    @property
    def lost(self) -> bool:
        """It is not known where to go on."""
        return self.known == UNKNOWN

    # -- whom it notifies

    def serve(self, hook: Hook) -> bool:
        """Notify that webhook from now on; True if there was another under its id."""
        if hook == self.hook and self.closed == NOTHING:
            return False
        if self.closed != NOTHING and hook.since <= self.closed:
            return False  # that one is deleted by now
        changed = self.hook is not None or self.closed != NOTHING
        if self.closed != NOTHING or (self.hook is not None and hook.since > self.hook.since):
            # Deleted, perhaps by another process, and set again: what lies between is for nobody.
            self.closed = NOTHING
            self._drop()
        self.hook, self.receiver = hook, receiver(hook.config)
        self._skip(hook.since)
        return changed

    def close(self, seq: int) -> None:
        """Send no more: the webhook was deleted by record `seq`."""
        if self.hook is not None and self.hook.since > seq:
            return  # and set again since: that has been read from the log
        self.closed = self.known = max(self.closed, seq)
        self._drop()

    def _drop(self) -> None:
        """Send nothing of what there is; what is under way may come to its end."""
        self.queue.clear()
        self.behind, self.checked = True, False
        if self.doing is not Doing.SENDING:
            self.sent = None
            self.attempt = self.began = 0

    def forget_failures(self) -> None:
        """Begin anew: the webhook is another than the one that failed."""
        self.attempt = self.began = self.failed_at = 0
        self.failing, self.why = False, ""

    def _skip(self, upto: int) -> None:
        if not self.lost:
            self.known = max(self.known, upto)

    # -- what there is to send

    def ask(self) -> None:
        """Ask the journal where to go on."""
        self._asked = self._handed

    def found(self, known: int | None) -> None:
        """Hear where to go on; None when the journal knows of nothing left."""
        self.doing = Doing.NOTHING
        if self.closed != NOTHING:
            return  # meanwhile, and it goes on from there
        if known is None:
            # What was handed over when the journal was asked is done with; what came since is not.
            known = self._asked or self._first - 1
            self.checked = self._handed == self._asked
        self.known = known
        if self.hook is not None:
            self._skip(self.hook.since)

    def hand(self, records: Sequence[Record]) -> None:
        """Take over records that were just committed, in order."""
        self._first = self._first or records[0].seq
        self._handed, self.checked = records[-1].seq, False
        full = len(self.queue) >= QUEUE or self.doing in (Doing.WAITING, Doing.RESTING)
        self.behind = self.behind or full
        if not self.behind:
            self.queue.extend(record for record in records if record.seq > self.known)
            self.known = max(self.known, records[-1].seq)

    def take(self, records: Sequence[Record] | None, pushed: Collection[int]) -> None:
        """Take over what was read after `known`; None when it is no longer kept."""
        self.doing = Doing.NOTHING
        read = () if records is None else records
        for record in read:
            if record.seq > self.known:
                self._take(record, pushed)
        if len(read) < READ:
            # A record that was handed over meanwhile may have been stored after this was read.
            self.checked = self.known >= self._handed or records is None
            self.behind = self.behind and not self.checked

    def _take(self, record: Record, pushed: Collection[int]) -> None:
        """Go one record further; of a deleted webhook on to where it is set again, if it is.

        The log may be ahead of what the outbox was told of it.
        """
        self.known = record.seq
        if record.kind == Kind.HOOK_DELETED and record.facts["hook"] == self.id:
            self.close(record.seq)
        elif self.closed == NOTHING and record.kind in pushed:
            self.queue.append(record)
        elif self.closed != NOTHING and self._sets_it(record):
            owner = ("", "") if self.hook is None else self.hook.owner
            self.serve(Hook(self.id, record.seq, record.payload, owner))

    def _sets_it(self, record: Record) -> bool:
        return record.kind == Kind.HOOK_SET and _id(record.payload) == self.id

    # -- sending it

    def send(self) -> Record:
        """Return what is to be sent now."""
        record = self._next()
        self.doing, self._told = Doing.SENDING, b"" if self.hook is None else self.hook.config
        self.attempt += 1
        return record

    def wait(self) -> None:
        """Wait for room to send."""
        self._hold(Doing.WAITING)

    def rest(self) -> None:
        """Wait for the next attempt."""
        self._hold(Doing.RESTING)

    def again(self) -> None:
        """Begin anew with what was sent."""
        self.doing = Doing.NOTHING
        self.attempt = self.began = 0

    def _hold(self, doing: Doing) -> None:
        """Keep one record; what is to come after it waits in the journal."""
        record, self.doing = self._next(), doing
        if self.queue:
            self.queue.clear()
            self.known, self.behind, self.checked = record.seq, True, False

    def _next(self) -> Record:
        if self.sent is None:
            self.sent = self.queue.popleft()
        return self.sent

    def finish(self) -> None:
        """Be done with what was sent."""
        self.doing, self.sent = Doing.NOTHING, None
        self.attempt = self.began = 0


def _id(config: bytes) -> str:
    found: str = TaskPushNotificationConfig.FromString(config).id
    return found


def receiver(config: bytes) -> str:
    """Return scheme, host and port of a webhook, spelt in one way; "" for the user's sender."""
    if not config:
        return ""
    url = urlsplit(TaskPushNotificationConfig.FromString(config).url.lower())
    host, _, port = url.netloc.rpartition("@")[2].partition(":")
    if host.startswith("["):
        host, _, port = url.netloc.rpartition("@")[2].partition("]")
        host, port = f"{host}]", port.removeprefix(":")
    port = port.lstrip("0")
    known = f":{port}" if port and port != _PORTS.get(url.scheme) else ""
    return f"{url.scheme}://{host.rstrip('.')}{known}"
