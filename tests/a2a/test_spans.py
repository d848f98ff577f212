"""Spans: one for each operation, run and attempt, in the trace that the request belongs to."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest
from a2a.server.tasks import PushNotificationSender
from a2a.types import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    SubscribeToTaskRequest,
    Task,
    TaskPushNotificationConfig,
)
from a2a.types.a2a_pb2_grpc import A2AServiceStub
from a2a.utils.errors import InternalError, InvalidAgentResponseError, TaskNotFoundError
from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actors.a2a import Policy, RequestHandler
from actors.a2a.app import build_app
from actors.runtime.journal.port import Journal
from actors.storage import MemoryJournal
from actors.task.delivery import Delivery
from actors.telemetry.spans import headers, stored
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.test_once import left_behind
from tests.a2a.watched import Watched, attributes, id_of, parent_of, trace_of, until
from tests.servers import free_port
from tests.sockets import listening

ME = as_user("me", tenant="acme")
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
HEADERS = {"A2A-Version": "1.0", "Traceparent": TRACEPARENT}
SECRET = "the-secret-words"


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def agent() -> Actor:
    return Actor()


def serving(
    watched: Watched, agent: Actor, journal: Journal | None = None, **options: Any
) -> RequestHandler:
    return RequestHandler(
        agent,
        None,
        card(push_notifications=True),
        journal=journal or MemoryJournal(),
        delivery=options.pop("delivery", Delivery(allow=("127.0.0.1",))),
        telemetry=watched.telemetry,
        **options,
    )


@pytest.fixture
async def handler(watched: Watched, agent: Actor) -> AsyncIterator[RequestHandler]:
    made = serving(watched, agent)
    yield made
    agent.gate.set()
    await made.aclose()


def body(method: str, text: str) -> dict[str, Any]:
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": text}]}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"message": message}}


class TestOperations:
    @pytest.mark.parametrize("path", ["rpc", "rest", "rpc stream", "rest stream"])
    async def test_over_http_the_callers_trace_goes_on(
        self, handler: RequestHandler, watched: Watched, path: str
    ) -> None:
        method = "SendStreamingMessage" if "stream" in path else "SendMessage"
        said = body(method, "work")
        url = "/rest/message:" + ("stream" if "stream" in path else "send")
        transport = httpx.ASGITransport(build_app(handler, card()))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            if path.startswith("rpc"):
                answer = await client.post("/", json=said, headers=HEADERS)
            else:
                answer = await client.post(url, json=said["params"], headers=HEADERS)
        assert answer.status_code == 200
        span, run = watched.span(f"a2a {method}"), watched.span("a2a execute")
        assert span.kind is SpanKind.SERVER
        assert (trace_of(span), parent_of(span)) == (TRACE, PARENT)
        assert (trace_of(run), parent_of(run)) == (TRACE, id_of(span))
        assert len(watched.spans()) == 2

    async def test_over_grpc_too(self, handler: RequestHandler, watched: Watched) -> None:
        address = f"127.0.0.1:{free_port()}"
        app = build_app(handler, card(), address)
        metadata = (("traceparent", TRACEPARENT), ("a2a-version", "1.0"))
        async with app.router.lifespan_context(app), grpc.aio.insecure_channel(address) as channel:
            stub = A2AServiceStub(channel)  # type: ignore[no-untyped-call] # generated code
            await stub.SendMessage(ask("work"), metadata=metadata)
            assert [event async for event in stub.SendStreamingMessage(ask("ask"))]
        span, run = watched.span("a2a SendMessage"), watched.spans("a2a execute")[0]
        assert (trace_of(span), parent_of(span)) == (TRACE, PARENT)
        assert parent_of(run) == id_of(span)
        streamed = watched.span("a2a SendStreamingMessage")
        assert parent_of(streamed) == "", "it said nothing of a trace"

    async def test_a_span_of_whoever_serves_http_is_the_parent(
        self, handler: RequestHandler, watched: Watched
    ) -> None:
        provider = watched.telemetry.tracer_provider
        assert provider is not None
        context = as_user("me")
        context.state["headers"] = HEADERS
        tracer, remote = provider.get_tracer("asgi"), stored(TRACEPARENT)
        with tracer.start_as_current_span("POST /", remote):
            await handler.on_message_send(ask("work"), context)
        with tracer.start_as_current_span("POST /"):
            await handler.on_message_send(ask("work"), ME)
        outer, requests = watched.spans("POST /"), watched.spans("a2a SendMessage")
        assert [parent_of(span) for span in requests] == [id_of(span) for span in outer]
        assert trace_of(requests[0]) == TRACE

    async def test_a_span_of_whoever_has_not_looked_at_the_headers_is_not(
        self, handler: RequestHandler, watched: Watched
    ) -> None:
        """As a2a-sdk's own dispatchers begin a new trace."""
        provider = watched.telemetry.tracer_provider
        assert provider is not None
        context = as_user("me")
        context.state["headers"] = HEADERS
        with provider.get_tracer("sdk").start_as_current_span("dispatch"):
            await handler.on_message_send(ask("work"), context)
        span = watched.span("a2a SendMessage")
        assert (trace_of(span), parent_of(span)) == (TRACE, PARENT)

    async def test_each_operation_has_one_and_says_what_it_is_about(
        self, handler: RequestHandler, watched: Watched
    ) -> None:
        asked = await handler.on_message_send(ask("ask"), ME)
        assert isinstance(asked, Task)
        hook = TaskPushNotificationConfig(task_id=asked.id, url="http://127.0.0.1:9/")
        await handler.on_get_task(GetTaskRequest(id=asked.id), ME)
        await handler.on_list_tasks(ListTasksRequest(), ME)
        await handler.on_create_task_push_notification_config(hook, ME)
        await handler.on_cancel_task(CancelTaskRequest(id=asked.id), ME)
        await until(lambda: watched.spans("a2a notify"))
        by_name = {span.name: attributes(span) for span in watched.spans()}
        assert sorted(by_name) == [
            "a2a CancelTask",
            "a2a CreateTaskPushNotificationConfig",
            "a2a GetTask",
            "a2a ListTasks",
            "a2a SendMessage",
            "a2a cancel",
            "a2a execute",
            "a2a notify",
        ]
        del by_name["a2a notify"]
        for name, said in by_name.items():
            assert said["enduser.id"] == "me", name
            assert said["a2a.tenant"] == "acme", name
            assert name == "a2a ListTasks" or said["a2a.task.id"] == asked.id, name
        assert by_name["a2a SendMessage"]["a2a.context.id"] == asked.context_id
        assert by_name["a2a execute"]["outcome"] == "returned"

    async def test_a_streams_span_lasts_as_long_as_the_stream(
        self, handler: RequestHandler, watched: Watched, agent: Actor
    ) -> None:
        stream = handler.on_message_send_stream(ask("wait"), ME)
        first = await anext(stream)
        assert isinstance(first, Task)
        follower = handler.on_subscribe_to_task(SubscribeToTaskRequest(id=first.id), ME)
        await anext(follower)
        assert watched.spans() == []
        await follower.aclose()
        assert [span.name for span in watched.spans()] == ["a2a SubscribeToTask"]
        agent.gate.set()
        assert [event async for event in stream]
        assert watched.span("a2a SendStreamingMessage").end_time

    def test_operations_are_what_they_were(self) -> None:
        """Detail 3: real coroutine functions and async generator functions."""
        assert inspect.iscoroutinefunction(RequestHandler.on_message_send)
        assert inspect.iscoroutinefunction(RequestHandler.on_get_task)
        assert inspect.isasyncgenfunction(RequestHandler.on_message_send_stream)
        assert inspect.isasyncgenfunction(RequestHandler.on_subscribe_to_task)


