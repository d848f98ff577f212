"""The journal's shell: performs what JournalActor asks of the Journal port and tells the outcome.

A port answers at once where it can; only when it cannot does this cost an asyncio task.

Neighbours: `actor.py` (asks), `port.py` (Journal).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import Any

from actors.runtime import ActorRef, ActorSystem, Message
from actors.runtime.journal import use
from actors.runtime.journal.actor import Fetch, FoundThere, ReadBack, StoreGroup
from actors.runtime.journal.errors import StorageError, StorageUnavailable
from actors.runtime.journal.messages import (
    JOURNAL,
    Compact,
    Consumed,
    Fetched,
    FindKey,
    GroupFailed,
    GroupStored,
    Heads,
    KeepSnapshot,
    ListLogs,
    LoadLog,
    NextPlace,
    NextRecords,
    ReadLog,
    ReadPage,
    Remove,
    Surplus,
    Unconsumed,
    WholeLog,
)
from actors.runtime.journal.port import Ack, Append, Journal, MaybeAwaitable

logger = logging.getLogger("actors.journal")

NAMED = 16
"""Logs of a group that a line about it names."""

Then = Callable[[Any, Exception | None], None]
OnGroup = Callable[[tuple[Append, ...], tuple[Ack, ...] | None, float], object]
"""Told a group, the journal's answer (None: it has raised), and how many seconds that took."""


class JournalShell:
    """A `Port` in front of a `Journal`."""

    def __init__(self, journal: Journal, system: ActorSystem) -> None:
        self._journal = journal
        self._system = system
        self._waiting: set[asyncio.Future[Any]] = set()
        self.on_group: OnGroup = lambda *_: None
        """Told of each group that the journal has answered."""

    def take(self) -> None:
        """Note that the journal is used, before it is opened.

        Raises:
            StorageError: another system uses it.
        """
        use.take(self._journal, self._system)

    def give_back(self) -> None:
        """Note that the journal is used no longer, once it is closed."""
        use.give_back(self._journal, self._system)

    def perform(self, request: StoreGroup | ReadBack | Fetch, sender: ActorRef[Any]) -> None:
        """Begin a group or a read; the outcome is told to the JournalActor."""
        match request:
            case StoreGroup():
                self._store(request)
            case ReadBack():
                self._read_back(request)
            case Fetch():
                self._fetch(request)

    def _store(self, request: StoreGroup) -> None:
        began = self._system.clock.monotonic()

        def then(acks: Any, error: Exception | None) -> None:
            error = error or _miscounted(acks, len(request.group))
            took = self._system.clock.monotonic() - began
            if error is None:
                verdicts = tuple(acks)
                self.on_group(request.group, verdicts, took)
                self._tell(GroupStored(request.lane, verdicts))
            else:
                self.on_group(request.group, None, took)
                logs = [append.log for append in request.group]
                self._failed(request.lane, "store a group of records", error, logs)

        self._run(lambda: self._journal.append(request.group), then)

    def _read_back(self, request: ReadBack) -> None:
        append = request.append

        def then(records: Any, error: Exception | None) -> None:
            if error is None:
                self._tell(FoundThere(request.lane, records))
            else:
                what = "read back whether records are stored"
                self._failed(request.lane, what, error, [append.log])

        self._run(lambda: self._journal.page(append.log, append.expected, request.limit), then)

    def _failed(self, lane: str, what: str, error: Exception, logs: list[str]) -> None:
        transient = isinstance(error, StorageUnavailable)
        level = logging.WARNING if transient else logging.ERROR
        extra = {"logs": logs[:NAMED], "others": max(0, len(logs) - NAMED)}
        logger.log(level, "could not %s: %s", what, error, extra=extra)
        self._tell(GroupFailed(lane, error, transient))

    def _fetch(self, request: Fetch) -> None:
        asked, envelope = request.asked, request.envelope

        def then(result: Any, error: Exception | None) -> None:
            if error is not None:
                extra = {"log": getattr(asked, "log", ""), "owner": envelope.caller.owner}
                says = "could not read %s: %s"
                logger.warning(says, type(asked).__name__, error, extra=extra)
            fetched = Fetched(asked, result, error)
            self._system.tell(JOURNAL, fetched, envelope.reply_to, envelope.caller)

        self._run(lambda: self._read(request), then)

    def _read(self, request: Fetch) -> MaybeAwaitable[Any]:
        journal = self._journal
        match request.asked:
            case LoadLog(log, owned):
                # A user's own store knows its callers, not the core.
                asks = owned or journal.external
                return journal.read(log, request.envelope.caller if asks else None)
            case ReadLog(log):
                return journal.read(log, request.envelope.caller)
            case ReadPage(log, after, limit):
                return journal.page(log, after, limit)
            case ListLogs(query):
                return journal.list(query)
            case KeepSnapshot(log, snapshot):
                return journal.save_snapshot(log, snapshot)
            case FindKey(key):
                return journal.find(key)
            case upkeep:
                return _looked_after(journal, upkeep)

    def _run(self, call: Callable[[], MaybeAwaitable[Any]], then: Then) -> None:
        try:
            result = call()
        except Exception as error:  # noqa: BLE001 - every outcome is told, none escapes the loop
            then(None, error)
            return
        # To see that a list cannot be awaited takes 1 us, by way of an abstract class.
        if isinstance(result, list) or not isawaitable(result):
            then(result, None)
            return
        # A task beside a future that is there would be two turns of the loop later.
        if isinstance(result, asyncio.Future):
            future = result
        else:
            future = asyncio.ensure_future(_awaited(result))
        self._waiting.add(future)
        future.add_done_callback(lambda done: self._done(done, then))

    def _done(self, future: asyncio.Future[Any], then: Then) -> None:
        self._waiting.discard(future)
        if future.cancelled():
            then(None, StorageUnavailable("the server is shutting down"))
            return
        error = future.exception()
        if error is None or isinstance(error, Exception):
            then(None if error else future.result(), error)

    def _tell(self, message: Message) -> None:
        self._system.tell(JOURNAL, message)

    def cancel(self) -> None:
        """Forget what is under way; for a shell whose loop is about to end."""
        for future in self._waiting:
            future.cancel()


def _looked_after(journal: Journal, asked: Message) -> MaybeAwaitable[Any]:
    match asked:
        case Heads(_, after, limit, active):
            return journal.heads(after, limit, active=active)
        case NextRecords(_, place, limit, _):
            return journal.page(place.log, place.seq, limit)
        case Consumed(_, consumer, place):
            return journal.consumed(consumer, place)
        case Unconsumed(_, family, after, limit):
            return journal.unconsumed(family, after, limit)
        case WholeLog(_, log):
            return journal.read(log)
        case NextPlace(_, consumer, log):
            return journal.place(consumer, log)
        case Surplus(_, keep, limit):
            return journal.surplus(keep, limit)
        case Compact(_, place):
            return journal.compact(place.log, place.seq)
        case Remove(_, head):
            return journal.remove(head)
        case other:
            raise TypeError(f"nothing that a journal does: {other!r}")


def _miscounted(acks: Any, expected: int) -> StorageError | None:
    """Return what is wrong with the journal's answer, if it is not one Ack for each append."""
    found = len(acks) if isinstance(acks, (list, Sequence)) else None  # see `_run`
    if found == expected:
        return None
    what = type(acks).__qualname__ if found is None else f"{found} acknowledgements"
    return StorageError(
        f"Journal.append returned {what}, expected {expected}: one Ack for each append, in order"
    )


async def _awaited(awaitable: Awaitable[Any]) -> Any:
    return await awaitable
