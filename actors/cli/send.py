"""`actors send`: one message by way of a2a-sdk's own client, its events as they arrive.

Neighbours: `reach.py` (the client), `show.py` (events).
"""

from __future__ import annotations

import json
import shlex
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from a2a.client import Client
from a2a.client.errors import A2AClientError
from a2a.helpers import new_text_message
from a2a.types import Role, SendMessageRequest, TaskState
from a2a.utils.errors import A2AError
from rich.console import Console

from actors.cli.failure import CommandError
from actors.cli.reach import card_at, client_for, http_client, server_error
from actors.cli.show import Printer, as_dict
from actors.cli.words import DEFAULT_URL, Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What to send, to whom."""

    text: str
    url: str
    task: str | None
    context: str | None
    binding: Binding
    streaming: bool


async def send(message: Message, console: Console, *, machine: bool) -> None:
    """Send a message and print what comes back.

    Raises:
        CommandError: there is no server, or it answered with an error.
    """
    async with http_client() as http:
        card = await card_at(http, message.url)
        client = client_for(card, http, message.binding, streaming=message.streaming)
        try:
            async with client:
                await _print(client, message, console, machine=machine)
        except A2AClientError as error:
            raise CommandError(f"the connection to {message.url} failed: {error}") from error
        except A2AError as error:
            raise server_error(error) from error


async def _print(client: Client, message: Message, console: Console, *, machine: bool) -> None:
    printer = Printer(console)
    try:
        events: Any = client.send_message(request(message))
        async with aclosing(events):
            async for event in events:
                if machine:
                    print(json.dumps(as_dict(event)), flush=True)  # noqa: T201 - the output
                else:
                    printer.show(event)
    finally:
        printer.end()
    if not machine:
        _advise(printer, message, console)


def request(message: Message) -> SendMessageRequest:
    """Return the request for a message of a user."""
    return SendMessageRequest(
        message=new_text_message(
            message.text, context_id=message.context, task_id=message.task, role=Role.ROLE_USER
        )
    )


def _advise(printer: Printer, message: Message, console: Console) -> None:
    """Say what can be done next."""
    where = "" if message.url == DEFAULT_URL else f" --url {shlex.quote(message.url)}"
    if printer.state == TaskState.TASK_STATE_INPUT_REQUIRED:
        answer = f'actors send --task {printer.task}{where} "..."'
        console.print(f"answer with: {answer}", style="yellow", markup=False, soft_wrap=True)
    elif printer.task:
        again = f"actors tail {printer.task} --after 0{where}"
        console.print(f"see it again: {again}", style="dim", markup=False, soft_wrap=True)
