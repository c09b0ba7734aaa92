import asyncio
import base64
import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
import ray
from ray import serve as ray_serve
from ray.serve.schema import ServeDeploySchema

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.edit_engine import EditEngine
from ganray.engine import Engine
from ganray.errors import CheckpointError, ClusterError, ConfigError
from ganray.execution.port import Node, Resources
from ganray.on_ray.ray_internals import serve_controller
from ganray.on_ray.serve import Endpoint, build_app, serving_cpus
from ganray.output.edited_file import encode_edited
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import EditRequest, GenerateRequest
from ganray.serving.refusals import Unhealthy
from ganray.verbs.serve import serve

pytestmark = pytest.mark.ray
ATTRIBUTES = {"category": ("bag", "cap", "mug")}


@pytest.fixture(scope="module")
def config(cluster, tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), ATTRIBUTES)
    return ServeConfig(model=folder, port=free_port(), threads=1, gpu=False, queue=8, wait_ms=20.0)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def url(config):
    serving = serve(config, blocking=False)
    yield serving.url
    serving.stop()
    with pytest.raises(ValueError, match="SERVE_CONTROLLER_ACTOR"):  # Serve was started for it
        ray.get_actor("SERVE_CONTROLLER_ACTOR", namespace="serve")


@pytest.fixture
def other(cluster):
    """The URL of another application, in a Serve that somebody else started."""

    class Other:
        def __call__(self, request):
            return "here"

    port = free_port()
    ray_serve.start(http_options={"host": "127.0.0.1", "port": port}, logging_config={"log_level": "ERROR"})
    ray_serve.run(ray_serve.deployment(ray_actor_options={"num_cpus": 0})(Other).bind(), name="other", route_prefix="/other")
    yield f"http://127.0.0.1:{port}/other"
    ray_serve.shutdown()


def test_beside_other_applications_it_comes_and_goes_alone(config, other, monkeypatch):
    """Before the other tests, which start a Serve of their own."""
    with pytest.raises(
        ConfigError, match=rf"{config.port}: Serve already runs in this cluster at .*Use --host 127.0.0.1 --port {httpx.URL(other).port}"
    ):
        serve(config, blocking=False)
    config = config.model_copy(update={"port": httpx.URL(other).port})
    with monkeypatch.context() as patch, pytest.raises(ClusterError, match="Ray Serve did not start: no replica"):
        patch.setattr(ray_serve, "run", fail)
        serve(config, blocking=False)
    assert httpx.get(other).text == "here"
    serving = serve(config, blocking=False)
    for prefix, name in (("/", "ganray"), ("/other", "other")):
        with pytest.raises(ClusterError, match=f"{name} is already served in this cluster at .*:{config.port}{prefix}.*--prefix"):
            serve(config.model_copy(update={"prefix": prefix}), blocking=False)
    assert httpx.post(f"{serving.url}/v1/generate", json={}).status_code == 200
    dataclasses.replace(serving, alone=True).stop()  # had Serve been started for it: others have moved in
    assert list(ray_serve.status().applications) == ["other"]
    assert httpx.get(other).text == "here"


def fail(*_, **__):
    raise RuntimeError("no replica")


def test_a_declared_application_answers_as_ganray_serve_does(config):
    """By Serve's own configuration, as `serve deploy` and a RayService of Kubernetes hand it in; in a Serve of its own, as above."""
    from ray.serve.context import _get_global_client

    port = free_port()
    args = {"model": config.model, "threads": 1, "gpu": False, "queue": 8, "anonymous": True}
    app = {"name": "declared", "route_prefix": "/declared", "import_path": "ganray.on_ray.serve:build_app", "args": args}
    ray_serve.start(http_options={"host": "127.0.0.1", "port": port}, logging_config={"log_level": "ERROR"})
    try:
        schema = ServeDeploySchema.model_validate(
            {"applications": [app | {"deployments": [{"name": "ganray", "max_replicas_per_node": 1}]}]}
        )
        _get_global_client().deploy_apps(schema, _blocking=True)
        reply = httpx.post(f"http://127.0.0.1:{port}/declared/v1/generate", json={"id": "SKU 1", "seed": 3})
        engine = Engine.load(config.model, "cpu", 1)
        (sample,) = engine.generate([GenerateRequest(id="SKU 1", seed=3)])
        assert reply.content == encode_sample(sample.pixels, SampleFile("SKU 1", 0, 3, "png", engine.info.digest))
    finally:
        ray_serve.shutdown()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"threads": 1}, "gpu is missing"),
        ({"gpu": False}, "threads is missing"),
        ({"gpu": True}, "keys is missing: Serve's proxy answers other machines"),
        ({"gpu": True, "port": 80}, "port: Serve's own configuration says where it listens.*route_prefix"),
        ({"gpu": True, "replica": 2}, "replica = 2: Extra inputs are not permitted.*ganray serve --help"),
        ({"gpu": True, "replicas": "two"}, "replicas = 'two': Input should be a valid integer"),
    ],
)
def test_arguments_that_no_declared_application_takes_are_one_line(args, message):
    with pytest.raises(ConfigError, match=f"^args: {message}"):
        build_app(args)


