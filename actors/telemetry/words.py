"""The words of telemetry: whose providers, names of metrics and attributes.

Neighbours: `instruments.py` and `spans.py` (use them).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

SCOPE: Final = "actors.a2a"
"""The instrumentation scope of everything here."""

TASK: Final = "a2a.task.id"
CONTEXT: Final = "a2a.context.id"
TENANT: Final = "a2a.tenant"
OWNER: Final = "enduser.id"
METHOD: Final = "rpc.method"
OUTCOME: Final = "outcome"
ERROR: Final = "error.type"

OK: Final = "ok"
CANCELLED: Final = "cancelled"


def release() -> str:
    """Return the version of this package; of a tree that is not installed, "unknown"."""
    try:
        return version("statechart-actors")
    except PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Where a handler reports to. Without a provider, to the global one of OpenTelemetry."""

    meter_provider: MeterProvider | None = None
    tracer_provider: TracerProvider | None = None
