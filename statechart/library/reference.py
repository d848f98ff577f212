"""A chart run by `transitions`, to compare the compiled table with.

Used by tests. Imports `outgoing` and the chart.

Slow and independent: hierarchy, order of rows, guards and moves are those of `transitions`. What it
cannot say is decided here: which region has its way (the veto). So the engine is asked for each
active state by itself, and then moves with the rows that won.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from transitions import MachineError

from statechart.library.outgoing import to_machine
from statechart.model import Answer

if TYPE_CHECKING:
    from statechart.chart import Chart
    from statechart.model import Edge

__all__ = ["Reference"]


class Reference:
    """One running chart. Raises `InexpressibleError` for a chart that `transitions` cannot say."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self._machine = to_machine(chart)

    @property
    def atomic(self) -> tuple[str, ...]:
        """The active atomic states, in document order."""
        return tuple(path.rsplit("/", 1)[-1] for path in self._paths())

    def fire(self, event: str, context: object = None, data: object = None) -> bool:
        """Let `event` happen; return whether it was taken (Go) and move only then."""
        return self.answer(event, context, data)[0] is Answer.GO

    def answer(
        self, event: str, context: object = None, data: object = None
    ) -> tuple[Answer, tuple[str, ...]]:
        """Let `event` happen; return the answer and the actions, in the order of `transitions`."""
        found = self._ask(event, context, data)
        answer = next(
            (kind for kind in _BY_WEIGHT if any(edge.answer is kind for edge in found)),
            Answer.REFUSE,
        )
        chosen = [edge for edge in found if edge.answer is answer]
        # The first refusal is the one that is heard.
        self._machine.chosen = chosen[:1] if answer is Answer.REFUSE else chosen
        self._machine.performed = []
        if answer is Answer.GO:
            self._machine.trigger_event(self._machine, event, context, data)
        else:
            self._machine.performed = [str(a) for e in self._machine.chosen for a in e.actions]
        self._machine.chosen = None
        return answer, tuple(self._machine.performed)

    def _ask(self, event: str, context: object, data: object) -> list[Edge]:
        """Return the row of each active atomic state, but for those that yield to inner ones."""
        paths = self._paths()
        found: list[Edge] = []
        for path in paths:
            self._machine.state = path
            self._machine.asked = []
            with suppress(MachineError):  # nothing there answers; another region may
                self._machine.trigger_event(self._machine, event, context, data)
            found += [edge for edge in self._machine.asked if edge not in found]
        self._machine.asked = None
        self._machine.state = paths if len(paths) > 1 else paths[0]
        return [edge for edge in found if edge.answer is Answer.GO or not self._yields(edge, found)]

    def _yields(self, edge: Edge, found: list[Edge]) -> bool:
        return any(self._chart.tree.below(other.source, edge.source) for other in found)

    def _paths(self) -> list[str]:
        return list(_flat(self._machine.state))

    def __repr__(self) -> str:
        return f"<Reference {self._chart.name!r} in {' | '.join(self.atomic)}>"


_BY_WEIGHT = (Answer.REFUSE, Answer.DEFER, Answer.GO, Answer.DROP)


def _flat(state: object) -> tuple[str, ...]:
    """Return the paths in a model's state, which is nested as the parallel states are."""
    if isinstance(state, str):
        return (state,)
    if not isinstance(state, list):
        raise TypeError(f"the state of a machine is a path or a list of states, not {state!r}")
    return tuple(path for part in state for path in _flat(part))
