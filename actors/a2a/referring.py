"""Referring: the tasks that a message refers to, as far as its sender may see them (R10).

They reach the agent as `RequestContext.related_tasks`, by way of a2a-sdk's own builder.

Neighbours: `handler.py` (uses it where the user passes no builder), `entry.py` (who may see what).
"""

from __future__ import annotations

import logging
import os
from typing import Any, Final, cast

from a2a.server.agent_execution import RequestContext, SimpleRequestContextBuilder
from a2a.server.context import ServerCallContext
from a2a.server.id_generator import UUIDGenerator
from a2a.server.tasks import TaskStore
from a2a.types import SendMessageRequest, Task
from a2a.utils.errors import TaskNotFoundError

from actors.a2a.entry import Entry
from actors.a2a.errors import RetryableError

logger = logging.getLogger("actors.a2a")


class Referred:
    """What the builder needs of a TaskStore: reading."""

    def __init__(self) -> None:
        self.entry: Entry | None = None
        """Set once there is one: it needs the builder."""

    async def get(self, task: str, context: ServerCallContext) -> Task | None:
        """Return a task that the caller may see; None for any other (R81)."""
        assert self.entry is not None  # noqa: S101 - nobody builds before the handler is built
        try:
            return await self.entry.task(task, context)
        except TaskNotFoundError:
            return None
        except RetryableError as error:
            # Also asked for a run that begins again, or while the server drains: it is better run
            # without them than not at all.
            logger.warning("task %s, which a message refers to, cannot be read: %s", task, error)
            return None


class Referring(SimpleRequestContextBuilder):
    """a2a-sdk's builder, with nothing done that most messages do not need.

    A message that refers to no tasks waits for none, and gets its ids in one go.
    """

    def __init__(self, tasks: Referred) -> None:
        super().__init__(
            should_populate_referred_tasks=True, task_store=cast("TaskStore", cast("Any", tasks))
        )

    async def build(
        self,
        context: ServerCallContext,
        params: SendMessageRequest | None = None,
        task_id: str | None = None,
        context_id: str | None = None,
        task: Task | None = None,
    ) -> RequestContext:
        """Return what the agent's `execute` receives, as a2a-sdk's builder does."""
        if params is None or task is not None or params.message.reference_task_ids:
            return await super().build(context, params, task_id, context_id, task)
        task_id = task_id or params.message.task_id or new_id()
        context_id = context_id or params.message.context_id or new_id()
        return RequestContext(
            context,
            params,
            task_id,
            context_id,
            task_id_generator=_UNUSED,
            context_id_generator=_UNUSED,
        )


_UNUSED: Final = UUIDGenerator()
"""Else each RequestContext makes two; it has its ids by then."""

_RANDOM: Final = 0xFFFFFFFF_FFFF_0FFF_3FFFFFFF_FFFFFFFF
_VERSION_4: Final = 0x00000000_0000_4000_8000_0000_0000_0000


def new_id() -> str:
    """Return a random UUID (version 4), as `str(uuid4())` does, in half its time."""
    digits = f"{int.from_bytes(os.urandom(16), 'big') & _RANDOM | _VERSION_4:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
