"""Webhook configurations: create, get, list, delete, and the one inside a send.

They are kept in the store that the user passes (`push_config_store`); without one the agent does
not support push notifications, whatever its card says (R54).

Neighbours: `handler.py` (mixes this in).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from a2a.server.context import ServerCallContext
from a2a.server.request_handlers.request_handler import validate, validate_request_params
from a2a.server.tasks import PushNotificationConfigStore
from a2a.server.tasks.push_notification_config_store import normalize_push_notification_config
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
    InvalidParamsError,
    PushNotificationNotSupportedError,
    TaskNotFoundError,
)

from actors.a2a.entry import Entry

_push_declared = validate(
    lambda self: self._agent_card.capabilities.push_notifications,
    error_message="Push notifications are not supported by the agent",
    error_type=PushNotificationNotSupportedError,
)


class PushConfigs:
    """The operations on webhook configurations and on the extended card."""

    extended_agent_card: AgentCard | None
    extended_card_modifier: Callable[[AgentCard, ServerCallContext], Awaitable[AgentCard]] | None
    _agent_card: AgentCard
    _entry: Entry
    _push_config_store: PushNotificationConfigStore | None
    _push_url_validator: Callable[[str], Awaitable[bool]] | None

    def _configs(self) -> PushNotificationConfigStore:
        if self._push_config_store is None:
            raise PushNotificationNotSupportedError
        return self._push_config_store

    async def _check_url(self, url: str) -> None:
        if self._push_url_validator is not None and not await self._push_url_validator(url):
            raise InvalidParamsError(message="Invalid push notification URL")

    async def _keep_push_config(
        self, task: str, params: SendMessageRequest, context: ServerCallContext
    ) -> None:
        """Keep the configuration that came with a message (R66), where there is a store for it."""
        given = params.configuration.HasField("task_push_notification_config")
        if given and self._push_config_store is not None:
            config = params.configuration.task_push_notification_config
            await self._check_url(config.url)
            await self._push_config_store.set_info(task, config, context)

    @validate_request_params
    @_push_declared
    async def on_create_task_push_notification_config(
        self, params: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Keep a webhook of a task; one with the same id is replaced (R55, detail 9)."""
        configs = self._configs()
        await self._entry.task(params.task_id, context)
        await self._check_url(params.url)
        stored = await configs.set_info(params.task_id, params, context)
        return stored or normalize_push_notification_config(params.task_id, params)

    @validate_request_params
    @_push_declared
    async def on_get_task_push_notification_config(
        self, params: GetTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Return one webhook of a task (R57, A9)."""
        configs = self._configs()
        await self._entry.task(params.task_id, context)
        for config in await configs.get_info(params.task_id, context) or []:
            if config.id == params.id:
                return config
        raise TaskNotFoundError

    @validate_request_params
    @_push_declared
    async def on_list_task_push_notification_configs(
        self, params: ListTaskPushNotificationConfigsRequest, context: ServerCallContext
    ) -> ListTaskPushNotificationConfigsResponse:
        """Return all webhooks that the caller has set on a task (R58)."""
        configs = self._configs()
        await self._entry.task(params.task_id, context)
        found = await configs.get_info(params.task_id, context)
        return ListTaskPushNotificationConfigsResponse(configs=found)

    @validate_request_params
    @_push_declared
    async def on_delete_task_push_notification_config(
        self, params: DeleteTaskPushNotificationConfigRequest, context: ServerCallContext
    ) -> None:
        """Forget a webhook; again, and for unknown ones, without an error (R59)."""
        configs = self._configs()
        await self._entry.task(params.task_id, context)
        await configs.delete_info(params.task_id, context, params.id)

    @validate_request_params
    @validate(
        lambda self: self._agent_card.capabilities.extended_agent_card,
        error_message="The agent does not support authenticated extended cards",
    )
    async def on_get_extended_agent_card(
        self,
        params: GetExtendedAgentCardRequest,
        context: ServerCallContext,
    ) -> AgentCard:
        """Return the card for authenticated callers, adapted to this one (R75)."""
        card = self.extended_agent_card
        if card is None:
            raise ExtendedAgentCardNotConfiguredError
        if self.extended_card_modifier is not None:
            card = await self.extended_card_modifier(card, context)
        return card
