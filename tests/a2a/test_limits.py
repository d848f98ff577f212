"""What a request and a task may have, and an agent: refused with a reason, before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from a2a.types import (
    GetTaskRequest,
    ListTasksRequest,
    Part,
    SendMessageRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import (
    InvalidAgentResponseError,
    InvalidParamsError,
    TaskNotFoundError,
)

from actors.a2a import Limits, RequestHandler
from actors.a2a.limits import MEBIBYTE, RECORD_BYTES
from actors.storage import MemoryJournal
from tests.a2a.agents import as_user, ask
from tests.a2a.limited import ME, Maker, Serve, agent, serve, task_of

__all__ = ["agent", "serve"]


class TestWhatIsSet:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"parts": 0},
            {"streams": -1},
            {"rate": 0.0},
            {"rate": float("nan")},
            {"rate": float("inf")},
            {"burst": 3},
            {"message_bytes": RECORD_BYTES + 1},
            {"event_bytes": RECORD_BYTES + 1},
        ],
    )
    def test_a_limit_that_is_none(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Limits(**wrong)

    def test_none_switches_each_off(self) -> None:
        off = Limits(**dict.fromkeys(Limits.__slots__))
        off.check_message(ask("work"), 50 * MEBIBYTE)
        off.check_history(Task())


class TestMessages:
    async def refused(self, handler: RequestHandler, params: SendMessageRequest, text: str) -> None:
        with pytest.raises(InvalidParamsError, match=text):
            await handler.on_message_send(params, ME)
        with pytest.raises(InvalidParamsError, match=text):
            await anext(handler.on_message_send_stream(params, ME))

    async def test_r100_too_many_bytes(self, serve: Serve, agent: Maker) -> None:
        params = ask("work " + "x" * 100)
        size = len(params.SerializeToString())
        await self.refused(
            serve(message_bytes=size - 1), params, f"{size} bytes, {size - 1} are allowed: send"
        )
        assert agent.contexts == []
        await serve(message_bytes=size).on_message_send(params, ME)

    async def test_r100_too_many_references(self, serve: Serve, agent: Maker) -> None:
        """Each would be read for the agent."""
        params = ask("work")
        params.message.reference_task_ids.extend(["x"] * 3)
        await self.refused(serve(references=2), params, "refers to 3 tasks, 2 are allowed")
        assert not agent.contexts
        await serve(references=3).on_message_send(params, ME)

    async def test_r100_too_many_parts(self, serve: Serve, agent: Maker) -> None:
        params = ask("work")
        params.message.parts.extend([Part(text="more")] * 2)
        await self.refused(serve(parts=2), params, "3 parts, 2 are allowed: send several")
        assert agent.contexts == []
        await serve(parts=3).on_message_send(params, ME)

    async def test_r100_a_history_that_is_full(self, serve: Serve, agent: Maker) -> None:
        handler = serve(history=3)
        asked = await task_of(handler, "ask")  # the user's, the agent's question
        again = await task_of(handler, "ask again", task=asked.id)  # two more
        assert len(again.history) == 3
        await self.refused(
            handler, ask("work", asked.id), f"{asked.id} has 4 messages, 3 are allowed: go on in"
        )
        assert len(agent.contexts) == 2
        found = await handler.on_get_task(GetTaskRequest(id=asked.id), ME)
        assert found == again

    async def test_the_size_of_a_message_is_nothing_to_learn_of_another_s_task(
        self, serve: Serve
    ) -> None:
        handler = serve(history=1)
        asked = await task_of(handler, "ask")
        with pytest.raises(TaskNotFoundError):
            await handler.on_message_send(ask("work", asked.id), as_user("another"))


class TestAgents:
    async def test_an_event_that_is_too_large(self, serve: Serve, agent: Maker) -> None:
        done = await task_of(serve(event_bytes=1000), "big 1000")
        assert len(agent.heard) == 1
        assert "bytes: 1000 are allowed, send large artifacts in chunks" in agent.heard[0]
        assert done.status.state == TaskState.TASK_STATE_COMPLETED
        assert not done.artifacts

    async def test_an_event_that_is_not(self, serve: Serve, agent: Maker) -> None:
        done = await task_of(serve(event_bytes=1000), "big 500")
        assert agent.heard == []
        assert len(done.artifacts) == 1

    async def test_r85_too_many_artifacts(self, serve: Serve) -> None:
        handler = serve(artifacts=2)
        assert len((await task_of(handler, "several 2")).artifacts) == 2
        with pytest.raises(InvalidAgentResponseError, match="3 artifacts in one task, 2 are allow"):
            await handler.on_message_send(ask("several 3"), ME)
        page = await handler.on_list_tasks(ListTasksRequest(include_artifacts=True), ME)
        states = {task.status.state: len(task.artifacts) for task in page.tasks}
        assert states == {TaskState.TASK_STATE_COMPLETED: 2, TaskState.TASK_STATE_FAILED: 2}

    async def test_artifacts_of_a_task_that_was_parked_count(
        self, serve: Serve, agent: Maker
    ) -> None:
        """The actor of a task at rest is gone; the next one knows how many there are."""
        journal = MemoryJournal()
        handler = serve(journal, artifacts=2)
        first = await task_of(handler, "park 2")
        with pytest.raises(InvalidAgentResponseError, match="3 artifacts"):
            await handler.on_message_send(ask("several 3", first.id), ME)
