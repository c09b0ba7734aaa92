"""Traces by OpenTelemetry: a span a request with spans of its stages in it; of the trace that the caller's traceparent names (W3C).

It needs the extra `otel`, and an address in OTEL_EXPORTER_OTLP_ENDPOINT; without the address nothing of the extra is imported. The other
variables of OpenTelemetry hold, too: OTEL_SERVICE_NAME, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS. Spans have no attributes or titles
of a request, and no photos: who runs the collector need not be who may see the catalog.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
STAGES = ("queue", "draw", "encode")  # in their order
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
CARRIED = (b"traceparent", b"tracestate")


class Tracing:
    """Makes the spans of requests that were answered."""

    def __init__(self, provider: TracerProvider) -> None:
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider, self._tracer = provider, provider.get_tracer("ganray.serving")
        self._extract, self._inside = TraceContextTextMapPropagator().extract, set_span_in_context
        self._server, self._failed = SpanKind.SERVER, StatusCode.ERROR

    def record(self, scope: Any, row: Mapping[str, Any], stages: Mapping[str, float], seconds: float) -> str:
        """Make the spans of a request that ends now; its trace id. `row` is its line in the log, `stages` and `seconds` its times."""
        end = time.time_ns()
        carrier = {name.decode(): value.decode("latin-1") for name, value in scope["headers"] if name in CARRIED}
        method = row["method"] if row["method"] in METHODS else "_OTHER"
        span = self._tracer.start_span(
            f"{method} {row['route']}", self._extract(carrier), self._server, _attributes(method, row), start_time=end - _ns(seconds)
        )
        if row["status"] >= 500:
            span.set_status(self._failed)
        self._record_stages(span, stages, end)
        span.end(end)
        return f"{span.get_span_context().trace_id:032x}"

    def close(self) -> None:
        """Send what waits, and end."""
        self._provider.shutdown()

    def _record_stages(self, request: Span, stages: Mapping[str, float], end: int) -> None:
        """Stages follow each other, the last one until the answer: what came before them was reading the request."""
        inside = self._inside(request)
        for stage in reversed(STAGES):
            if stage in stages:
                begin = end - _ns(stages[stage])
                self._tracer.start_span(stage, inside, start_time=begin).end(end)
                end = begin


def tracing_of(environment: Mapping[str, str] = os.environ) -> Tracing | None:
    """Traces to the collector that the environment names; None where it names none, or, with a warning, where the extra is missing."""
    if not any(environment.get(name) for name in ENDPOINTS):
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        logging.getLogger(__name__).warning("no traces, as %s is missing: pip install 'ganray[otel]'", error.name)
        return None
    name = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": "ganray"}
    provider = TracerProvider(resource=Resource.create(name))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)


def _attributes(method: str, row: Mapping[str, Any]) -> dict[str, str | int]:
    """By OpenTelemetry's names where it has some."""
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "http.route": row["route"],
        "http.response.status_code": row["status"],
        "ganray.request": row["request"],
        "ganray.key": row["key"],
    }
    if row["model"]:
        attributes["ganray.model"] = row["model"]
    if row["error"]:
        attributes["error.type"] = row["error"]
    return attributes


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
