"""What the user's store has of a task goes with it."""

from __future__ import annotations

from typing import Any

import pytest
from a2a.server.tasks import InMemoryPushNotificationConfigStore, InMemoryTaskStore
from a2a.types import Task

from actors.a2a import Policy, RequestHandler, Retention
from actors.storage import MemoryJournal
from actors.task.messages import LetGo, task_ref
from tests.a2a.agents import Actor, ask, card
from tests.a2a.test_once import ME, turns, until


class Store(InMemoryPushNotificationConfigStore):
    """Refuses to delete while it is away."""

    away = False

    async def delete_info(self, task_id: str, context: Any, config_id: str | None = None) -> None:
        if self.away:
            raise OSError("the database of webhooks is away")
        await super().delete_info(task_id, context, config_id)


@pytest.mark.parametrize("away", [False, True])
async def test_webhook_configurations(caplog: pytest.LogCaptureFixture, *, away: bool) -> None:
    store, journal = Store(), MemoryJournal()
    store.away = away
    handler = RequestHandler(
        Actor(), None, card(), journal=journal, push_config_store=store, policy=Policy.sdk()
    )
    tasks = []
    for _ in range(2):
        request = ask("work")
        request.configuration.task_push_notification_config.url = "http://example.com"
        done = await handler.on_message_send(request, ME)
        assert isinstance(done, Task)
        tasks.append(done.id)
    gone, stays = tasks
    core = await handler._entry.core()
    head = journal.head(gone)
    assert head is not None
    core.system.tell(task_ref(gone), LetGo(head))
    await until(lambda: journal.head(gone) is None)
    if away:
        await until(lambda: "could not delete the webhook configurations" in caplog.text)
    else:
        await turns()
        assert not await store.get_info(gone, ME)
    assert await store.get_info(stays, ME)
    await handler.aclose()


def test_retention_is_of_our_own_journals() -> None:
    with pytest.raises(ValueError, match="leave one of the two out"):
        RequestHandler(Actor(), InMemoryTaskStore(), card(), retention=Retention())
