"""The words that options take, and their defaults.

Neighbours: `app.py` (declares the options), whoever acts on them.
"""

from __future__ import annotations

from enum import StrEnum

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


class Level(StrEnum):
    """How much is logged, on stderr."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
