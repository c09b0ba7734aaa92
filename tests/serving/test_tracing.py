"""Spans of real requests, in the SDK's exporter to memory, and over HTTP to a collector of the test's own."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient

from ganray.serving.context import Caller, context_of
from ganray.serving.metrics import ServerMetrics
from ganray.serving.observing import Observer, Observing
from ganray.serving.tracing import Tracing, tracing_of

pytest.importorskip("opentelemetry.sdk")
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = {"traceparent": f"00-{TRACE}-{PARENT}-01"}


class Drawing:
    """Middleware that leaves a context as the batcher does."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        context = context_of(scope)
        context.caller, context.model = Caller("shop"), "0123"
        context.stages |= {"queue": 0.001, "draw": 0.02, "encode": 0.004}
        context.began -= 0.05
        await self._app(scope, receive, send)


def client_of(tracing) -> TestClient:
    app = FastAPI()
    app.add_middleware(Drawing)
    app.add_middleware(Observing, observer=Observer(ServerMetrics(), tracing=tracing))

    @app.post("/v1/jobs/{id}")
    async def job(id: str) -> Response:
        return Response(status_code=int(id))

    return TestClient(app)


class Traced:
    def __init__(self, **options):
        self.spans = InMemorySpanExporter()
        provider = TracerProvider(**options)
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        self.client = client_of(Tracing(provider))

    def named(self):
        return {span.name: span for span in self.spans.get_finished_spans()}


def test_the_stages_lie_in_the_request_and_the_request_in_the_callers_trace():
    traced = Traced()
    traced.client.post("/v1/jobs/200", headers=TRACEPARENT)
    spans = traced.named()
    assert set(spans) == {"POST /v1/jobs/{id}", "queue", "draw", "encode"}
    request = spans["POST /v1/jobs/{id}"]
    assert request.kind is SpanKind.SERVER and f"{request.parent.span_id:016x}" == PARENT
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {TRACE}
    assert all(spans[stage].parent.span_id == request.context.span_id for stage in ("queue", "draw", "encode"))
    times = [request.start_time]
    times += [time for stage in ("queue", "draw", "encode") for time in (spans[stage].start_time, spans[stage].end_time)]
    assert times == sorted(times) and times[-1] == request.end_time
    assert (spans["draw"].end_time - spans["draw"].start_time) / 1e9 == pytest.approx(0.02)


def test_a_span_says_who_what_and_how_it_ended_and_nothing_of_the_picture():
    traced = Traced()
    traced.client.post("/v1/jobs/503?title=red+shirt", json={"title": "red shirt", "attributes": {"colour": "red"}})
    span = traced.named()["POST /v1/jobs/{id}"]
    assert dict(span.attributes) == {
        "http.request.method": "POST",
        "http.route": "/v1/jobs/{id}",
        "http.response.status_code": 503,
        "ganray.request": span.attributes["ganray.request"],
        "ganray.key": "shop",
        "ganray.model": "0123",
    }
    assert span.status.status_code is StatusCode.ERROR and span.parent is None
    assert not any("red" in str(part) for each in traced.spans.get_finished_spans() for part in (each.name, each.attributes))


@pytest.mark.parametrize("bad", ["", "no trace", f"00-{'0' * 32}-{PARENT}-01", "ff" * 500])
def test_a_traceparent_that_is_not_valid_begins_a_trace(bad):
    traced = Traced()
    assert traced.client.post("/v1/jobs/200", headers={"traceparent": bad}).status_code == 200
    assert traced.named()["POST /v1/jobs/{id}"].parent is None


def test_a_method_that_nobody_knows_is_no_name_of_a_span():
    traced = Traced()
    traced.client.request("BREW", "/v1/jobs/200")
    assert "_OTHER /v1/jobs/{id}" in traced.named()


def test_who_samples_decides_for_the_whole_trace():
    traced = Traced(sampler=ParentBased(TraceIdRatioBased(0.0)))
    traced.client.post("/v1/jobs/200")
    assert traced.named() == {}
    traced.client.post("/v1/jobs/200", headers=TRACEPARENT)
    assert len(traced.named()) == 4


def test_the_line_in_the_log_names_the_trace(caplog):
    caplog.set_level("INFO", logger="ganray.serving.requests")
    Traced().client.post("/v1/jobs/200", headers=TRACEPARENT)
    (record,) = (record for record in caplog.records if record.name == "ganray.serving.requests")
    assert json.loads(record.getMessage())["trace"] == TRACE


def test_spans_arrive_at_the_collector_that_the_environment_names(monkeypatch):
    got = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        tracing = tracing_of()
        client_of(tracing).post("/v1/jobs/200", headers=TRACEPARENT)
        tracing.close()
        server.shutdown()
        thread.join()
    ((path, body),) = got
    assert path == "/v1/traces" and bytes.fromhex(TRACE) in body and b"/v1/jobs/{id}" in body and b"ganray" in body


def test_without_an_address_nothing_is_imported():
    """Of the extra: FastAPI imports OpenTelemetry's API itself."""
    code = (
        "import sys; from ganray.serving import observing; from ganray.serving.tracing import tracing_of; assert tracing_of({}) is None\n"
        "print([name for name in sys.modules if name.startswith(('opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_without_the_extra_there_is_a_warning_and_no_trace(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    assert tracing_of({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}) is None
    assert "pip install 'ganray[otel]'" in caplog.text
