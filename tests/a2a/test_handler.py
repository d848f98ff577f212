"""RequestHandler in process, on both journals and under both policies."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import gc
import inspect
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
from a2a.server.context import ServerCallContext
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Role,
    SendMessageRequest,
    SubscribeToTaskRequest,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatusUpdateEvent,
)
from a2a.utils.errors import (
    InternalError,
    InvalidAgentResponseError,
    InvalidParamsError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from actors.a2a import Policy, RequestHandler
from actors.storage import MemoryJournal, SqliteJournal
from tests.a2a.agents import STANDING, Actor, as_user, ask, card, until_quiet

DONE = TaskState.TASK_STATE_COMPLETED
ME = as_user("me")


@pytest.fixture
def agent() -> Actor:
    return Actor()


@pytest.fixture(params=["memory", "sqlite"])
async def handler(
    request: pytest.FixtureRequest, agent: Actor, tmp_path: Path
) -> AsyncIterator[RequestHandler]:
    journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "t.db")
    made = RequestHandler(agent, None, card(), journal=journal)
    yield made
    agent.gate.set()
    await made.aclose()


@pytest.fixture
async def strict(agent: Actor) -> AsyncIterator[RequestHandler]:
    made = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=Policy.spec())
    yield made
    agent.gate.set()
    await made.aclose()


async def collect(stream: AsyncGenerator[Any, None]) -> list[Any]:
    return [event async for event in stream]


async def first(stream: AsyncGenerator[Any, None]) -> Any:
    return await anext(stream)


async def send(handler: RequestHandler, request: SendMessageRequest) -> Task:
    answer = await handler.on_message_send(request, ME)
    assert isinstance(answer, Task)
    return answer


async def get(handler: RequestHandler, task: str, **params: Any) -> Task:
    found = await handler.on_get_task(GetTaskRequest(id=task, **params), ME)
    assert isinstance(found, Task)
    return found


def shape(events: list[Any]) -> list[str]:
    """A stream in short: kinds of events and the states they bear."""
    short = []
    for event in events:
        if isinstance(event, Message):
            short.append("message")
        elif isinstance(event, TaskArtifactUpdateEvent):
            short.append("chunk")
        else:
            name = TaskState.Name(event.status.state).removeprefix("TASK_STATE_").lower()
            short.append(f"{'task' if isinstance(event, Task) else 'status'} {name}")
    return short


WHOLE = ["task submitted", "status working", "chunk", "chunk", "chunk", "status completed"]


class TestSend:
    async def test_r32_the_answer_is_the_stored_task(self, handler: RequestHandler) -> None:
        task = await send(handler, ask("work"))
        assert task.status.state == DONE
        assert [part.text for part in task.artifacts[0].parts] == ["chunk 0", "chunk 1", "chunk 2"]
        assert task == await get(handler, task.id)

    async def test_r36_a_bare_message_leaves_no_task(self, handler: RequestHandler) -> None:
        answer = await handler.on_message_send(ask("reply"), ME)
        assert isinstance(answer, Message)
        assert (await handler.on_list_tasks(ListTasksRequest(), ME)).total_size == 0

    async def test_r33_return_immediately(self, handler: RequestHandler, agent: Actor) -> None:
        task = await send(handler, ask("wait", return_immediately=True))
        assert task.status.state == TaskState.TASK_STATE_SUBMITTED
        agent.gate.set()
        events = await collect(handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task.id), ME))
        assert shape(events)[-1] == "status completed"

    async def test_r19_a_question_and_its_answer(self, handler: RequestHandler) -> None:
        asked = await send(handler, ask("ask"))
        assert asked.status.state == TaskState.TASK_STATE_INPUT_REQUIRED
        done = await send(handler, ask("work on this", asked.id))
        assert (done.id, done.context_id, done.status.state) == (asked.id, asked.context_id, DONE)
        texts = [message.parts[0].text for message in done.history]
        assert texts == ["ask", "which one?", "work on this", "on it"]

    async def test_r21_r22_auth_out_of_band(self, handler: RequestHandler, agent: Actor) -> None:
        asked = await send(handler, ask("auth"))
        assert asked.status.state == TaskState.TASK_STATE_AUTH_REQUIRED
        stream = handler.on_subscribe_to_task(SubscribeToTaskRequest(id=asked.id), ME)
        assert shape([await first(stream)]) == ["task auth_required"]
        agent.gate.set()
        assert shape(await collect(stream)) == ["status working", "status completed"]

    async def test_auth_required_resumes_on_a_message(self, handler: RequestHandler) -> None:
        asked = await send(handler, ask("auth"))
        waiting = asyncio.create_task(send(handler, ask("work now", asked.id)))
        await asyncio.sleep(0)
        cancelled = await handler.on_cancel_task(CancelTaskRequest(id=asked.id), ME)
        assert cancelled is not None
        with pytest.raises(UnsupportedOperationError):
            await waiting  # queued behind the run that waits for the login, and told of its end

    async def test_r27_r28_history_is_trimmed_in_the_answer_only(
        self, handler: RequestHandler
    ) -> None:
        task = await send(handler, ask("work", history_length=0))
        assert not task.history
        assert len((await get(handler, task.id)).history) == 2
        assert len((await get(handler, task.id, history_length=1)).history) == 1

    async def test_r2_r8_new_tasks_in_one_context(self, handler: RequestHandler) -> None:
        one = await send(handler, ask("work"))
        two = await send(handler, ask("work", context=one.context_id))
        assert one.id != two.id
        assert one.context_id == two.context_id


class TestStream:
    async def test_r37_r38_the_whole_task(self, handler: RequestHandler) -> None:
        events = await collect(handler.on_message_send_stream(ask("work"), ME))
        assert shape(events) == WHOLE

    async def test_r36_one_message(self, handler: RequestHandler) -> None:
        events = await collect(handler.on_message_send_stream(ask("reply"), ME))
        assert shape(events) == ["message"]

    async def test_r44_two_streams_carry_the_same(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        sending = handler.on_message_send_stream(ask("wait"), ME)
        begun = [await first(sending), await first(sending)]
        subscribed = handler.on_subscribe_to_task(SubscribeToTaskRequest(id=begun[0].id), ME)
        snapshot = await first(subscribed)
        assert snapshot.status.state == TaskState.TASK_STATE_WORKING
        agent.gate.set()
        assert await collect(sending) == await collect(subscribed)

    async def test_a6_the_stream_of_a_follow_up(self, handler: RequestHandler) -> None:
        task = await send(handler, ask("ask"))
        events = await collect(handler.on_message_send_stream(ask("work", task.id), ME))
        assert shape(events) == WHOLE[1:]

    async def test_a6_under_spec_the_task_comes_first(self, strict: RequestHandler) -> None:
        task = await send(strict, ask("ask"))
        events = await collect(strict.on_message_send_stream(ask("work", task.id), ME))
        assert shape(events) == ["task input_required", *WHOLE[1:]]

    async def test_a1_under_spec_a_stream_ends_at_input_required(
        self, strict: RequestHandler
    ) -> None:
        events = await collect(strict.on_message_send_stream(ask("ask"), ME))
        assert shape(events)[-1] == "status input_required"

    async def test_detail_10_a_client_that_leaves_disturbs_nothing(
        self, handler: RequestHandler
    ) -> None:
        stream = handler.on_message_send_stream(ask("many 5000"), ME)
        events = [await first(stream) for _ in range(3)]
        await stream.aclose()
        watched = handler.on_subscribe_to_task(SubscribeToTaskRequest(id=events[0].id), ME)
        assert shape(await collect(watched))[-1] == "status completed"
        core = await handler._entry.core()
        await until_quiet()
        assert {ref.kind for ref in core.system.refs()} <= STANDING

    async def test_detail_10_a_forgotten_stream_is_collected_without_a_word(
        self, handler: RequestHandler, caplog: pytest.LogCaptureFixture
    ) -> None:
        stream = handler.on_message_send_stream(ask("many 2000"), ME)
        await first(stream)
        del stream
        gc.collect()
        await until_quiet()
        core = await handler._entry.core()
        assert {ref.kind for ref in core.system.refs()} <= STANDING
        assert not caplog.records

    async def test_detail_10_cancelling_the_reader_raises_there(
        self, handler: RequestHandler
    ) -> None:
        reading = asyncio.create_task(collect(handler.on_message_send_stream(ask("wait"), ME)))
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    async def test_a_slow_reader_gets_everything(self, handler: RequestHandler) -> None:
        stream = handler.on_message_send_stream(ask("many 3000"), ME)
        task = await first(stream)
        await until_quiet()  # the agent is done long before we read on
        assert (await get(handler, task.id)).status.state == DONE
        rest = await collect(stream)
        assert [event.artifact.parts[0].text for event in rest[:-1]] == list(map(str, range(3000)))


class TestErrors:
    async def test_r74_r3_unknown_ids(self, handler: RequestHandler) -> None:
        for call in (
            handler.on_get_task(GetTaskRequest(id="none"), ME),
            handler.on_cancel_task(CancelTaskRequest(id="none"), ME),
            handler.on_message_send(ask("work", "none"), ME),
            anext(handler.on_subscribe_to_task(SubscribeToTaskRequest(id="none"), ME)),
            anext(handler.on_message_send_stream(ask("work", "none"), ME)),
        ):
            with pytest.raises(TaskNotFoundError):
                await call

    async def test_r11_missing_fields_are_named(self, handler: RequestHandler) -> None:
        with pytest.raises(InvalidParamsError) as caught:
            await handler.on_message_send(
                SendMessageRequest(message=Message(role=Role.ROLE_USER)), ME
            )
        assert caught.value.data is not None
        fields = {error["field"] for error in caught.value.data["errors"]}
        assert fields == {"message.message_id", "message.parts"}

    async def test_r7_another_context(self, handler: RequestHandler) -> None:
        task = await send(handler, ask("ask"))
        with pytest.raises(InvalidParamsError, match="does not match"):
            await handler.on_message_send(ask("work", task.id, "another"), ME)
        assert await get(handler, task.id) == task

    async def test_r16_r42_r52_a_finished_task(self, handler: RequestHandler) -> None:
        task = await send(handler, ask("work"))
        for call in (
            handler.on_message_send(ask("more", task.id), ME),
            anext(handler.on_message_send_stream(ask("more", task.id), ME)),
            anext(handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task.id), ME)),
        ):
            with pytest.raises(UnsupportedOperationError, match="TASK_STATE_COMPLETED"):
                await call
        with pytest.raises(TaskNotCancelableError):
            await handler.on_cancel_task(CancelTaskRequest(id=task.id), ME)
        assert await get(handler, task.id) == task

    async def test_a5_an_agent_that_raises(self, handler: RequestHandler) -> None:
        for scene, text in (("fail", "the tool broke"), ("fail_first", "broke before any task")):
            with pytest.raises(InternalError, match=text):
                await handler.on_message_send(ask(scene), ME)
            with pytest.raises(InternalError, match=text):
                await collect(handler.on_message_send_stream(ask(scene), ME))
        listed = await handler.on_list_tasks(ListTasksRequest(), ME)
        assert [task.status.state for task in listed.tasks] == [TaskState.TASK_STATE_FAILED] * 4

    async def test_a5_under_spec_callers_get_the_failed_task_and_no_internals(
        self, strict: RequestHandler
    ) -> None:
        task = await send(strict, ask("fail"))
        assert task.status.state == TaskState.TASK_STATE_FAILED
        assert "broke" not in str(task)
        events = await collect(strict.on_message_send_stream(ask("fail_first"), ME))
        assert shape(events) == ["task submitted", "status failed"]

    async def test_a_silent_agent_keeps_nobody_waiting(
        self, handler: RequestHandler, strict: RequestHandler
    ) -> None:
        with pytest.raises(InvalidAgentResponseError):
            await handler.on_message_send(ask("silent"), ME)
        assert await collect(handler.on_message_send_stream(ask("silent"), ME)) == []
        assert (await send(strict, ask("silent"))).status.state == TaskState.TASK_STATE_FAILED

    async def test_r15_events_after_completed_change_nothing(self, handler: RequestHandler) -> None:
        assert shape(await collect(handler.on_message_send_stream(ask("late"), ME))) == WHOLE
        task = (await handler.on_list_tasks(ListTasksRequest(include_artifacts=True), ME)).tasks[0]
        assert task.status.state == DONE
        assert len(task.artifacts) == 1

    async def test_r29_r72_bad_numbers(self, handler: RequestHandler) -> None:
        for call, text in (
            (
                handler.on_get_task(GetTaskRequest(id="x", history_length=-1), ME),
                "history length must be non-negative",
            ),
            (handler.on_list_tasks(ListTasksRequest(page_size=0), ME), "minimum page size is 1"),
            (
                handler.on_list_tasks(ListTasksRequest(page_size=101), ME),
                "maximum page size is 100",
            ),
            (
                handler.on_list_tasks(ListTasksRequest(page_token="?!"), ME),
                "pageToken is not valid",
            ),
        ):
            with pytest.raises(InvalidParamsError, match=text):
                await call

    @pytest.mark.parametrize("after", [(2**63, "x"), (2**64 - 1, "x"), (1, 2), (1.5, "x"), 7])
    async def test_r69_a_page_token_that_was_made_up(
        self, handler: RequestHandler, after: object
    ) -> None:
        token = base64.urlsafe_b64encode(msgpack.packb(after)).decode().rstrip("=")
        with pytest.raises(InvalidParamsError, match="pageToken is not valid"):
            await handler.on_list_tasks(ListTasksRequest(page_token=token), ME)

    async def test_r46_no_streaming_without_the_capability(self, agent: Actor) -> None:
        plain = RequestHandler(agent, None, card(streaming=False), journal=MemoryJournal())
        with pytest.raises(UnsupportedOperationError):
            await anext(plain.on_message_send_stream(ask("work"), ME))
        with pytest.raises(UnsupportedOperationError):
            await anext(plain.on_subscribe_to_task(SubscribeToTaskRequest(id="x"), ME))


class TestCancel:
    async def test_r51_the_agent_cancels(self, handler: RequestHandler, agent: Actor) -> None:
        stream = handler.on_message_send_stream(ask("wait"), ME)
        task = await first(stream)
        cancelled = await handler.on_cancel_task(CancelTaskRequest(id=task.id), ME)
        assert cancelled is not None
        assert cancelled.status.state == TaskState.TASK_STATE_CANCELED
        assert shape(await collect(stream))[-1] == "status canceled"
        assert agent.cancels == 1
        assert (await get(handler, task.id)) == cancelled

    async def test_detail_12_an_agent_whose_cancel_says_nothing(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        async def nothing(*_: object) -> None:
            return

        agent.cancel_play = nothing
        task = await send(handler, ask("wait", return_immediately=True))
        cancelled = await handler.on_cancel_task(CancelTaskRequest(id=task.id), ME)
        assert cancelled is not None
        assert cancelled.status.state == TaskState.TASK_STATE_CANCELED

    async def test_detail_12_an_agent_whose_cancel_raises(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        async def broken(*_: object) -> None:
            raise ValueError("cannot stop")

        agent.cancel_play = broken
        task = await send(handler, ask("wait", return_immediately=True))
        with pytest.raises(InternalError, match="cannot stop"):
            await handler.on_cancel_task(CancelTaskRequest(id=task.id), ME)
        assert (await get(handler, task.id)).status.state == TaskState.TASK_STATE_FAILED

    async def test_detail_12_an_agent_that_ignores_cancel_is_abandoned(self, agent: Actor) -> None:
        async def forever(*_: object) -> None:
            await asyncio.Event().wait()

        policy = Policy.sdk(cancel_grace=0.05)
        handler = RequestHandler(agent, None, card(), journal=MemoryJournal(), policy=policy)
        agent.cancel_play = forever
        task = await send(handler, ask("wait", return_immediately=True))
        cancelled = await handler.on_cancel_task(CancelTaskRequest(id=task.id), ME)
        assert cancelled is not None
        assert cancelled.status.state == TaskState.TASK_STATE_CANCELED
        await handler.aclose()

    async def test_a3_cancelling_a_canceled_task(
        self, handler: RequestHandler, strict: RequestHandler
    ) -> None:
        for made, again in ((handler, False), (strict, True)):
            task = await send(made, ask("wait", return_immediately=True))
            first = await made.on_cancel_task(CancelTaskRequest(id=task.id), ME)
            if again:
                assert await made.on_cancel_task(CancelTaskRequest(id=task.id), ME) == first
            else:
                with pytest.raises(TaskNotCancelableError):
                    await made.on_cancel_task(CancelTaskRequest(id=task.id), ME)


class TestList:
    async def test_r67_to_r72_pages_of_ones_own(self, handler: RequestHandler) -> None:
        mine = [(await send(handler, ask("work"))).id for _ in range(5)]
        theirs = await handler.on_message_send(ask("work"), as_user("them"))
        assert isinstance(theirs, Task)
        seen: list[str] = []
        token = ""
        while True:
            page = await handler.on_list_tasks(ListTasksRequest(page_size=2, page_token=token), ME)
            assert page.total_size == 5
            seen += [task.id for task in page.tasks]
            assert not any(task.artifacts for task in page.tasks)
            token = page.next_page_token
            if not token:
                break
        assert sorted(seen) == sorted(mine)

    async def test_r73_filters(self, handler: RequestHandler) -> None:
        parked = done = await send(handler, ask("ask"))
        while done.status.timestamp.ToMilliseconds() <= parked.status.timestamp.ToMilliseconds():
            done = await send(handler, ask("work"))  # times are stored in milliseconds
        by_state = ListTasksRequest(status=TaskState.TASK_STATE_INPUT_REQUIRED)
        assert [t.id for t in (await handler.on_list_tasks(by_state, ME)).tasks] == [parked.id]
        by_context = ListTasksRequest(context_id=done.context_id)
        assert [t.id for t in (await handler.on_list_tasks(by_context, ME)).tasks] == [done.id]
        since = ListTasksRequest()
        since.status_timestamp_after.CopyFrom(done.status.timestamp)
        listed = [t.id for t in (await handler.on_list_tasks(since, ME)).tasks]
        assert parked.id not in listed


class TestOwners:
    @pytest.mark.parametrize("other", [as_user("them"), as_user("me", tenant="elsewhere")])
    async def test_r81_r87_another_callers_task_does_not_exist(
        self, handler: RequestHandler, other: ServerCallContext
    ) -> None:
        task = await send(handler, ask("ask"))
        for call in (
            handler.on_get_task(GetTaskRequest(id=task.id), other),
            handler.on_cancel_task(CancelTaskRequest(id=task.id), other),
            handler.on_message_send(ask("work", task.id), other),
            anext(handler.on_subscribe_to_task(SubscribeToTaskRequest(id=task.id), other)),
        ):
            with pytest.raises(TaskNotFoundError) as caught:
                await call
            assert task.id not in str(caught.value).replace(f"Task {task.id} not found", "")
        assert (await handler.on_list_tasks(ListTasksRequest(), other)).total_size == 0
        assert await get(handler, task.id) == task


class TestDropIn:
    def test_the_constructor_takes_what_the_sdks_takes(self) -> None:
        theirs = list(inspect.signature(DefaultRequestHandler.__init__).parameters)
        ours = list(inspect.signature(RequestHandler.__init__).parameters)
        assert ours[: len(theirs)] == theirs

    def test_detail_1_nothing_is_built_before_the_first_request(
        self, agent: Actor, tmp_path: Path
    ) -> None:
        RequestHandler(agent, None, card(), database=tmp_path / "none.db")
        assert list(tmp_path.iterdir()) == []

    def test_detail_3_operations_are_coroutines_and_async_generators(self) -> None:
        for name, member in inspect.getmembers(RequestHandler, inspect.isfunction):
            if name.startswith("on_"):
                streams = name in ("on_message_send_stream", "on_subscribe_to_task")
                kind = inspect.isasyncgenfunction if streams else inspect.iscoroutinefunction
                assert kind(member), name

    @pytest.mark.parametrize("kind", ["memory", "sqlite"])
    def test_detail_1_one_handler_serves_two_loops(self, tmp_path: Path, kind: str) -> None:
        sqlite = kind == "sqlite"
        journal = SqliteJournal(tmp_path / "t.db") if sqlite else MemoryJournal()
        agent = Actor()
        handler = RequestHandler(agent, None, card(), journal=journal)

        async def first() -> Task:
            done = await send(handler, ask("ask"))
            await send(handler, ask("wait", return_immediately=True))
            return done

        async def second(task: Task) -> None:
            assert await get(handler, task.id) == task
            done = await send(handler, ask("work", task.id))
            assert done.status.state == DONE
            listed = await handler.on_list_tasks(ListTasksRequest(), ME)
            states = sorted(TaskState.Name(task.status.state) for task in listed.tasks)
            assert states == ["TASK_STATE_COMPLETED", "TASK_STATE_FAILED"], "the lost run"
            await handler.aclose()

        asyncio.run(second(asyncio.run(first())))

    async def test_detail_11_context_variables_and_the_current_task(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        mark: contextvars.ContextVar[str] = contextvars.ContextVar("mark", default="none")
        seen: list[str] = []
        play = agent.work

        async def noting(*scene: Any) -> None:
            seen.append(mark.get())
            await play(*scene)

        agent.work = noting  # type: ignore[assignment,method-assign] # a scene of this test
        asked = await send(handler, ask("ask"))
        mark.set("mine")
        await send(handler, ask("work", asked.id))
        assert seen == ["mine"]
        current = agent.contexts[-1].current_task
        assert current is not None
        assert current.status.message.parts[0].text == "which one?"
        assert [message.parts[0].text for message in current.history] == ["ask"]

    async def test_kept_calls_are_forgotten(self, handler: RequestHandler) -> None:
        for scene in ("work", "ask", "reply", "fail", "silent"):
            try:
                await handler.on_message_send(ask(scene), ME)
            except (InternalError, InvalidAgentResponseError):
                continue
        await until_quiet()
        assert len(handler._entry.calls) == 0

    def test_bad_arguments_say_what_to_do(self, agent: Actor) -> None:
        with pytest.raises(TypeError, match="agent_card"):
            RequestHandler(agent)
        with pytest.raises(ValueError, match="greater than 0"):
            RequestHandler(agent, None, card(), interrupted_task_timeout=0)
        with pytest.warns(DeprecationWarning, match="queue_manager is not used"):
            RequestHandler(agent, None, card(), object())

    async def test_events_are_what_the_agent_emitted(self, handler: RequestHandler) -> None:
        events = await collect(handler.on_message_send_stream(ask("work"), ME))
        assert isinstance(events[1], TaskStatusUpdateEvent)
        assert events[1].status.message.parts[0].text == "on it"
        assert events[-2].last_chunk
        assert [event.append for event in events[2:5]] == [False, True, True]
