"""Webhook configurations: create, get, list, delete, and the one inside a send.

Neighbours: `handler.py` (mixes this in), `configs.py` (where they are kept).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.request_handler import validate
from a2a.types import (
    AgentCard,
    DeleteTaskPushNotificationConfigRequest,
    GetExtendedAgentCardRequest,
    GetTaskPushNotificationConfigRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTaskPushNotificationConfigsResponse,
    SendMessageRequest,
    TaskPushNotificationConfig,
)
from a2a.utils.errors import (
    ExtendedAgentCardNotConfiguredError,
    PushNotificationNotSupportedError,
    TaskNotFoundError,
)

from actors.a2a.configs import Configs
from actors.a2a.entry import Entry
from actors.a2a.errors import UnauthenticatedError
from actors.a2a.observed import operation
from actors.a2a.validation import validated
from actors.task.policy import Policy

_push_declared = validate(
    lambda self: self._agent_card.capabilities.push_notifications,
    error_message="Push notifications are not supported by the agent",
    error_type=PushNotificationNotSupportedError,
)


class PushConfigs:
    """The operations on webhook configurations and on the extended card."""

    policy: Policy
    extended_agent_card: AgentCard | None
    extended_card_modifier: Callable[[AgentCard, ServerCallContext], Awaitable[AgentCard]] | None
    _agent_card: AgentCard
    _entry: Entry
    _configs: Configs | None
    """None: there is nowhere to keep any."""

    def _kept(self) -> Configs:
        if self._configs is None:
            raise PushNotificationNotSupportedError
        return self._configs

    async def _inline(
        self, task: str, params: SendMessageRequest, context: ServerCallContext
    ) -> bytes:
        """Take the configuration that came with a message; returns what of it goes into the log.

        Raises:
            PushNotificationNotSupportedError: it cannot be kept, and the policy says so (R54).
        """
        declared = self._agent_card.capabilities.push_notifications
        if self.policy.undeclared_push == "refuse" and not (declared and self._configs):
            raise PushNotificationNotSupportedError
        if self._configs is None:
            return b""
        config = params.configuration.task_push_notification_config
        return await self._configs.inline(task, config, context)

    @operation("CreateTaskPushNotificationConfig")
    @validated
    @_push_declared
    async def on_create_task_push_notification_config(
        self, params: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Keep a webhook of a task; one with the same id is replaced (R55, detail 9)."""
        await self._entry.admit(context)
        return await self._kept().keep(params, context)

    @operation("GetTaskPushNotificationConfig")
    @validated
    @_push_declared
    async def on_get_task_push_notification_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Return one webhook of a task (R57, A9)."""
        await self._entry.admit(context)
        for config in await self._kept().all(params.task_id, context):
            if config.id == params.id:
                return config
        raise TaskNotFoundError

    @operation("ListTaskPushNotificationConfigs")
    @validated
    @_push_declared
    async def on_list_task_push_notification_configs(
        self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> ListTaskPushNotificationConfigsResponse:
        """Return all webhooks that the caller has set on a task (R58)."""
        await self._entry.admit(context)
        found = await self._kept().all(params.task_id, context)
        return ListTaskPushNotificationConfigsResponse(configs=found)

    @operation("DeleteTaskPushNotificationConfig")
    @validated
    @_push_declared
    async def on_delete_task_push_notification_config(
        self, params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        """Forget a webhook; again, and for unknown ones, without an error (R59)."""
        await self._entry.admit(context)
        await self._kept().delete(params.task_id, params.id, context)

    @operation("GetExtendedAgentCard")
    @validated
    @validate(
        lambda self: self._agent_card.capabilities.extended_agent_card,
        error_message="The agent does not support authenticated extended cards",
    )
    async def on_get_extended_agent_card(
        self,
        params: GetExtendedAgentCardRequest,
        context: ServerCallContext,
    ) -> AgentCard:
        """Return the card for authenticated callers, adapted to this one (R75, R76)."""
        await self._entry.admit(context)
        if self.policy.extended_card == "authenticated" and not context.user.is_authenticated:
            raise UnauthenticatedError
        card = self.extended_agent_card
        if card is None:
            raise ExtendedAgentCardNotConfiguredError
        if self.extended_card_modifier is not None:
            card = await self.extended_card_modifier(card, context)
        return card
