"""A transition of a document on its way to a row.

Made by `read`; `ours` and `theirs` say which triggers it has. Imports `model`, `document`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from statechart.model import Answer, Defer, Drop, Go, Refuse

if TYPE_CHECKING:
    from statechart.actions import Action, Timeout
    from statechart.model import Row, Trigger
    from statechart.scxml.document import Element

__all__ = ["Draft", "unwrapped"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Draft:
    """A transition that was read: all of its row but the triggers.

    `descriptors` are as written, none for an eventless transition. `conditions` is None if they
    never hold.
    """

    element: Element
    source: str
    descriptors: tuple[str, ...]
    targets: tuple[str, ...]
    conditions: tuple[str, ...] | None
    actions: tuple[Action, ...]
    internal: bool
    answer: Answer
    timeout: Timeout | None

    def row(self, triggers: tuple[Trigger, ...], sources: tuple[str, ...] = ()) -> Row:
        """Return the row of this draft for `triggers`, at its own source or at several."""
        trigger, source = unwrapped(triggers), unwrapped(sources or (self.source,))
        conditions, reason = unwrapped(self.conditions or ()), self.element.text("sc:reason")
        words = unwrapped(tuple(action for action in self.actions if isinstance(action, str)))
        match self.answer:
            case Answer.REFUSE:
                return Refuse(trigger, source, reason, conditions, words)
            case Answer.DROP:
                return Drop(trigger, source, reason, conditions, words)
            case Answer.DEFER:
                return Defer(trigger, source, reason, conditions)
        return Go(
            trigger,
            source,
            unwrapped(self.targets) if self.targets else None,
            conditions,
            unwrapped(self.actions),
            note=self.element.text("sc:note"),
            internal=self.internal,
        )


def unwrapped(found: tuple[T, ...]) -> T | tuple[T, ...]:
    """Return the only one of `found`, or all."""
    return found[0] if len(found) == 1 else found
