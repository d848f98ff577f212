"""Blocking calls that webhooks need, in threads that hold up nobody.

The system's resolver blocks for as long as a name server does not answer, and cannot be called off.
In the executor of the loop it would take the threads of the agent, and the end of the loop would
wait for it; the end of the process waits for any executor of concurrent.futures. So each call has a
daemon thread of its own.

Neighbours: `pinned.py` (looks up names), `hook_client.py` (loads certificates).
"""

from __future__ import annotations

import asyncio
import errno
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")

AT_ONCE = 32
"""Threads."""
EACH = 2
"""Threads for one group of calls."""


class Threads:
    """A bounded number of calls at once, few of which are of one group.

    A place is taken until the thread has returned, also when nobody waits for it any more.

    Args:
        at_once: calls in all.
        each: calls of one group.
    """

    def __init__(self, at_once: int = AT_ONCE, each: int = EACH) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._each = each
        self._groups: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    async def call(self, group: str, function: Callable[[], T]) -> T:
        """Return what `function` returns, or raise what it raises, once there is a place for it.

        Raises:
            OSError: the system has no more threads.
        """
        of_group = self._groups.setdefault(group, asyncio.Semaphore(self._each))
        await of_group.acquire()
        try:
            await self._all.acquire()
        except BaseException:
            of_group.release()
            raise
        return await self._begin(of_group, function)

    def _begin(self, of_group: asyncio.Semaphore, function: Callable[[], T]) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def over(settle: Callable[[Any], None], outcome: object) -> None:
            self._all.release()
            of_group.release()
            if not answer.done():  # else nobody waits for it any more
                settle(outcome)

        def work() -> None:
            try:
                told = partial(over, answer.set_result, function())
            except Exception as error:  # noqa: BLE001 - it is whose who waits
                told = partial(over, answer.set_exception, error)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(told)

        try:
            threading.Thread(target=work, name="webhook", daemon=True).start()
        except RuntimeError:
            over(answer.set_exception, OSError(errno.EAGAIN, "there are no more threads"))
        return answer
