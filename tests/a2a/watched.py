"""Telemetry for tests: an SDK that keeps everything in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from actors.telemetry import Telemetry

Labels = frozenset[tuple[str, Any]]


class Watched:
    """Providers for one handler, and what has come in there."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self._exporter = InMemorySpanExporter()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        meters = MeterProvider(metric_readers=[self.reader], shutdown_on_exit=False)
        self.telemetry = Telemetry(meter_provider=meters, tracer_provider=tracers)

    def measured(self, name: str) -> dict[Labels, float]:
        """Value of each point of a metric by its attributes; of histograms how many there are."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        metrics = (
            metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        )
        return {
            frozenset((point.attributes or {}).items()): _value(point)
            for metric in metrics
            if metric.name == name
            for point in metric.data.data_points
        }

    def one(self, name: str, **labels: object) -> float:
        """The value of one point; labels have `_` for `.`; 0 where there is none."""
        wanted = {(key.replace("_", "."), value) for key, value in labels.items()}
        return sum(value for said, value in self.measured(name).items() if wanted <= said)

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Spans that have ended, in the order of their ends."""
        ended = self._exporter.get_finished_spans()
        return [span for span in ended if not name or span.name == name]

    def span(self, name: str) -> ReadableSpan:
        """The one span of a name."""
        (found,) = self.spans(name)
        return found


def _value(point: Any) -> float:
    return float(point.count if isinstance(point, HistogramDataPoint) else point.value)


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    """What a span says; never nothing."""
    assert span.attributes is not None
    return span.attributes


def trace_of(span: ReadableSpan) -> str:
    """The trace id as headers have it."""
    return f"{span.context.trace_id:032x}"


def parent_of(span: ReadableSpan) -> str:
    """The id of the parent span as headers have it; empty without one."""
    return f"{span.parent.span_id:016x}" if span.parent is not None else ""


def id_of(span: ReadableSpan) -> str:
    """The id of a span as headers have it."""
    return f"{span.context.span_id:016x}"


async def until(happened: Callable[[], object]) -> None:
    """Let everything run that can run, until something has happened."""
    async with asyncio.timeout(5):
        for _ in iter(lambda: bool(happened()), True):
            await asyncio.sleep(0)
