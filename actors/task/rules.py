"""Rules: the compiled chart of one policy, and who decides each kind of message.

Neighbours: `runs.py` (what the agent does), `requests.py` (what clients ask), `readers.py` (who
reads along), `release.py` (what the journal acknowledges), `actor.py` (calls `decide`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from a2a.utils.errors import TaskNotFoundError

from actors.runtime import DeadLetter, Envelope, Message, Reject, Step
from actors.task import readers, release, requests, runs
from actors.task.chart import task_chart
from actors.task.messages import (
    Appended,
    Attach,
    Cancel,
    CancelGraceOver,
    CancelOver,
    Detach,
    Emitted,
    ExecutionDeadline,
    Get,
    Recover,
    RunOver,
    Send,
    Sync,
    TerminalGraceOver,
)
from actors.task.policy import Policy
from actors.task.record import Kind
from actors.task.state import Draft, TaskState

Decide = Callable[["Rules", Draft, Envelope, Any], None]


class Rules:
    """How a live task decides, under one policy.

    Args:
        policy: chooses rows of the chart and times.
        external: the journal judges who may see a task before its actor is asked.
        pushed: kinds of records that webhooks are notified of.
    """

    def __init__(
        self, policy: Policy, *, external: bool = False, pushed: frozenset[Kind] = frozenset()
    ) -> None:
        self.policy = policy
        self.external = external
        self.pushed = pushed
        self.table = task_chart(policy).compile()

    def decide(self, state: TaskState, envelope: Envelope, now: int) -> Step[TaskState]:
        """Return the step that `envelope` causes in a live task."""
        message = envelope.message
        decide = _BY_TYPE.get(type(message))
        if decide is None:
            return Step(state, (DeadLetter(message, "not for a live task"),))
        if envelope.reply_to is not None and not self._may_see(state, envelope, message):
            return Step(state, (Reject(envelope.reply_to, self.unknown(state.task)),))
        draft = Draft(state, now)
        decide(self, draft, envelope, message)
        return draft.finish()

    @staticmethod
    def unknown(task: str) -> TaskNotFoundError:
        """Return the one answer for tasks that are absent or somebody else's (R81)."""
        return TaskNotFoundError(f"Task {task} not found")

    def _may_see(self, state: TaskState, envelope: Envelope, message: Message) -> bool:
        """R87: decided before anything that could reveal the task."""
        owner, tenant, _ = envelope.caller
        mine = (owner, tenant) == (state.owner, state.tenant)
        return mine or self.external or isinstance(message, Sync)


def _appended(rules: Rules, draft: Draft, _: Envelope, message: Appended) -> None:
    if message.writer == draft.state.life:
        release.release(draft, message.upto, rules.policy, rules.pushed)


def _terminal_grace_over(_: Rules, draft: Draft, __: Envelope, ___: TerminalGraceOver) -> None:
    release.over(draft)


def _sync(_: Rules, draft: Draft, envelope: Envelope, __: Sync) -> None:
    draft.reply(envelope, True)


def _recover(_: Rules, __: Draft, ___: Envelope, ____: Recover) -> None:
    """Reviving has settled what there was to settle."""


_BY_TYPE: Mapping[type[Message], Decide] = MappingProxyType(
    {
        Emitted: runs.emitted,
        RunOver: runs.run_over,
        CancelOver: runs.cancel_over,
        CancelGraceOver: runs.cancel_grace_over,
        ExecutionDeadline: runs.execution_deadline,
        Appended: _appended,
        TerminalGraceOver: _terminal_grace_over,
        Send: requests.send,
        Cancel: requests.cancel,
        Get: requests.get,
        Attach: readers.attach,
        Detach: readers.detach,
        Recover: _recover,
        Sync: _sync,
    }
)
