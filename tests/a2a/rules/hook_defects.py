"""Defects of webhooks: of the operations on configurations, and of what is sent.

Neighbours: `defects.py` (defects of the other operations), `hearing.py` (what right ones do).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from a2a.server.context import ServerCallContext
from a2a.types import (
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    StreamResponse,
    TaskPushNotificationConfig,
)

from actors.a2a import RequestHandler
from actors.a2a.hook_client import Post
from actors.a2a.hooks import Hooks
from actors.runtime import ActorRef
from actors.task.orders import OUTBOX, Delivered
from actors.task.ports import Notify
from tests.a2a.rules.defects import Proceed, with_handler
from tests.a2a.rules.server import Setup


class HookDefect(RequestHandler):
    """The right handler; its subclasses are wrong in `config` or in `spoil`."""

    async def config(self, op: str, params: Any, context: ServerCallContext, go: Proceed) -> Any:
        """Answer `create`, `get`, `list` or `delete`; `go(params)` is the right answer."""
        return await go(params)

    def spoil(self, hooks: Hooks) -> None:
        """Change our own webhooks, which have just started."""

    # -- where they are called

    async def start(self) -> None:
        await super().start()
        runtime = self._runtime._runtime
        port = None if runtime is None else runtime.ports.get("webhook")
        if isinstance(port, Hooks):
            self.spoil(port)

    async def on_create_task_push_notification_config(
        self, params: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        base = super().on_create_task_push_notification_config
        kept: TaskPushNotificationConfig = await self.config(
            "create", params, context, lambda given: base(given, context)
        )
        return kept

    async def on_get_task_push_notification_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        base = super().on_get_task_push_notification_config
        found: TaskPushNotificationConfig = await self.config(
            "get", params, context, lambda given: base(given, context)
        )
        return found

    async def on_list_task_push_notification_configs(
        self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> ListTaskPushNotificationConfigsResponse:
        base = super().on_list_task_push_notification_configs
        page: ListTaskPushNotificationConfigsResponse = await self.config(
            "list", params, context, lambda given: base(given, context)
        )
        return page

    async def on_delete_task_push_notification_config(
        self, params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        base = super().on_delete_task_push_notification_config
        await self.config("delete", params, context, lambda given: base(given, context))


def posting(setup: Setup, change: Callable[[Post], Post]) -> Setup:
    """Return the setup with every POST of ours changed."""

    class Posts(HookDefect):
        def spoil(self, hooks: Hooks) -> None:
            right = hooks._post

            def post(request: Notify, config: TaskPushNotificationConfig) -> Post:
                return change(right(request, config))

            hooks._post = post  # type: ignore[method-assign] # that is the defect

    return with_handler(setup, Posts)


def swallowing(setup: Setup, drop: Callable[[StreamResponse], bool]) -> Setup:
    """Return the setup that takes some notifications for delivered without sending them."""

    class Swallows(HookDefect):
        def spoil(self, hooks: Hooks) -> None:
            right = hooks.perform

            def perform(request: Notify, sender: ActorRef[Any]) -> None:
                if drop(StreamResponse.FromString(request.record.payload)):
                    hooks._system.tell(OUTBOX, Delivered(request.task, request.hook))
                else:
                    right(request, sender)

            hooks.perform = perform  # type: ignore[method-assign] # that is the defect

    return with_handler(setup, Swallows)
