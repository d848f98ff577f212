"""Another's task is no task at all: whatever is asked of it, in whichever state (R81, R87, A13).

What a stranger hears is compared with what is heard of an id that nobody has; so is what the
journal was asked for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryTaskStore, TaskStore
from a2a.types import ListTasksRequest, TaskState
from google.protobuf.timestamp_pb2 import Timestamp

from actors.a2a import Policy, RequestHandler
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.postgres import PostgresJournal
from tests.a2a.agents import card
from tests.a2a.isolation import (
    ALICE,
    OPERATIONS,
    POLICIES,
    SCENES,
    STRANGERS,
    UNKNOWN,
    House,
    heard,
    house_of,
)
from tests.a2a.noted import Noted
from tests.postgres import dsn, own_server, schema

__all__ = ["dsn", "own_server", "schema"]

FATES = ("as it is", "read along", "after a restart", "compacted", "removed")


async def nothing_shows(house: House, who: ServerCallContext) -> None:
    """Hold everything that a stranger can do with a task against an id that nobody has."""
    before, alive, runs = await house.truth(), await house.alive(), len(house.agent.contexts)
    for name in OPERATIONS:
        theirs = await house.asked(name, house.task, who)
        assert theirs == await house.asked(name, UNKNOWN, who), name
        assert theirs[0].startswith("('TaskNotFoundError'"), name
    await nothing_is_listed(house.handler, who)
    assert await house.truth() == before
    assert await house.alive() == alive
    assert (len(house.agent.contexts), house.agent.cancels) == (runs, 0)
    assert house.hooks.asked == []


async def nothing_is_listed(handler: RequestHandler, who: ServerCallContext) -> None:
    context = "of nobody"
    mine = await handler.on_list_tasks(ListTasksRequest(page_size=1), ALICE)
    for found in mine.tasks:
        context = found.context_id
    since = Timestamp(seconds=1)
    for filtered in (
        ListTasksRequest(),
        ListTasksRequest(page_size=1, include_artifacts=True),
        ListTasksRequest(context_id=context),
        ListTasksRequest(status_timestamp_after=since),
        *(ListTasksRequest(status=state) for state in TaskState.keys()),  # noqa: SIM118 - no dict
        ListTasksRequest(page_token=mine.next_page_token),
    ):
        page = await handler.on_list_tasks(filtered, who)
        assert (list(page.tasks), page.total_size, page.next_page_token) == ([], 0, "")


CASES = [
    (state, fate)
    for state in SCENES
    for fate in FATES
    if fate in ("as it is", "after a restart")
    or (fate == "read along" and state in ("submitted", "working", "input required"))
    or (fate in ("compacted", "removed") and state in ("completed", "rejected", "failed"))
]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize(("state", "fate"), CASES)
async def test_r87_a_task_of_another_is_none(policy: str, state: str, fate: str) -> None:
    house = await house_of(MemoryJournal(), policy, state, fate)
    try:
        for who in STRANGERS.values():
            await nothing_shows(house, who)
    finally:
        await house.close()


@pytest.mark.parametrize("scene", ["ask", "work"])
async def test_r87_webhooks_in_the_log_of_another(scene: str) -> None:
    house = House(MemoryJournal(), POLICIES["spec"], own_hooks=True)
    try:
        await house.begin(scene)
        await OPERATIONS["create a webhook"](house.handler, house.task, ALICE)
        for who in STRANGERS.values():
            await nothing_shows(house, who)
        assert await OPERATIONS["get a webhook"](house.handler, house.task, ALICE)
    finally:
        await house.close()


@pytest.mark.parametrize(("scene", "reads"), [("wait", 0), ("ask", 1)], ids=["live", "parked"])
@pytest.mark.parametrize("name", ["get", "subscribe", "cancel", "list webhooks"])
async def test_an_owner_pays_nothing_for_that(name: str, scene: str, reads: int) -> None:
    """A live task is not looked up in the journal; one that is parked is read once."""
    house = House(MemoryJournal(), POLICIES["spec"], own_hooks=True)
    try:
        await house.begin(scene)
        house.journal.taken()
        asking = heard(OPERATIONS[name], house.handler, house.task, ALICE)
        task = asyncio.ensure_future(asking)
        await house.still()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        looks = [each.name for each in house.journal.taken() if each.name in ("read", "page")]
        assert looks == ["read"] * reads
    finally:
        await house.close()


@pytest.mark.parametrize("state", ["working", "input required", "completed"])
@pytest.mark.parametrize("fate", ["as it is", "after a restart"])
async def test_r87_in_a_file(tmp_path: Path, state: str, fate: str) -> None:
    house = await house_of(SqliteJournal(tmp_path / "t.db"), "spec", state, fate)
    try:
        for who in STRANGERS.values():
            await nothing_shows(house, who)
    finally:
        await house.close()


@pytest.mark.parametrize("state", ["working", "input required"])
async def test_r87_in_a_database(dsn: str, schema: str, state: str) -> None:
    house = await house_of(PostgresJournal(dsn, schema=schema), "spec", state, "as it is")
    try:
        for who in STRANGERS.values():
            await nothing_shows(house, who)
    finally:
        await house.close()


class TestOwnStore:
    """A user's own TaskStore judges who may see a task; nobody is asked but that store, once."""

    @pytest.fixture
    def store(self) -> Noted:
        return Noted(InMemoryTaskStore())

    @pytest.fixture
    async def house(self, store: Noted) -> AsyncIterator[House]:
        made = House(None, Policy.sdk())
        made.journal = store
        made.handler = RequestHandler(
            made.agent,
            cast("TaskStore", store),
            card(push_notifications=True),
            push_config_store=made.hooks,
        )
        yield made
        await made.close()

    @pytest.mark.parametrize("scene", sorted(set(SCENES.values())))
    async def test_r87_a_task_of_another_is_none(self, house: House, scene: str) -> None:
        await house.begin(scene)
        who, alive = STRANGERS["another owner"], await house.alive()
        for name in OPERATIONS:
            theirs = await self.asked(house, name, house.task, who)
            assert theirs == await self.asked(house, name, UNKNOWN, who), name
            assert theirs[0].startswith("('TaskNotFoundError'"), name
        await nothing_is_listed(house.handler, who)
        assert await house.alive() <= alive
        assert (len(house.agent.contexts), house.agent.cancels, house.hooks.asked) == (1, 0, [])

    @staticmethod
    async def asked(
        house: House, name: str, task: str, who: ServerCallContext
    ) -> tuple[str, list[str]]:
        house.journal.taken()
        said = await asyncio.wait_for(heard(OPERATIONS[name], house.handler, task, who), 2)
        calls = house.journal.taken()
        assert [(call.name, call.result) for call in calls] == [("get", None)]
        return said, [call.in_words(task) for call in calls]
