"""Referring: the tasks that a message refers to, as far as its sender may see them (R10).

They reach the agent as `RequestContext.related_tasks`, by way of a2a-sdk's own builder.

Neighbours: `handler.py` (uses it where the user passes no builder), `entry.py` (who may see what).
"""

from __future__ import annotations

import logging
from typing import Any, cast

from a2a.server.agent_execution import RequestContextBuilder, SimpleRequestContextBuilder
from a2a.server.context import ServerCallContext
from a2a.server.tasks import TaskStore
from a2a.types import Task
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


def referring(tasks: Referred) -> RequestContextBuilder:
    """Return the builder that a handler has where its user passes none."""
    return SimpleRequestContextBuilder(
        should_populate_referred_tasks=True, task_store=cast("TaskStore", cast("Any", tasks))
    )
