"""Reader: one reader of a task, who pulls what follows its cursor from a FanOutActor.

A shell between an asyncio task that reads and the actor that serves. It is where the pages come to
(a ReplyTo), it holds at most those of one pull, and while it waits it costs nothing else.

Neighbours: `fanout.py` (serves), `readers.py` (lets in and out), `core.py` (makes these).
"""

from __future__ import annotations

from collections.abc import Awaitable

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
        "_error",
        "_fanout",
        "_gap",
        "_number",
        "_pages",
        "_seat",
        "_seen",
        "_silent",
        "_system",
        "_task",
        "_timer",
        "cursor",
        "ended",
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
        self._seat = system.bell.seat()
        """Where whoever reads waits."""
        self._error: Exception | None = None
        self._timer: TimerHandle | None = None
        self._seen = -1
        """The cursor when the timer was armed."""
        self._silent = False
        self._gap = False
        """The journal no longer keeps what follows."""
        self.ended = False
        """The last page of the log has been taken."""
        self._closed = False

    def here(self) -> Page | None:
        """Take the next page: the records that follow. None: it is not here; see `more`.

        Where a journal no longer keeps them, a page with the Task as it is takes their place.

        Raises:
            StorageUnavailable: the journal does not answer, or another server has the task by now.
            ActorStopped: the task has stopped, and the reader is to resume.
        """
        if not self._pages:
            if self._error is not None and not self.ended:
                raise self._error
            return None
        page = self._pages.pop(0)
        self._silent = False  # it is not, whatever the timer has thought before this was read
        self._calm = page.stands and self._error is None
        self.ended = page.end is not None
        if page.records:
            self.cursor = page.records[-1].seq
        elif page.gap:
            self._gap = True
            return None
        elif page.snapshot is not None:
            self.cursor = page.snapshot.version
        elif not self.ended:  # asking again would never end
            raise StorageUnavailable("the journal no longer has what the task's actor knows of")
        return page

    def more(self) -> Awaitable[object]:
        """Return what is to be awaited before there is more `here`; unless this has `ended`.

        It raises nothing: `here` does. A reader that keeps up goes through no coroutine.
        """
        return self._seat if self._calm else self._ask()

    async def next(self) -> Page | None:
        """Return the next page, once it is here; None after the end of the log."""
        while (page := self.here()) is None and not self.ended:
            await self.more()
        return page

    async def _ask(self) -> None:
        """Pull, or see why nothing comes."""
        if self._timer is None:
            self._listen()
        silent, self._silent, self._calm = self._silent, False, True  # until it is told otherwise
        if not (silent or self._gap):
            self._system.tell(self._fanout, Pull(self._number, self.cursor, PAGE), self)
            return
        try:
            if self._gap:
                await self._instead()
            else:
                await self._look_elsewhere()
        except Exception as error:  # noqa: BLE001 - raised where it is heard, behind the pages
            self.reject(error)
        except BaseException:  # cancelled: whoever goes on reading begins here anew
            self._silent, self._calm = silent, False
            raise

    async def _instead(self) -> None:
        """Read on from the Task as it is, where there are no records any more."""
        view = await self._system.ask(task_ref(self._task), Get(), self._caller)
        self._gap = False
        self._pages.append(Page((), snapshot=view))

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
            self._seat.ring()

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
        self._seat.ring()

    def reject(self, error: Exception) -> None:
        """Raise `error` where the reader is, behind the pages that have come."""
        if self._closed:
            self._system.dead_letter(error, "reader gone")
            return
        self._error, self._calm = error, False
        self._seat.ring()

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
        return (self._fanout, self._number, self._pages, self._error, self._seat)
