"""Telemetry: what the server measures and traces, through the OpenTelemetry API.

Without an SDK, or a provider, all of it does nothing. Nothing here is called for an event of an
agent: runs, groups of the journal, requests and attempts to deliver are what is counted, and gauges
read what the runtime keeps anyway.

The map, each file importing only those above it:

    words.py        names of metrics, spans and attributes
    census.py       who lives, in which state, with how much mail
    instruments.py  the instruments of one meter provider
    spans.py        trace contexts: from headers, of runs, to webhooks
    reports.py      a request, a run, an attempt under way
    observer.py     what one handler reports
    prometheus.py   what GET /metrics answers (alone in needing the extra)
"""

from actors.telemetry.observer import Observer
from actors.telemetry.reports import Attempt, Operation, RunSeen
from actors.telemetry.words import Telemetry

__all__ = ["Attempt", "Observer", "Operation", "RunSeen", "Telemetry"]
