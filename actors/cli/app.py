"""The commands: options and help. What they do is imported when one runs, so that help is quick.

Neighbours: `send.py`, `tail.py`, `simulate.py`, `actors/demo/tour.py`; `serve` is declared in
`serve_app.py`, the operator's commands are in `journal_app.py` and `tasks_app.py`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from actors.cli import journal_app, serve_app, tasks_app
from actors.cli.failure import CommandError
from actors.cli.options import Json
from actors.cli.words import DEFAULT_URL, Binding, Preset, Recovery, duration

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

serve_app.register(app)


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
