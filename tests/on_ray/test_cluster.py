import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import ray

from ganray.config import RayConfig
from ganray.on_ray import cluster as cluster_module
from ganray.on_ray.cluster import _init, connect


@pytest.mark.ray
def test_connecting_twice_is_connecting_once(cluster):
    assert connect(RayConfig(num_cpus=3)) == cluster
    assert cluster.cpus == 3


@pytest.mark.ray
def test_the_proxy_of_each_cluster_has_ports_of_its_own(cluster):
    """Serve's proxy would bind Ray's 8404 and 9101 in every cluster of the machine."""
    ports = {os.environ["RAY_SERVE_HAPROXY_STATS_PORT"], os.environ["RAY_SERVE_HAPROXY_METRICS_PORT"]}
    assert len(ports) == 2 and not ports & {"8404", "9101"}


@pytest.mark.ray
@pytest.mark.slow
def test_somebody_elses_cluster_on_this_machine_is_left_alone():
    """`ray start` leaves its address where a plain `ray.init` finds and joins it."""

    folder = tempfile.mkdtemp(prefix="g-", dir="/tmp")  # a socket's path holds 107 bytes
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {"RAY_TMPDIR": folder}
    tool = str(Path(sys.executable).with_name("ray"))
    start = [tool, "start", "--head", "--num-cpus", "1", "--include-dashboard", "false", "--port", "0", "--node-ip-address", "127.0.0.1"]
    held = subprocess.Popen([*start, "--block"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        address = Path(folder) / "ray" / "ray_current_cluster"
        for _ in range(600):
            if address.exists() or held.poll() is not None:
                break
            time.sleep(0.1)
        assert address.exists()
        code = "from ganray.on_ray.cluster import connect\nfrom ganray.config import RayConfig\nprint(connect(RayConfig(num_cpus=3)).cpus)"
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.stdout.strip() == "3.0", done.stderr
    finally:
        held.terminate()
        held.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_machine_that_is_too_busy_for_ray_is_tried_again(monkeypatch):
    """Ray's 30 s for the start of a node are fixed."""
    tried = []

    def init(**_):
        tried.append(1)
        if len(tried) < 3:
            raise Exception("The current node timed out during startup. This could happen ...")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: None)
    _init("local", {})
    assert len(tried) == 3
    tried.clear()
    monkeypatch.setattr(cluster_module, "START_TRIES", 2)
    with pytest.raises(RuntimeError, match="too busy"):
        _init("local", {})
