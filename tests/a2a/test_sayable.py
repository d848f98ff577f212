"""What has no form in JSON, NaN above all, is refused where it comes in, and poisons no task."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from a2a.server.agent_execution import RequestContext
from a2a.server.events import EventQueue
from a2a.server.tasks import TaskUpdater
from a2a.types import ListTasksRequest, Part, TaskState, TaskStatusUpdateEvent
from a2a.utils.errors import InternalError, InvalidParamsError
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

from actors.a2a import Policy, RequestHandler
from actors.a2a.sayable import unsayable
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card

ME = as_user("me")


@pytest.fixture
def agent() -> Actor:
    return Actor()


@pytest.mark.parametrize("number", [math.nan, -math.nan, math.inf, -math.inf])
def test_no_number_that_is_not_finite_goes_unseen(number: float) -> None:
    struct = Struct()
    struct["x"] = number
    assert unsayable(struct, struct.SerializeToString()) is not None


@pytest.mark.parametrize("number", [0.0, -0.0, 1.7976931348623157e308, 5e-324, -1.5, 17])
def test_finite_numbers_are_fine(number: float) -> None:
    struct = Struct()
    struct["x"] = number
    assert unsayable(struct, struct.SerializeToString()) is None


def test_bytes_that_only_look_like_one_are_fine() -> None:
    part = Part(raw=b"\x11" + b"\0" * 6 + b"\xf8\x7f")
    assert unsayable(part, part.SerializeToString()) is None


@pytest.mark.parametrize("policy", [Policy.sdk(), Policy.spec()], ids=str)
async def test_an_event_without_a_form_in_json_poisons_no_task(
    agent: Actor, policy: Policy
) -> None:
    refused: list[str] = []

    async def score(context: RequestContext, queue: EventQueue, to: TaskUpdater) -> None:
        await agent._begin(context, queue)
        for emitting in (
            to.add_artifact([Part(text="x")], metadata={"score": math.nan}),
            queue.enqueue_event(_status_at(context, 10**13)),
        ):
            try:
                await emitting
            except ValueError as error:
                refused.append(str(error))
        data = Part()
        data.data.list_value.values.add().number_value = float("-inf")
        await to.add_artifact([data])

    agent.work = score  # type: ignore[method-assign] # a scene of this test
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=policy)
    with suppress(InternalError):  # one policy answers so, the other with the FAILED task
        await handler.on_message_send(ask("work"), ME)
    listed = await handler.on_list_tasks(ListTasksRequest(include_artifacts=True), ME)
    told = MessageToDict(listed)["tasks"]
    assert [text.rpartition(": ")[2] for text in refused] == [
        "use None or a string in place of NaN and infinities in data and metadata",
        "it counts seconds, not milliseconds",
    ]
    assert [task["status"]["state"] for task in told] == ["TASK_STATE_FAILED"]
    assert "artifacts" not in told[0]
    await handler.aclose()


def _status_at(context: RequestContext, seconds: int) -> TaskStatusUpdateEvent:
    event = TaskStatusUpdateEvent(task_id=context.task_id, context_id=context.context_id)
    event.status.state = TaskState.TASK_STATE_WORKING
    event.status.timestamp.seconds = seconds
    return event


async def test_a_message_without_a_form_in_json_is_refused(agent: Actor) -> None:
    handler = RequestHandler(agent, None, card(), journal=MemoryJournal())
    for where in ("part", "metadata"):
        request = ask("work")
        if where == "part":
            request.message.parts.add().data.number_value = float("inf")
        else:
            request.message.metadata["score"] = float("nan")
        with pytest.raises(InvalidParamsError, match="no form in JSON"):
            await handler.on_message_send(request, ME)
    assert not (await handler.on_list_tasks(ListTasksRequest(), ME)).tasks
    await handler.aclose()
