"""Contract 1: an image depends on its request, never on its company. Over every family of MODELS.

Promised bit for bit on one machine, for any number of engine threads: each batch has one padded shape and is computed on one thread.
"""

import asyncio
import random

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.bulk import commit
from ganray.bulk.generate_shard import load_renderer
from ganray.bulk.job import GenerateOptions, count, make_generate_job, open_job
from ganray.config import GateConfig, ModelConfig, ServeConfig
from ganray.engine import ROWS, Engine
from ganray.models import MODELS
from ganray.requests import GenerateRequest
from ganray.serving.app import make_app
from ganray.storage import open_store

ATTRIBUTES = {"category": ("bag", "cap", "mug"), "colour": ("red", "green")}
SMALL = {
    "mlp": ModelConfig(name="mlp", resolution=28, channels=1, z_dim=100, widths=(128, 256, 512, 1024)),
    "dcgan": ModelConfig(name="dcgan", resolution=32, z_dim=32, widths=(128, 64, 32)),
    "r3": ModelConfig(name="r3", resolution=32, widths=(128, 96, 64), patch=2),
}
REQUESTS = [GenerateRequest(id=f"r{i}", attributes={"category": "mug"} if i % 2 else {}, count=1 + i % 3) for i in range(33)]


@pytest.fixture(scope="module", params=sorted(MODELS))
def url(request, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp(request.param))
    make_model(folder, SMALL[request.param], ATTRIBUTES)
    return folder


@pytest.fixture(scope="module")
def alone(url):
    """Every sample by (id, index), each request asked on its own, one thread."""
    engine = Engine.load(url, "cpu", threads=1)
    return {(one.request.id, one.index): one.pixels for request in REQUESTS for one in engine.generate([request])}


def differing(alone, samples):
    made = {(one.request.id, one.index): one.pixels for one in samples}
    assert made.keys() <= alone.keys()
    return [key for key, pixels in made.items() if not np.array_equal(pixels, alone[key])]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_whatever_its_neighbours_its_position_and_the_threads(url, alone, threads):
    engine = Engine.load(url, "cpu", threads)
    for seed in range(3):
        order = random.Random(seed).sample(REQUESTS, len(REQUESTS))
        assert not differing(alone, engine.generate(order))


@pytest.mark.parametrize("num", [1, 3, ROWS["cpu"], 64])
def test_whatever_the_number_rendered_at_once(url, alone, num):
    engine = Engine.load(url, "cpu", 2)
    samples = [(request, index) for request in REQUESTS for index in range(request.count)][:64]
    z, labels = engine.draw(samples)
    for start in range(0, 64, num):
        pixels = engine.render(z[start : start + num], labels[start : start + num])
        for (request, index), image in zip(samples[start : start + num], pixels, strict=True):
            assert np.array_equal(image, alone[request.id, index])


def test_whatever_the_count(url, alone):
    engine = Engine.load(url, "cpu", 2)
    assert not differing(alone, engine.generate([request.model_copy(update={"count": 1}) for request in REQUESTS]))


@pytest.fixture(scope="module")
def titled(tmp_path_factory):
    """A model that reads titles, and its requests: by title, by attributes, by both."""
    folder = str(tmp_path_factory.mktemp("titled"))
    make_model(folder, SMALL["r3"].model_copy(update={"title_pieces": 24}), ATTRIBUTES)
    return folder, [request.model_copy(update={"title": "Red mug" if i % 3 else ""}) for i, request in enumerate(REQUESTS)]


def test_bulk_and_http_give_the_same_bytes(url, tmp_path):
    in_bulk_and_over_http(url, tmp_path, REQUESTS)


def test_bulk_and_http_give_the_same_bytes_for_titles(titled, tmp_path):
    in_bulk_and_over_http(titled[0], tmp_path, titled[1])
    rows = pq.read_table(pa.BufferReader(open_store(str(tmp_path)).get("receipts/00000.parquet"))).to_pylist()
    said = {row["id"]: (row["title"], row["attr:category"], row["attr:colour"] is None) for row in rows}
    assert (said["r1"], said["r2"]) == (("Red mug", "mug", True), ("Red mug", None, True))
    assert said["r3"] == ("", "mug", False)


def in_bulk_and_over_http(url, tmp_path, requests):
    engine, store = Engine.load(url, "cpu", 2), open_store(str(tmp_path))
    options = GenerateOptions(
        model_digest=engine.info.digest, resolution=engine.resolution, shard_images=13, device="cpu", rows=ROWS["cpu"]
    )

    def source():
        return (request.resolved() for request in requests)

    plan = open_job(store, make_generate_job(count(source, engine.vocabulary.encode), engine.vocabulary, options), source)
    renderer = load_renderer(url, plan, store, 1, GateConfig())
    for shard in range(plan.shards):
        commit.write(renderer(shard), store=store, plan=plan)
    files = {info.key.rpartition("/")[2]: store.get(info.key) for info in store.list("images")}
    assert len(files) == plan.images

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(make_app(engine, ServeConfig())), base_url="http://test") as client:
            bodies = (request.model_copy(update={"count": 1}).model_dump(exclude_none=True) for request in requests)
            return await asyncio.gather(*(client.post("/v1/generate", json=body) for body in bodies))

    for request, reply in zip(requests, asyncio.run(ask()), strict=True):
        assert reply.content == files[f"{request.id}-0.png"], request.id