class TestErrors:
    async def test_what_the_client_is_to_blame_for_is_no_error_of_the_server(
        self, handler: RequestHandler, watched: Watched
    ) -> None:
        with pytest.raises(TaskNotFoundError):
            await handler.on_get_task(GetTaskRequest(id="nobody's"), ME)
        span = watched.span("a2a GetTask")
        assert attributes(span)["error.type"] == "TaskNotFoundError"
        assert span.status.status_code is StatusCode.UNSET

    @pytest.mark.parametrize("streaming", [False, True])
    async def test_an_agent_that_raises_marks_both_without_its_words(
        self, handler: RequestHandler, watched: Watched, streaming: bool
    ) -> None:
        async def send() -> None:
            if streaming:
                assert [event async for event in handler.on_message_send_stream(ask("fail"), ME)]
            await handler.on_message_send(ask("fail"), ME)

        with pytest.raises(InternalError, match="the tool broke"):
            await send()
        spans = watched.spans()
        assert len(spans) == 2
        for span in spans:
            assert span.status.status_code is StatusCode.ERROR
            assert span.status.description is None
            assert attributes(span)["error.type"] == "InternalError"
            assert "the tool broke" not in span.to_json()

    async def test_no_span_quotes_a_message_or_a_credential(
        self, handler: RequestHandler, watched: Watched
    ) -> None:
        hook = TaskPushNotificationConfig(url="http://127.0.0.1:9/?k=" + SECRET, token=SECRET)
        hook.authentication.scheme, hook.authentication.credentials = "Bearer", SECRET
        context = as_user("me")
        context.state["headers"] = {"Authorization": f"Bearer {SECRET}", **HEADERS}
        request = ask(f"work {SECRET}", task_push_notification_config=hook)
        request.message.message_id = SECRET
        await handler.on_message_send(request, context)
        await until(lambda: watched.spans("a2a notify"))
        assert all(SECRET not in span.to_json() for span in watched.spans())


