"""The same message once more: the answer that it got the first time, read back from the log (R86).

A message whose run is still going on is waited for like the first time. What a journal no longer
keeps is answered with the Task as it is.

Neighbours: `settle.py` (which record answers), `core.py` (reads), `a2a/handler.py` (asks).
"""

from __future__ import annotations

from contextlib import aclosing

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
    told = Retelling(Question(wait, place.seq), core.policy)
    admitted = await core.attach(place.log, 0, caller, sender=True)
    with core.reading(place.log, admitted):
        async with aclosing(core.pages(place.log, admitted, 0, caller)) as pages:
            async for page in pages:
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
    """Let a reader in as it was let in when the message at `place` was accepted."""
    before = await _before(core, place)
    admitted = await core.attach(place.log, place.seq, caller, sender=True)
    return admitted._replace(version=before.version, message=place.seq, task=before.task_bytes)


async def _before(core: TaskCore, place: Place) -> Fold:
    """Return the fold of what came before a message; an empty one when that is not kept."""
    fold = Fold()
    while fold.version < place.seq - 1:
        limit = min(PAGE, place.seq - 1 - fold.version)
        page = await core.page(place.log, fold.version, limit)
        if not page.records:
            return Fold()
        for record in page.records:
            fold.apply(record)
    return fold
