"""The words that options take, and their defaults.

Neighbours: `app.py` (declares the options), whoever acts on them.
"""

from __future__ import annotations

import re
from enum import StrEnum

from actors.cli.failure import CommandError

DEFAULT_URL = "http://127.0.0.1:8000"
"""Where `actors serve` listens unless told otherwise, and so where the others look."""


class Binding(StrEnum):
    """How to talk to a server."""

    JSONRPC = "jsonrpc"
    REST = "rest"
    GRPC = "grpc"


class Preset(StrEnum):
    """Presets of the policy."""

    SDK = "sdk"
    SPEC = "spec"


class Recovery(StrEnum):
    """What becomes of a run whose process died."""

    FAIL = "fail"
    RERUN = "rerun"
    PARK = "park"


class Durability(StrEnum):
    """What an acknowledged event in a SQLite file survives: the end of a process, of the power."""

    PROCESS = "process"
    POWER = "power"


class LogFormat(StrEnum):
    """How lines of the log look."""

    TEXT = "text"
    JSON = "json"


class Level(StrEnum):
    """How much is logged, on stderr."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def duration(text: str) -> float:
    """Return seconds: "90", "90s", "1.5m", "2h", "30d", "500ms".

    Raises:
        CommandError: it is none, or 0.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(ms|s|m|h|d|)", text.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not seconds:
        raise CommandError(f"{text!r} is no duration; write for example 90s, 10m, 2h or 30d", 2)
    return seconds
