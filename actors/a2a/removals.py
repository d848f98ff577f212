"""The RemovalPort for real: what the user's store of webhook configurations has of a removed task.

Best effort: a store that raises is logged, and a process that ends meanwhile leaves the
configurations behind.

Neighbours: `task/sweeping.py` (commands this), `runtime.py` (wires it), `push.py` (the store).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from a2a.server.tasks import PushNotificationConfigStore

from actors.a2a.requests import Calls
from actors.runtime import ActorRef
from actors.task.ports import Removed

logger = logging.getLogger("actors.webhook")


class Removals:
    """Deletes the webhook configurations of tasks that are gone."""

    def __init__(
        self,
        store: PushNotificationConfigStore,
        calls: Calls,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._store = store
        self._calls = calls
        self._loop = loop
        self._deleting: set[asyncio.Task[None]] = set()

    def perform(self, request: Removed, sender: ActorRef[Any]) -> None:
        """Begin to delete."""
        deleting = self._loop.create_task(self._delete(request))
        self._deleting.add(deleting)
        deleting.add_done_callback(self._deleting.discard)

    async def _delete(self, request: Removed) -> None:
        context = self._calls.context_of(request.caller)
        try:
            await self._store.delete_info(request.task, context)
        except Exception:
            logger.exception(
                "could not delete the webhook configurations of task %s, which is removed",
                request.task,
                extra={"task": request.task, "owner": request.caller.owner},
            )

    def close(self) -> None:
        """Give up what is under way; for a system that shuts down."""
        for deleting in self._deleting:
            deleting.cancel()
