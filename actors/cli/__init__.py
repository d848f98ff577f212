"""The command line: `actors serve | send | tail | tasks | replay | fork | journal | ...`.

The map, each file importing only those above it:

    what commands share
        failure.py      an end with one line on stderr
        words.py        words that options take, their defaults
        options.py      options of several commands
        webhooks.py     --allow-webhooks
        show.py         events for people, and for machines
        journals.py     which journal an operator means

    a server
        load.py         MODULE:EXECUTOR and its card
        guard.py        bounds on connections
        logs.py         the log, on stderr
        serve.py        one agent in one process

    a client
        reach.py        from a URL to card, client, endpoint
        send.py         one message
        sse.py          numbered streams over HTTP
        tail.py         one task's stream, resumed

    a journal, without a server
        tasks.py        what there is
        replay.py       what happened to a task
        fork.py         a new task from there
        sdk_tables.py   rows of a2a-sdk's own stores
        sdk_rows.py     the tasks in them
        sdk_hooks.py    the webhooks in them
        journal.py      check, export, import

    the simulator
        courses.py      what can be simulated
        summary.py      found and told: a bar, a table, JSON
        simulate.py     runs all that was asked for

    options and help, which import the rest when a command runs
        serve_app.py    `actors serve`
        tasks_app.py    tasks in a journal
        journal_app.py  `actors journal`
        app.py          all commands

The command line needs two extras that the library does not, so nothing of them is imported here.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_OF_THE_EXTRAS = frozenset(
    {"a2a", "grpc", "httpx", "rich", "sse_starlette", "starlette", "typer", "uvicorn"}
)


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    try:
        from actors.cli.app import run  # here, since it needs the extras

        sys.exit(run())
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _OF_THE_EXTRAS:
            raise
        sys.exit(
            f"actors: the command line needs {missing.name}, which is not installed; "
            "run: pip install 'statechart-actors[a2a,cli]'"
        )
