"""The command line: `actors serve | send | tail | tasks | replay | fork | journal | ...`.

The map, each file importing only those above it:

    failure.py   an end with one line on stderr
    words.py     what options take
    show.py      events as people read them
    sse.py       numbered streams over HTTP
    reach.py     from a URL to a card, a client, an endpoint
    load.py      MODULE:EXECUTOR and its card
    serve.py     a server process       send.py   one message       tail.py   one task's stream
    courses.py   what to simulate       summary.py   what was found
    simulate.py  many runs
    journals.py  which journal an operator means
    tasks.py     what there is              replay.py  what happened   fork.py  and what if
    sdk_rows.py  tasks of a2a-sdk's store   journal.py a whole journal
    options.py   options of several commands
    tasks_app.py, journal_app.py, app.py    options and help; import the rest when a command runs

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
