"""What is measured, that it is right, and that an agent's events cost no measurement."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import weakref
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from a2a.types import CancelTaskRequest, GetTaskRequest, Task
from a2a.utils.errors import InternalError, InvalidParamsError, TaskNotFoundError

from actors.a2a import Limits, RequestHandler
from actors.a2a.errors import RetryableError
from actors.runtime.journal.errors import StorageUnavailable
from actors.storage import MemoryJournal
from actors.telemetry import Observer, observer
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.watched import Watched, until
from tests.servers import ROOT

ME = as_user("me")


@pytest.fixture(autouse=True)
def _each_look_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observer, "FRESH", 0.0)


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def agent() -> Actor:
    return Actor()


def serving(watched: Watched, agent: Actor, **options: Any) -> RequestHandler:
    options.setdefault("journal", MemoryJournal())
    return RequestHandler(agent, None, card(), telemetry=watched.telemetry, **options)


@pytest.fixture
async def handler(watched: Watched, agent: Actor) -> AsyncIterator[RequestHandler]:
    made = serving(watched, agent)
    yield made
    agent.gate.set()
    await made.aclose()


class TestRequests:
    async def test_by_method_and_outcome(self, handler: RequestHandler, watched: Watched) -> None:
        done = await handler.on_message_send(ask("work"), ME)
        assert isinstance(done, Task)
        for _ in range(2):
            await handler.on_get_task(GetTaskRequest(id=done.id), ME)
        with pytest.raises(TaskNotFoundError):
            await handler.on_get_task(GetTaskRequest(id="nobody's"), ME)
        with pytest.raises(InternalError):
            await handler.on_message_send(ask("fail"), ME)
        seen = {
            (said["rpc.method"], said["outcome"]): count
            for said, count in (
                (dict(labels), count)
                for labels, count in watched.measured("a2a.request.duration").items()
            )
        }
        assert seen == {
            ("SendMessage", "ok"): 1,
            ("SendMessage", "InternalError"): 1,
            ("GetTask", "ok"): 2,
            ("GetTask", "TaskNotFoundError"): 1,
        }

    async def test_one_that_is_left_is_cancelled(
        self, handler: RequestHandler, watched: Watched, agent: Actor
    ) -> None:
        sending = asyncio.ensure_future(handler.on_message_send(ask("wait"), ME))
        await until(lambda: agent.contexts)
        assert watched.one("a2a.requests.active", method="SendMessage") == 1
        sending.cancel()
        await asyncio.wait({sending})
        assert watched.one("a2a.requests.active", method="SendMessage") == 0
        assert watched.one("a2a.request.duration", outcome="cancelled") == 1

    async def test_a_stream_counts_until_it_is_closed(
        self, handler: RequestHandler, watched: Watched
    ) -> None:
        stream = handler.send_stream(ask("wait"), ME)
        await anext(stream)
        assert watched.one("a2a.streams.open", method="SendStreamingMessage") == 1
        assert watched.one("a2a.request.duration") == 0
        await stream.aclose()
        assert watched.one("a2a.streams.open", method="SendStreamingMessage") == 0
        assert watched.one("a2a.request.duration", rpc_method="SendStreamingMessage") == 1

    async def test_refusals_by_limit(self, watched: Watched, agent: Actor) -> None:
        handler = serving(watched, agent, limits=Limits(streams=1, parts=1))
        large = ask("work")
        large.message.parts.add(text="more")
        with pytest.raises(InvalidParamsError, match="2 parts"):
            await handler.on_message_send(large, ME)
        assert watched.one("a2a.requests.refused", limit="parts") == 1
        open_stream = await handler.sent(ask("wait"), ME)
        for _ in range(2):
            with pytest.raises(RetryableError):
                await handler.sent(ask("work"), ME)
        assert watched.one("a2a.requests.refused", limit="too_many_streams") == 2
        open_stream.close()
        agent.gate.set()
        await handler.aclose()


class TestTasksAndRuns:
    async def test_states_and_runs(
        self, handler: RequestHandler, watched: Watched, agent: Actor
    ) -> None:
        await handler.on_message_send(ask("work"), ME)
        asked = await handler.on_message_send(ask("ask"), ME)
        with pytest.raises(InternalError):
            await handler.on_message_send(ask("fail"), ME)
        stream = handler.send_stream(ask("wait"), ME)
        await anext(stream)
        await anext(stream)  # working
        assert watched.one("a2a.tasks.live", state="working") == 1
        assert watched.one("a2a.runs.active") == 1
        assert watched.one("a2a.actors.live", kind="fanout") == 1
        assert isinstance(asked, Task)
        await handler.on_cancel_task(CancelTaskRequest(id=asked.id), ME)
        agent.gate.set()
        assert [event async for event in stream]
        await stream.aclose()
        for state, count in {
            "completed": 2,
            "input_required": 1,
            "failed": 1,
            "canceled": 1,
        }.items():
            assert watched.one("a2a.task.state_changes", state=state) == count, state
        assert watched.one("a2a.runs.active") == 0
        assert watched.one("a2a.tasks.live", state="working") == 0
        runs = {
            (dict(labels)["call"], dict(labels)["outcome"]): count
            for labels, count in watched.measured("a2a.run.duration").items()
        }
        assert runs == {
            ("execute", "returned"): 3,
            ("execute", "raised"): 1,
            ("cancel", "cancelled"): 1,
        }

    async def test_an_abandoned_run_is_counted_when_it_is_abandoned(
        self, watched: Watched, agent: Actor
    ) -> None:
        handler = serving(watched, agent)
        stream = handler.send_stream(ask("wait"), ME)
        await anext(stream)
        await stream.aclose()
        handler.policy = handler.policy.__class__.sdk(drain=0.0)
        await handler.aclose()
        assert watched.one("a2a.run.duration", outcome="abandoned") == 1
        assert watched.one("a2a.runs.active") == 0

    async def test_the_same_state_in_another_commit_is_no_change(
        self, handler: RequestHandler, watched: Watched, agent: Actor
    ) -> None:
        async def working(context: Any, queue: Any, to: Any) -> None:
            await agent._begin(context, queue)
            for _ in range(5):
                await to.start_work()
                for _ in range(20):
                    await asyncio.sleep(0)
            await to.complete()

        agent.working = working  # type: ignore[attr-defined] # a scene of its own
        await handler.on_message_send(ask("working"), ME)
        assert watched.one("a2a.journal.group.size") > 5
        assert watched.one("a2a.task.state_changes", state="working") == 1

    async def test_a_state_of_an_earlier_process_is_no_change(
        self, watched: Watched, agent: Actor
    ) -> None:
        journal = MemoryJournal()
        before = serving(Watched(), agent, journal=journal)
        asked = await before.on_message_send(ask("ask"), ME)
        assert isinstance(asked, Task)
        await before.aclose()
        handler = serving(watched, agent, journal=journal)
        await handler.on_message_send(ask("work", asked.id), ME)
        await handler.aclose()
        assert watched.one("a2a.task.state_changes", state="completed") == 1
        assert watched.one("a2a.task.state_changes", state="input_required") == 0

    async def test_dead_letters_by_reason(self, handler: RequestHandler, watched: Watched) -> None:
        await handler.on_message_send(ask("late"), ME)
        await until(lambda: watched.one("a2a.dead_letters"))
        reasons = {dict(labels)["reason"] for labels in watched.measured("a2a.dead_letters")}
        assert reasons == {"after_terminal"}


class TestTheJournal:
    async def test_groups_and_latency(self, handler: RequestHandler, watched: Watched) -> None:
        await handler.on_message_send(ask("work"), ME)
        groups = watched.one("a2a.journal.group.size")
        assert groups >= 2
        assert watched.one("a2a.journal.append.duration", outcome="ok") == groups

    async def test_what_fails_is_told_apart(self, watched: Watched, agent: Actor) -> None:
        class Full(MemoryJournal):
            full = False

            def append(self, group: Any) -> Any:
                if self.full:
                    raise StorageUnavailable("disk full")
                return super().append(group)

        journal = Full()
        handler = serving(watched, agent, journal=journal)
        await handler.start()
        journal.full = True
        sending = asyncio.ensure_future(handler.on_message_send(ask("work"), ME))
        await until(lambda: watched.one("a2a.journal.append.duration", outcome="failed"))
        journal.full = False
        await sending
        assert watched.one("a2a.journal.append.duration", outcome="ok") > 0
        await handler.aclose()


class _Calls:
    """Stands for an instrument and counts what it is told."""

    def __init__(self, name: str, calls: Counter[str]) -> None:
        self._name, self._calls = name, calls

    def record(self, *_: object) -> None:
        self._calls[self._name] += 1

    add = record


async def _calls_of_a_run(events: int) -> Counter[str]:
    watched, calls = Watched(), Counter[str]()
    handler = serving(watched, Actor())
    await handler.start()
    instruments = handler.observer.instruments
    for name in ("requests", "runs", "appends", "attempts", "groups", "refused"):
        setattr(instruments, name, _Calls(name, calls))
    assert isinstance(await handler.on_message_send(ask(f"many {events}"), ME), Task)
    await handler.aclose()
    calls["spans"] = len(watched.spans())
    calls["changes"] = instruments.changes.total()
    return calls


async def test_an_event_of_an_agent_costs_no_measurement() -> None:
    """A run of a hundred times the events makes the same calls, but for groups of the journal."""
    few, many = await _calls_of_a_run(10), await _calls_of_a_run(1000)
    for name in ("runs", "requests"):
        assert few[name] == many[name] == 1
    assert few["spans"] == many["spans"] == 2
    assert few["changes"] <= many["changes"] <= 2, "submitted, completed: however many commits"
    assert many["appends"] == many["groups"] < 1000
    counted = {"runs", "requests", "spans", "changes", "appends", "groups"}
    assert set(many) == set(few) == counted


class TestProviders:
    async def test_two_handlers_on_one_provider_add_up(self, watched: Watched) -> None:
        agents = [Actor(), Actor()]
        handlers = [serving(watched, each) for each in agents]
        streams = [handler.send_stream(ask("wait"), ME) for handler in handlers]
        for stream in streams:
            await anext(stream)
        assert watched.one("a2a.runs.active") == 2
        for agent, handler, stream in zip(agents, handlers, streams, strict=True):
            await stream.aclose()
            agent.gate.set()
            await handler.aclose()
        assert watched.one("a2a.runs.active") == 0

    def test_a_handler_that_is_let_go_of_is_not_kept_for_its_gauges(self, watched: Watched) -> None:
        made = Observer(watched.telemetry)
        made.report_to(watched.telemetry)
        gone = weakref.ref(made)
        assert watched.measured("a2a.runs.active")
        del made
        assert gone() is None
        assert not watched.measured("a2a.runs.active")

    def test_the_global_provider_is_honoured_also_when_it_comes_later(self) -> None:
        program = """
import asyncio
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from actors.a2a import RequestHandler
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, as_user, ask, card

async def main():
    handler = RequestHandler(Actor(), None, card(), journal=MemoryJournal())
    await handler.on_message_send(ask("reply"), as_user("me"))
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider(metric_readers=[reader], shutdown_on_exit=False))
    await handler.on_message_send(ask("work"), as_user("me"))
    (resource,) = reader.get_metrics_data().resource_metrics
    (scope,) = [s for s in resource.scope_metrics if s.scope.name == "actors.a2a"]
    found = {metric.name: metric for metric in scope.metrics}
    (point,) = found["a2a.request.duration"].data.data_points
    print(point.count, found["a2a.actors.live"].data.data_points != [])
    await handler.aclose()

asyncio.run(main())
"""
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("1 True\n", "")