def test_a_declared_application_needs_no_cluster_to_be_described():
    deployment = build_app({"model": "model", "gpu": True, "replicas": 2, "anonymous": True})._bound_deployment
    assert (deployment.name, deployment.num_replicas) == ("ganray", 2)
    assert deployment.ray_actor_options["num_gpus"] == 1


def test_a_taken_port_is_one_line(config):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} on 127.0.0.1: Address already in use"):
            serve(config.model_copy(update={"port": port}), blocking=False)


def test_an_image_over_http_is_the_engines(config, url):
    engine = Engine.load(config.model, "cpu", 2)
    (sample,) = engine.generate([GenerateRequest(id="SKU 1", seed=3, attributes={"category": "mug"})])
    reply = httpx.post(f"{url}/v1/generate", json={"id": "SKU 1", "seed": 3, "attributes": {"category": "mug"}})
    assert reply.status_code == 200
    assert reply.content == encode_sample(sample.pixels, SampleFile("SKU 1", 0, 3, "png", engine.info.digest))
    assert reply.headers["x-ganray-model"] == engine.info.digest


def test_the_other_pages_answer(url):
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok"}
    assert httpx.get(f"{url}/v1/models").json()["models"][0]["attributes"] == {"category": ["bag", "cap", "mug"]}
    assert httpx.get(f"{url}/docs").status_code == 200
    assert (httpx.head(f"{url}/healthz").status_code, httpx.head(f"{url}/healthz").content) == (200, b"")
    assert httpx.post(f"{url}/v1/generate", json={"seed": -1}).status_code == 422
    assert httpx.post(f"{url}/v1/generate", content=b" " * 10**6).json()["error"] == "too_large"
    assert "bag, cap, mug" in httpx.post(f"{url}/v1/generate", json={"attributes": {"category": "x"}}).text


def test_two_models_stand_beside_each_other_under_their_prefixes(config, url, tmp_path):
    make_model(str(tmp_path), ModelConfig(name="mlp", resolution=16, z_dim=8, embed_dim=8, widths=(16,)), {})
    serving = serve(config.model_copy(update={"model": str(tmp_path), "prefix": "/shop/v-2"}), blocking=False)
    try:
        assert (serving.url, serving.alone) == (f"{url}/shop/v-2", False)
        (first,), (second,) = (httpx.get(f"{place}/v1/models").json()["models"] for place in (url, serving.url))
        assert (first["resolution"], second["resolution"]) == (8, 16)
        image = httpx.post(f"{serving.url}/v1/generate", json={"id": "a"})
        assert (image.status_code, image.headers["x-ganray-model"]) == (200, second["digest"])
        assert httpx.get(f"{serving.url}/healthz").json() == {"status": "ok"}
        assert "'/shop/v-2/openapi.json'" in httpx.get(f"{serving.url}/docs").text
        described = httpx.get(f"{serving.url}/openapi.json").json()
        assert described["servers"] == [{"url": "/shop/v-2"}] and "/v1/generate" in described["paths"]
        assert httpx.post(f"{serving.url}/v1/generate", json={"count": 0}).json()["remedy"] == "See /shop/v-2/docs"
        missing = httpx.get(f"{serving.url}/v2")
        assert (missing.status_code, missing.json()["message"]) == (404, "GET /shop/v-2/v2: Not Found")
    finally:
        serving.stop()
    assert httpx.get(f"{serving.url}/healthz").status_code == 404
    assert httpx.get(f"{url}/v1/models").json()["models"] == [first]


