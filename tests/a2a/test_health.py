"""/healthz, /readyz and /metrics: of a server on a socket, and of an application of the user's."""

from __future__ import annotations

import asyncio
import builtins
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from a2a.types import Task, TaskPushNotificationConfig
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from starlette.applications import Starlette

from actors.a2a import RequestHandler
from actors.a2a.app import build_app
from actors.a2a.health import HEALTH, METRICS, READY, health_routes
from actors.runtime.journal.errors import StorageUnavailable
from actors.storage import MemoryJournal
from actors.task.delivery import Delivery
from actors.telemetry import Telemetry, prometheus
from tests.a2a.agents import Actor, as_user, ask, card
from tests.a2a.watched import until
from tests.sockets import listening

ME = as_user("me")


class Sulky(MemoryJournal):
    """Answers no look-up while it is away, and none at all while it sulks."""

    away = sulks = False

    def find(self, key: str) -> Any:
        if self.away:
            raise StorageUnavailable("connection refused to 10.1.2.3")
        return asyncio.get_running_loop().create_future() if self.sulks else super().find(key)


@pytest.fixture
def agent() -> Actor:
    return Actor()


@pytest.fixture
def journal() -> Sulky:
    return Sulky()


@pytest.fixture
async def handler(agent: Actor, journal: Sulky) -> AsyncIterator[RequestHandler]:
    delivery = Delivery(allow=("127.0.0.1",))
    made = RequestHandler(
        agent, None, card(push_notifications=True), journal=journal, delivery=delivery
    )
    yield made
    agent.gate.set()
    await made.aclose()


