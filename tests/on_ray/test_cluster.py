import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from ganray.config import RayConfig
from ganray.errors import ClusterError
from ganray.on_ray.cluster import Resources, connect, cores, require_cpus, require_node, use_gpu


def test_gpus_are_used_where_they_are():
    assert use_gpu(None, Resources(4, 2, 4), num=2)
    assert not use_gpu(None, Resources(4, 1, 4), num=2)
    assert not use_gpu(False, Resources(4, 1, 4))
    with pytest.raises(ClusterError, match=r"gpu: 2 GPU\(s\) asked for, the cluster has 1.*--no-gpu"):
        use_gpu(True, Resources(4, 1, 4), num=2)


def test_a_joined_cluster_may_still_grow_gpus():
    assert use_gpu(True, Resources(4, 0, 4, joined=True))


def test_one_actor_cannot_use_two_nodes():
    with pytest.raises(ClusterError, match="needs 6 CPUs of one node, the largest has 4"):
        require_node(6, Resources(16, 0, 4), "an engine")


def test_cores_are_the_ones_that_are_ours():
    assert 1 <= cores() <= os.cpu_count()


def test_too_few_cpus_is_an_error_not_a_hang():
    require_cpus(4, Resources(4, 0, 4), "train")
    with pytest.raises(ClusterError, match="train needs 5 CPUs, the cluster has 4"):
        require_cpus(5, Resources(4, 0, 4), "train")


@pytest.mark.ray
def test_connecting_twice_is_connecting_once(cluster):
    assert connect(RayConfig(num_cpus=4)) == cluster
    assert cluster.cpus == 4


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
