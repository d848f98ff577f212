"""Who owns what: pairs of owner and tenant that look alike, resolvers that fail, races, repeats.

Neighbours: `test_isolation.py` (the states of a task), `isolation.py` (who asks, and what).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from a2a.auth.user import UnauthenticatedUser
from a2a.server.agent_execution import SimpleRequestContextBuilder
from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    SubscribeToTaskRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import TaskNotFoundError

from actors.a2a import Policy, RequestHandler
from actors.a2a.errors import OverloadedError
from actors.runtime.journal.port import Journal
from actors.storage import MemoryJournal, SqliteJournal
from actors.storage.postgres import PostgresJournal
from actors.task.actor import TaskActor
from actors.task.messages import task_ref
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.isolation import OPERATIONS, UNKNOWN, Plays, heard
from tests.a2a.noted import Noted, NotedHooks
from tests.a2a.test_once import until
from tests.postgres import dsn, own_server, schema

__all__ = ["dsn", "own_server", "schema"]

ALICE, BOB = as_user("alice", "red"), as_user("bob", "red")
ALIKE = [
    ("a", "bc"),
    ("ab", "c"),
    ("abc", ""),
    ("", "abc"),
    ("", ""),
    ("a\0b", "c"),
    ("a", "b\0c"),
    ('a", "b', "c"),
    ("a", 'b", "c'),
    ("A", "bc"),
    ("a ", "bc"),
    ("\u00e9", ""),
    ("e\u0301", ""),
    ("%", "_"),
]
"""Owners and tenants that a joining, a folding or a pattern would take for one another."""


@pytest.fixture
def agent() -> Plays:
    return Plays()


@pytest.fixture
async def handler(agent: Plays) -> AsyncIterator[RequestHandler]:
    made = RequestHandler(
        agent, None, card(), journal=MemoryJournal(), policy=Policy.sdk(deduplicate=True)
    )
    yield made
    agent.gate.set()
    await made.aclose()


async def sent(handler: RequestHandler, text: str, who: ServerCallContext, **more: Any) -> Task:
    answer = await handler.on_message_send(ask(text, **more), who)
    assert isinstance(answer, Task)
    return answer


async def kept_apart(journal: Journal) -> None:
    """Everybody sends the same message, and looks at everybody's task."""
    made = RequestHandler(Actor(), None, card(), journal=journal, policy=Policy.spec())
    people = [as_user(*pair) for pair in ALIKE]
    tasks = [(await sent(made, "work", who)).id for who in people]
    assert len(set(tasks)) == len(ALIKE), "what one has sent is no repetition of another's"
    for who, task in zip(people, tasks, strict=True):
        page = await made.on_list_tasks(ListTasksRequest(), who)
        assert ([each.id for each in page.tasks], page.total_size) == ([task], 1)
        assert (await sent(made, "work", who)).id == task
    for (_, task), (who, _) in permutations(zip(people, tasks, strict=True), 2):
        with pytest.raises(TaskNotFoundError):
            await made.on_get_task(GetTaskRequest(id=task), who)
    await made.aclose()


async def test_a13_pairs_that_look_alike() -> None:
    await kept_apart(MemoryJournal())


async def test_a13_pairs_that_look_alike_in_a_file(tmp_path: Path) -> None:
    await kept_apart(SqliteJournal(tmp_path / "t.db"))


async def test_a13_pairs_that_look_alike_in_a_database(dsn: str, schema: str) -> None:
    await kept_apart(PostgresJournal(dsn, schema=schema))


async def test_nobody_and_a_user_without_a_name_are_one_owner(handler: RequestHandler) -> None:
    """As with the SDK: the resolver says who owns, and it says the same of both."""
    nobody = ServerCallContext(user=UnauthenticatedUser())
    task = await sent(handler, "work", nobody)
    assert await handler.on_get_task(GetTaskRequest(id=task.id), as_user("")) == task
    with pytest.raises(TaskNotFoundError):
        await handler.on_get_task(GetTaskRequest(id=task.id), as_user("nobody"))


def _raises(_: ServerCallContext) -> str:
    raise PermissionError("who is that?")


RESOLVERS: dict[str, Callable[[ServerCallContext], Any]] = {
    "'PermissionError', 'who is that?'": _raises,
    "'TypeError', 'owner_resolver returned NoneType, expected str": lambda _: None,
    "'TypeError', 'owner_resolver returned bytes, expected str": lambda _: b"alice",
}


@pytest.mark.parametrize("error", RESOLVERS)
@pytest.mark.parametrize("deduplicate", [False, True])
async def test_without_an_owner_nothing_is_done(
    agent: Plays, error: str, deduplicate: bool
) -> None:
    journal, hooks = Noted(MemoryJournal()), NotedHooks()
    made = RequestHandler(
        agent,
        None,
        card(push_notifications=True),
        push_config_store=hooks,
        journal=journal,
        policy=Policy.sdk(deduplicate=deduplicate),
        owner_resolver=RESOLVERS[error],
    )
    await made.start()
    journal.taken()
    for operation in OPERATIONS.values():
        assert error in await heard(operation, made, UNKNOWN, ALICE)
    for name in ("send", "send at once", "send with a webhook", "stream"):
        assert error in await heard(OPERATIONS[name], made, "", ALICE)
    with pytest.raises((PermissionError, TypeError)):
        await made.on_list_tasks(ListTasksRequest(), ALICE)
    assert (journal.taken(), hooks.asked, agent.contexts) == ([], [], [])
    assert len(made._entry.calls) == 0
    await made.aclose()


