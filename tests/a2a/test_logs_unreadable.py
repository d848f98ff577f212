"""Log lines about requests that nobody can read tell no secret of them either.

Neighbours: `test_logs.py` (of those that are read).
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import ParseError

from actors.a2a import RequestHandler
from actors.a2a.app import build_app
from actors.storage import MemoryJournal
from tests.a2a.agents import Actor, card

SECRETS = ("the-token", "the-credentials", "the-query")


@pytest.fixture
async def handler() -> AsyncIterator[RequestHandler]:
    made = RequestHandler(Actor(), None, card(push_notifications=True), journal=MemoryJournal())
    yield made
    await made.aclose()


HOOK: Mapping[str, Any] = {
    "url": "http://e.example/?key=the-query",
    "token": "the-token",
    "authentication": {"schemes": ["Bearer"], "credentials": "the-credentials"},
}
OLD = "tasks/pushNotificationConfig/set"
NEW = "CreateTaskPushNotificationConfig"


@pytest.mark.parametrize("level", [logging.WARNING, logging.DEBUG])
@pytest.mark.parametrize(
    ("version", "method", "params"),
    [
        ("1.0", NEW, [HOOK]),
        ("1.0", NEW, {"taskId": "x", "authentication": [HOOK]}),
        ("1.0", NEW, {"taskId": {}, **HOOK}),
        ("1.0", "Nothing", HOOK),
        ("0.3", OLD, {"taskId": "x", "pushNotificationConfig": HOOK}),
        ("0.3", OLD, {"taskId": 5, "pushNotificationConfig": HOOK}),
        ("0.3", OLD, [HOOK]),
        ("0.3", "/rest/v1/message:send", {"configuration": {"pushNotification": [HOOK]}}),
        ("0.3", "/rest/v1/tasks/x/pushNotificationConfigs", {"config": [HOOK]}),
        ("1.0", "/rest/tasks/x/pushNotificationConfigs", [HOOK]),
    ],
)
async def test_no_line_repeats_what_cannot_be_read(
    handler: RequestHandler,
    caplog: pytest.LogCaptureFixture,
    level: int,
    version: str,
    method: str,
    params: Any,
) -> None:
    caplog.set_level(level)
    app = build_app(handler, card(push_notifications=True))
    call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    path, said = (method, params) if method.startswith("/") else ("/", call)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.post(path, json=said, headers={"A2A-Version": version})
    assert "error" in answer.json()
    assert [secret for secret in SECRETS if secret in caplog.text] == []


async def test_what_else_goes_wrong_in_the_sdk_is_told_whole(
    handler: RequestHandler, caplog: pytest.LogCaptureFixture
) -> None:
    build_app(handler, card())
    for name in ("server.routes.jsonrpc_dispatcher", "utils.error_handlers"):
        caplog.clear()
        try:
            json.loads("[")
        except ValueError:
            logging.getLogger(f"a2a.{name}").exception("Unhandled: %s", "exception")
        assert "Unhandled: exception" in caplog.text
        assert "JSONDecodeError: Expecting value" in caplog.text


async def test_errors_that_are_the_context_of_each_other(
    handler: RequestHandler, caplog: pytest.LogCaptureFixture
) -> None:
    build_app(handler, card())
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    logging.getLogger("a2a.utils.error_handlers").error("Unknown", exc_info=first)
    assert "second" in caplog.text


async def test_what_could_not_be_read_is_hidden_behind_another_error(
    handler: RequestHandler, caplog: pytest.LogCaptureFixture
) -> None:
    build_app(handler, card())
    outer = ValueError("outer")
    outer.__context__ = ParseError("Failed to parse the-token")
    logging.getLogger("a2a.utils.error_handlers").error("Unknown", exc_info=outer)
    assert "Unknown" in caplog.text
    assert "the-token" not in caplog.text
