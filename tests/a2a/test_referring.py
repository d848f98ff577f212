"""What agents are handed: as by a2a-sdk's own builder; and what is stored of a request."""

from __future__ import annotations

from itertools import product
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from a2a.server.agent_execution import RequestContext, SimpleRequestContextBuilder
from a2a.types import Message, Part, SendMessageRequest, Task, TaskPushNotificationConfig
from a2a.utils.errors import InvalidParamsError

from actors.a2a import RequestHandler
from actors.a2a.entry import _as_stored
from actors.a2a.referring import Referred, Referring, new_ids
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card

ME = as_user("me", tenant="acme")


class Known(Referred):
    """Knows every task but "none"."""

    async def get(self, task: str, context: Any) -> Task | None:
        return None if task == "none" else Task(id=task)


def request(task: str = "", context: str = "", *refers: str) -> SendMessageRequest:
    message = Message(
        message_id="m",
        role="ROLE_USER",
        parts=[Part(text="x")],
        task_id=task,
        context_id=context,
        reference_task_ids=refers,
    )
    return SendMessageRequest(message=message)


def told(built: RequestContext, params: SendMessageRequest | None) -> object:
    """Everything that an agent can ask of it, with minted ids replaced."""
    minted = {built.task_id: "a new task", built.context_id: "a new context"}
    for known in ("t", "c", "o", None):
        minted.pop(known, None)

    def plain(said: str | None) -> str | None:
        return minted.get(said, said) if said else said

    message = built.message
    if message is not None:
        assert params is not None
        assert message is params.message or message == params.message
        assert (message.task_id, message.context_id) == (built.task_id, built.context_id)
    return (
        plain(built.task_id),
        plain(built.context_id),
        built.call_context,
        built.current_task,
        built.related_tasks,
        built.get_user_input(),
        built.configuration,
        built.metadata,
    )


async def outcome(builder: Any, *arguments: Any) -> object:
    params = arguments[0]
    try:
        return told(await builder.build(ME, *arguments), params)
    except InvalidParamsError as error:
        return error.message


@pytest.mark.parametrize("refers", [(), ("a", "none", "b")])
async def test_an_agent_is_handed_what_the_sdk_would_hand_it(refers: tuple[str, ...]) -> None:
    ours = Referring(Known())
    theirs = SimpleRequestContextBuilder(
        should_populate_referred_tasks=True,
        task_store=Known(),  # type: ignore[arg-type] # all that the builder needs of one
    )
    seen = set()
    task = Task(id="t", context_id="c")
    for said, of, given, within, current in product(
        ("", "t", "o"), ("", "c", "o"), (None, "t"), (None, "c"), (None, task)
    ):
        outcomes = [
            await outcome(builder, request(said, of, *refers), given, within, current)
            for builder in (ours, theirs)
        ]
        assert outcomes[0] == outcomes[1], (said, of, given, within, current)
        seen.add(str(outcomes[0]))
    assert len(seen) > 8
    assert await outcome(ours, None) == await outcome(theirs, None)


def test_new_ids_are_uuids_of_version_4() -> None:
    ids = [each for _ in range(250) for each in new_ids()]
    assert all(str(UUID(each)) == each for each in ids)
    assert {(UUID(each).version, UUID(each).variant) for each in ids} == {(4, RFC_4122)}
    assert len(set(ids)) == 500
    ever, always = 0, (1 << 128) - 1
    for each in ids:
        ever, always = ever | UUID(each).int, always & UUID(each).int
    assert (ever ^ always).bit_count() == 122, "all bits but version and variant vary"


def test_what_is_stored_has_the_ids_and_no_credentials() -> None:
    hook = TaskPushNotificationConfig(url="http://x", token="secret")
    for said, of, with_hook in product(("", "t"), ("", "c"), (False, True)):
        given = request(said, of)
        if with_hook:
            given.configuration.task_push_notification_config.CopyFrom(hook)
            given.configuration.history_length = 3
        before = given.SerializeToString()
        stored = SendMessageRequest.FromString(_as_stored(given, "t", "c"))
        expected = request("t", "c")
        if with_hook:
            expected.configuration.history_length = 3
        assert stored == expected
        assert given.SerializeToString() == before


async def test_the_callers_request_bears_the_ids_as_with_the_sdk() -> None:
    agent = Actor()
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal())
    given = ask("work")
    done = await handler.on_message_send(given, ME)
    assert isinstance(done, Task)
    assert (given.message.task_id, given.message.context_id) == (done.id, done.context_id)
    await handler.aclose()
