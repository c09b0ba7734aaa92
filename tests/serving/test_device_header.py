import asyncio

import httpx
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ServeConfig
from ganray.engine import Engine
from ganray.serving import served_model as room
from ganray.serving.app import make_app
from tests.tools.models import ATTRIBUTES, SMALLEST

L4 = "NVIDIA L4 (8.9) torch 2.13.0 cudnn 92000 tf32"
MUG = {"id": "a", "attributes": {"category": "mug"}, "seed": 7}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, SMALLEST, ATTRIBUTES)
    return Engine.load(folder, "cpu", threads=1)


def answers(engine):
    """Of an image, an error, an edit that is no request, HEAD, and a page."""

    async def run():
        transport = httpx.ASGITransport(make_app(engine, ServeConfig(wait_ms=1.0)))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return [
                await client.post("/v1/generate", json=MUG),
                await client.post("/v1/generate", json=MUG | {"count": 1000}),
                await client.post("/v1/edit", json={}),
                await client.head("/healthz"),
                await client.get("/nowhere"),
            ]

    return asyncio.run(run())


def test_every_answer_names_the_device(engine):
    replies = answers(engine)
    assert [reply.status_code for reply in replies] == [200, 400, 422, 200, 404]
    assert [reply.headers["X-Ganray-Device"] for reply in replies] == ["cpu"] * 5


def test_it_is_the_device_of_the_engine(engine, monkeypatch):
    asked = []
    monkeypatch.setattr(room, "describe_device", lambda device: asked.append(device) or L4)
    assert {reply.headers["x-ganray-device"] for reply in answers(engine)} == {L4}
    assert asked == ["cpu"]


def test_a_service_of_edits_alone_draws_nothing():
    assert {reply.headers.get("X-Ganray-Device") for reply in answers(None)} == {None}
