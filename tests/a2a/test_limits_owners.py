"""What an owner may have at once: streams, runs, requests. Refused in time, never miscounted."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    SubscribeToTaskRequest,
    Task,
)
from a2a.utils.errors import (
    A2AError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from hypothesis import given
from hypothesis import strategies as st

from actors.a2a import Limits, Policy, RequestHandler
from actors.a2a.errors import (
    OverloadedError,
    RateLimitedError,
    RetryableError,
    TooManyRunsError,
    TooManyStreamsError,
)
from actors.a2a.limits import Count, Rate
from actors.runtime import MailboxFull
from actors.runtime.journal.errors import StorageError
from actors.storage import MemoryJournal
from actors.task.core import TaskCore
from tests.a2a.agents import as_user, ask, card
from tests.a2a.limited import ME, Maker, Serve, agent, serve, task_of, usage
from tests.a2a.test_once import turns, until

__all__ = ["agent", "serve"]


class TestStreams:
    def open(self, handler: RequestHandler, who: Any = ME) -> AsyncGenerator[Any, None]:
        return handler.on_message_send_stream(ask("wait"), who)

    async def test_an_owner_may_have_so_many(self, serve: Serve) -> None:
        handler = serve(streams=2)
        streams = [self.open(handler) for _ in range(2)]
        first = [await anext(stream) for stream in streams]
        with pytest.raises(TooManyStreamsError, match="2 open streams") as caught:
            await anext(self.open(handler))
        assert caught.value.http_status == 429
        assert caught.value.data == {
            "retryable": True,
            "retryAfterMs": 1000,
            "reason": "too_many_streams",
        }
        subscribe = SubscribeToTaskRequest(id=first[0].id)
        with pytest.raises(TooManyStreamsError):
            await anext(handler.on_subscribe_to_task(subscribe, ME))
        others = [self.open(handler, who) for who in (as_user("you"), as_user("me", "acme"))]
        for stream in others:
            await anext(stream)
        await streams.pop().aclose()
        subscription = handler.on_subscribe_to_task(subscribe, ME)
        await anext(subscription)
        for stream in (*streams, *others, subscription):
            await stream.aclose()
        assert len(usage(handler).streams) == 0

    async def test_those_that_end_count_no_more(self, serve: Serve) -> None:
        handler = serve(streams=1)
        for text in ("work", "reply", "ask", "work"):  # and one that says nothing at all
            assert not [event async for event in handler.on_message_send_stream(ask("silent"), ME)]
            assert [event async for event in handler.on_message_send_stream(ask(text), ME)]
        for text in ("fail", "fail_first"):
            with pytest.raises(A2AError):
                async for _ in handler.on_message_send_stream(ask(text), ME):
                    pass
        with pytest.raises(TaskNotFoundError):
            await anext(handler.on_subscribe_to_task(SubscribeToTaskRequest(id="none"), ME))
        with pytest.raises(TaskNotFoundError):
            await anext(handler.on_message_send_stream(ask("work", "none"), ME))
        assert len(usage(handler).streams) == 0

    async def test_those_that_are_left_count_no_more(self, serve: Serve) -> None:
        handler = serve(streams=1)
        stream = self.open(handler)
        await anext(stream)  # the Task
        await anext(stream)  # WORKING
        waiting = asyncio.ensure_future(anext(stream))
        await turns()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await stream.aclose()
        stream = self.open(handler)
        await anext(stream)
        del stream
        gc.collect()
        await until(lambda: len(usage(handler).streams) == 0)
        never_read = await handler.sent(ask("wait"), ME)
        assert usage(handler).streams.of(("me", "")) == 1
        del never_read
        gc.collect()
        assert len(usage(handler).streams) == 0


class TestRuns:
    async def test_an_owner_may_have_so_many(self, serve: Serve, agent: Maker) -> None:
        handler = serve(runs=2)
        streams = [handler.on_message_send_stream(ask("wait"), ME) for _ in range(2)]
        for stream in streams:
            await anext(stream)
        with pytest.raises(TooManyRunsError, match="works on 2 messages of yours") as caught:
            await handler.on_message_send(ask("work"), ME)
        assert caught.value.data["reason"] == "too_many_runs"  # type: ignore[index] # a dict
        await handler.on_message_send(ask("work"), as_user("you"))
        assert len(agent.contexts) == 3
        agent.gate.set()
        for stream in streams:
            async for _ in stream:
                pass
        await until(lambda: len(usage(handler).runs) == 0)

    @pytest.mark.parametrize("text", ["work", "reply", "ask", "fail", "fail_first", "silent"])
    async def test_however_a_run_ends(self, serve: Serve, text: str) -> None:
        handler = serve(runs=1)
        for _ in range(3):
            try:
                await handler.on_message_send(ask(text), ME)
            except RetryableError:
                raise
            except A2AError:
                assert text in ("fail", "fail_first", "silent")
            await until(lambda: len(usage(handler).runs) == 0)  # it answers before it is over

    async def test_a_message_that_is_refused_is_none(self, serve: Serve) -> None:
        handler = serve(runs=1)
        done = await task_of(handler, "work")
        for _ in range(2):
            with pytest.raises(UnsupportedOperationError):
                await handler.on_message_send(ask("work", done.id), ME)
        assert len(usage(handler).runs) == 0

    async def test_a_client_that_leaves_takes_no_run_along(
        self, serve: Serve, agent: Maker
    ) -> None:
        handler = serve(runs=1)
        sending = asyncio.ensure_future(handler.on_message_send(ask("wait"), ME))
        await until(lambda: bool(agent.contexts))
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        with pytest.raises(TooManyRunsError):
            await handler.on_message_send(ask("work"), ME)
        agent.gate.set()
        await until(lambda: len(usage(handler).runs) == 0)

    async def test_a_run_that_is_cancelled(self, serve: Serve) -> None:
        handler = serve(runs=1)
        stream = handler.on_message_send_stream(ask("wait"), ME)
        task = await anext(stream)
        assert isinstance(task, Task)
        await handler.on_cancel_task(CancelTaskRequest(id=task.id), ME)
        await stream.aclose()
        await until(lambda: len(usage(handler).runs) == 0)

    @pytest.mark.parametrize("streaming", [True, False])
    async def test_a_message_that_waits_for_its_turn_counts(
        self, serve: Serve, agent: Maker, *, streaming: bool
    ) -> None:
        handler = serve(runs=2)
        stream = handler.on_message_send_stream(ask("wait"), ME)
        task = await anext(stream)
        assert isinstance(task, Task)
        second = ask("work", task.id)
        sent: Any = (
            anext(handler.on_message_send_stream(second, ME))
            if streaming
            else handler.on_message_send(second, ME)
        )
        queued = asyncio.ensure_future(sent)
        await until(lambda: usage(handler).runs.of(("me", "")) == 2)
        agent.gate.set()
        with pytest.raises(UnsupportedOperationError):  # the task has ended when its turn comes
            await queued
        await stream.aclose()
        await until(lambda: len(usage(handler).runs) == 0)

    async def test_a_journal_that_fails(self, serve: Serve) -> None:
        class Away(MemoryJournal):
            def append(self, group: Any) -> Any:
                raise StorageError("no")

        handler = serve(Away(), runs=1)
        for _ in range(2):
            with pytest.raises(A2AError) as caught:
                await handler.on_message_send(ask("work"), ME)
            assert not isinstance(caught.value, TooManyRunsError)
        assert len(usage(handler).runs) == 0

    async def test_a_task_that_could_not_even_be_told(
        self, serve: Serve, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def full(*_: object) -> None:
            raise MailboxFull("128 messages wait already")

        handler = serve(runs=1)
        monkeypatch.setattr(TaskCore, "send", full)
        for _ in range(2):
            with pytest.raises(OverloadedError, match="Too many requests are waiting"):
                await handler.on_message_send(ask("work"), ME)
        assert len(usage(handler).runs) == 0

    async def test_answers_that_are_given_again_are_none(self, serve: Serve, agent: Maker) -> None:
        handler = serve(policy=Policy.sdk(deduplicate=True), runs=1)
        first = await handler.on_message_send(ask("work"), ME)
        stream = handler.on_message_send_stream(ask("wait"), ME)
        await anext(stream)
        assert await handler.on_message_send(ask("work"), ME) == first
        agent.gate.set()
        await stream.aclose()


def test_another_loop_begins_with_nothing(tmp_path: Path, agent: Maker) -> None:
    """Runs and streams of a loop that has ended are dead, and count no more."""
    limits = Limits(streams=1, runs=1)
    handler = RequestHandler(agent, None, card(), database=tmp_path / "t.db", limits=limits)
    left = []

    async def leave_something() -> None:
        agent.gate = asyncio.Event()
        stream = handler.on_message_send_stream(ask("wait"), ME)
        await anext(stream)
        left.append(stream)

    async def finish() -> None:
        agent.gate = asyncio.Event()
        assert [event async for event in handler.on_message_send_stream(ask("work"), ME)]
        assert len(usage(handler).runs) == len(usage(handler).streams) == 0
        await handler.aclose()

    asyncio.run(leave_something())
    asyncio.run(finish())


class TestRate:
    async def test_of_an_owner(self, serve: Serve) -> None:
        handler = serve(rate=0.001, burst=2)
        await handler.on_message_send(ask("work"), ME)
        await handler.on_list_tasks(ListTasksRequest(), ME)
        calls: list[Callable[[], Any]] = [
            lambda: handler.on_message_send(ask("work"), ME),
            lambda: anext(handler.on_message_send_stream(ask("work"), ME)),
            lambda: handler.on_get_task(GetTaskRequest(id="x"), ME),
            lambda: handler.on_list_tasks(ListTasksRequest(), ME),
            lambda: handler.on_cancel_task(CancelTaskRequest(id="x"), ME),
            lambda: anext(handler.on_subscribe_to_task(SubscribeToTaskRequest(id="x"), ME)),
        ]
        for call in calls:
            with pytest.raises(RateLimitedError, match=r"0\.001 requests per second") as caught:
                await call()
            assert caught.value.data is not None
            assert 900_000 < caught.value.data["retryAfterMs"] <= 1_000_000
        await handler.on_list_tasks(ListTasksRequest(), as_user("you"))
        await handler.on_list_tasks(ListTasksRequest(), as_user("me", "acme"))

    @given(
        rate=st.sampled_from([0.5, 1.0, 3.0, 10.0]),
        burst=st.integers(1, 5),
        waits=st.lists(st.sampled_from([0.0, 0.01, 0.1, 0.3, 1.0, 5.0]), max_size=40),
    )
    def test_lets_in_what_a_bucket_would(self, rate: float, burst: int, waits: list[float]) -> None:
        limiter, now, tokens = Rate(rate, burst), 1000.0, float(burst)
        for wait in waits:
            now, tokens = now + wait, min(float(burst), tokens + wait * rate)
            early = limiter.early(("me", ""), now)
            assert (early > 0) == (tokens < 1 - 1e-6), (early, tokens)
            if early:
                assert early == pytest.approx((1 - tokens) / rate, abs=1e-6)
            else:
                tokens -= 1

    def test_who_comes_back_when_told_is_let_in(self) -> None:
        limiter = Rate(3, 1)
        assert limiter.early(("me", ""), 0.1) == 0
        early = limiter.early(("me", ""), 0.2)
        assert limiter.early(("me", ""), 0.2 + early) == 0

    def test_remembers_nobody_for_longer_than_it_must(self) -> None:
        limiter = Rate(1, 2, owners=100)
        for number in range(1000):
            limiter.early((str(number), ""), number * 0.1)
            limiter.early(("always here", ""), number * 0.1)
            assert len(limiter) <= 22  # a bucket is full again after at most 2 s
        for number in range(1000):
            limiter.early((str(number), "all at once"), 200.0)
            assert len(limiter) <= 100


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab")), max_size=50))
def test_counts_are_exact(steps: list[tuple[bool, str]]) -> None:
    count, held = Count(), {"a": 0, "b": 0}
    for take, name in steps:
        if take:
            assert count.take((name, ""), 3) == (held[name] < 3)
            held[name] = min(3, held[name] + 1)
        elif held[name]:
            count.give((name, ""))
            held[name] -= 1
        assert {name: count.of((name, "")) for name in held} == held
        assert len(count) == sum(number > 0 for number in held.values())
