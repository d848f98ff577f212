"""What agents raise, whatever is in it: the run ends, and the caller is told in JSON.

Neighbours: `whims.py` (raises these, among much else), `test_handler.py`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable
from typing import Any

import pytest
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.utils.errors import A2AError, UnsupportedOperationError

from actors.a2a import RequestHandler
from actors.storage import MemoryJournal
from tests.a2a.agents import as_user, ask, card
from tests.a2a.whims import ERRORS, Mute, nested


class Raises(AgentExecutor):
    def __init__(self, make: Callable[[], BaseException]) -> None:
        self._make = make

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise self._make()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        raise self._make()


async def heard(make: Callable[[], BaseException]) -> A2AError:
    """What the sender of a message hears of it."""
    handler = RequestHandler(Raises(make), None, card(), journal=MemoryJournal())
    try:
        async with asyncio.timeout(5):
            with pytest.raises(A2AError) as caught:
                await handler.on_message_send(ask("go"), as_user("ann"))
    finally:
        await handler.aclose()
    return caught.value


@pytest.fixture(autouse=True)
def _unlogged(caplog: pytest.LogCaptureFixture) -> None:
    """What these raise could not be told by a process that runs tests for another one."""
    caplog.set_level(logging.CRITICAL + 1)


@pytest.mark.parametrize("make", ERRORS)
async def test_whatever_an_agent_raises_has_a_form_in_json(
    make: Callable[[], BaseException],
) -> None:
    error = await heard(make)
    said = json.dumps([error.message, error.data], allow_nan=False, ensure_ascii=False)
    said.encode()


@pytest.mark.parametrize(
    "data", [math.nan, math.inf, nested(100_000), Mute(), {(1, 2): 3}, {Mute()}]
)
async def test_data_without_a_form_in_json_is_named_by_its_type(data: Any) -> None:
    error = await heard(lambda: UnsupportedOperationError("no", data={"of": data}))
    assert isinstance(error, UnsupportedOperationError)
    assert error.data == {"detail": "dict (it has no form in JSON)"}


async def test_data_with_a_form_in_json_is_as_it_was() -> None:
    data = {"of": [1, None, {"é": "\u2028"}], "to": 1.5}
    error = await heard(lambda: UnsupportedOperationError("no", data=data))
    assert error.data == data
