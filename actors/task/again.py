"""The same message once more: the answer that it got the first time, read back from the log (R86).

A message whose run is still going on is waited for like the first time. Where records are no longer
kept, the telling begins with the snapshot that stands for them. If that is later than the message,
nobody knows what the answer was: it is the Task as it is, once the run of the message is over.

Neighbours: `settle.py` (which record answers), `core.py` (reads), `a2a/handler.py` (asks).
"""

from __future__ import annotations

from contextlib import closing

from a2a.utils.errors import TaskNotFoundError

from actors.runtime import Caller
from actors.runtime.journal.port import Place
from actors.task.core import TaskCore
from actors.task.fanout import PAGE
from actors.task.fold import Fold
from actors.task.messages import Admitted, Settled, Wait
from actors.task.settle import Question, Retelling


async def answer_again(core: TaskCore, place: Place, wait: Wait, caller: Caller) -> Settled:
    """Return what the message at `place` was answered with, or will be.

    Raises:
        TaskNotFoundError: its task is gone, and nothing is known of the answer.
    """
    admitted = await core.attach(place.log, 0, caller, sender=True)
    reader = core.reader(place.log, admitted, 0, caller)
    with closing(reader):  # which keeps the retention away
        known = await _known(core, place, caller)
        if known.version >= place.seq and (wait is Wait.FIRST or place.seq not in known.accepted):
            view = await core.view(place.log, caller)
            return _as_it_is(view.task if view else b"")
        told = Retelling(Question(wait, place.seq), core.policy, known)
        reader.cursor = known.version
        while page := await reader.next():
            for record in page.records:
                settled = told.hear(record)
                if settled is not None:
                    return settled
            if page.snapshot is not None:
                return _as_it_is(page.snapshot.task)
    return _as_it_is(told.fold.task_bytes)


def _as_it_is(task: bytes) -> Settled:
    if not task:
        raise TaskNotFoundError
    return Settled(task)


async def stream_again(core: TaskCore, place: Place, caller: Caller) -> Admitted:
    """Let a reader in as it was let in when the message at `place` was accepted.

    What it reads begins with the Task as it is where what came then is no longer kept.
    """
    admitted = await core.attach(place.log, place.seq, caller, sender=True)
    try:
        before = await _before(core, place, caller)
    except BaseException:
        core.let_out(place.log, admitted)
        raise
    task = before.task_bytes if before.version < place.seq else b""
    return admitted._replace(version=place.seq - 1, message=place.seq, task=task)


async def _before(core: TaskCore, place: Place, caller: Caller) -> Fold:
    """Return the fold of what came before a message, if that can be had."""
    known = await _known(core, place, caller)
    while known.version < place.seq - 1:
        limit = min(PAGE, place.seq - 1 - known.version)
        page = await core.page(place.log, known.version, limit)
        if not page.records:
            raise TaskNotFoundError
        for record in page.records:
            known.apply(record)
    return known


async def _known(core: TaskCore, place: Place, caller: Caller) -> Fold:
    """Return the fold to go on from towards a message; later than it if none before is kept."""
    stored = await core.stored(place.log, caller)
    if stored is None:
        raise TaskNotFoundError
    base = stored.snapshot
    if base is not None and (base.seq < place.seq or stored.head.floor > 0):
        return Fold.unpack(base.payload)
    return Fold()
