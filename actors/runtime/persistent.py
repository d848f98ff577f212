"""Persistent actors for a program of your own: what to write, and the system around it.

    async with persistent.open(SqliteJournal("orders.db"), {"order": Order}) as orders:
        await orders.ask(ActorRef("order", "1"), Place(...))

The journal is passed in: any that keeps `journal/port.py` (`actors.storage` has them). The log of
the actor "order:1" is named "order/1".

Neighbours: `commands.py` (what one writes), `entity.py` (runs it upon its log), `recovery.py`
(revives what a crash left active), `furnished.py` (puts these into a system).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from types import TracebackType
from typing import Any, Self

from actors.runtime.commands import (
    Command,
    Decision,
    PersistentActor,
    Then,
    answer,
    persist,
    refuse,
)
from actors.runtime.decided import CommandCrashed, Settle
from actors.runtime.dispatcher import LoopClock
from actors.runtime.drain import DrainReport, Phase, drain
from actors.runtime.errors import ActorStopped
from actors.runtime.events import (
    DataclassCodec,
    Encoded,
    EventCodec,
    Schema,
    StateCodec,
    UnreadableEvent,
)
from actors.runtime.furnished import Behaviour, behaviour_of, check_journal, furnish
from actors.runtime.journal.messages import JOURNAL, ListLogs
from actors.runtime.journal.port import Journal, Listing, settled
from actors.runtime.journal.projection import Query
from actors.runtime.journal.shell import JournalShell
from actors.runtime.journal.use import give_back, take
from actors.runtime.message import NOBODY, ActorRef, Caller, Message
from actors.runtime.naming import log_of, ref_of
from actors.runtime.recovery import RECOVERY, Begin, HowFar, Recovery
from actors.runtime.system import ActorSystem, Port

__all__ = [
    "Command",
    "CommandCrashed",
    "DataclassCodec",
    "Decision",
    "Encoded",
    "EventCodec",
    "PersistentActor",
    "PersistentSystem",
    "Schema",
    "StateCodec",
    "Then",
    "UnreadableEvent",
    "answer",
    "log_of",
    "persist",
    "ref_of",
    "refuse",
]

logger = logging.getLogger("actors.persistent")

JOURNAL_PORT = "journal"

Ports = Mapping[str, Callable[["PersistentSystem"], Port]]
"""What performs `Perform` effects, by name; each is made with the system that it tells."""


class PersistentSystem:
    """Persistent actors on the running loop, over one journal; to be entered with `async with`.

    Args:
        journal: opened on entering, closed on leaving.
        kinds: kind -> what makes the behaviour of all actors of that kind.
        ports: name -> what performs the `Perform` effects of that name.
        patience: seconds for which a failing journal is retried, before askers hear of it.
        drain: seconds that leaving may wait for what is under way.

    Raises:
        ValueError: a kind is no word of lower-case letters, a port is named "journal", `drain` is
            not finite, `patience` negative, or the journal is somebody else's store.
        TypeError: the journal is none, or a kind makes no `PersistentActor`.
    """

    def __init__(
        self,
        journal: Journal,
        kinds: Mapping[str, Behaviour],
        *,
        ports: Ports | None = None,
        patience: float = 30.0,
        drain: float = 10.0,
    ) -> None:
        check_journal(journal)
        if not patience >= 0.0:
            raise ValueError(f"patience is {patience}, expected seconds, not negative")
        if not isfinite(drain):
            raise ValueError(f"drain is {drain}, expected a finite number of seconds")
        if JOURNAL_PORT in (ports or {}):
            raise ValueError(f"a port is named {JOURNAL_PORT!r}, which is taken: name it otherwise")
        if journal.external:
            raise ValueError(f"{journal!r} keeps what another program understands, not events")
        for kind in kinds:
            log_of(ActorRef(kind, "any"))
        self._journal = journal
        self._behaviours = {kind: behaviour_of(kind, make) for kind, make in kinds.items()}
        self._ports = ports or {}
        self._patience = patience
        self._drain = drain
        self._system: ActorSystem | None = None
        self._shell: JournalShell | None = None
        self._closing = False

    def __repr__(self) -> str:
        state = "closed" if self._closing or self._system is None else "open"
        return f"<PersistentSystem of {', '.join(self._behaviours)} {state}>"

    @property
    def system(self) -> ActorSystem:
        """Where the actors live; for observers (`on_crash`, `on_dead_letter`).

        Raises:
            ActorStopped: it has not been entered yet.
        """
        if self._system is None:
            raise ActorStopped(f"{self!r} has not been entered: use it inside `async with`")
        return self._system

    # -- from beginning to end

    async def __aenter__(self) -> Self:
        """Open the journal, and begin to revive what a crash has left active.

        Raises:
            StorageError: the journal cannot be opened, or another system uses it.
            RuntimeError: it has been entered before.
        """
        if self._system is not None:
            raise RuntimeError(f"{self!r} has been entered before: open another one")
        projections = [each.projection for each in self._behaviours.values() if each.projection]
        take(self._journal, self)
        try:
            await settled(self._journal.open(*projections))
        except BaseException:
            give_back(self._journal, self)
            raise
        try:
            self._begin()
        except BaseException:
            await self._end()
            raise
        return self

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._system = system = ActorSystem(LoopClock(loop), loop.create_future)
        self._shell = JournalShell(self._journal, system)
        system.ports[JOURNAL_PORT] = self._shell
        system.ports.update({name: make(self) for name, make in self._ports.items()})
        furnish(
            system,
            self._journal,
            self._behaviours,
            patience=self._patience,
            incarnation=secrets.token_hex(8),
        )
        system.tell(RECOVERY, Begin())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Wait for what is under way, answer everyone, let go of the journal."""
        self._closing = True
        try:
            report = await self._drained()
            if not report.complete:
                logger.warning("closing before all was done: %s", report)
        finally:
            await self._end()

    async def _drained(self) -> DrainReport:
        names = ("actors", "whom they have told")
        phases = [Phase(name, self._entities, Settle) for name in names]
        return await drain(self.system, phases, self._drain)

    def _entities(self) -> Sequence[ActorRef[Any]]:
        return [ref for ref in self.system.refs() if ref.kind in self._behaviours]

    async def _end(self) -> None:
        if self._system is not None:
            self._system.shutdown(ActorStopped("the program is shutting down"))
        if self._shell is not None:
            self._shell.cancel()
        try:
            await settled(self._journal.close())
        finally:
            give_back(self._journal, self)

    # -- what a program does with it

    async def ask(
        self,
        ref: ActorRef[Any],
        command: Message,
        caller: Caller = NOBODY,
        timeout: float = 30.0,  # noqa: ASYNC109 - a deadline of the ask, not of the await
    ) -> Any:
        """Tell an actor a command; return its answer, once all that it speaks of is stored.

        Args:
            ref: who; it is there as soon as it is told something.
            command: what.
            caller: on whose behalf (`PersistentActor.admit`).
            timeout: seconds until `AskTimeout`.

        Raises:
            ValueError: `ref` is no address of these actors, or `timeout` not positive and finite.
            AskTimeout, MailboxFull, ActorStopped: as `ActorSystem.ask`; what has timed out may be
                carried out all the same, so ask again with the same `PersistentActor.key`.
            ActorCrashed: `decide` or `evolve` raised, or asked for what cannot be; nothing of
                this command is stored.
            StorageError: the journal did not take it, or nobody knows whether it did.
            Exception: what the actor refused the command with.
        """
        self._check(ref)
        if self._closing:
            raise ActorStopped(f"{self!r} takes no further commands")
        return await self.system.ask(ref, command, caller, timeout)

    def tell(self, ref: ActorRef[Any], command: Message, caller: Caller = NOBODY) -> None:
        """Tell an actor a command; nobody says what becomes of it.

        Raises:
            ValueError: `ref` is no address of these actors.
        """
        self._check(ref)
        self.system.tell(ref, command, caller=caller)

    async def list(self, query: Query) -> Listing:
        """Return one page of actors by their rows (`PersistentActor.projection`)."""
        page: Listing = await self.system.ask(JOURNAL, ListLogs(query), query.caller)
        return page

    async def recovery(self) -> Recovery:
        """Return how far the actors are revived that the last process left active."""
        found: Recovery = await self.system.ask(RECOVERY, HowFar())
        return found

    def _check(self, ref: ActorRef[Any]) -> None:
        log_of(ref)
        if ref.kind not in self._behaviours:
            known = ", ".join(self._behaviours)
            raise ValueError(f"no actors of kind {ref.kind!r} were opened, found {known}")


open = PersistentSystem  # noqa: A001 - said as `persistent.open`, as one says `gzip.open`
