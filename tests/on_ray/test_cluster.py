import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import ray

from ganray.config import RayConfig
from ganray.errors import ClusterError
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
def test_somebody_elses_cluster_on_this_machine_is_left_alone(cluster):
    """`ray start` leaves its address where a plain `ray.init` finds and joins it."""
    folder = Path(tempfile.mkdtemp(prefix="g-", dir="/tmp"))  # a socket's path holds 107 bytes
    (folder / "ray").mkdir()
    (folder / "ray" / "ray_current_cluster").write_text(ray.get_runtime_context().gcs_address)
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {"RAY_TMPDIR": str(folder)}
    code = "from ganray.on_ray.cluster import connect\nfrom ganray.config import RayConfig\nprint(connect(RayConfig(num_cpus=2)).cpus)"
    joined = "import ray\nray.init(log_to_driver=False)\nprint(ray.cluster_resources()['CPU'])"
    try:
        ours, plain = (
            subprocess.run([sys.executable, "-c", each], env=env, capture_output=True, text=True, timeout=120, check=False)
            for each in (code, joined)
        )
        assert ours.stdout.strip() == "2.0", ours.stderr
        assert plain.stdout.strip() == "3.0", plain.stderr  # the trap is one
    finally:
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


def test_another_version_of_ray_says_what_to_install(monkeypatch):
    def init(**_):
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.60.0")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(ClusterError, match=r"ray.address auto: Version mismatch: .* Ray: 2\.60\.0\. Install the versions of Ray"):
        connect(RayConfig(address="auto"))