Ask = Callable[[RequestHandler, str, ServerCallContext], Awaitable[Any]]
WAKES: dict[str, Ask] = {
    "cancel": lambda h, task, who: h.on_cancel_task(CancelTaskRequest(id=task), who),
    "subscribe": lambda h, task, who: anext(
        h.on_subscribe_to_task(SubscribeToTaskRequest(id=task), who)
    ),
    "get": lambda h, task, who: h.on_get_task(GetTaskRequest(id=task), who),
    "send": lambda h, task, who: h.on_message_send(ask("work", task), who),
}


@pytest.mark.parametrize("first", [ALICE, BOB], ids=["the owner first", "the stranger first"])
@pytest.mark.parametrize("theirs", WAKES)
@pytest.mark.parametrize("mine", WAKES)
async def test_a_stranger_who_asks_at_the_same_time_is_in_nobodys_way(
    handler: RequestHandler, first: ServerCallContext, mine: str, theirs: str
) -> None:
    """Both find the task parked: what is read for one is not what is read for the other."""
    task = await sent(handler, "ask", ALICE)
    core = await handler._entry.core()
    assert not core.system.alive(task_ref(task.id))
    asks = {
        ALICE.user.user_name: WAKES[mine](handler, task.id, ALICE),
        BOB.user.user_name: WAKES[theirs](handler, task.id, BOB),
    }
    order = sorted(asks, key=lambda name: name != first.user.user_name)
    answers = await asyncio.gather(*(asks[name] for name in order), return_exceptions=True)
    heard_by = dict(zip(order, answers, strict=True))
    assert isinstance(heard_by["alice"], Task)
    assert isinstance(heard_by["bob"], TaskNotFoundError)


async def test_a_stranger_cannot_fill_the_mailbox(handler: RequestHandler) -> None:
    task = await sent(handler, "wait", ALICE, return_immediately=True)
    asks = TaskActor.mailbox_bound + 10
    floods = [WAKES["cancel"](handler, task.id, BOB) for _ in range(asks)]
    flood = asyncio.gather(*floods, return_exceptions=True)
    await asyncio.sleep(0)
    cancelled = await handler.on_cancel_task(CancelTaskRequest(id=task.id), ALICE)
    assert cancelled is not None
    assert cancelled.status.state == TaskState.TASK_STATE_CANCELED
    assert {type(error) for error in await flood} <= {TaskNotFoundError, OverloadedError}


async def test_r86_the_id_of_anothers_message(handler: RequestHandler, agent: Plays) -> None:
    """It is a message of their own, also while the other's is still going on."""
    first = asyncio.create_task(handler.on_message_send(ask("hush"), ALICE))
    await until(lambda: len(agent.contexts) == 1)
    second = asyncio.create_task(handler.on_message_send(ask("hush"), BOB))
    await until(lambda: len(agent.contexts) == 2)
    assert agent.contexts[0].task_id != agent.contexts[1].task_id
    agent.gate.set()
    tasks = {context.task_id for context in agent.contexts}
    answers = [answer for answer in (await first, await second) if isinstance(answer, Task)]
    assert {answer.id for answer in answers} == tasks
    assert len(agent.contexts) == 2


def _over_a_store(agent: Plays) -> RequestHandler:
    store = InMemoryTaskStore()
    builder = SimpleRequestContextBuilder(should_populate_referred_tasks=True, task_store=store)
    return RequestHandler(agent, store, card(), request_context_builder=builder)


def _over_a_journal(agent: Plays) -> RequestHandler:
    return RequestHandler(agent, None, card(), journal=MemoryJournal())


@pytest.mark.parametrize("made", [_over_a_store, _over_a_journal])
async def test_r10_references_show_permitted_tasks_only(
    agent: Plays, made: Callable[[Plays], RequestHandler]
) -> None:
    """Whether another's id stands there, or one that nobody has, the agent sees the same."""
    handler = made(agent)
    hers, his = await sent(handler, "work", ALICE), await sent(handler, "work", BOB)
    live = await sent(handler, "wait", ALICE, return_immediately=True)
    seen = []
    for references in ([hers.id, his.id, live.id], [UNKNOWN, his.id], [hers.id], [UNKNOWN]):
        request = ask("work")
        request.message.reference_task_ids.extend(references)
        assert isinstance(await handler.on_message_send(request, BOB), Task)
        seen.append([task.id for task in agent.contexts[-1].related_tasks])
    assert seen == [[his.id], [his.id], [], []]
    agent.gate.set()
    await handler.aclose()
