"""Jobs whose workers follow the cluster: hosts join and leave in mid-job, labels and shares of GPUs are kept to.

In processes of their own, on clusters of several nodes on this machine. How many are asked for: tests/execution/test_growth.py.
"""

import pytest

from tests.tools.own_cluster import run_script
from tests.tools.scaling_cluster import scaling_cluster

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SETUP = """
import functools, os, sys, time
from collections import Counter
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from ganray.config import RayConfig
from ganray.errors import ClusterError
from ganray.execution.labels import with_labels
from ganray.execution.port import ShardWork, Workers
from ganray.execution.resources import require_cpus, use_gpu
from ganray.on_ray.cluster import ENVIRONMENT
from ganray.on_ray.executor import RayExecutor
from ganray.on_ray.shard_pool import ShardPool
from tests.tools import shard_work

folder = Path(sys.argv[1])
os.environ.update(ENVIRONMENT)
SPOT = {"ray.io/market-type": "spot"}

def start(**head):
    for tried in range(3):  # Ray's 30 s for the start of a node are fixed, and too short on a busy machine
        try:
            return Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False, **head})
        except Exception as error:
            if "timed out during startup" not in str(error) or tried == 2:
                raise

def places(kind):
    return [path.read_text().split(" ")[0] for path in folder.glob(f"{kind}-*")]

def forget():
    for path in folder.iterdir():
        path.unlink()

def work(workers, finishers=0, seconds=0.2):
    start = functools.partial(shard_work.start_noting, str(folder), seconds)
    if not finishers:
        return ShardWork(start, workers)
    return ShardWork(start, workers, functools.partial(shard_work.finish_noting, str(folder)), finishers)

def squares(num):
    return [(number, number ** 2) for number in range(num)]
"""

HOSTS = (
    SETUP
    + """
waiting = []
follow = ShardPool._follow
def watched(pool):
    follow(pool)
    ready = len(pool._shards_of) + len(pool._finishing)
    waiting.append(len({each.actor for each in pool._running.values()} | {*pool._shards_of, *pool._finishing}) - ready)
ShardPool._follow = watched

cluster = start()
first = cluster.add_node(num_cpus=2)
executor = RayExecutor(RayConfig(address=cluster.address))
assert executor.resources().joined

begun = time.monotonic()
for refused in (
    lambda: with_labels(executor.resources(), SPOT),
    lambda: require_cpus(3, executor.resources(), "test"),
    lambda: use_gpu(True, executor.resources()),
):
    try:
        refused()
        raise SystemExit("not refused")
    except ClusterError as error:
        print(error)
assert time.monotonic() - begun < 16, time.monotonic() - begun

found, joined, seen = [], None, set()
for result in executor.map_shards(work(Workers(2, follows=True)), range(160)):
    found.append(result)
    if joined is None:
        assert set(places("worker")) == {first.node_id}
        joined = cluster.add_node(num_cpus=2, labels=SPOT)
    if joined and joined.node_id in places("worker") and not seen:
        seen.add(len(found))
        cluster.remove_node(joined, allow_graceful=False)
assert sorted(found) == squares(160), len(found)
assert seen, "the host that joined got no work"
assert max(waiting) <= 2, max(waiting)  # those of the free CPUs; none that wait for a host
forget()

spot = cluster.add_node(num_cpus=2, labels=SPOT)
cluster.wait_for_nodes()
assert sorted(executor.map_shards(work(Workers(2, follows=True, labels=SPOT), 1), range(20))) == squares(20)
assert set(places("worker")) == {spot.node_id}, places("worker")
assert set(places("finisher")) <= {first.node_id, spot.node_id}
"""
)


def test_a_host_that_joins_takes_work_and_one_that_leaves_makes_fewer(tmp_path):
    """And what a cluster without an autoscaler lacks is told at once."""
    out, err = run_script(HOSTS, tmp_path)
    assert "node_labels: no node here has ray.io/market-type = spot" in out
    assert "test needs 3 CPUs, the cluster has 2" in out
    assert "gpu: 1 GPU(s) asked for, the cluster has 0" in out
    assert "a worker was lost" in err


GPUS = (
    SETUP
    + """
cluster = start()
gpu = cluster.add_node(num_cpus=6, num_gpus=2)  # which torch does not see: what Ray places is looked at
plain = cluster.add_node(num_cpus=3)
executor = RayExecutor(RayConfig(address=cluster.address))
assert use_gpu(None, executor.resources(), 0.5)
assert sorted(executor.map_shards(work(Workers(4, 1, 0.5, follows=True), 2), range(40))) == squares(40)
cards = Counter(path.read_text().split(" ")[1] for path in folder.glob("worker-*"))
assert set(places("worker")) == {gpu.node_id} and cards == {"0": 2, "1": 2}, (places("worker"), cards)
assert set(places("finisher")) == {plain.node_id}, (places("finisher"), gpu.node_id)
"""
)


def test_engines_share_gpus_and_finishers_leave_gpu_nodes_alone(tmp_path):
    run_script(GPUS, tmp_path)


FROM_ZERO = (
    SETUP
    + """
executor = RayExecutor(RayConfig(address=sys.argv[2]))
resources = executor.resources()
assert (resources.cpus, resources.joined) == (0, True)
require_cpus(3, resources, "test")
assert use_gpu(True, resources)
assert with_labels(resources, SPOT).cpus == 0
spot = Workers(1, 2, follows=True, labels=SPOT)
assert sorted(executor.map_shards(work(spot, 1, 1.0), range(30))) == squares(30)
assert len(set(places("worker"))) >= 2, places("worker")  # one has no room for the finisher, too
"""
)


@pytest.mark.long
def test_a_cluster_of_no_workers_grows_for_a_job(tmp_path):
    """Ray's own autoscaler starts the nodes, which are processes here."""
    with scaling_cluster(cpus=2, most=3, labels={"ray.io/market-type": "spot"}) as address:
        run_script(FROM_ZERO, tmp_path, address)
