"""What the server counts, for Prometheus: GET /metrics, in a registry of its own.

    ganray_requests_total             route, key, model, status     answers; 304 are those that the client had already
    ganray_refused_total              route, error                  answers that are errors, by their code
    ganray_stage_seconds              route, stage                  queue, draw, encode of pictures; total of answers that were not refused
    ganray_samples_drawn_total                                      images drawn
    ganray_batch_rows_total                                         rows of the batches that they were drawn in, the empty ones too
    ganray_requests_in_progress, ganray_queue_length, ganray_images_outstanding, ganray_models_loaded, ganray_model_bytes,
    ganray_audit_lines_dropped, ganray_server_info                  gauges

Names of keys and models come from outside: beyond MAX_NAMES of each, and beyond MAX_SERIES sets of labels, they are counted as `other`, so
that thousands of them take no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from fastapi import FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder

from ganray import __version__
from ganray.serving.context import RequestContext

MAX_NAMES, MAX_SERIES = 100, 1000
MAX_NAME = 40  # characters; a digest is longer
MODEL_DIGITS = 12  # of a digest
OTHER, UNKNOWN = "other", "unknown"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
STAGES = frozenset({"queue", "draw", "encode"})
UNAUTHORIZED = 401
SLOW_ERRORS = frozenset({500, 504})  # all other errors are quick: among the latencies they would hide slow answers


class Number(NamedTuple):
    """One sample of a metric: a line of the page that Prometheus reads."""

    name: str
    help: str
    labels: dict[str, str]
    value: float


class ServerMetrics:
    """The counters of one server process."""

    def __init__(self, device: str = "") -> None:
        self.registry = CollectorRegistry()
        labels = ["route", "key", "model", "status"]
        self._requests = Counter("ganray_requests", "Answers.", labels, registry=self.registry)
        self._refused = Counter("ganray_refused", "Answers that are errors, by their code.", ["route", "error"], registry=self.registry)
        self._samples = Counter("ganray_samples_drawn", "Images drawn.", registry=self.registry)
        self._rows = Counter("ganray_batch_rows", "Rows of the batches that images were drawn in.", registry=self.registry)
        stages = "Seconds in queue, draw and encode; total until the answer, of those that were not refused."
        self._stages = Histogram("ganray_stage_seconds", stages, ["route", "stage"], buckets=SECONDS, registry=self.registry)
        self._in_progress = Gauge("ganray_requests_in_progress", "Requests under way.", registry=self.registry)
        info = Gauge("ganray_server_info", "1, with what serves.", ["version", "device"], registry=self.registry)
        info.labels(__version__, device or "cpu").set(1)
        self._children: dict[tuple[Any, ...], Any] = {}  # of a metric: to format labels for each request takes longer than to count
        self._names: dict[str, set[str]] = {"key": set(), "model": set(), "error": set()}

    def gauge(self, name: str, help: str, value: Callable[[], float]) -> None:
        """A gauge that is asked when somebody looks."""
        Gauge(name, help, registry=self.registry).set_function(value)

    def watch_queue(self, waiting: Callable[[], float], outstanding: Callable[[], float]) -> None:
        """Show how many images wait for their batch, and how many pictures wait or are being made."""
        self.gauge("ganray_queue_length", "Images that wait for their batch.", waiting)
        self.gauge("ganray_images_outstanding", "Pictures that wait or are being made.", outstanding)

    def watch_models(self, loaded: Callable[[], float], size: Callable[[], float]) -> None:
        """Show how many models are in memory, and how many bytes they take."""
        self.gauge("ganray_models_loaded", "Models in memory.", loaded)
        self.gauge("ganray_model_bytes", "Bytes of the models in memory.", size)

    def began(self) -> None:
        """A request has come."""
        self._in_progress.inc()

    def answered(self, route: str, context: RequestContext, status: int, seconds: float, error: str = "") -> None:
        """A request was answered; `route` is the template of a route, `error` the code of an error."""
        self._in_progress.dec()
        self._of_request(route, context, status).inc()
        if status < 400 or status in SLOW_ERRORS:
            self._child(self._stages, route, "total").observe(seconds)
        for stage, took in context.stages.items():
            if stage in STAGES:
                self._child(self._stages, route, stage).observe(took)
        if error:
            self._child(self._refused, route, self._name("error", error)).inc()

    def batch(self, drawn: int, rows: int) -> None:
        """A batch of `rows` rows was drawn, `drawn` of which somebody waits for."""
        self._samples.inc(drawn)
        self._rows.inc(rows)

    def numbers(self) -> Iterator[Number]:
        """Every sample, as /metrics has them."""
        for metric in self.registry.collect():
            for sample in metric.samples:
                if not sample.name.endswith("_created"):
                    yield Number(sample.name, metric.documentation, sample.labels, sample.value)

    def _of_request(self, route: str, context: RequestContext, status: int) -> Any:
        key, model = UNKNOWN if status == UNAUTHORIZED else context.caller.key, context.model
        cached = self._requests, route, key, model, status
        child = self._children.get(cached)
        if child is not None:
            return child
        names = self._name("key", key), self._name("model", model if len(model) <= MAX_NAME else model[:MODEL_DIGITS])
        if len(self._children) >= MAX_SERIES:
            names = OTHER, OTHER
        child = self._requests.labels(route, *names, str(status))
        if OTHER not in names:
            self._children[cached] = child
        return child

    def _child(self, metric: Any, *labels: str) -> Any:
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = metric.labels(*labels)
        return child

    def _name(self, kind: str, name: str) -> str:
        names, name = self._names[kind], name[:MAX_NAME]
        if name in names or not name:
            return name
        if len(names) >= MAX_NAMES:
            return OTHER
        names.add(name)
        return name


def add_metrics(app: FastAPI, metrics: ServerMetrics) -> None:
    """Add GET /metrics, in the form that is asked for: OpenMetrics, or Prometheus's older text."""

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}, "application/openmetrics-text": {}}}})
    def numbers(http: Request) -> Response:
        """What the server counts, as Prometheus reads it. Behind several replicas it is one of them that answers.

        Starlette calls this in a thread: a page of a thousand series must not keep requests waiting.
        """
        encode, content_type = choose_encoder(http.headers.get("accept", ""))
        return Response(encode(metrics.registry), headers={"Content-Type": content_type})
