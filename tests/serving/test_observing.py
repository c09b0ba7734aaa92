"""What an on-call engineer sees of each request, in the log, in the numbers and in the answer."""

import asyncio
import json
import logging

import httpx
import pytest
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.engine import Engine
from ganray.serving.app import make_app
from ganray.serving.audit import Audit
from ganray.serving.context import Caller, context_of
from ganray.serving.errors import add_errors
from ganray.serving.head import HeadAsGet
from ganray.serving.json_log import REQUEST_ID, REQUESTS
from ganray.serving.metrics import ServerMetrics
from ganray.serving.observing import Observer, Observing
from ganray.serving.refusals import Busy
from ganray.serving.services import Services


class Caller7:
    """Middleware that knows the caller, in the place of access.py."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        context_of(scope).caller = Caller("shop", "tenant-a")
        await self._app(scope, receive, send)


def app_of(metrics: ServerMetrics, audit: Audit | None = None) -> FastAPI:
    app = FastAPI()
    app.add_middleware(HeadAsGet)
    app.add_middleware(Caller7)
    app.add_middleware(Observing, observer=Observer(metrics, audit))
    add_errors(app)

    @app.get("/v1/jobs/{id}")
    async def job(id: str) -> Response:
        if id == "crash":
            raise ZeroDivisionError("secret path /srv/keys.yaml")
        if id == "busy":
            raise Busy("the queue is full", "Retry")
        return Response(f"{id} {REQUEST_ID.get()}")

    return app


class Seen:
    """An app that is watched: its answers, lines and numbers."""

    def __init__(self, caplog):
        self.metrics, self._caplog = ServerMetrics(), caplog
        self.client = TestClient(app_of(self.metrics), raise_server_exceptions=False)

    def lines(self):
        return [json.loads(record.getMessage()) for record in self._caplog.records if record.name == REQUESTS]

    def counted(self, name="ganray_requests_total", **labels):
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def seen(caplog):
    caplog.set_level(logging.INFO, logger=REQUESTS)
    return Seen(caplog)


def test_a_line_says_who_asked_for_what_and_how_it_ended(seen):
    reply = seen.client.get("/v1/jobs/private-7?token=secret", headers={"X-Request-Id": "order-12.a_b"})
    assert (reply.status_code, reply.text, reply.headers["x-request-id"]) == (200, "private-7 order-12.a_b", "order-12.a_b")
    (line,) = seen.lines()
    assert line.pop("ms") >= 0 and line.pop("time").endswith("+00:00")
    assert line == {
        "request": "order-12.a_b",
        "key": "shop",
        "tenant": "tenant-a",
        "method": "GET",
        "route": "/v1/jobs/{id}",
        "status": 200,
        "error": "",
        "model": "",
        "images": 0,
        "bytes_in": 0,
        "bytes": len(reply.content),
        "stages": {},
    }
    assert seen.counted(route="/v1/jobs/{id}", key="shop", model="", status="200") == 1.0


@pytest.mark.parametrize("bad", ["", "a" * 101, "gr_" + "a" * 49, "a b", 'a"b', "a;b", "ü".encode(), "a\tb"])
def test_an_id_that_is_not_valid_is_replaced(seen, bad):
    replies = [seen.client.get("/v1/jobs/7", headers={"X-Request-Id": bad}) for _ in range(2)]
    first, second = (reply.headers["x-request-id"] for reply in replies)
    assert first != second and len(first) == 16 and first.isalnum()
    assert [line["request"] for line in seen.lines()] == [first, second]


def test_a_crash_is_answered_logged_and_counted_and_says_nothing_of_the_inside(seen):
    reply = seen.client.get("/v1/jobs/crash")
    assert reply.status_code == 500 and reply.json()["error"]
    assert "secret" not in reply.text and "Traceback" not in reply.text and reply.headers["x-request-id"]
    (line,) = seen.lines()
    assert (line["status"], line["error"], line["route"]) == (500, "ZeroDivisionError", "/v1/jobs/{id}")
    assert "secret" not in json.dumps(line)
    assert seen.counted(route="/v1/jobs/{id}", key="shop", model="", status="500") == 1.0
    assert seen.counted("ganray_refused_total", route="/v1/jobs/{id}", error="ZeroDivisionError") == 1.0
    assert seen.counted("ganray_requests_in_progress") == 0.0


def test_the_exception_reaches_the_server_which_logs_its_traceback(seen):
    with pytest.raises(ZeroDivisionError):
        TestClient(app_of(seen.metrics)).get("/v1/jobs/crash")


@pytest.mark.parametrize(
    ("method", "path", "status", "route", "error"),
    [
        ("GET", "/v1/jobs/busy", 503, "/v1/jobs/{id}", "busy"),
        ("GET", "/wp-login.php", 404, "other", "not_found"),
        ("DELETE", "/v1/jobs/7", 405, "/v1/jobs/{id}", "method_not_allowed"),
        ("HEAD", "/v1/jobs/7", 200, "/v1/jobs/{id}", ""),
    ],
)
def test_refusals_have_their_code_and_never_the_raw_path(seen, method, path, status, route, error):
    assert seen.client.request(method, path).status_code == status
    (line,) = seen.lines()
    assert (line["status"], line["route"], line["error"], line["method"]) == (status, route, error, method)
    assert seen.counted("ganray_refused_total", route=route, error=error) == (1.0 if error else 0.0)


def test_nothing_is_formatted_where_nobody_logs(caplog):
    caplog.set_level(logging.WARNING, logger=REQUESTS)
    seen = Seen(caplog)
    assert seen.client.get("/v1/jobs/7").headers["x-request-id"]
    assert not seen.lines() and seen.counted(route="/v1/jobs/{id}", key="shop", model="", status="200") == 1.0


def test_the_audit_log_has_the_line_too(seen, tmp_path):
    audit = Audit(str(tmp_path / "audit.jsonl"))
    TestClient(app_of(seen.metrics, audit)).get("/v1/jobs/7", headers={"X-Request-Id": "mine"})
    audit.close()
    row = json.loads((tmp_path / "audit.jsonl").read_text())
    assert (row["request"], row["key"], row["route"], row["status"]) == ("mine", "shop", "/v1/jobs/{id}", 200)


def raw():
    """One request by hand, whose client has gone, and what was sent."""
    sent = []

    async def receive():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/v1/jobs/7", "headers": [], "app": app_of(ServerMetrics())}
    return scope, receive, send, sent


def test_a_client_that_leaves_is_no_failure_of_the_server(seen):
    async def gone(scope, receive, send):
        await receive()

    async def cancelled(scope, receive, send):
        raise asyncio.CancelledError

    async def run():
        for app in (gone, cancelled):
            scope, receive, send, sent = raw()
            try:
                await Observing(app, Observer(seen.metrics))(scope, receive, send)
            except asyncio.CancelledError:
                assert app is cancelled
            assert sent == []

    asyncio.run(run())
    assert [(line["status"], line["error"]) for line in seen.lines()] == [(499, "client_left")] * 2
    assert seen.counted("ganray_requests_in_progress") == 0.0
    assert seen.counted("ganray_stage_seconds_count", route="/v1/jobs/{id}", stage="total") == 0.0


def test_a_failure_in_mid_answer_is_told_and_not_answered_twice(seen):
    async def half(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise OSError("disk")

    async def run():
        scope, receive, send, sent = raw()
        with pytest.raises(OSError, match="disk"):
            await Observing(half, Observer(seen.metrics))(scope, receive, send)
        return sent

    assert [message["type"] for message in asyncio.run(run())] == ["http.response.start"]
    assert [(line["status"], line["error"]) for line in seen.lines()] == [(200, "OSError")]


def test_a_drawn_image_tells_its_model_and_stages(seen, tmp_path):
    make_model(str(tmp_path), ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), {"category": ("bag", "mug")})
    engine, config = Engine.load(str(tmp_path), "cpu", threads=1), ServeConfig(wait_ms=1.0)
    services = Services.of(config)

    async def run():
        app = make_app(engine, config, services=services)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            drawn = await client.post("/v1/generate", json={"seed": 1})
            again = await client.post("/v1/generate", json={"seed": 1}, headers={"If-None-Match": drawn.headers["etag"]})
            return drawn, again, await client.get("/metrics")

    drawn, again, page = asyncio.run(run())
    assert (drawn.status_code, again.status_code) == (200, 304)
    first, second = seen.lines()[:2]
    assert engine.info.digest[:12] == first["model"] and set(first["stages"]) == {"queue", "draw", "encode"}
    assert first["bytes"] == len(drawn.content) and sum(first["stages"].values()) <= first["ms"] + 1
    assert (first["images"], first["bytes_in"]) == (1, len('{"seed":1}'))
    assert second["status"] == 304 and second["stages"] == {} and second["images"] == 0
    model = engine.info.digest[:12]
    assert f'ganray_requests_total{{key="local",model="{model}",route="/v1/generate",status="304"}} 1.0' in page.text
