"""The scripted tour: a question answered, then a server killed in the middle of a stream.

It runs a real server process on free ports and a database of its own, talks to it as any client
would, and ends with a proof: the words that came over both connections are those that the task
has stored, each once.

Neighbours: `agent.py` (the agent), `process.py` (the server), `proof.py` (what is proven).
"""

from __future__ import annotations

import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
from a2a.client import Client
from a2a.types import AgentCard, GetTaskRequest, Task, TaskState
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.rule import Rule
from rich.table import Table

from actors.cli import sse
from actors.cli.failure import CommandError
from actors.cli.reach import card_at, client_for, endpoint, http_client
from actors.cli.send import Message, request
from actors.cli.show import Printer
from actors.cli.words import Binding
from actors.demo.process import Server, serving
from actors.demo.proof import Proof, chunks


async def tour(console: Console) -> None:
    """Show it all, and prove that nothing was lost or doubled.

    Raises:
        CommandError: the proof failed, or the server could not be started.
    """
    with tempfile.TemporaryDirectory(prefix="actors-demo-") as folder:
        async with serving(Path(folder) / "tasks.db") as server, http_client() as http:
            await _question(console, server, http)
            proof = await _crash(console, server, http)
    _summary(console, proof)
    if proof.failures:
        raise CommandError("the proof failed: " + "; ".join(proof.failures))
    console.print(
        "\nKeep a server running: [bold]actors serve actors.demo.agent:TravelDesk[/bold]\n"
        "Serve your own agent:  [bold]actors serve MODULE:EXECUTOR[/bold]   (actors serve -h)",
        soft_wrap=True,
    )


# -- a conversation


async def _question(console: Console, server: Server, http: httpx.AsyncClient) -> None:
    _heading(console, "1. A task that asks before it works")
    card = await card_at(http, server.url)
    async with client_for(card, http, Binding.JSONRPC) as client:
        first = await _say(console, client, server.url, "I would like to see Lisbon")
        if first.state != TaskState.TASK_STATE_INPUT_REQUIRED:
            raise CommandError("the agent did not ask how many days the trip is")
        await _say(console, client, server.url, "2 days", first.task)
        await _same_everywhere(console, http, card, first.task)


async def _say(
    console: Console, client: Client, url: str, text: str, task: str | None = None
) -> Printer:
    """Send a message and show each event of its stream."""
    console.print(f"[bold]  you: [/bold] {text}")
    message = Message(
        text=text, url=url, task=task, context=None, binding=Binding.JSONRPC, streaming=True
    )
    printer = Printer(console)
    events: Any = client.send_message(request(message))
    async with aclosing(events):
        async for event in events:
            printer.show(event)
    printer.end()
    return printer


async def _same_everywhere(
    console: Console, http: httpx.AsyncClient, card: AgentCard, task: str
) -> None:
    """Ask for the task over all three bindings."""
    answers = [await _task(http, card, binding, task) for binding in Binding]
    if any(answer != answers[0] for answer in answers):
        raise CommandError("JSON-RPC, REST and gRPC tell different tasks")
    words = len(chunks(answers[0].artifacts))
    console.print(f"JSON-RPC, REST and gRPC return the same task: {words} words, completed")


async def _task(http: httpx.AsyncClient, card: AgentCard, binding: Binding, task: str) -> Task:
    async with client_for(card, http, binding) as client:
        return await client.get_task(GetTaskRequest(id=task))


# -- a crash


async def _crash(console: Console, server: Server, http: httpx.AsyncClient) -> Proof:
    _heading(console, "2. The server is killed in the middle of a stream")
    proof, printer = Proof(), Printer(console, numbered=True)
    card = await card_at(http, server.url)
    console.print("[bold]  you: [/bold] Porto, 2 days")
    await _until_killed(server, http, card, proof, printer)
    console.print(f"[red]✗ kill -9[/red]  the last event that arrived has id {proof.last_before}")

    await server.start()
    console.print("[green]↻ restarted[/green] on the same file; the message runs again")
    console.print(f"  subscribing with Last-Event-ID: {proof.last_before}")
    after = proof.last_before
    url = endpoint(card)
    stream = sse.stream(http, url, "SubscribeToTask", {"id": printer.task}, after)
    async with aclosing(stream):
        async for number, event in stream:
            proof.take(number, event)
            printer.show(event, number)
    printer.end()
    proof.compare(await _task(http, card, Binding.JSONRPC, printer.task))
    return proof


async def _until_killed(
    server: Server, http: httpx.AsyncClient, card: AgentCard, proof: Proof, printer: Printer
) -> None:
    """Stream a new task and kill its server once a third of the words have come."""
    message = Message(
        text="Porto, 2 days",
        url=server.url,
        task=None,
        context=None,
        binding=Binding.JSONRPC,
        streaming=True,
    )
    params = MessageToDict(request(message))
    stream = sse.stream(http, endpoint(card), "SendStreamingMessage", params)
    try:
        async with aclosing(stream):
            async for number, event in stream:
                proof.take(number, event)
                printer.show(event, number)
                if len(proof.words) == _WORDS_BEFORE_THE_KILL:
                    await server.kill()
    except httpx.TransportError:
        printer.end()
        proof.killed()
        return
    raise CommandError("the stream ended before the server could be killed")


_WORDS_BEFORE_THE_KILL = 20


# -- showing


def _heading(console: Console, text: str) -> None:
    console.print()
    console.print(Rule(f"[bold]{text}", align="left"))


def _summary(console: Console, proof: Proof) -> None:
    _heading(console, "3. Nothing was lost, nothing came twice")
    table = Table(show_header=False)
    table.add_column(justify="left")
    table.add_column(justify="right")
    for name, value in proof.rows():
        table.add_row(name, value)
    console.print(table)
