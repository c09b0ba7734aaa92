"""The verb `serve`: where it runs, and what it says. Replicas on Ray: tests/on_ray/test_serve.py."""

import os
import signal
import socket
import threading
import time

import httpx
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.edit_engine import EditEngine
from ganray.errors import ConfigError
from ganray.verbs import serve as room


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=(16,)), {"colour": ("red", "blue")})
    return folder


@pytest.fixture
def config(model):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return ServeConfig(model=model, port=probe.getsockname()[1], threads=1, gpu=False)


def test_one_replica_without_a_cluster_is_served_from_this_process(config, capsys, monkeypatch):
    monkeypatch.setattr(room, "reason_for_cluster", lambda *_: "")
    serving = room.serve(config, blocking=False)
    try:
        assert httpx.post(f"{serving.url}/v1/generate", json={}).status_code == 200
    finally:
        serving.stop()
    assert "serve: runs in this process; --executor ray" in capsys.readouterr().err
    assert room.show(serving) == f"stopped serving at {serving.url}"


def test_until_ctrl_c_it_says_what_is_served_and_where(config, capsys, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(room.threading.Event, "wait", interrupted)
    monkeypatch.setattr(room, "_start", lambda config: type("Running", (), {"url": "http://here", "stop": lambda self: None})())
    room.serve(config)
    said = capsys.readouterr().out
    assert "attributes colour (2 values)" in said
    assert "http://here/docs describes the API, http://here/studio is a page. Ctrl-C stops" in said


@pytest.mark.parametrize(("executor", "replicas", "reason", "place"), [("ray", 1, "", "ray"), ("auto", 2, "2 replicas", "ray")])
def test_replicas_are_ray_s(config, monkeypatch, executor, replicas, reason, place):
    asked = []
    monkeypatch.setattr(room, "reason_for_cluster", lambda *_: reason)
    monkeypatch.setattr("ganray.on_ray.serve.serve_on_ray", asked.append)
    several = config.model_copy(update={"executor": executor, "replicas": replicas})
    room.serve(several, blocking=False)
    assert asked == [several]


def test_one_process_has_one_replica(config):
    with pytest.raises(ConfigError, match="executor = local with replicas = 2: one process has one. Use --executor ray"):
        room.serve(config.model_copy(update={"executor": "local", "replicas": 2}), blocking=False)


def test_a_table_of_models_needs_no_other_model(config, model, tmp_path, capsys, monkeypatch):
    table = tmp_path / "models.yaml"
    table.write_text(f"models: {{shop-a/latest: {model}}}\ndefault: shop-a/latest\n")
    monkeypatch.setattr(room, "reason_for_cluster", lambda *_: "")
    several = config.model_copy(update={"model": str(tmp_path / "nowhere"), "models": str(table)})
    serving = room.serve(several, blocking=False)
    try:
        assert httpx.post(f"{serving.url}/v1/generate?model=shop-a/latest", json={}).status_code == 200
    finally:
        serving.stop()
    assert room._banner(several) == f"{table}: 1 models by name"


def test_one_process_loads_its_model_once(config, monkeypatch):
    loads, whole = [], EditEngine.load
    monkeypatch.setattr(room, "reason_for_cluster", lambda *_: "")
    monkeypatch.setattr(EditEngine, "load", lambda *given, **named: loads.append(given) or whole(*given, **named))
    room.serve(config, blocking=False).stop()
    assert len(loads) == 1


def test_sigterm_ends_it_as_ctrl_c_does(config, monkeypatch):
    stopped = []
    running = type("Running", (), {"url": "http://here", "stop": lambda self: stopped.append(True)})()
    monkeypatch.setattr(room, "_start", lambda config: running)
    before = signal.getsignal(signal.SIGTERM)
    sending = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM))
    ready = threading.Thread(target=lambda: (wait_until(lambda: signal.getsignal(signal.SIGTERM) is not before), sending.start()))
    ready.start()
    room.serve(config)
    ready.join()
    assert stopped == [True] and signal.getsignal(signal.SIGTERM) is before


def wait_until(is_so):
    while not is_so():
        time.sleep(0.01)
