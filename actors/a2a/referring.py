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
        task_id = task_id or params.message.task_id
        context_id = context_id or params.message.context_id
        if not (task_id and context_id):
            new_task, new_context = new_ids()
            task_id, context_id = task_id or new_task, context_id or new_context
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

_VARIANT: Final = {f"{digit:x}": f"{digit & 3 | 8:x}" for digit in range(16)}
"""The digit that says by which standard, of which two bits are random."""


def new_ids() -> tuple[str, str]:
    """Return two random UUIDs (version 4), both in a fifth of the time of `str(uuid4())`.

    1.4 us; most of that is to ask the system for randomness, which is done once for both. None is
    kept for later: a process that is forked would have the same.
    """
    digits = os.urandom(32).hex()
    return _uuid(digits[:32]), _uuid(digits[32:])


def _uuid(random: str) -> str:
    variant = _VARIANT[random[15]]
    return f"{random[:8]}-{random[8:12]}-4{random[12:15]}-{variant}{random[16:19]}-{random[20:]}"
