"""The commands: options and help. What they do is imported when one runs, so that help is quick.

Neighbours: `serve.py`, `send.py`, `tail.py`, `simulate.py`, `actors/demo/tour.py`; the operator's
commands are declared in `journal_app.py` and `tasks_app.py`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from actors.cli import journal_app, tasks_app
from actors.cli.failure import CommandError
from actors.cli.options import DEFAULT_DATABASE, Database, Json
from actors.cli.words import DEFAULT_URL, Binding, Durability, Level, Preset, Recovery, duration

app = typer.Typer(
    name="actors",
    help="Serve A2A agents whose tasks survive a crash, and talk to A2A servers.",
    epilog="New here? `actors demo` shows everything in 20 seconds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Url = Annotated[str, typer.Option(help="Where the server is.", envvar="ACTORS_URL")]

_SERVE_EXAMPLES = """
Examples:

    actors serve actors.demo.agent:TravelDesk

    actors serve my_agent:MyExecutor --port 9000 --database /var/lib/my-agent.db

    actors serve my_agent:make_executor --recovery rerun --card card.json

    actors serve my_agent:MyExecutor --database postgresql://me@localhost/agents --keep 30d
"""


@app.command(epilog=_SERVE_EXAMPLES)
def serve(
    agent: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:EXECUTOR",
            help="An AgentExecutor: class, instance, or function without arguments that makes one.",
        ),
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="For JSON-RPC (/) and REST (/rest).")
    ] = 8000,
    grpc_port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="For gRPC; 0 serves none.", show_default="the port after --port"
        ),
    ] = None,
    database: Database = DEFAULT_DATABASE,
    durability: Annotated[
        Durability, typer.Option(help="Of a file: what an acknowledged event survives.")
    ] = Durability.PROCESS,
    policy: Annotated[
        Preset,
        typer.Option(help="Behave as clients of a2a-sdk expect, or as the specification says."),
    ] = Preset.SDK,
    recovery: Annotated[
        Recovery,
        typer.Option(help="After a crash: fail what was running, run it again, or let it wait."),
    ] = Recovery.FAIL,
    deduplicate: Annotated[
        bool | None,
        typer.Option(
            "--deduplicate/--no-deduplicate",
            help="Answer a message id that comes again with its first answer.",
            show_default="as the policy",
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long tasks are kept that have ended: 12h, 30d. Looked at every 10 minutes, "
            "or each tenth of the time if that is shorter, so they go that much later.",
            show_default="for ever",
        ),
    ] = None,
    keep_records: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long a task at rest keeps the events that led there, for streams to resume; "
            "looked at as --keep.",
            show_default="for ever",
        ),
    ] = None,
    card: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Agent card (JSON). By default `agent_card` of the executor or its module, "
            "else one made from the class.",
        ),
    ] = None,
    drain: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="How long runs may go on at the end.")
    ] = 10.0,
    log_level: Annotated[Level, typer.Option(help="How much to log on stderr.")] = Level.WARNING,
) -> None:
    """Serve an agent over JSON-RPC, REST and gRPC; its tasks survive a crash."""
    from actors.a2a import Limit, Policy, Retention
    from actors.cli import serve as serving

    preset = Policy.sdk if policy is Preset.SDK else Policy.spec
    chosen = preset(recovery=recovery.value, drain=drain)
    if deduplicate is not None:
        chosen = replace(chosen, deduplicate=deduplicate)
    limit = Limit(age=duration(keep)) if keep is not None else Limit()
    records = duration(keep_records) if keep_records is not None else None
    options = serving.Options(
        agent=agent,
        host=host,
        port=port,
        grpc_port=(port + 1) % 65536 if grpc_port is None else grpc_port,  # 65536: no gRPC
        database=database,
        durability=durability.value,
        policy=chosen,
        retention=Retention.terminal(limit, records=records),
        card=card,
        log_level=log_level.value,
    )
    serving.serve(options, Console())


_SEND_EXAMPLES = """
Examples:

    actors send "I would like to see Lisbon"

    actors send --task 4f1c... "3 days"

    actors send "Lisbon, 3 days" --binding grpc --json