def test_photos_are_edited_by_a_server_without_any_model(config, url, seller_photos):
    serving = serve(config.model_copy(update={"model": "", "prefix": "/edits"}), blocking=False)
    try:
        body = {"id": "a", "image": "data:;base64," + base64.b64encode(seller_photos["same.jpg"]).decode(), "edits": ["white"]}
        reply = httpx.post(f"{serving.url}/v1/edit", json=body)
        (edited,) = EditEngine.load(threads=1).edit(EditRequest(**body), {}.__getitem__)
        assert reply.content == encode_edited(edited, "")
        large = body | {"image": body["image"] + "A" * 2_000_000}  # over the limit of other paths
        assert httpx.post(f"{serving.url}/v1/edit", json=large).json()["error"] != "too_large"
        assert httpx.post(f"{serving.url}/v1/generate", json={}).status_code == 404
        assert httpx.post(f"{url}/v1/edit", json=body).headers["x-ganray-model"] == Engine.load(config.model).info.digest
    finally:
        serving.stop()


def test_a_burst_is_answered_or_told_to_come_back(url):
    replies = []

    def ask():
        replies.append(httpx.post(f"{url}/v1/generate", json={"count": 4}, timeout=30))

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status_code for reply in replies} <= {200, 503}
    assert all(reply.headers["retry-after"] == "1" for reply in replies if reply.status_code == 503)
    assert httpx.post(f"{url}/v1/generate", json={}).status_code == 200


def test_a_missing_model_is_one_line(config, tmp_path):
    with pytest.raises(CheckpointError, match="is not a model folder"):
        serve(config.model_copy(update={"model": str(tmp_path), "port": free_port()}), blocking=False)


def test_replicas_that_do_not_fit_are_one_line(config):
    with pytest.raises(ClusterError, match=r"serve with 90 engine\(s\)"):
        serve(config.model_copy(update={"replicas": 90, "port": free_port()}), blocking=False)


@pytest.mark.parametrize(
    ("options", "nodes", "cpus"),
    [
        ({}, [Node(16, 1)], 15),
        ({}, [Node(4), Node(16, 1), Node(64)], 15),
        ({"replicas": 8}, [Node(192, 8)], 23),
        ({"replicas": 4, "gpu_share": 0.25}, [Node(16, 1)], 3),
        ({"threads": 6}, [Node(16, 1)], 6),
        ({}, [Node(1, 1)], 1),
    ],
)
def test_a_replica_on_a_gpu_has_the_cpus_beside_it_to_encode(options, nodes, cpus):
    resources = Resources(sum(node.cpus for node in nodes), sum(node.gpus for node in nodes), max(node.cpus for node in nodes), True)
    assert serving_cpus(ServeConfig(gpu=True, **options), dataclasses.replace(resources, nodes=tuple(nodes))) == cpus


def test_a_replica_whose_render_hangs_is_unhealthy(config, monkeypatch):
    """Serve then replaces it; what counts as unhealthy is in tests/serving/test_health.py."""
    go_on = threading.Event()
    endpoint = Endpoint(config, "cpu", 1)
    (health,) = endpoint._server.models.healths()
    health._every, health._timeout, health._trials = 0.0, 0.3, True  # as on a GPU
    asyncio.run(endpoint.check_health())
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "render", lambda *_: go_on.wait(30))
        with pytest.raises(Unhealthy, match="did not return"):
            asyncio.run(endpoint.check_health())
        go_on.set()


LOST = """
import asyncio, sys
from ganray.config import ServeConfig
from ganray.execution.port import Node, Resources
from ganray.on_ray.ray_internals import serve_controller
from ganray.on_ray.serve import Endpoint
endpoint = Endpoint(ServeConfig(model=sys.argv[1]), "cpu", 1)
endpoint._server.models.healths()[0].failed(RuntimeError("CUDA error: an illegal memory access was encountered"))
asyncio.run(endpoint.check_health())
print("it goes on")
"""


def test_a_replica_that_has_lost_its_gpu_ends(config):
    ended = subprocess.run([sys.executable, "-c", LOST, config.model], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "this replica ends: the engine does not render: CUDA error: an illegal memory access was encountered" in ended.stderr


def test_a_replica_that_ends_is_replaced_and_requests_go_on(config, url):
    """As one does that has lost its GPU."""
    details = ray.get(serve_controller().get_serve_instance_details.remote())
    (replica,) = details["applications"]["ganray"]["deployments"]["ganray"]["replicas"]
    os.kill(replica["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 60
    while True:
        with contextlib.suppress(httpx.HTTPError):
            if httpx.post(f"{url}/v1/generate", json={"id": "a"}, timeout=20).status_code == 200:
                break
        assert time.monotonic() < deadline
        time.sleep(0.2)
