"""The commands about tasks in a journal, without a server: options and help.

Neighbours: `app.py` (adds them), `tasks.py`, `replay.py`, `fork.py` (what they do).
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.console import Console

from actors.cli.options import DEFAULT_DATABASE, Database, Json

TaskId = Annotated[str, typer.Argument(metavar="TASK_ID", help="Which task.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=_TASKS_EXAMPLES)(tasks)
    app.command(epilog=_REPLAY_EXAMPLES)(replay)
    app.command(epilog=_FORK_EXAMPLES)(fork)


_TASKS_EXAMPLES = """
Examples:

    actors tasks

    actors tasks --state working --owner ann

    actors tasks --database postgresql://me@host/agents --limit 500 --json
"""


def tasks(
    state: Annotated[
        str | None, typer.Option(help="Only these: working, input-required, failed, ...")
    ] = None,
    context: Annotated[str | None, typer.Option(metavar="ID", help="Only of this context.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only theirs; by default everybody's.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Only theirs.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 50,
    database: Database = DEFAULT_DATABASE,
    machine: Json = False,
) -> None:
    """List the tasks in a journal, the newest first; a server may be running."""
    from actors.cli import tasks as listing
    from actors.storage.source import TaskFilter

    wanted = TaskFilter(
        state=None if state is None else listing.state_of(state),
        context=context,
        owner=owner,
        tenant=tenant,
        limit=limit,
    )
    asyncio.run(listing.tasks(database, wanted, Console(), machine=machine))


_REPLAY_EXAMPLES = """
Examples:

    actors replay 4f1c...

    actors replay 4f1c... --at 17

    actors replay 4f1c... --at 17 --json
"""


def replay(
    task: TaskId,
    at: Annotated[
        int | None,
        typer.Option(metavar="SEQ", min=1, help="The task as it was once this record was in."),
    ] = None,
    database: Database = DEFAULT_DATABASE,
    machine: Json = False,
) -> None:
    """Show what happened to a task, record by record; or the task as it was at one of them."""
    from actors.cli import replay as replaying

    asyncio.run(replaying.replay(database, task, at, Console(), machine=machine))


_FORK_EXAMPLES = """
Examples:

    actors fork 4f1c... --at 17

    actors fork 4f1c... --at 17 --context another-conversation
"""


def fork(
    task: TaskId,
    at: Annotated[int, typer.Option(metavar="SEQ", min=1, help="From this record on.")],
    context: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Of the new task.", show_default="that of the other"),
    ] = None,
    database: Database = DEFAULT_DATABASE,
    machine: Json = False,
) -> None:
    """Begin a new task where another one was; the server must be stopped meanwhile."""
    from actors.cli import fork as forking

    wanted = forking.Fork(task=task, at=at, context=context)
    asyncio.run(forking.fork(database, wanted, Console(), machine=machine))
