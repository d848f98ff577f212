"""Reader: one reader of a task, who pulls what follows its cursor from a FanOutActor.

A shell between an asyncio task that reads and the actor that serves. It is where the pages come to
(a ReplyTo), it holds at most those of one pull, and while it waits it costs one future.

Neighbours: `fanout.py` (serves), `readers.py` (lets in and out), `core.py` (makes these).
"""

from __future__ import annotations

from typing import Any

from actors.runtime import ActorSystem, Caller
from actors.runtime.clock import TimerHandle
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.messages import JOURNAL, ReadPage
from actors.task.fanout import PAGE
from actors.task.messages import Admitted, Detach, Get, task_ref
from actors.task.orders import Page, Pull

SILENCE = 3600.0
"""Seconds, up to twice as many, without a record, after which a reader looks whether the records
come elsewhere by now."""


class Reader:
    """Reads the records of a task page by page; to be closed, whatever the end is.

    Args:
        system: where the task lives.
        task: its id.
        admitted: what this reader was let in with.
        cursor: it reads what follows this record.
        caller: who reads.
    """

    __slots__ = (
        "_caller",
        "_calm",
        "_closed",
        "_ended",
        "_error",
        "_fanout",
        "_number",
        "_pages",
        "_seen",
        "_silent",
        "_system",
        "_task",
        "_timer",
        "_wakes",
        "cursor",
    )

    def __init__(
        self, system: ActorSystem, task: str, admitted: Admitted, cursor: int, caller: Caller
    ) -> None:
        self._system = system
        self._task = task
        self._fanout = admitted.fanout
        self._number = admitted.reader
        self.cursor = cursor
        """It reads what follows this record; may be changed before the first page."""
        self._caller = caller
        self._pages: list[Page] = []
        """What has come and was not read."""
        self._calm = False
        """A pull is outstanding, so pages come unasked, and nothing is the matter."""
        self._wakes: Any = None
        """A future of the system, resolved when something has come, while that is waited for."""
        self._error: Exception | None = None
        self._timer: TimerHandle | None = None
        self._seen = -1
        """The cursor when the timer was armed."""
        self._silent = False
        self._ended = False
        self._closed = False

    async def next(self) -> Page | None:
        """Return the records that follow, once there are any; None after the end of the log.

        Where a journal no longer keeps them, a page with the Task as it is takes their place.

        Raises:
            StorageUnavailable: the journal does not answer, or another server has the task by now.
            ActorStopped: the task has stopped, and the reader is to resume.
        """
        while not self._pages:
            if self._calm:
                self._wakes = self._system.new_future()
                await self._wakes
            elif self._ended:
                return None
            else:
                await self._ask()
        page = self._pages.pop(0)
        self._silent = False  # it is not, whatever the timer has thought before this was read
        self._calm = page.stands and self._error is None
        self._ended = page.end is not None
        if page.records:
            self.cursor = page.records[-1].seq
        elif not self._ended:
            page = await self._instead(page)
        return page

    async def _ask(self) -> None:
        """Pull, or see why nothing comes."""
        if self._error is not None:
            raise self._error
        if self._timer is None:
            self._listen()
        silent, self._silent, self._calm = self._silent, False, True  # until it is told otherwise
        if silent:
            await self._look_elsewhere()
        else:
            pull = Pull(self._number, self.cursor, PAGE)
            self._system.tell(self._fanout, pull, self)

    async def _instead(self, page: Page) -> Page:
        """Return a page with the Task as it is, where there are no records any more."""
        if page.gap:
            task = await self._system.ask(task_ref(self._task), Get(), self._caller)
            page = Page((), snapshot=task)
        if page.snapshot is None:  # asking again would never end
            raise StorageUnavailable("the journal no longer has what the task's actor knows of")
        self.cursor = page.snapshot.version
        return page

    # -- silence

    def _listen(self) -> None:
        """One timer for as long as it reads: nothing is armed, or looked at, for each page."""
        self._seen = self.cursor
        self._timer = self._system.clock.call_later(SILENCE, self._look_up)

    def _look_up(self) -> None:
        self._timer = None
        if not self._calm or self._pages or self._seen != self.cursor:
            self._listen()
        else:
            self._silent, self._calm = True, False
            self._wake()

    async def _look_elsewhere(self) -> None:
        """See whether another server has gone on with the task: its records never come here."""
        page: Page = await self._system.ask(JOURNAL, ReadPage(self._task, self.cursor, 1))
        if page.records and not self._pages:
            raise StorageUnavailable("another server has taken this task over")

    # -- what comes

    def resolve(self, page: Page) -> None:
        """Take a page in."""
        if self._closed:
            self._system.dead_letter(page, "reader gone")
            return
        self._pages.append(page)
        self._wake()

    def reject(self, error: Exception) -> None:
        """Raise `error` where the reader is, behind the pages that have come."""
        if self._closed:
            self._system.dead_letter(error, "reader gone")
            return
        self._error, self._calm = error, False
        self._wake()

    def _wake(self) -> None:
        wakes, self._wakes = self._wakes, None
        if wakes is not None and not wakes.done():  # it is if whoever waited was cancelled
            wakes.set_result(None)

    def close(self) -> None:
        """Let the reader out; idempotent."""
        if self._closed:
            return
        self._closed = True
        self._pages.clear()
        if self._timer is not None:
            self._timer.cancel()
        detach = Detach(self._fanout, self._number)
        self._system.tell(task_ref(self._task), detach)

    def __fingerprint__(self) -> object:
        """Which reader it is, and what it has got."""
        return (self._fanout, self._number, self._pages, self._error, self._wakes)
