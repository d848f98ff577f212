"""The commands of `actors journal`: options and help.

Neighbours: `app.py` (adds them), `journal.py` (what they do).
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from actors.cli.options import DEFAULT_DATABASE, AllowWebhooks, Database, Json

app = typer.Typer(
    help="Check, export and import a whole journal.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Where = Annotated[
    str | None,
    typer.Argument(metavar="FILE|DSN", help="As --database.", show_default=False),
]

_CHECK_EXAMPLES = """
Examples:

    actors journal check a2a-tasks.db

    actors journal check --json postgresql://me@host/agents

Exit code: 0 sound, 1 corrupt, 2 cannot be read. Never changes the file; a server may be running.
"""


@app.command(epilog=_CHECK_EXAMPLES)
def check(
    where: Where = None, database: Database = DEFAULT_DATABASE, machine: Json = False
) -> None:
    """Read a whole journal and report every corruption in it."""
    from actors.cli import journal

    _exit(asyncio.run(journal.check_journal(where or database, Console(), machine=machine)))


_EXPORT_EXAMPLES = """
Examples:

    actors journal export a2a-tasks.db > tasks.jsonl

    actors journal export --database postgresql://me@host/agents > tasks.jsonl
"""


@app.command(epilog=_EXPORT_EXAMPLES)
def export(where: Where = None, database: Database = DEFAULT_DATABASE) -> None:
    """Write a journal to stdout as JSON lines; a server may be running."""
    from actors.cli import journal

    asyncio.run(journal.export_journal(where or database))


_IMPORT_EXAMPLES = """
Examples:

    actors journal import tasks.jsonl --database new.db

    actors journal import tasks.jsonl --database postgresql://me@host/agents
"""


@app.command("import", epilog=_IMPORT_EXAMPLES)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Of `actors journal export`.")],
    database: Database = DEFAULT_DATABASE,
    machine: Json = False,
) -> None:
    """Read JSON lines into a journal; none of the logs may exist there."""
    from actors.cli import journal

    asyncio.run(journal.import_journal(file, database, Console(), machine=machine))


_SDK_EXAMPLES = """
Examples:

    actors journal import-sdk tasks.sqlite --database a2a-tasks.db

    actors journal import-sdk postgresql://me@host/agents --table my_tasks --push-table my_hooks
"""


@app.command("import-sdk", epilog=_SDK_EXAMPLES)
def import_sdk(
    source: Annotated[
        str,
        typer.Argument(metavar="FILE|DSN", help="What the stores of a2a-sdk have written to."),
    ],
    database: Database = DEFAULT_DATABASE,
    table: Annotated[str, typer.Option(metavar="NAME", help="Of its tasks.")] = "tasks",
    tenant: Annotated[
        str, typer.Option(help="Whom the tasks belong to; a2a-sdk keeps only their owners.")
    ] = "",
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Leave tasks at work as they are; by default they are FAILED."),
    ] = False,
    push_table: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of its webhooks.",
            show_default="push_notification_configs, if it is there",
        ),
    ] = None,
    push_key_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The key that its webhooks are encrypted with."),
    ] = None,
    allow_webhooks: AllowWebhooks = None,
    machine: Json = False,
) -> None:
    """Import the tasks and webhooks of a2a-sdk's own stores; tasks that are there are skipped."""
    from actors.cli import journal

    wanted = journal.SdkImport(
        source=source,
        table=table,
        where=database,
        tenant=tenant,
        keep=keep,
        push_table=push_table,
        push_key=push_key_file,
        allow=tuple(allow_webhooks or ()),
    )
    _exit(asyncio.run(journal.import_sdk(wanted, Console(), machine=machine)))


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)
