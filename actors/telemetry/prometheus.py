"""What `GET /metrics` answers: everything that is measured, in the format that Prometheus reads.

Neighbours: `observer.py` (is told to report here), `a2a/health.py` (the route).
"""

from __future__ import annotations

from dataclasses import replace

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import get_meter_provider
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from actors.telemetry.observer import Observer

PROCESS = (GCCollector, PlatformCollector, ProcessCollector)
"""What is known of any process."""


class Exposition:
    """The metrics of one handler, and of its process.

    A provider of the user's is honoured, theirs or OpenTelemetry's global one: then this shows what
    their own `PrometheusMetricReader` puts into the registry of prometheus-client. Without one, the
    handler reports here and nowhere else.

    Args:
        observer: of the handler.
    """

    def __init__(self, observer: Observer) -> None:
        given = observer.telemetry.meter_provider
        if given is None and not isinstance(get_meter_provider(), MeterProvider):
            given = _Own()
            observer.report_to(replace(observer.telemetry, meter_provider=given))
        self._registry = given.registry if isinstance(given, _Own) else REGISTRY

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics as they are now, and their content type.

        Args:
            accept: the header of the request.
        """
        encode, kind = choose_encoder(accept)
        return encode(self._registry), kind


class _Own(MeterProvider):
    """A provider of ours: of one handler, however many applications show its metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in PROCESS:
            collector(registry=self.registry)
        reader = PrometheusMetricReader(scope_info_enabled=False, registry=self.registry)
        # Nothing is sent anywhere, so there is nothing to do at the end of the process.
        super().__init__(metric_readers=[reader], shutdown_on_exit=False)