class TestRuns:
    async def test_what_the_agent_does_is_in_the_runs_span(
        self, handler: RequestHandler, watched: Watched, agent: Actor
    ) -> None:
        seen: list[int] = []

        async def look(*_: Any) -> None:
            seen.append(trace.get_current_span().get_span_context().span_id)

        agent.look = look  # type: ignore[attr-defined] # a scene of its own
        with pytest.raises(InvalidAgentResponseError):
            await handler.on_message_send(ask("look"), ME)
        assert [f"{number:016x}" for number in seen] == [id_of(watched.span("a2a execute"))]

    async def test_a_run_that_goes_on_after_a_crash_stays_in_its_trace(
        self, agent: Actor, tmp_path: Path
    ) -> None:
        journal, before, after = MemoryJournal(), Watched(), Watched()
        context = as_user("me")
        context.state["headers"] = HEADERS
        policy = Policy.sdk(recovery="rerun")
        first = serving(before, agent, journal, policy=policy)
        sending = asyncio.ensure_future(first.on_message_send(ask("wait"), context))
        await until(lambda: agent.contexts)
        left = left_behind(journal, tmp_path)
        second = serving(after, agent, left, policy=policy)
        await second.start()
        agent.gate.set()
        await until(lambda: after.spans("a2a execute"))
        await sending
        for handler in (first, second):
            await handler.aclose()
        lost, again = before.span("a2a SendMessage"), after.span("a2a execute")
        assert (trace_of(again), parent_of(again)) == (TRACE, id_of(lost))
        assert attributes(again)["a2a.run.recovered"] is True
        assert attributes(before.span("a2a execute"))["a2a.run.recovered"] is False

    async def test_a_message_that_waits_runs_in_its_own_trace(
        self, handler: RequestHandler, watched: Watched, agent: Actor
    ) -> None:
        async def hold(context: Any, queue: Any, to: Any) -> None:
            await agent._begin(context, queue)
            await agent.gate.wait()
            await to.requires_input()

        agent.hold = hold  # type: ignore[attr-defined] # a scene of its own
        stream = handler.send_stream(ask("hold"), ME)
        started = (await anext(stream)).event.task
        waiting = await handler.sent(ask("ask", started.id), ME)
        agent.gate.set()
        assert [event async for event in stream]
        while await waiting.batch():
            continue
        waiting.close()
        requests = watched.spans("a2a SendStreamingMessage")
        runs = watched.spans("a2a execute")
        assert [parent_of(run) for run in runs] == [id_of(request) for request in requests]
        assert len({trace_of(run) for run in runs}) == 2


