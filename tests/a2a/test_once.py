"""The same message again: the answer that it got the first time, and no second run (R86, A12)."""

from __future__ import annotations

import asyncio
import copy
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from a2a.server.agent_execution import RequestContext
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    Message,
    SendMessageRequest,
    Task,
    TaskState,
)
from a2a.utils.errors import (
    A2AError,
    InternalError,
    InvalidParamsError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from actors.a2a import Policy, RequestHandler
from actors.a2a.errors import RetryableError
from actors.runtime.journal.errors import StorageUnavailable
from actors.runtime.journal.port import Ack, Append, Journal
from actors.storage import MemoryJournal, SqliteJournal
from actors.task.messages import LetGo, Shorten, task_ref
from tests.a2a.agents import Actor, as_user, ask, card

ME = as_user("me")
ONCE = Policy.sdk(deduplicate=True)
KINDS = ["memory", "sqlite"]


@asynccontextmanager
async def serving(
    journal: Journal, agent: Actor, policy: Policy = ONCE
) -> AsyncIterator[RequestHandler]:
    handler = RequestHandler(agent, None, card(), journal=journal, policy=policy)
    try:
        yield handler
    finally:
        agent.gate.set()
        await handler.aclose()


@pytest.fixture
def agent() -> Actor:
    return Actor()


@pytest.fixture(params=KINDS)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "t.db")


@pytest.fixture(params=["sdk", "spec"])
async def handler(
    request: pytest.FixtureRequest, agent: Actor, journal: Journal
) -> AsyncIterator[RequestHandler]:
    policy = ONCE if request.param == "sdk" else Policy.spec(visible="agent")
    async with serving(journal, agent, policy) as made:
        yield made


def message(text: str, task: str = "", name: str = "", **configuration: Any) -> SendMessageRequest:
    request = ask(text, task, **configuration)
    request.message.message_id = name or f"m {text}"
    return request


async def outcome(handler: RequestHandler, request: SendMessageRequest, who: Any = ME) -> object:
    """The answer, or the kind and text of the error."""
    try:
        return await handler.on_message_send(request, who)
    except A2AError as error:
        return type(error), str(error)


async def stream(handler: RequestHandler, request: SendMessageRequest) -> list[tuple[int, object]]:
    """Ids and events, and at the end the error, if there is one."""
    seen: list[tuple[int, object]] = []
    try:
        async for each in handler.send_stream(request, ME):
            seen.append((each.seq, each.event))  # noqa: PERF401 - what came before an error counts
    except A2AError as error:
        seen.append((-1, (type(error), str(error))))
    return seen


def left_behind(journal: Journal, tmp_path: Path) -> Journal:
    """What a process that is killed now leaves behind."""
    if isinstance(journal, MemoryJournal):
        left = MemoryJournal()
        left._logs, left._keys = copy.deepcopy(journal._logs), dict(journal._keys)
        return left
    assert isinstance(journal, SqliteJournal)
    target = tmp_path / "left.db"
    with sqlite3.connect(journal.path) as source, sqlite3.connect(target) as copied:
        source.backup(copied)
    source.close()
    copied.close()
    return SqliteJournal(target)


