"""Options that several commands take.

Neighbours: `app.py`, `journal_app.py`, `tasks_app.py` (declare commands with them).
"""

from __future__ import annotations

from typing import Annotated

import typer

DEFAULT_DATABASE = "a2a-tasks.db"
"""Where `actors serve` keeps tasks unless told otherwise, and so where the others look."""

Json = Annotated[bool, typer.Option("--json", help="One JSON object per line, for programs.")]
Database = Annotated[
    str,
    typer.Option(
        metavar="FILE|DSN",
        help="Where tasks are kept: a SQLite file, or postgresql://user:password@host/database.",
    ),
]
AllowWebhooks = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NETWORK|HOST",
        help="Where webhooks may be though it is private: 10.0.0.0/8, hooks.internal; repeatable.",
        show_default="public addresses only",
    ),
]
