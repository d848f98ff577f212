"""Where webhook configurations are kept: in the log of their task, or in a store of the user's.

Those in the log survive what the task survives, and are delivered by `hooks.py`. A store that the
user passes (`push_config_store`) is read by the sender that they pass (`push_sender`).

Neighbours: `push.py` (the operations on them), `entry.py` (whose task it is).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

from a2a.server.context import ServerCallContext
from a2a.server.tasks import PushNotificationConfigStore
from a2a.server.tasks.push_notification_config_store import normalize_push_notification_config
from a2a.types import AgentCard, TaskPushNotificationConfig
from a2a.utils.errors import InvalidParamsError

from actors.a2a.entry import Entry, client_errors
from actors.a2a.hook_config import check_config
from actors.a2a.targets import Targets, check_url
from actors.task.delivery import Delivery

Validator: TypeAlias = Callable[[str], Awaitable[bool]]
"""What the user says of a webhook's address."""


class Configs(Protocol):
    """The configurations of a task, for whoever may see the task (R87)."""

    async def keep(
        self, config: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Keep one; one with the same id is replaced. Returns it as it is kept (R55)."""

    async def inline(
        self, task: str, config: TaskPushNotificationConfig, context: ServerCallContext
    ) -> bytes:
        """Take the one that comes with a message (R66); returns what is to go into the log."""

    async def all(
        self, task: str, context: ServerCallContext
    ) -> Sequence[TaskPushNotificationConfig]:
        """Return those of a task."""

    async def delete(self, task: str, hook: str, context: ServerCallContext) -> None:
        """Forget one; unknown ones are fine (R59)."""


class StoreConfigs:
    """Configurations in a store of the user's.

    Args:
        store: theirs.
        validator: says which addresses are acceptable; None: all are.
        entry: says whose a task is.
    """

    def __init__(
        self, store: PushNotificationConfigStore, validator: Validator | None, entry: Entry
    ) -> None:
        self._store = store
        self._validator = validator
        self._entry = entry

    async def keep(
        self, config: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Keep one in the store."""
        await self._entry.task(config.task_id, context)
        await _validate(self._validator, config.url)
        stored = await self._store.set_info(config.task_id, config, context)
        return stored or normalize_push_notification_config(config.task_id, config)

    async def inline(
        self, task: str, config: TaskPushNotificationConfig, context: ServerCallContext
    ) -> bytes:
        """Keep one in the store, before its message is accepted; nothing goes into the log."""
        await _validate(self._validator, config.url)
        await self._store.set_info(task, config, context)
        return b""

    async def all(
        self, task: str, context: ServerCallContext
    ) -> Sequence[TaskPushNotificationConfig]:
        """Return what the store has of a task."""
        await self._entry.task(task, context)
        return await self._store.get_info(task, context) or ()

    async def delete(self, task: str, hook: str, context: ServerCallContext) -> None:
        """Delete one from the store."""
        await self._entry.task(task, context)
        await self._store.delete_info(task, context, hook)


class LogConfigs:
    """Configurations in the logs of their tasks.

    Args:
        delivery: says which addresses are allowed (R65).
        validator: what the user says of addresses besides; None: nothing.
        entry: the way to the tasks.
    """

    def __init__(self, delivery: Delivery, validator: Validator | None, entry: Entry) -> None:
        self._delivery = delivery
        self._validator = validator
        self._entry = entry

    async def keep(
        self, config: TaskPushNotificationConfig, context: ServerCallContext
    ) -> TaskPushNotificationConfig:
        """Store one with its task."""
        await self._entry.task(config.task_id, context)
        kept = normalize_push_notification_config(config.task_id, config)
        await self._check(kept)
        core = await self._entry.core()
        with self._entry.call(context) as caller, client_errors():
            await core.configure(kept.task_id, kept.SerializeToString(), caller)
        return kept

    async def inline(
        self, task: str, config: TaskPushNotificationConfig, context: ServerCallContext
    ) -> bytes:
        """Return it as it goes into the log, with its message."""
        kept = normalize_push_notification_config(task, config)
        await self._check(kept)
        return kept.SerializeToString()

    async def all(
        self, task: str, context: ServerCallContext
    ) -> Sequence[TaskPushNotificationConfig]:
        """Return what the log says."""
        view = await self._entry.view(task, context)
        return [TaskPushNotificationConfig.FromString(config) for config in view.hooks]

    async def delete(self, task: str, hook: str, context: ServerCallContext) -> None:
        """Store that one is deleted; no attempt to notify it begins after this has returned."""
        await self._entry.task(task, context)
        core = await self._entry.core()
        with self._entry.call(context) as caller, client_errors():
            await core.unconfigure(task, hook, caller)

    async def _check(self, config: TaskPushNotificationConfig) -> None:
        try:
            check_config(config)
            check_url(config.url, self._delivery)
        except ValueError as error:
            raise InvalidParamsError(f"Invalid push notification configuration: {error}") from error
        await _validate(self._validator, config.url)


def own_delivery(
    card: AgentCard,
    theirs: tuple[object | None, object | None, object | None],
    given: Delivery | None,
) -> Delivery | None:
    """Return how we deliver webhooks; None where we do not.

    Args:
        card: says whether there are any (R54).
        theirs: the user's task store, configuration store and sender: who has one of these keeps
            or sends webhooks in their own way.
        given: what the user has said of ours.

    Raises:
        ValueError: something is said of ours, and there are none; or it names no network.
    """
    if any(each is not None for each in theirs):
        if given is not None:
            raise ValueError(
                "delivery is of webhooks that this handler keeps and sends, and task_store, "
                "push_config_store or push_sender take that over: leave one of the two out"
            )
        return None
    delivery = given or Delivery()
    Targets(delivery.allow)  # what is wrong with these is said now
    return delivery if card.capabilities.push_notifications else None


def configs(
    store: PushNotificationConfigStore | None,
    ours: Delivery | None,
    validator: Validator | None,
    entry: Entry,
) -> Configs | None:
    """Return where configurations are kept; None where they are not, and so not supported."""
    if store is not None:
        return StoreConfigs(store, validator, entry)
    return None if ours is None else LogConfigs(ours, validator, entry)


async def _validate(validator: Validator | None, url: str) -> None:
    if validator is not None and not await validator(url):
        raise InvalidParamsError(message="Invalid push notification URL")
