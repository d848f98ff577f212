"""A cell: one live actor, as the system keeps it.

Most actors have no family, no timers and nothing put aside: these have no containers of their own
for it, which would be 300 bytes of each that idles. Whoever is to put something in makes one, as
in `mailbox.py`.

Neighbours: `system.py` (fills it), `lives.py` (starts, restarts and ends it), `dispatcher.py` and
other schedulers (give it its turns).
"""

from __future__ import annotations

from typing import Any, Final, Never

from actors.runtime.actor import Actor
from actors.runtime.clock import TimerHandle
from actors.runtime.mailbox import Mailbox
from actors.runtime.message import ActorRef, Envelope, Timer


class _Nothing(dict[Any, Any]):
    """A dict that is shared, so it stays empty."""

    def __setitem__(self, key: object, value: object) -> Never:
        raise TypeError(f"cannot put {key!r} into what every idle actor shares: make a dict first")

    def setdefault(self, key: object, default: object = None) -> Never:
        self[key] = default


NOTHING: Final[dict[Any, Any]] = _Nothing()
"""The timers, children, watchers and watched of whoever has none; cannot hold anything."""


class Cell:
    """One live actor: behaviour, state, mailbox, stash, timers, family."""

    __slots__ = (
        "actor",
        "backoff",
        "children",
        "generation",
        "mailbox",
        "parent",
        "passivating",
        "ready",
        "ref",
        "restarts",
        "started",
        "stash",
        "state",
        "stopped",
        "suspended",
        "timers",
        "trace",
        "watchers",
        "watching",
    )

    def __init__(self, ref: ActorRef[Any], actor: Actor[Any], parent: Cell | None = None) -> None:
        self.ref = ref
        self.actor = actor
        self.state: Any = None
        self.mailbox = Mailbox(actor.mailbox_bound)
        self.stash: list[Envelope] | tuple[()] = ()
        self.timers: dict[str, Timer] = NOTHING
        """Armed, or fired and still in the mailbox or the stash."""
        self.ready = False
        """In the dispatcher's queue."""
        self.started = False
        """`start` has run in this life: there is a state."""
        self.suspended = False
        """Crashed, and pausing before its restart; mail waits, of the system lane too."""
        self.stopped = False
        """Out of the address book, or about to be."""
        self.passivating = False
        """Leaves once nothing waits for it and no child lives, unless it is told something."""
        self.parent = parent
        self.children: dict[ActorRef[Any], Cell] = NOTHING
        self.generation: int = parent.generation + 1 if parent is not None else 1
        self.watchers: dict[ActorRef[Any], None] = NOTHING
        self.watching: dict[ActorRef[Any], None] = NOTHING
        self.restarts: tuple[float, ...] = ()
        """Monotonic times at which the lives began that followed crashes, as far as they count."""
        self.backoff: TimerHandle | None = None
        """What ends the suspension."""
        self.trace = ""
        """Traceparent of what caused the spawn; the effects of its start inherit it."""

    @property
    def runnable(self) -> bool:
        """Whether there is something to handle: a pending start, or mail."""
        if self.started:
            mailbox = self.mailbox
            return bool(mailbox.normal or mailbox.system)
        return not (self.suspended or self.stopped)

    @property
    def quiet(self) -> bool:
        """Nothing waits, in mailbox or stash."""
        return not (self.mailbox.normal or self.mailbox.system or self.stash)

    def forget_timers(self) -> None:
        """End all timers of this life."""
        for timer in self.timers.values():
            timer.cancel()
        self.timers = NOTHING
        if self.backoff is not None:
            self.backoff.cancel()
            self.backoff = None

    def __repr__(self) -> str:
        return f"<Cell {self.ref} {self.mailbox!r} timers={sorted(self.timers)}>"
