"""What a task does when it is to make room: be removed, or let a snapshot stand for its log.

Only at rest, and only as it was when the retention chose it: whatever has happened since speaks
for keeping it. A reader of a task holds it; so does a webhook that has not heard all, as the
journal knows.

Neighbours: `retention.py` (chooses), `decide.py` (calls these).
"""

from __future__ import annotations

from actors.runtime import Caller, Envelope, Perform, Stop, Tell, Unstash
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.messages import JOURNAL, Answered, Compact, KeepSnapshot, Remove
from actors.runtime.journal.port import Place, Snapshot
from actors.task.draft import Draft
from actors.task.messages import LetGo, Shorten, task_ref
from actors.task.orders import RETENTION
from actors.task.ports import Removed
from actors.task.rules import Rules
from actors.task.state import TaskState


def let_go(_: Rules, draft: Draft, __: Envelope, message: LetGo) -> None:
    """Ask the journal to forget this task; until it has, or has not, nobody else is heard."""
    state = draft.state
    if _untouched(state, message):
        state.leaving = True
        draft.do(Tell(JOURNAL, Remove(task_ref(state.task), message.head)))


def removed(rules: Rules, draft: Draft, _: Envelope, answer: Answered) -> None:
    """Go, if the journal has forgotten this task; whoever waits finds that there is none.

    Where the journal could not say whether it has, there may be no log any more that this actor
    knows the end of: it goes, too, and the next one reads what there is.
    """
    draft.state.leaving = False
    if answer.error is not None:
        draft.do(Stop(StorageUnavailable("the journal did not say whether the task is removed")))
    elif answer.result:
        draft.do(Stop(rules.unknown()))
        if rules.removals:
            state = draft.state
            owner = Caller(state.owner, state.tenant)
            draft.do(Perform("removals", Removed(state.task, owner)))
    else:
        draft.do(Unstash())


def shorten(_: Rules, draft: Draft, __: Envelope, message: Shorten) -> None:
    """Keep a snapshot of now, and let go of what it stands for."""
    state = draft.state
    if _untouched(state, message):
        snapshot = Snapshot(state.seq, state.fold.pack())
        state.snapshot = state.seq
        draft.do(
            Tell(JOURNAL, KeepSnapshot(state.task, snapshot)),
            Tell(JOURNAL, Compact(RETENTION, Place(state.task, state.seq))),
        )


def _untouched(state: TaskState, message: LetGo | Shorten) -> bool:
    """Age is by our clock: the row, by which the journal chooses, bears the times of agents."""
    head, before = message.head, message.before
    if before is not None and state.fold.touched >= before:
        return False
    return state.at_rest and (state.seq, state.epoch) == (head.seq, head.epoch)