def client_of(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def values(text: str) -> dict[str, float]:
    """Prometheus's text format as a dictionary."""
    found = re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


class TestHealth:
    async def test_it_says_version_uptime_and_how_webhooks_are(
        self, handler: RequestHandler
    ) -> None:
        async with client_of(build_app(handler, card())) as client:
            first = (await client.get(HEALTH)).json()
            assert (first["status"], first["webhooks"]) == ("ok", {"attempts": {}})
            assert re.fullmatch(r"\d+\.\d+.*", first["version"])
            hook = TaskPushNotificationConfig(url="http://127.0.0.1:9/")
            await handler.on_message_send(ask("ask", task_push_notification_config=hook), ME)
            await until(lambda: handler.observer.webhooks().get("failing"))
            said = (await client.get(HEALTH)).json()
        assert said["uptime"] > 0
        waiting, failing = said["webhooks"]["waiting"], said["webhooks"]["failing"]
        assert (waiting, failing) == (1, 1)
        assert said["webhooks"]["attempts"] == {"retry": 1}

    async def test_it_is_alive_before_it_is_ready(
        self, handler: RequestHandler, journal: Sulky
    ) -> None:
        journal.away = True
        async with client_of(build_app(handler, card())) as client:
            assert (await client.get(HEALTH)).status_code == 200
            assert (await client.get(READY)).status_code == 503


class TestReady:
    async def test_the_journal_must_answer(
        self, handler: RequestHandler, journal: Sulky, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("actors.a2a.health.LOOK", 0.01)
        async with client_of(build_app(handler, card())) as client:
            assert (await client.get(READY)).json()["ready"] is True
            journal.away = True
            away = await client.get(READY)
            assert (away.status_code, away.json()["ready"]) == (503, False)
            assert "10.1.2.3" not in away.text
            journal.away, journal.sulks = False, True
            async with asyncio.timeout(5):
                silent = await client.get(READY)
            assert (silent.status_code, silent.json()["ready"]) == (503, False)
            journal.sulks = False
            assert (await client.get(READY)).status_code == 200

    async def test_not_while_it_drains(self, handler: RequestHandler, agent: Actor) -> None:
        stream = handler.send_stream(ask("wait"), ME)
        await anext(stream)
        async with client_of(build_app(handler, card())) as client:
            closing = asyncio.ensure_future(handler.aclose())
            await asyncio.sleep(0)
            draining = await client.get(READY)
            alive = await client.get(HEALTH)
        agent.gate.set()
        assert [event async for event in stream]
        await stream.aclose()
        await closing
        assert (draining.status_code, alive.status_code) == (503, 200)


class TestMetrics:
    async def test_over_a_socket(self, handler: RequestHandler) -> None:
        done = await handler.on_message_send(ask("reply"), ME)
        assert not isinstance(done, Task)
        app = build_app(handler, card())
        async with (
            listening(app, lifespan="off") as port,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            await handler.on_message_send(ask("work"), ME)
            answer = await client.get(METRICS)
            strict = await client.get(METRICS, headers={"Accept": "application/openmetrics-text"})
        assert answer.headers["content-type"].startswith("text/plain; version=")
        found = values(answer.text)
        said = 'a2a_request_duration_seconds_count{outcome="ok",rpc_method="SendMessage"}'
        assert found[said] == 1, "what was before the application is not in it"
        assert found['a2a_actors_live{kind="journal"}'] == 1
        assert found["process_cpu_seconds_total"] > 0
        assert "owner" not in answer.text
        assert strict.headers["content-type"].startswith("application/openmetrics-text")
        assert strict.text.endswith("# EOF\n")

    async def test_two_applications_in_one_process_are_apart(self, handler: RequestHandler) -> None:
        other = RequestHandler(Actor(), None, card(), journal=MemoryJournal())
        apps = [build_app(each, card()) for each in (handler, other)]
        await handler.on_message_send(ask("work"), ME)
        await other.start()
        counts = []
        for app in apps:
            async with client_of(app) as client:
                text = (await client.get(METRICS)).text
            counts.append(text.count("a2a_request_duration_seconds_count"))
        assert counts == [1, 0]
        await other.aclose()

    async def test_two_applications_of_one_handler_show_the_same(
        self, handler: RequestHandler
    ) -> None:
        apps = [build_app(handler, card()), Starlette(routes=health_routes(handler))]
        await handler.on_message_send(ask("work"), ME)
        counts = []
        for app in apps:
            async with client_of(app) as client:
                text = (await client.get(METRICS)).text
            counts.append(text.count("a2a_request_duration_seconds_count"))
        assert counts == [1, 1]

    async def test_a_provider_of_the_users_is_honoured(self, agent: Actor) -> None:
        reader = PrometheusMetricReader(prefix="mine")
        provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
        telemetry = Telemetry(meter_provider=provider)
        handler = RequestHandler(agent, None, card(), journal=MemoryJournal(), telemetry=telemetry)
        async with client_of(Starlette(routes=health_routes(handler))) as client:
            await handler.on_message_send(ask("work"), ME)
            text = (await client.get(METRICS)).text
        assert "mine_a2a_run_duration_seconds_count" in text
        await handler.aclose()
        provider.shutdown()

    async def test_not_if_it_is_not_wanted(self, handler: RequestHandler) -> None:
        async with client_of(build_app(handler, card(), metrics=False)) as client:
            assert (await client.get(METRICS, follow_redirects=True)).status_code == 404
            assert (await client.get(HEALTH)).status_code == 200

    async def test_without_the_extra(
        self, handler: RequestHandler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = builtins.__import__

        def lacking(name: str, *rest: Any) -> Any:
            if name == prometheus.__name__:
                raise ModuleNotFoundError("no prometheus", name="prometheus_client")
            return real(name, *rest)

        monkeypatch.setattr(builtins, "__import__", lacking)
        with pytest.raises(ImportError, match=r"prometheus_client.*statechart-actors\[telemetry\]"):
            build_app(handler, card(), metrics=True)
        paths = {getattr(route, "path", "") for route in build_app(handler, card()).routes}
        assert METRICS not in paths
        assert {HEALTH, READY} <= paths