class TestTheSameAgain:
    @pytest.mark.parametrize("scene", ["work", "ask", "reply", "fail", "fail_first", "silent"])
    async def test_blocking(self, handler: RequestHandler, agent: Actor, scene: str) -> None:
        first = await outcome(handler, message(scene))
        assert await outcome(handler, message(scene)) == first
        assert await outcome(handler, message(scene)) == first
        assert len(agent.contexts) == 1

    @pytest.mark.parametrize("scene", ["work", "ask", "reply", "fail", "fail_first"])
    async def test_return_immediately(
        self, handler: RequestHandler, agent: Actor, scene: str
    ) -> None:
        first = await outcome(handler, message(scene, return_immediately=True))
        assert await outcome(handler, message(scene, return_immediately=True)) == first
        await until_run_over(handler, agent)
        assert await outcome(handler, message(scene, return_immediately=True)) == first
        assert len(agent.contexts) == 1

    @pytest.mark.parametrize("scene", ["work", "ask", "reply", "fail", "fail_first", "silent"])
    async def test_streams_carry_the_same_events_with_the_same_ids(
        self, handler: RequestHandler, agent: Actor, scene: str
    ) -> None:
        first = await stream(handler, message(scene))
        assert first or scene == "silent"
        assert await stream(handler, message(scene)) == first
        assert len(agent.contexts) == 1

    async def test_a_follow_up(self, handler: RequestHandler, agent: Actor) -> None:
        asked = await outcome(handler, message("ask"))
        assert isinstance(asked, Task)
        done = await outcome(handler, message("work", asked.id))
        assert isinstance(done, Task)
        assert await outcome(handler, message("work", asked.id)) == done
        assert await outcome(handler, message("ask")) == asked, "as it was then"
        assert len(agent.contexts) == 2
        assert len(done.history) == 4

    async def test_the_stream_of_a_follow_up(self, handler: RequestHandler, agent: Actor) -> None:
        asked = await outcome(handler, message("ask"))
        assert isinstance(asked, Task)
        first = await stream(handler, message("work", asked.id))
        assert await stream(handler, message("work", asked.id)) == first
        assert await stream(handler, message("ask")) != first
        assert len(agent.contexts) == 2

    async def test_one_form_after_another(self, handler: RequestHandler, agent: Actor) -> None:
        """A client may lose a stream and ask again without one."""
        events = await stream(handler, message("work"))
        done = await outcome(handler, message("work"))
        assert isinstance(done, Task)
        assert done.status.state == TaskState.TASK_STATE_COMPLETED
        early = await outcome(handler, message("work", return_immediately=True))
        assert isinstance(early, Task)
        assert early.status.state == TaskState.TASK_STATE_SUBMITTED
        assert len(events) == 6
        assert len(agent.contexts) == 1

    async def test_cancelled(self, handler: RequestHandler, agent: Actor) -> None:
        waiting = asyncio.create_task(outcome(handler, message("wait")))
        task = (await until_started(handler, agent, 1)).task_id
        await handler.on_cancel_task(CancelTaskRequest(id=str(task)), ME)
        first = await waiting
        assert isinstance(first, Task)
        assert first.status.state == TaskState.TASK_STATE_CANCELED
        assert await outcome(handler, message("wait")) == first
        assert len(agent.contexts) == 1

    async def test_a_message_that_was_refused_because_the_task_ended_before_its_turn(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        waiting = asyncio.create_task(outcome(handler, message("wait")))
        task = str((await until_started(handler, agent, 1)).task_id)
        queued = asyncio.create_task(outcome(handler, message("work", task)))
        await turns()
        agent.gate.set()
        await waiting
        refused = await queued
        assert isinstance(refused, tuple)
        assert refused[0] is UnsupportedOperationError
        assert await outcome(handler, message("work", task)) == refused
        assert (await stream(handler, message("work", task)))[-1] == (-1, refused)
        assert len(agent.contexts) == 1

    async def test_others_with_the_same_id_are_others(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        callers = [ME, as_user("them"), as_user("me", "acme"), as_user("them", "acme")]
        tasks = [await outcome(handler, message("work"), who) for who in callers]
        again = [await outcome(handler, message("work"), who) for who in callers]
        assert tasks == again
        assert len({task.id for task in tasks if isinstance(task, Task)}) == 4
        assert len(agent.contexts) == 4

    async def test_what_validation_refuses_is_tried_anew(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        with pytest.raises(TaskNotFoundError):
            await handler.on_message_send(message("work", "nowhere", "m"), ME)
        with pytest.raises(InvalidParamsError):
            await handler.on_message_send(message("work", name="m", history_length=-1), ME)
        assert isinstance(await outcome(handler, message("work", name="m")), Task)
        assert len(agent.contexts) == 1

    async def test_what_a_terminal_task_refuses_is_tried_anew(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        done = await outcome(handler, message("work"))
        assert isinstance(done, Task)
        with pytest.raises(UnsupportedOperationError):
            await handler.on_message_send(message("ask", done.id, "m"), ME)
        assert isinstance(await outcome(handler, message("ask", name="m")), Task)
        assert len(agent.contexts) == 2


async def until_started(handler: RequestHandler, agent: Actor, runs: int) -> Any:
    await until(lambda: len(agent.contexts) >= runs)
    await turns()
    return agent.contexts[-1]


async def until_run_over(handler: RequestHandler, agent: Actor) -> None:
    """Until the agent has nothing to do any more."""
    runtime = handler._runtime._runtime
    assert runtime is not None
    await until(lambda: not runtime.ports["agent"]._active)  # type: ignore[union-attr] # an Agent


async def until(true: Callable[[], bool]) -> None:
    """Give everything else its turns until something is so."""
    for _ in range(10_000):
        if true():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be")


async def turns() -> None:
    """Long enough for everything that is ready to be done."""
    for _ in range(50):
        await asyncio.sleep(0)


class TestAtOnce:
    async def test_a_hundred_of_all_kinds(self, handler: RequestHandler, agent: Actor) -> None:
        blocking = [outcome(handler, message("work")) for _ in range(34)]
        early = [outcome(handler, message("work", return_immediately=True)) for _ in range(33)]
        streams = [stream(handler, message("work")) for _ in range(33)]
        everything: list[Any] = await asyncio.gather(*blocking, *early, *streams)
        assert len(agent.contexts) == 1
        for kind in (everything[:34], everything[34:67], everything[67:]):
            assert all(each == kind[0] for each in kind)
        assert len(everything[-1]) == 6
        assert not handler._once._turns

    async def test_a_hundred_follow_ups(self, handler: RequestHandler, agent: Actor) -> None:
        asked = await outcome(handler, message("ask"))
        assert isinstance(asked, Task)
        again = [outcome(handler, message("work", asked.id)) for _ in range(100)]
        answers = await asyncio.gather(*again)
        assert all(answer == answers[0] for answer in answers)
        assert len(agent.contexts) == 2

    async def test_the_second_waits_for_the_run_of_the_first(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        first = asyncio.create_task(outcome(handler, message("wait")))
        await until_started(handler, agent, 1)
        second = asyncio.create_task(outcome(handler, message("wait")))
        third = asyncio.create_task(stream(handler, message("wait")))
        await turns()
        assert not second.done()
        agent.gate.set()
        assert await first == await second
        assert len(await third) == 3
        assert len(agent.contexts) == 1

    async def test_when_the_first_leaves_nobody_waits_in_its_place(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        """The message is stored, so nothing is left of its sender but a run."""
        before = asyncio.all_tasks()
        first = asyncio.create_task(outcome(handler, message("wait")))
        await until_started(handler, agent, 1)
        first.cancel()
        await asyncio.wait({first})
        await turns()
        assert len(asyncio.all_tasks() - before) == 1, "the agent's"
        assert not handler._once._turns
        agent.gate.set()
        assert isinstance(await outcome(handler, message("wait")), Task)
        assert len(agent.contexts) == 1

    async def test_when_it_leaves_before_the_message_is_stored_neither(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        before, go_on, resolve = asyncio.all_tasks(), asyncio.Event(), handler._entry.resolve

        async def resolving(*args: Any) -> RequestContext:
            await go_on.wait()
            return await resolve(*args)

        handler._entry.resolve = resolving  # type: ignore[method-assign,assignment] # held up
        first = asyncio.create_task(outcome(handler, message("wait")))
        await turns()
        first.cancel()
        await asyncio.wait({first})
        assert handler._once._turns, "it may still be stored"
        go_on.set()
        await until_started(handler, agent, 1)
        await turns()
        assert len(asyncio.all_tasks() - before) == 1, "the agent's"
        assert not handler._once._turns
        agent.gate.set()

    async def test_when_the_second_leaves_nothing_happens(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        first = asyncio.create_task(outcome(handler, message("wait")))
        await until_started(handler, agent, 1)
        second = asyncio.create_task(outcome(handler, message("wait")))
        await turns()
        second.cancel()
        await asyncio.wait({second})
        agent.gate.set()
        assert isinstance(await first, Task)
        assert not handler._once._turns

    async def test_the_second_has_a_deadline(self, agent: Actor, journal: Journal) -> None:
        policy = Policy.sdk(deduplicate=True, request_deadline=0.05)
        async with serving(journal, agent, policy) as handler:
            early = await outcome(handler, message("wait", return_immediately=True))
            assert isinstance(early, Task)
            with pytest.raises(RetryableError):
                await handler.on_message_send(message("wait"), ME)


class Gated(MemoryJournal):
    """Stores when it is let, one append after another; `fault` is raised after that."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0
        self.faults: list[str] = []

    async def append(self, group: Sequence[Append]) -> Sequence[Ack]:  # type: ignore[override] # the port allows both
        self.waiting += 1
        await self.gate.wait()
        self.waiting -= 1
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "away":
            raise StorageUnavailable("connection refused")
        acks = super().append(group)
        if fault == "lost":
            raise StorageUnavailable("connection broke during commit")
        return acks


async def waits(journal: Gated) -> None:
    await until(lambda: journal.waiting > 0)


class TestUnknownOutcomes:
    @pytest.mark.parametrize("kind", ["blocking", "stream", "immediately"])
    async def test_the_first_leaves_before_its_message_is_stored(
        self, agent: Actor, kind: str
    ) -> None:
        """And the second must not be let in before: its append would void the run of the first."""
        journal = Gated()
        async with serving(journal, agent) as handler:
            asked = await outcome(handler, message("ask"))
            assert isinstance(asked, Task)
            journal.gate.clear()
            request = message("work", asked.id, return_immediately=kind == "immediately")
            ways = stream if kind == "stream" else outcome
            first: asyncio.Task[Any] = asyncio.create_task(ways(handler, request))
            await waits(journal)
            first.cancel()
            second = asyncio.create_task(outcome(handler, message("work", asked.id)))
            await turns()
            assert first.cancelled()
            journal.gate.set()
            done = await second
            assert isinstance(done, Task)
            assert done.status.state == TaskState.TASK_STATE_COMPLETED
            assert len(agent.contexts) == 2
            assert not handler._once._turns
            await turns()
            runtime = handler._runtime._runtime
            assert runtime is not None
            assert not [ref for ref in runtime.core.system.refs() if ref.kind in ("task", "fanout")]

    async def test_the_first_leaves_before_it_is_refused(self, agent: Actor) -> None:
        journal = Gated()
        async with serving(journal, agent) as handler:
            done = await outcome(handler, message("work"))
            assert isinstance(done, Task)
            first = asyncio.create_task(outcome(handler, message("work", done.id, "m")))
            await asyncio.sleep(0)
            first.cancel()
            assert isinstance(await outcome(handler, message("work", name="m")), Task)
            assert len(agent.contexts) == 2
            assert not handler._once._turns

    @pytest.mark.parametrize("faults", [["lost"], ["lost", "away"], ["away", "lost", "lost"]])
    async def test_a_lost_acknowledgement_is_no_second_run(
        self, agent: Actor, faults: list[str]
    ) -> None:
        journal = Gated()
        async with serving(journal, agent) as handler:
            journal.faults = faults
            ways = [outcome(handler, message("work")) for _ in range(10)]
            answers = await asyncio.gather(*ways)
            assert isinstance(answers[0], Task)
            assert all(answer == answers[0] for answer in answers)
            assert len(agent.contexts) == 1

    async def test_when_patience_ends_the_next_finds_what_is_stored(self, agent: Actor) -> None:
        """Stored, and nobody heard of it: the run that never began is lost, and never repeated."""
        journal = Gated()
        policy = Policy.sdk(deduplicate=True, storage_patience=0.0, recovery="rerun")
        async with serving(journal, agent, policy) as handler:
            journal.faults = ["lost"]
            with pytest.raises(RetryableError):
                await handler.on_message_send(message("work"), ME)
            answers = await asyncio.gather(*(outcome(handler, message("work")) for _ in range(10)))
            assert isinstance(answers[0], Task)
            assert all(answer == answers[0] for answer in answers)
            assert len(agent.contexts) == 1

    async def test_two_servers_on_one_journal(self) -> None:
        """One of them is fenced by the key and asked to try again; it then finds the answer."""
        journal, agents = Gated(), (Actor(), Actor())
        other = Gated()
        other._logs, other._keys = journal._logs, journal._keys
        async with AsyncExitStack() as stack:
            handlers = [
                await stack.enter_async_context(serving(each, agent))
                for each, agent in zip((journal, other), agents, strict=True)
            ]
            journal.gate.clear()
            other.gate.clear()
            both = [asyncio.create_task(outcome(each, message("work"))) for each in handlers]
            await waits(journal)
            await waits(other)
            journal.gate.set()
            other.gate.set()
            answers = await asyncio.gather(*both)
            kinds = sorted(type(answer).__name__ for answer in answers)
            assert kinds == ["Task", "tuple"]
            (failed,) = (answer for answer in answers if isinstance(answer, tuple))
            assert issubclass(failed[0], InternalError)
            again = [await outcome(each, message("work")) for each in handlers]
            assert again[0] == again[1]
            assert sum(len(agent.contexts) for agent in agents) == 1


class TestAfterwards:
    @pytest.mark.parametrize("scene", ["work", "ask", "reply", "fail_first"])
    async def test_a_restart(self, journal: Journal, agent: Actor, scene: str) -> None:
        async with serving(journal, agent) as handler:
            first = await outcome(handler, message(scene))
            streamed = await stream(handler, message(scene))
        async with serving(journal, agent) as handler:
            assert await outcome(handler, message(scene)) == first
            assert await stream(handler, message(scene)) == streamed
        assert len(agent.contexts) == 1

    @pytest.mark.parametrize(
        ("how", "state", "runs"),
        [("fail", "FAILED", 1), ("rerun", "COMPLETED", 2), ("park", "INPUT_REQUIRED", 1)],
    )
    @pytest.mark.parametrize("scene", ["wait", "silently"])
    async def test_a_crash_while_the_first_run_was_going_on(
        self, journal: Journal, tmp_path: Path, how: Any, state: str, runs: int, scene: str
    ) -> None:
        """`silently`: before there was any Task."""
        agent = Patient()
        policy = Policy.sdk(deduplicate=True, recovery=how)
        async with serving(journal, agent) as before:
            first = asyncio.create_task(outcome(before, message(scene)))
            await until_started(before, agent, 1)
            left = left_behind(journal, tmp_path)
            agent.contexts.clear()
            async with serving(left, agent, policy) as after:
                agent.gate.set()
                done = await outcome(after, message(scene))
                assert isinstance(done, Task)
                assert done.status.state == getattr(TaskState, f"TASK_STATE_{state}")
                assert await outcome(after, message(scene)) == done
                events = await stream(after, message(scene))
                last: Any = events[-1][1]
                told = last.status_update.status.state or last.task.status.state
                assert told == done.status.state
                assert len(agent.contexts) == runs - 1
            await first

    async def test_compacted_the_task_as_it_is(self, journal: Journal, agent: Actor) -> None:
        async with serving(journal, agent) as handler:
            done = await outcome(handler, message("work"))
            assert isinstance(done, Task)
            events = await stream(handler, message("work"))
            await compacted(handler, done.id)
            assert await outcome(handler, message("work")) == done
            assert await outcome(handler, message("work", return_immediately=True)) == done
            ((number, event),) = await stream(handler, message("work"))
            assert number == events[-1][0]
            assert event.task == done  # type: ignore[attr-defined] # a StreamResponse
            assert len(agent.contexts) == 1

    async def test_removed_it_runs_anew(self, journal: Journal, agent: Actor) -> None:
        async with serving(journal, agent) as handler:
            done = await outcome(handler, message("work"))
            assert isinstance(done, Task)
            core = await handler._entry.core()
            head = journal.head(done.id)
            assert head is not None
            assert not asyncio.iscoroutine(head)
            core.system.tell(task_ref(done.id), LetGo(head))  # type: ignore[arg-type] # a Head
            await turns()
            with pytest.raises(TaskNotFoundError):
                await handler.on_get_task(GetTaskRequest(id=done.id), ME)
            anew = await outcome(handler, message("work"))
            assert isinstance(anew, Task)
            assert anew.id != done.id
            assert len(agent.contexts) == 2

    async def test_by_default_it_runs_twice(self, journal: Journal, agent: Actor) -> None:
        assert not Policy.sdk().deduplicate
        async with serving(journal, agent, Policy.sdk()) as handler:
            first, second = [await outcome(handler, message("reply")) for _ in range(2)]
        assert isinstance(first, Message)
        assert isinstance(second, Message)
        assert len(agent.contexts) == 2


class Patient(Actor):
    """Waits before there is a Task, too."""

    async def silently(self, context: Any, queue: Any, to: Any) -> None:
        await self.gate.wait()
        await self._begin(context, queue)
        await to.complete()


async def compacted(handler: RequestHandler, task: str) -> None:
    """As the retention has it done."""
    core = await handler._entry.core()
    head: Any = core.journal.head(task)
    core.system.tell(task_ref(task), Shorten(head))
    await turns()
    head = core.journal.head(task)
    assert head.floor == head.seq
