"""Rules: what a TaskActor decides by; the compiled chart of one policy and what surrounds it.

Neighbours: `chart.py` (the table), `decide.py` (who decides each kind of message, by these).
"""

from __future__ import annotations

from a2a.utils.errors import TaskNotFoundError

from actors.task.chart import task_chart
from actors.task.policy import Policy


class Rules:
    """How live tasks decide, under one policy.

    Args:
        policy: chooses rows of the chart and times.
        external: the journal judges who may see a task before its actor is asked.
        pushed: kinds of records that webhooks are notified of.
        hooks: those of every task besides its own; ("",) where the user has passed a sender.
        removals: there is a port that wants to hear which tasks are removed.
        artifacts: how many a task may have; None: any number.
        incarnation: names this core among all that ever write to the journal, minted once for
            each; `draft.py` says what for. Empty only where no other can write.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        external: bool = False,
        pushed: frozenset[int] = frozenset(),
        hooks: tuple[str, ...] = (),
        removals: bool = False,
        artifacts: int | None = None,
        incarnation: str = "",
    ) -> None:
        self.policy = policy
        self.external = external
        self.pushed = pushed
        self.hooks = hooks
        self.removals = removals
        self.artifacts = artifacts
        self.incarnation = incarnation
        self.table = task_chart(policy).compile()

    @staticmethod
    def unknown() -> TaskNotFoundError:
        """Return the one answer for tasks that are absent or somebody else's (R81)."""
        return TaskNotFoundError()
