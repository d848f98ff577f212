"""Webhooks of `actors serve`: real processes, one of them killed while it notifies."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from a2a.types import AgentCapabilities, AgentCard, StreamResponse
from google.protobuf.json_format import ParseDict

from actors.cli.failure import CommandError
from actors.cli.webhooks import allowing_for
from actors.runtime.journal.record import Record
from actors.storage import SqliteJournal
from actors.task.delivery import Delivery
from actors.task.listing import TASKS
from actors.task.record import Kind
from tests.a2a.receivers import Got, Receiver, receiving, status
from tests.servers import Server, free_port, running

HEADERS = {"A2A-Version": "1.0"}


async def send(server: Server, url: str) -> str:
    """Begin a task whose webhook is in the message; returns its id."""
    message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "Lisbon, 1 day"}]}
    hook = {"id": "h", "url": url, "token": "secret"}
    configuration = {"returnImmediately": True, "taskPushNotificationConfig": hook}
    params: dict[str, Any] = {"message": message, "configuration": configuration}
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": params}
    answer = (await server.client.post("/", json=body, headers=HEADERS)).json()
    task: str = answer["result"]["task"]["id"]
    return task


async def completed(receiver: Receiver) -> None:
    while "TASK_STATE_COMPLETED" not in (await receiver.asked.get()).body.decode():
        pass


def pushed(database: Path, task: str) -> list[Record]:
    """What the webhook is to hear of: every public record of the task."""
    journal = SqliteJournal(database)
    journal.open(TASKS)
    records = journal.page(task, 0, 1000)
    journal.close()
    assert records is not None
    since = [record.kind for record in records].index(Kind.HOOK_SET)
    return [record for record in records[since:] if record.public]


def payload(got: Got) -> StreamResponse:
    return ParseDict(json.loads(got.body), StreamResponse())


async def test_every_record_is_told_in_order_though_the_server_is_killed(tmp_path: Path) -> None:
    port, database = free_port(), tmp_path / "t.db"
    arguments = (
        *("-m", "actors", "serve", "tests.cli.agents:HastyDesk", "--policy", "spec"),
        *("--port", str(port), "--grpc-port", "0", "--database", str(database)),
        *("--recovery", "rerun", "--allow-webhooks", "127.0.0.1/32"),
    )
    servers: list[Server] = []

    async def kill(_: asyncio.StreamWriter) -> None:
        servers[0].kill()
        raise ConnectionError  # whether it was taken, nobody hears

    async with asyncio.timeout(30), receiving(*4 * [status(200)], kill) as receiver:
        async with running(arguments, port) as server:
            servers.append(server)
            task = await send(server, receiver.url())
            await server.process.wait()
        async with running(arguments, port):
            await completed(receiver)
    records = pushed(database, task)
    assert len(records) > 20
    seen = [int(got.headers["x-a2a-sequence"]) for got in receiver.got]
    before, after = seen[:5], seen[5:]
    assert before == sorted(set(before))
    assert after == sorted(set(after))
    assert after[0] in before  # the last one was not acknowledged, so it is told again
    told = {int(got.headers["x-a2a-sequence"]): payload(got) for got in receiver.got}
    assert told == {record.seq: StreamResponse.FromString(record.payload) for record in records}
    named = {
        (got.headers["x-a2a-sequence"], got.headers["x-a2a-delivery-id"]) for got in receiver.got
    }
    assert len(named) == len(records)
    assert len({delivery for _, delivery in named}) == len(records)
    assert all(got.headers["x-a2a-notification-token"] == "secret" for got in receiver.got)


def test_a_card_that_declares_none() -> None:
    with pytest.raises(CommandError, match="card does not declare pushNotifications"):
        allowing_for(AgentCard(), ("localhost",))
    assert allowing_for(AgentCard(), ()) == Delivery()
    declared = AgentCard(capabilities=AgentCapabilities(push_notifications=True))
    assert allowing_for(declared, ("localhost",)).allow == ("localhost",)
