"""What the server counts, for Prometheus: GET /metrics, in a registry of its own.

Names of keys and models come from outside: beyond MAX_NAMES each, they are counted as `other`, so that thousands of them take no memory.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from ganray import __version__
from ganray.serving.context import RequestContext

MAX_NAMES = 200
OTHER = "other"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
ROUTES = ("/v1/generate", "/v1/edit", "/v1/check", "/v1/models", "/v1/edits", "/v1/profiles", "/v1/jobs", "/healthz", "/readyz", "/metrics")
MODEL_DIGITS = 12  # of a digest


class ServerMetrics:
    """The counters of one server process."""

    def __init__(self, device: str = "") -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter("ganray_requests", "Answers.", ["route", "key", "model", "status"], registry=self.registry)
        self._refused = Counter("ganray_refused", "Answers that are errors, by their code.", ["route", "error"], registry=self.registry)
        self._seconds = Histogram("ganray_request_seconds", "Until the answer.", ["route"], buckets=SECONDS, registry=self.registry)
        self._stages = Histogram(
            "ganray_stage_seconds", "Of drawn or edited pictures.", ["route", "stage"], buckets=SECONDS, registry=self.registry
        )
        self._cached = Counter("ganray_not_modified", "Answers 304: the client had the picture.", ["route"], registry=self.registry)
        self._in_progress = Gauge("ganray_requests_in_progress", "Requests under way.", registry=self.registry)
        self._info = Gauge("ganray_server_info", "1, with what serves.", ["version", "device"], registry=self.registry)
        self._info.labels(__version__, device or "cpu").set(1)
        self._children: dict[tuple[str, ...], Any] = {}
        self._names: dict[str, set[str]] = {"key": set(), "model": set()}

    def gauge(self, name: str, help: str, value: Callable[[], float]) -> None:
        """A gauge that is asked when somebody looks."""
        Gauge(name, help, registry=self.registry).set_function(value)

    def began(self) -> None:
        """A request has come."""
        self._in_progress.inc()

    def answered(self, route: str, context: RequestContext, status: int, seconds: float, error: str = "") -> None:
        """A request was answered; `route` is the path of a route, `error` the code of an error."""
        self._in_progress.dec()
        key, model = self._name("key", context.caller.key), self._name("model", context.model[:MODEL_DIGITS])
        self._child(self._requests, route, key, model, str(status)).inc()
        self._child(self._seconds, route).observe(seconds)
        for stage, took in context.stages.items():
            self._child(self._stages, route, stage).observe(took)
        if status == 304:
            self._child(self._cached, route).inc()
        if error:
            self._child(self._refused, route, error).inc()

    def _child(self, metric: Any, *labels: str) -> Any:
        key = (metric._name, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def _name(self, kind: str, name: str) -> str:
        names = self._names[kind]
        if name in names:
            return name
        if len(names) >= MAX_NAMES:
            return OTHER
        names.add(name)
        return name


def add_metrics(app: FastAPI, metrics: ServerMetrics) -> None:
    """Add GET /metrics."""

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def numbers(http: Request) -> Response:
        """What the server counts, as Prometheus reads it. Behind several replicas it is one of them that answers."""
        encode, content_type = choose_encoder(http.headers.get("accept", ""))
        return Response(encode(metrics.registry), headers={"Content-Type": content_type})


def route_of(path: str) -> str:
    """The route of a path, for labels: never a part that a client chooses."""
    if path in ROUTES:
        return path
    first = next((route for route in ROUTES if path.startswith(route + "/")), "")
    return first or ("/studio" if path == "/studio" or path.startswith("/studio/") else OTHER)
