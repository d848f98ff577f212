"""Leftover: the webhooks that an earlier process has left undelivered, read a few at a time.

Neighbours: `outbox.py` (finds them), `rounds.py` (works on them).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from actors.runtime import Effect, Log
from actors.runtime.journal.messages import Answered
from actors.task.attempts import Target
from actors.task.listing import task_row
from actors.task.orders import Deliver, Hook, Hooked, LookAfter, Unhooked
from actors.task.revive import folded

PAGE = 256
"""Webhooks that are asked for at a time."""

BACKLOG = 16
"""Webhooks that are read for at a time."""


class Leftover:
    """What was left, as far as it is known."""

    __slots__ = ("_begun", "_waiting", "after", "alien", "early", "scanning")

    def __init__(self) -> None:
        self.scanning = True
        """Not all is known yet."""
        self.after = ("", "")
        """Consumer and log of the last that was found."""
        self.alien = 0
        """How many were found that are for a server that is set up otherwise."""
        self.early: list[Deliver | LookAfter | Hooked | Unhooked] = []
        """What came while not all was known: what was left of the same task goes first."""
        self._waiting: deque[Target] = deque()
        self._begun: list[Target] = []
        """The latest."""

    def add(self, target: Target) -> None:
        """Work on a webhook when its turn comes."""
        self._waiting.append(target)

    def found(self) -> list[Effect]:
        """Note that all is known; return what there is to say of it."""
        self.scanning = False
        if not self.alien:
            return []
        text = (
            f"{self.alien} webhooks have yet to hear of tasks, and are left alone, and their tasks "
            "kept: they are for a server with a push_sender, and this one has none, or vice versa"
        )
        return [Log(logging.WARNING, text)]

    def more(self, busy: Callable[[Target], bool]) -> Iterator[Target]:
        """Yield what can be begun, while not too many of those that were begun are busy."""
        while self._waiting:
            if len(self._begun) >= BACKLOG:
                self._begun = list(filter(busy, self._begun))
            if len(self._begun) >= BACKLOG:
                return
            target = self._waiting.popleft()
            self._begun.append(target)
            yield target


def hooks_in(answer: Answered) -> tuple[Sequence[Hook] | None, list[Effect]]:
    """Return the webhooks that the log of a task tells of, and what there is to say of it.

    None: the log could not be read, which the journal says, or not understood.
    """
    if answer.error is not None:
        return None, []
    if answer.result is None:
        return (), []
    log = answer.result.head.log
    try:
        row, known = task_row(answer.result), folded(answer.result).hooks
    except Exception as error:  # noqa: BLE001 - of whatever it is that another version has written
        text = f"webhooks of task {log} wait, its log cannot be understood: {error!r}"
        return None, [Log(logging.WARNING, text, (("task", log),))]
    owner = (row.owner, row.tenant)
    return [Hook(hook, *each, owner) for hook, each in known.items()], []