"""


@app.command(epilog=_SEND_EXAMPLES)
def send(
    text: Annotated[str, typer.Argument(help="What to say to the agent.")],
    url: Url = DEFAULT_URL,
    task: Annotated[str | None, typer.Option(metavar="ID", help="Answer this task.")] = None,
    context: Annotated[
        str | None, typer.Option(metavar="ID", help="A new task in this context.")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream/--no-stream", help="Events as they arrive, or the outcome.")
    ] = True,
    binding: Annotated[Binding, typer.Option(help="How to talk to the server.")] = Binding.JSONRPC,
    machine: Json = False,
) -> None:
    """Send a message to an agent and print what comes back."""
    from actors.cli import send as sending

    message = sending.Message(
        text=text, url=url, task=task, context=context, binding=binding, streaming=stream
    )
    asyncio.run(sending.send(message, Console(), machine=machine))


_TAIL_EXAMPLES = """
Examples:

    actors tail 4f1c...

    actors tail 4f1c... --after 0

    actors tail 4f1c... --after 17 --json
"""


@app.command(epilog=_TAIL_EXAMPLES)
def tail(
    task: Annotated[str, typer.Argument(metavar="TASK_ID", help="Which task.")],
    url: Url = DEFAULT_URL,
    after: Annotated[
        int | None,
        typer.Option(
            metavar="SEQ", min=0, help="Only events after this id, replayed; 0 shows all of them."
        ),
    ] = None,
    follow: Annotated[
        bool,
        typer.Option(
            "--follow/--no-reconnect",
            help="When the connection breaks, resume after the last event, or give up.",
        ),
    ] = True,
    machine: Json = False,
) -> None:
    """Follow a task, also through restarts of its server; nothing is shown twice or left out."""
    from actors.cli import tail as tailing

    wanted = tailing.Tail(task=task, url=url, after=after, follow=follow)
    asyncio.run(tailing.tail(wanted, Console(), machine=machine))


_SIMULATE_EXAMPLES = """
Examples:

    actors simulate

    actors simulate my_agent:MyExecutor --budget 5m --crashes 1

    actors simulate --exhaustive --policy spec --budget 1h
"""


@app.command(epilog=_SIMULATE_EXAMPLES)
def simulate(
    agent: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODULE:EXECUTOR]",
            help="An agent, as for serve; without one, the task core under random agents.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the first schedule; the next has +1.")] = 0,
    schedules: Annotated[
        int | None, typer.Option(min=1, help="How many at most, of each policy.")
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="How long in all: 90s, 10m, 2h. A minute, if nothing else says when to end.",
            show_default=False,
        ),
    ] = None,
    exhaustive: Annotated[
        bool, typer.Option("--exhaustive", help="Every run of small scopes of the task core.")
    ] = False,
    policy: Annotated[
        Preset | None,
        typer.Option(help="Of the server.", show_default="both; of an agent sdk"),
    ] = None,
    recovery: Annotated[
        Recovery, typer.Option(help="After a crash: fail what was running, or run it again.")
    ] = Recovery.FAIL,
    crashes: Annotated[
        int | None,
        typer.Option(
            min=0, help="How often the server may crash.", show_default="1; with an agent 0"
        ),
    ] = None,
    report_to: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the files of a failure are written.")
    ] = Path("simulation-failure"),
    machine: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Look for races: schedules and faults, on virtual time, and the simplest that breaks."""
    from actors.a2a import Policy
    from actors.cli import simulate as simulating

    usual = (Preset.SDK,) if agent is not None else tuple(Preset)
    presets = {Preset.SDK: Policy.sdk, Preset.SPEC: Policy.spec}
    chosen = usual if policy is None else (policy,)
    endless = budget is None and schedules is None and not exhaustive
    options = simulating.Options(
        agent=agent,
        seed=seed,
        schedules=schedules,
        budget=duration(budget or "1m") if budget is not None or endless else None,
        exhaustive=exhaustive,
        policies=tuple(presets[each](recovery=recovery.value) for each in chosen),
        crashes=crashes,
        report_to=report_to,
        machine=machine,
    )
    simulating.simulate(options, Console())


_DEMO_EXAMPLES = """
Examples:

    actors demo
"""


@app.command(epilog=_DEMO_EXAMPLES)
def demo() -> None:
    """See it work: an agent, a question, a crash in the middle, nothing lost. Ends by itself."""
    from actors.demo import tour

    asyncio.run(tour.tour(Console()))


tasks_app.register(app)
app.add_typer(journal_app.app, name="journal")


def run() -> int:
    """Run a command and return the exit code; typer itself ends the process for wrong usage."""
    try:
        app()
    except CommandError as error:
        print_error(str(error))
        return error.code
    return 0


def print_error(text: str) -> None:
    """Say what went wrong, in one line."""
    Console(stderr=True).print(f"actors: {text}", style="red", markup=False, soft_wrap=True)
