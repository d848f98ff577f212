"""Ways through a chart, for people: as a numbered list and as pictures.

Made by `explore`. Imports `environment` and what is below it; `diagram` only when a chart is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from statechart.explore.environment import Cause
from statechart.model import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from statechart.chart import Chart
    from statechart.diagram import Highlight
    from statechart.explore.environment import Node, Step

__all__ = ["Counterexample", "PropertyError", "Trace"]


class PropertyError(AssertionError):
    """A chart does not do what it was claimed to do; the message has the shortest way there."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Trace:
    """A way from the start of a chart: every turn in order, the start first."""

    chart: Chart
    steps: tuple[Step, ...]

    @property
    def node(self) -> Node:
        """Where the way ends."""
        return self.steps[-1].node

    @property
    def _states(self) -> frozenset[str]:
        return frozenset().union(*(step.node.configuration.states for step in self.steps))

    def __str__(self) -> str:
        return "\n".join(f"  {number}. {_told(step)}" for number, step in enumerate(self.steps))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self.steps) - 1} step(s) to {self.node}>"

    def highlight(self) -> Highlight:
        """Return what lights this way in a picture of the chart, with its rows numbered."""
        from statechart.diagram import Highlight

        start, *outcomes = (step.turn.outcome for step in self.steps)
        return Highlight(
            states=self._states,
            edges=start.after,  # the start has no number, so that the others have those of `str`
            steps=tuple((*outcome.edges, *outcome.after) for outcome in outcomes),
        )

    def mermaid(self) -> str:
        """Return the chart as a Mermaid state diagram: this way is lit, its rows are numbered."""
        from statechart import diagram

        return diagram.mermaid(self.chart, lit=self.highlight())

    def sequence(self) -> str:
        """Return a Mermaid sequence diagram: what comes to the chart, where it is, what it does."""
        lines = [
            "sequenceDiagram",
            "    participant environment",
            f"    participant chart as {_escaped(self.chart.name)}",
        ]
        for step in self.steps:
            lines += (f"    {line}" for line in _messages(step))
        return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Counterexample(Trace):
    """The shortest way to where a property does not hold; `claim` says what was claimed."""

    name: str
    claim: str

    def __str__(self) -> str:
        return f"{self.claim}, but not here:\n{Trace.__str__(self)}"


def _told(step: Step) -> str:
    """Return one line for one turn: event, guards, answer, actions, and where it led."""
    outcome = step.turn.outcome
    parts = (
        step.called,
        _CAUSES.get(step.cause, ""),
        _guards(step),
        _answer(step),
        f"/ {', '.join(outcome.actions)}" if outcome.actions else "",
        "->" if outcome.answer is Answer.GO else "in",
        str(step.node),
    )
    return " ".join(part for part in parts if part)


_CAUSES = {Cause.TIMER: "(timer)", Cause.POSTPONED: "(postponed)"}

_ANSWERS = {
    Answer.GO: "",
    Answer.REFUSE: "is refused",
    Answer.DROP: "is dropped",
    Answer.DEFER: "is postponed",
}


def _guards(step: Step) -> str:
    said = ", ".join(name if holds else f"!{name}" for name, holds in step.said.items())
    return f"[{said}]" if said else ""


def _answer(step: Step) -> str:
    outcome = step.turn.outcome
    return _ANSWERS[outcome.answer] + (f" ({outcome.reason})" if outcome.reason else "")


# -- as a sequence diagram -------------------------------------------------------------------------


def _messages(step: Step) -> Iterator[str]:
    outcome = step.turn.outcome
    sender = "environment" if step.cause is Cause.EVENT else "chart"
    if step.cause is not Cause.START:
        yield f"{sender}->>chart: {_escaped(f'{step.called} {_guards(step)}')}"
    if outcome.answer is not Answer.GO:
        yield f"chart--xenvironment: {_escaped(_answer(step))}"
    for action in outcome.actions:
        yield f"chart->>environment: {_escaped(action)}"
    yield f"Note over chart: {_escaped(' | '.join(outcome.configuration.atomic))}"


def _escaped(text: str) -> str:
    """Return `text` on one line, without what Mermaid would read as its own."""
    codes = {"#": "#35;", ";": "#59;", "<": "#lt;", ">": "#gt;"}
    return "".join(codes.get(letter, letter) for letter in " ".join(text.split()))