class TestNobodyTraces:
    """Without a provider, as most servers are."""

    @pytest.fixture
    async def handler(self, agent: Actor) -> AsyncIterator[RequestHandler]:
        made = RequestHandler(agent, None, card(), journal=MemoryJournal())
        yield made
        await made.aclose()

    async def test_nothing_is_put_into_the_context(
        self, handler: RequestHandler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await handler.start()
        attached: list[object] = []
        monkeypatch.setattr(contexts, "attach", attached.append)
        context = as_user("me")
        context.state["headers"] = {"A2A-Version": "1.0"}
        await handler.on_message_send(ask("work"), context)
        assert not attached

    async def test_the_callers_trace_goes_on_all_the_same(
        self, handler: RequestHandler, agent: Actor
    ) -> None:
        seen: list[str] = []

        async def look(context: Any, queue: Any, to: Any) -> None:
            seen.append(headers()["traceparent"])
            await agent._begin(context, queue)
            await to.complete()

        agent.look = look  # type: ignore[attr-defined] # a scene of its own
        context = as_user("me")
        context.state["headers"] = HEADERS
        await handler.on_message_send(ask("look"), context)
        assert seen == [TRACEPARENT]


class TestWebhooks:
    async def test_an_attempt_is_a_child_of_the_run_and_says_so(
        self, watched: Watched, agent: Actor
    ) -> None:
        got: list[str] = []

        async def receive(request: Request) -> Response:
            got.append(request.headers["traceparent"])
            return Response(status_code=200 if len(got) > 1 else 410)

        receiver = Starlette(routes=[Route("/", receive, methods=["POST"])])
        delivery = Delivery(allow=("127.0.0.1",), first_delay=0.01)
        handler = serving(watched, agent, delivery=delivery)
        async with listening(receiver) as port:
            hook = TaskPushNotificationConfig(url=f"http://127.0.0.1:{port}/")
            await handler.on_message_send(ask("work", task_push_notification_config=hook), ME)
            await until(lambda: len(watched.spans("a2a notify")) == 3)
            await handler.aclose()
        run, attempts = watched.span("a2a execute"), watched.spans("a2a notify")
        assert [parent_of(span) for span in attempts] == [id_of(run)] * 3
        assert [said[:-3] for said in got] == [
            f"00-{trace_of(span)}-{id_of(span)}" for span in attempts
        ]
        assert {span.kind for span in attempts} == {SpanKind.CLIENT}
        assert [attributes(span)["outcome"] for span in attempts] == ["refused", "done", "done"]
        assert watched.one("a2a.webhook.attempt.duration", outcome="done") == 2

    async def test_a_sender_of_the_users_has_it_as_the_current_span(
        self, watched: Watched, agent: Actor
    ) -> None:
        seen: list[int] = []

        class Sender(PushNotificationSender):
            async def send_notification(self, task_id: str, event: object) -> None:
                seen.append(trace.get_current_span().get_span_context().span_id)
                raise ConnectionError("down")

        handler = serving(watched, agent, push_sender=Sender(), delivery=None)
        await handler.on_message_send(ask("ask"), ME)
        await handler.aclose()
        attempts = watched.spans("a2a notify")
        assert [id_of(span) for span in attempts] == [f"{number:016x}" for number in seen]
        assert {attributes(span)["outcome"] for span in attempts} == {"raised"}
