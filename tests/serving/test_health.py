"""An engine that hangs or fails, as a GPU does; what a replica of Serve makes of it is in tests/on_ray/test_serve.py."""

import asyncio
import threading
import time

import httpx
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ServeConfig
from ganray.engine import Engine
from ganray.serving.app import make_app
from ganray.serving.health import Health
from ganray.serving.refusals import Unhealthy
from tests.tools.models import ATTRIBUTES, SMALLEST


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, SMALLEST, ATTRIBUTES)
    return folder


@pytest.fixture
def engine(url):
    return Engine.load(url, "cpu", threads=1)


@pytest.fixture
def stuck(monkeypatch):
    """Renders do not return while this event is not set; `stuck.renders` are those that have begun."""
    go_on, whole = threading.Event(), Engine.render
    go_on.renders = []

    def hang(self, z, labels):
        go_on.renders.append(len(z))
        assert go_on.wait(30)
        return whole(self, z, labels)

    monkeypatch.setattr(Engine, "render", hang)
    yield go_on
    go_on.set()


def fail_with(monkeypatch, *errors):
    """Renders raise these errors, one after the other, then work."""
    left, whole = list(errors), Engine.render

    def fail(self, z, labels):
        if left:
            raise left.pop(0)
        return whole(self, z, labels)

    monkeypatch.setattr(Engine, "render", fail)


def test_an_engine_that_renders_is_well(engine):
    health = Health(engine, every=0.0)
    asyncio.run(health.check())
    health.require()


def test_a_render_that_never_returns_is_told_within_the_time_out(engine, stuck):
    health, started = Health(engine, every=0.0, timeout=0.3), time.monotonic()
    with pytest.raises(Unhealthy, match=r"a batch did not return in 0\.3 s"):
        asyncio.run(health.check())
    assert 0.3 <= time.monotonic() - started < 5
    with pytest.raises(Unhealthy, match="did not return"):
        asyncio.run(health.check())
    assert stuck.renders == [1]  # no second one is sent after the first
    stuck.set()
    deadline = time.monotonic() + 10
    while health._trial is not None and not health._trial.ended.done():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    health.require()


def test_no_batch_is_rendered_where_requests_prove_it(engine, stuck):
    health = Health(engine, every=0.2, timeout=0.1)
    for _ in range(6):
        time.sleep(0.05)
        health.rendered()
        asyncio.run(health.check())
    assert stuck.renders == []


def test_a_batch_is_rendered_at_most_once_in_a_while(engine, monkeypatch):
    health, renders, whole = Health(engine, every=0.5), [], Engine.render
    monkeypatch.setattr(Engine, "render", lambda self, z, labels: renders.append(len(z)) or whole(self, z, labels))
    stop = time.monotonic() + 1.2
    while time.monotonic() < stop:
        asyncio.run(health.check())
        time.sleep(0.01)
    assert 1 <= len(renders) <= 2


def test_an_error_is_forgotten_when_a_batch_was_rendered(engine, monkeypatch):
    fail_with(monkeypatch, ValueError("no pixels"))
    health = Health(engine, every=0.0)
    with pytest.raises(Unhealthy, match="ValueError: no pixels"):
        asyncio.run(health.check())
    asyncio.run(health.check())
    assert not health.lost


@pytest.mark.parametrize(
    ("error", "stays"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be ..."), True),
        (RuntimeError("CUDA error: out of memory"), False),
        (RuntimeError("CUDA out of memory. Tried to allocate 20 MiB"), False),
        (ValueError("CUDA error"), False),
    ],
)
def test_a_cuda_error_that_stays_is_known_from_the_request_that_met_it(engine, error, stays):
    health = Health(engine)
    health.failed(error)
    health.rendered()
    assert bool(health.lost) is stays
    if stays:
        with pytest.raises(Unhealthy, match="an illegal memory access was encountered$|Restart"):
            health.require()


def test_healthz_says_503_after_a_sticky_error_of_a_request(engine, monkeypatch):
    fail_with(monkeypatch, RuntimeError("CUDA error: unspecified launch failure"))
    app = make_app(engine, ServeConfig(wait_ms=0.0))

    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app, False), base_url="http://test") as client:
            before = await client.get("/healthz")
            reply = await client.post("/v1/generate", json={})
            return before.status_code, reply.status_code, await client.get("/healthz")

    before, reply, after = asyncio.run(run())
    assert (before, reply, after.status_code) == (200, 500, 503)
    assert after.json()["error"] == "unhealthy" and "unspecified launch failure" in after.json()["message"]


def test_healthz_says_503_where_a_render_hangs_and_never_waits_for_it(engine, stuck):
    app = make_app(engine, ServeConfig(wait_ms=0.0))
    health = app.state.health
    health._every, health._timeout, health._trials = 0.0, 0.3, True  # as on a GPU

    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            started = time.monotonic()
            first = await client.get("/healthz")
            took = time.monotonic() - started
            await asyncio.sleep(0.4)
            return took, first.status_code, (await client.get("/healthz")).status_code

    took, first, then = asyncio.run(run())
    assert took < 0.3 and (first, then) == (200, 503)


def test_without_a_generator_there_is_nothing_to_render():
    assert make_app(None, ServeConfig()).state.health is None
