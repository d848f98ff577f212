"""The address book: who lives where, who is whose child, who watches whom.

Neighbours: `system.py` (delivers to those in the book), `lives.py` (begins and ends lives),
`cell.py` (an entry).
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from actors.runtime.actor import Actor
from actors.runtime.cell import NOTHING, Cell
from actors.runtime.dispatcher import Scheduler
from actors.runtime.errors import ActorStopped, MailboxFull, SpawnLimit
from actors.runtime.lives import Lives
from actors.runtime.message import (
    NOBODY,
    ActorRef,
    Caller,
    Envelope,
    Message,
    ReplyTo,
    Terminated,
)
from actors.runtime.observing import Observable
from actors.runtime.report import cause_of

logger = logging.getLogger("actors")

DEPTH_BOUND = 64
"""Generations of actors; whoever is further from the root has most likely spawned itself."""


class AddressBook(Observable):
    """Actors by address.

    Args:
        actors_bound: actors that may live at a time.
    """

    scheduler: Scheduler
    lives: Lives

    def __init__(self, actors_bound: int) -> None:
        super().__init__()
        self._actors_bound = actors_bound
        self._cells: dict[ActorRef[Any], Cell] = {}
        self.cells: Mapping[ActorRef[Any], Cell] = MappingProxyType(self._cells)
        """The book, as it is at any time."""
        self._kinds: dict[str, Callable[[str], Actor[Any]]] = {}
        self._closed = False

    @abstractmethod
    def tell(
        self,
        ref: ActorRef[Any],
        message: Message,
        reply_to: ReplyTo[Any] | None = None,
        caller: Caller = NOBODY,
        *,
        deadline: float = 0.0,
        trace: str = "",
    ) -> None:
        """Deliver a message."""

    def deliver(self, cell: Cell, envelope: Envelope) -> None:
        """Queue an envelope for this very actor, always admitted: a timer's, or an heirloom."""
        cell.mailbox.admit(envelope)
        if not cell.ready:
            self.scheduler.wake(cell)

    def register(self, kind: str, build: Callable[[str], Actor[Any]]) -> None:
        """Say how to revive an actor of `kind` when a message that revives finds none."""
        self._kinds[kind] = build

    def alive(self, ref: ActorRef[Any]) -> bool:
        """Whether an actor lives at the address now."""
        return ref in self._cells

    def refs(self) -> list[ActorRef[Any]]:
        """All live addresses, in order of their spawn."""
        return list(self._cells)

    def leftovers(self) -> list[str]:
        """What is not quiescent, a line each; nothing after a shutdown (invariant 31)."""
        return [line for cell in self._cells.values() for line in _leftovers(cell)]

    # -- in

    def spawn(self, ref: ActorRef[Any], actor: Actor[Any], parent: Cell | None = None) -> None:
        """Enter an actor into the book; it starts in its first turn.

        Args:
            ref: its address.
            actor: its behaviour.
            parent: whose step asked for it; None for a root.

        Raises:
            ValueError: an actor lives at that address.
            SpawnLimit: too many actors, or too many generations.
            ActorStopped: the system has been shut down.

        """
        if ref in self._cells:
            raise ValueError(f"cannot spawn {ref}: an actor lives at that address already")
        if self._closed:
            raise ActorStopped(f"cannot spawn {ref}: the system has been shut down")
        cell = Cell(ref, actor, parent)
        if cell.generation > DEPTH_BOUND or len(self._cells) >= self._actors_bound:
            raise SpawnLimit(self._too_many(cell))
        self._cells[ref] = cell
        if parent is not None:
            parent.children = parent.children or {}
            parent.children[ref] = cell
        self.scheduler.wake(cell)

    def _too_many(self, cell: Cell) -> str:
        return (
            f"cannot spawn {cell.ref}: found {len(self._cells)} live actors and it would be of "
            f"generation {cell.generation}; at most {self._actors_bound} actors and {DEPTH_BOUND} "
            f"generations can be: does {cell.parent.ref if cell.parent else cell.ref} spawn itself "
            "for ever?"
        )

    def revive(self, ref: ActorRef[Any], envelope: Envelope) -> Cell | None:
        """Spawn the actor that a message is for; None when that is answered already."""
        build = self._kinds.get(ref.kind) if envelope.message.revives else None
        if build is None:
            gone = ActorStopped(f"no actor at {ref}")
            self.undeliverable(ref, envelope, gone, "no such actor")
            return None
        if len(self._cells) >= self._actors_bound:
            full = MailboxFull(f"{ref} cannot be revived: {self._actors_bound} actors live already")
            self.undeliverable(ref, envelope, full, "overflow")
            return None
        try:
            self.spawn(ref, build(ref.id))
        except Exception as error:  # noqa: BLE001 - reported; who told is not to blame
            cause = cause_of(error)
            logger.error("%s cannot be revived: %s", ref, cause)  # noqa: TRY400 - quotes nothing
            gone = ActorStopped(f"{ref} cannot be revived")
            self.undeliverable(ref, envelope, gone, "cannot be revived")
            return None
        return self._cells[ref]

    # -- out

    def stop(self, ref: ActorRef[Any], error: Exception) -> None:
        """Stop an actor from outside; everything that it owes is answered with `error`."""
        cell = self._cells.get(ref)
        if cell is not None:
            self.lives.end(cell, error, "stopped")

    def shutdown(self, error: Exception) -> None:
        """Stop all actors, for good; every open ask is answered with `error`."""
        self._closed = True
        self._kinds.clear()
        for ref in self.refs():
            self.stop(ref, error)

    def remove(self, cell: Cell, error: Exception, reason: str, *, heirs: bool = False) -> None:
        """Take an actor out of the book; what waited for it finds its successor or an answer.

        Args:
            cell: whose; its children are gone by now.
            error: the answer to what waited.
            reason: told to who watches.
            heirs: what revives the actor goes to its successor instead.
        """
        ref = cell.ref
        del self._cells[ref]
        if cell.parent is not None:  # before anyone hears of it, who may stop the parent
            del cell.parent.children[ref]
        cell.stopped = True
        cell.suspended = False
        cell.forget_timers()
        self.unwatch_all(cell)
        self._tell_watchers(cell, reason)
        waiting = [*cell.stash, *cell.mailbox.drain()]
        cell.stash = ()
        for envelope in waiting:
            if heirs and envelope.message.revives and envelope.timer is None:
                self._inherit(ref, envelope)
            else:
                self.undeliverable(ref, envelope, error, "receiver stopped")
        if cell.parent is not None:
            self.lives.rest(cell.parent)

    def _inherit(self, ref: ActorRef[Any], envelope: Envelope) -> None:
        heir = self._cells.get(ref) or self.revive(ref, envelope)
        if heir is not None:
            self.deliver(heir, envelope)  # it was admitted once; a full mailbox is no reason now

    # -- who watches whom

    def _tell_watchers(self, cell: Cell, reason: str) -> None:
        watchers, cell.watchers = cell.watchers, NOTHING
        for ref in watchers:
            watcher = self._cells.get(ref)
            if watcher is not None and not watcher.stopped:
                watcher.watching.pop(cell.ref, None)
                self.tell(ref, Terminated(cell.ref, reason))

    def unwatch_all(self, cell: Cell) -> None:
        """Forget whom an actor watched; for one that ends or starts anew."""
        for ref in cell.watching:
            target = self._cells.get(ref)
            if target is not None:
                target.watchers.pop(cell.ref, None)
        cell.watching = NOTHING


def _leftovers(cell: Cell) -> list[str]:
    found = {
        "waiting messages": len(cell.mailbox),
        "stashed messages": len(cell.stash),
        "armed timers": len(cell.timers),
    }
    lines = [f"{cell.ref} has {count} {what}" for what, count in found.items() if count]
    return [f"{cell.ref} {'is suspended' if cell.suspended else 'lives'}", *lines]
