"""The server of one process: the bytes of the engine, under any prefix, and an end that waits for what is under way."""

import gc
import json
import socket
import threading
import time

import httpx
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.engine import Engine
from ganray.errors import CheckpointError, ClusterError, ConfigError
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from ganray.serving.keys import hash_of, new_key
from ganray.serving.local_server import start_local


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=(16,)), {"colour": ("red", "blue")})
    return folder


def config(model, **options):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return ServeConfig(model=model, port=probe.getsockname()[1], threads=1, gpu=False, **options)


@pytest.mark.parametrize("prefix", ["/", "/shop/v2"])
def test_it_gives_the_bytes_of_the_engine_under_its_prefix(model, prefix):
    server = start_local(config(model, prefix=prefix))
    try:
        reply = httpx.post(f"{server.url}/v1/generate", json={"id": "a", "seed": 3})
        assert httpx.get(f"{server.url}/readyz").json() == {"status": "ok"}
        assert httpx.get(f"{server.url}/docs").status_code == 200
    finally:
        server.stop()
    engine = Engine.load(model, "cpu", threads=1)
    (sample,) = engine.generate([GenerateRequest(id="a", seed=3)])
    assert reply.content == encode_sample(sample.pixels, SampleFile("a", 0, 3, "png", engine.info.digest))
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/readyz")


def test_what_is_under_way_is_finished(model, monkeypatch):
    drawing, go_on, whole = threading.Event(), threading.Event(), Engine.render

    def slow(self, z, labels):
        drawing.set()
        assert go_on.wait(20)
        return whole(self, z, labels)

    monkeypatch.setattr(Engine, "render", slow)
    server = start_local(config(model))
    replies = []
    asking = threading.Thread(target=lambda: replies.append(httpx.post(f"{server.url}/v1/generate", json={}, timeout=30)))
    asking.start()
    assert drawing.wait(20)
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    go_on.set()
    stopping.join()
    asking.join()
    assert replies[0].status_code == 200


def test_it_ends_with_all_that_it_began(model, tmp_path):
    def threads():
        return {thread.name for thread in threading.enumerate()}

    (key, keys, audit), before = (new_key(), tmp_path / "keys.yaml", tmp_path / "audit.jsonl"), threads()
    keys.write_text(json.dumps({"keys": [{"name": "shop", "hash": hash_of(key)}]}))
    server = start_local(config(model, keys=str(keys), audit=str(audit), jobs=str(tmp_path / "jobs")))
    try:
        assert httpx.post(f"{server.url}/v1/generate", json={}, headers={"X-API-Key": key}).status_code == 200
        assert {"http", "jobs"} <= threads() - before and gc.get_freeze_count()
    finally:
        server.stop()
    assert json.loads(audit.read_text())["key"] == "shop"
    until = time.monotonic() + 20  # pools of threads end a moment later
    while threads() - before and time.monotonic() < until:
        gc.collect()
        time.sleep(0.05)
    assert (threads() - before, gc.get_freeze_count()) == (set(), 0)


def test_what_cannot_start_is_one_line(model, tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="is not a model folder"):
        start_local(config(str(tmp_path)))
    taken = config(model)
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken.port))
        other.listen()
        with pytest.raises(ConfigError, match="Address already in use"):
            start_local(taken)
    with pytest.raises(ClusterError, match="PyTorch sees no GPU here"):
        start_local(config(model).model_copy(update={"gpu": True}))


def test_a_bulk_job_over_http_runs_beside_it_and_its_images_are_the_engine_s(model, tmp_path):
    server = start_local(config(model, jobs=str(tmp_path)))
    try:
        submitted = httpx.post(f"{server.url}/v1/jobs", json={"kind": "generate", "out": "spring", "requests": [{"id": "a", "seed": 3}]})
        assert submitted.status_code == 202, submitted.text
        url = f"{server.url}/v1/jobs/{submitted.json()['id']}"
        until = time.monotonic() + 120
        while (state := httpx.get(url).json())["state"] in ("queued", "running") and time.monotonic() < until:
            time.sleep(0.2)
        assert (state["state"], state["done"]) == ("succeeded", 1), state
        (row,) = httpx.get(f"{url}/results").json()["results"]
        image = httpx.get(f"{url}/results/{row['name']}").content
        assert image == httpx.post(f"{server.url}/v1/generate", json={"id": "a", "seed": 3}).content
    finally:
        server.stop()
    closed = start_local(config(model))
    try:
        assert httpx.post(f"{closed.url}/v1/jobs", json={}).status_code == 404
    finally:
        closed.stop()
