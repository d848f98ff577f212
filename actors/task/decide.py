"""Who decides each kind of message to a live task.

Neighbours: `runs.py` (what the agent does), `requests.py` (what clients ask), `readers.py` (who
reads along), `release.py` (what the journal acknowledges), `actor.py` (calls `decide`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from actors.runtime import DeadLetter, Envelope, Message, Reject, Stash, Step, Tell
from actors.runtime.journal.messages import Answered, Appended, Recover, Recovered
from actors.task import hooks, readers, release, requests, runs, sweeping
from actors.task.draft import Draft
from actors.task.messages import (
    Attach,
    Cancel,
    CancelGraceOver,
    CancelOver,
    Configure,
    Detach,
    Emitted,
    ExecutionDeadline,
    Get,
    Hold,
    LetGo,
    Overdue,
    RunOver,
    Send,
    Shorten,
    TerminalGraceOver,
    Unconfigure,
)
from actors.task.orders import OUTBOX, LookAfter
from actors.task.rules import Rules
from actors.task.state import TaskState

Decide: TypeAlias = Callable[[Rules, Draft, Envelope, Any], None]


def decide(rules: Rules, state: TaskState, envelope: Envelope, now: int) -> Step[TaskState]:
    """Return the step that `envelope` causes in a live task."""
    message = envelope.message
    handle = _BY_TYPE.get(type(message))
    if handle is None:
        return Step(state, (DeadLetter(message, "not for a live task"),))
    if state.leaving and not isinstance(message, Answered):
        return Step(state, (Stash(),))
    if envelope.reply_to is not None and not _may_see(rules, state, envelope):
        return Step(state, (Reject(envelope.reply_to, rules.unknown()),))
    draft = Draft(state, now, rules.pushed)
    handle(rules, draft, envelope, message)
    return draft.finish()


def _may_see(rules: Rules, state: TaskState, envelope: Envelope) -> bool:
    """R87: decided before anything that could reveal the task."""
    owner, tenant, _ = envelope.caller
    mine = (owner, tenant) == (state.owner, state.tenant)
    return mine or rules.external or isinstance(envelope.message, Hold)


def _appended(rules: Rules, draft: Draft, _: Envelope, message: Appended) -> None:
    if message.writer == draft.state.life:
        release.release(draft, message.upto, rules.policy, rules.pushed)


def _terminal_grace_over(_: Rules, draft: Draft, __: Envelope, ___: TerminalGraceOver) -> None:
    release.over(draft)


def _hold(_: Rules, draft: Draft, envelope: Envelope, __: Hold) -> None:
    draft.state.holding = True
    draft.reply(envelope, True)


def _recover(rules: Rules, draft: Draft, envelope: Envelope, message: Recover) -> None:
    """Reviving has settled what the log told of; a user's own store tells nothing of runs."""
    if rules.external:
        runs.settle_orphan(rules, draft, envelope.caller)
    if rules.pushed and (known := release.hooks_of(draft.state)):
        draft.do(Tell(OUTBOX, LookAfter(draft.state.task, known)))
    if message.report is not None:
        draft.once_stored(Tell(message.report, Recovered(draft.state.task)))


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
        Configure: hooks.configure,
        Unconfigure: hooks.unconfigure,
        Cancel: requests.cancel,
        Get: requests.get,
        Attach: readers.attach,
        Detach: readers.detach,
        Recover: _recover,
        Hold: _hold,
        Overdue: runs.overdue,
        LetGo: sweeping.let_go,
        Shorten: sweeping.shorten,
        Answered: sweeping.removed,
    }
)
