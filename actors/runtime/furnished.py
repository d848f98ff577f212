"""What persistent actors need around them: checked, and put into a system.

Neighbours: `persistent.py` (the system of a program), `entity.py`, `recovery.py` (the actors).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from typing import Any

from actors.runtime.commands import PersistentActor
from actors.runtime.entity import EntityActor
from actors.runtime.journal.actor import JournalActor
from actors.runtime.journal.messages import JOURNAL
from actors.runtime.journal.port import Journal
from actors.runtime.message import ActorRef
from actors.runtime.naming import log_of, ref_of
from actors.runtime.recovery import RECOVERY, RecoveryActor
from actors.runtime.system import ActorSystem

Behaviour = Callable[[], PersistentActor[Any, Any]]
"""A class, or whatever else makes one."""


def check_journal(journal: object) -> None:
    """Refuse what is no journal.

    Raises:
        TypeError: it is none.
    """
    wanted = ("open", "close", "append", "lane", "external")
    if not all(hasattr(journal, name) for name in wanted):
        raise TypeError(
            f"the journal is {journal!r}; expected one, such as `SqliteJournal(path)` or "
            "`MemoryJournal()` of actors.storage"
        )


def behaviour_of(kind: str, make: object) -> PersistentActor[Any, Any]:
    """Return the behaviour of a kind.

    Raises:
        TypeError: it is none, or what is given does not make it.
    """
    if callable(make):
        found = make()
        if isinstance(found, PersistentActor):
            return found
    raise TypeError(
        f"kind {kind!r} is given as {make!r}; expected a subclass of PersistentActor (not an "
        "instance of it), or a function that makes one"
    )


def furnish(
    system: ActorSystem,
    journal: Journal,
    behaviours: Mapping[str, PersistentActor[Any, Any]],
    *,
    patience: float,
    incarnation: str,
) -> None:
    """Let persistent actors live in a system; its port "journal" is still to be set.

    Args:
        system: whose.
        journal: names the lanes.
        behaviours: kind -> what decides for it.
        patience: seconds for which a failing journal is retried.
        incarnation: names the system among all that ever write to the journal.
    """
    lives = count(1)
    unkept: set[str] = set()

    def build(kind: str, name: str) -> EntityActor[Any]:
        log = log_of(ActorRef(kind, name))
        behaviour = behaviours[kind]
        return EntityActor(log, name, behaviour, next(lives), incarnation, system.ports, unkept)

    def ours(log: str) -> ActorRef[Any] | None:
        try:
            ref = ref_of(log)
        except ValueError:
            return None
        return ref if ref.kind in behaviours else None

    for kind in behaviours:
        system.register(kind, partial(build, kind))
    system.spawn(JOURNAL, JournalActor(journal.lane, patience, ref_of))
    system.spawn(RECOVERY, RecoveryActor(ours))
