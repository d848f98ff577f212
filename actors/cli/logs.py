"""The log of `actors serve`, on stderr: for people, or one JSON object a line for programs.

Lines about a task name it in fields of their own: `task`, `owner`, `seq`. In JSON each field of a
line is a member; the text is the same.

Neighbours: `serve.py` (sets it up), `words.py` (the formats).
"""

from __future__ import annotations

import logging

from pythonjsonlogger.json import JsonFormatter

from actors.cli.words import LogFormat

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
FIELDS = ("levelname", "name", "message")
"""Of every line, with `timestamp` (UTC), before whatever else it names."""
NAMES = {"levelname": "level", "name": "logger"}


def log_to_stderr(level: str, form: LogFormat) -> None:
    """Log everything from `level` on to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form))
    logging.basicConfig(level=level.upper(), handlers=[handler])


def formatter(form: LogFormat) -> logging.Formatter:
    """Return what makes lines of records."""
    if form is LogFormat.TEXT:
        return logging.Formatter(TEXT)
    return JsonFormatter(FIELDS, rename_fields=NAMES, timestamp=True)
