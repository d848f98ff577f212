"""Trace contexts: from the headers of a request, of the log, to the headers of a webhook.

What travels is W3C trace context, whichever propagator the process has otherwise: it is what A2A
clients and webhooks speak, and one line of a record can hold it.

Neighbours: `observer.py` (makes the spans), `a2a/entry.py` (puts the trace into the envelope).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from actors.telemetry.words import CONTEXT, TASK

_W3C = TraceContextTextMapPropagator()
TRACE: Final = frozenset(_W3C.fields)
"""Names of the headers that it reads, in lower case."""


def told(headers: Mapping[str, str]) -> Context | None:
    """Return the parent that a request's headers name; None: the current span is.

    A current span of the same trace is nearer (whoever serves HTTP has continued it already);
    one of another trace has been begun by somebody who has not looked at the headers.
    """
    found = _W3C.extract(headers, context=Context())
    remote = trace.get_current_span(found).get_span_context()
    current = trace.get_current_span().get_span_context()
    if not remote.is_valid or remote.trace_id == current.trace_id:
        return None
    return found


def headers() -> dict[str, str]:
    """Return what a request that the current span makes is to say of it; empty without a span."""
    carrier: dict[str, str] = {}
    _W3C.inject(carrier)
    return carrier


def stored(traceparent: str) -> Context:
    """Return the context that a traceparent of the log names; an empty one if it is none."""
    if not traceparent:
        return Context()
    return _W3C.extract({"traceparent": traceparent}, context=Context())


def under(parent: SpanContext | None) -> Context:
    """Return the context of a span that is known by name only."""
    if parent is None:
        return Context()
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())


def name_task(task: str, context: str) -> str:
    """Say on the current span which task and context a request has turned out to be about.

    Returns:
        Its traceparent, or "" if there is no trace.
    """
    span = trace.get_current_span()
    if span is trace.INVALID_SPAN:
        return ""
    named(span, task, context)
    return headers().get("traceparent", "")


def named(span: Span, task: str, context: str) -> None:
    """Say on a span what it is about."""
    if task:
        span.set_attribute(TASK, task)
    if context:
        span.set_attribute(CONTEXT, context)
