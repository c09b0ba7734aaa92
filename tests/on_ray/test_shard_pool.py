"""Workers and hosts that are lost: what they had is done again elsewhere. Results and errors are in tests/contract/test_executors.py."""

import functools
import time

import pytest
import ray

from ganray.config import RayConfig
from ganray.errors import ClusterError
from ganray.execution.host import versions
from ganray.execution.port import ShardWork, Workers
from ganray.on_ray import executor as executors
from ganray.on_ray import shard_pool
from ganray.on_ray.executor import RayExecutor
from tests.tools import shard_work
from tests.tools.own_cluster import run_script

pytestmark = pytest.mark.ray


@pytest.fixture
def executor(cluster):
    return RayExecutor(RayConfig())


def test_what_a_lost_worker_had_is_done_again(executor, tmp_path, capfd):
    work = ShardWork(functools.partial(shard_work.start_mortal, str(tmp_path), (2,), 1), Workers(2), shard_work.root, 2)
    assert sorted(executor.map_shards(work, range(8))) == [(number, number**2) for number in range(8)]
    assert "a worker was lost" in capfd.readouterr().err


def test_a_shard_that_ends_every_worker_ends_the_job(executor, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_pool, "TRIES", 2)
    work = ShardWork(functools.partial(shard_work.start_mortal, str(tmp_path), (2,), 99), Workers(1))
    with pytest.raises(ClusterError, match="with 2 workers in turn"):
        list(executor.map_shards(work, [2]))


def test_workers_that_cannot_start_end_the_job(executor, monkeypatch):
    monkeypatch.setattr(shard_pool, "TRIES", 2)
    with pytest.raises(ClusterError, match="before they have started"):
        list(executor.map_shards(ShardWork(shard_work.die, Workers(1)), [0]))


def test_workers_that_start_while_the_store_is_away_do_not_use_up_each_other_s_tries(executor, tmp_path, monkeypatch):
    monkeypatch.setattr(shard_pool, "TRIES", 2)
    start = functools.partial(shard_work.start_when_store_is_back, str(tmp_path), 3)
    assert list(executor.map_shards(ShardWork(start, Workers(2)), [3, 4])) in ([(3, 9), (4, 16)], [(4, 16), (3, 9)])


def test_hosts_of_other_software_are_refused(executor, tmp_path, monkeypatch):
    for module in (shard_pool, executors):
        monkeypatch.setattr(module, "versions", lambda: versions() | {"ganray": "0.0.9"})
    refused = "the command has 0.0.9: results could differ"
    with pytest.raises(ClusterError, match=refused):
        list(executor.map_shards(ShardWork(functools.partial(shard_work.start_plain, str(tmp_path)), Workers(1)), [3]))
    with pytest.raises(ClusterError, match=refused):
        list(executor.stream(functools.partial(shard_work.count_up, 3), Workers(1)))
    assert not [*tmp_path.iterdir()]


def test_a_cluster_without_room_is_told(executor, monkeypatch, capfd, tmp_path):
    """Room comes when it has been told."""
    told = tmp_path / "told"

    def tell(*words, **options):
        print(*words, **options)
        told.touch()

    monkeypatch.setattr(shard_pool, "SAID_AFTER_S", 0.5)
    monkeypatch.setattr(shard_pool, "print", tell, raising=False)
    holder = ray.remote(num_cpus=int(ray.cluster_resources()["CPU"]))(shard_work.wait_for)
    held = holder.remote(str(told))
    while ray.available_resources().get("CPU", 0.0) >= 1:
        time.sleep(0.05)
    work = ShardWork(functools.partial(shard_work.start_plain, str(tmp_path)), Workers(1))
    assert list(executor.map_shards(work, [3])) == [(3, 9)]
    assert capfd.readouterr().err.count("waiting for a worker with 1 CPUs") == 1
    ray.get(held)


ON_TWO_HOSTS = """
import functools, os, sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from ganray.config import RayConfig
from ganray.on_ray.cluster import ENVIRONMENT
os.environ.update(ENVIRONMENT)
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
hosts = [cluster.add_node(num_cpus=2) for _ in range(2)]
from ganray.execution.port import ShardWork, Workers
from ganray.on_ray.executor import RayExecutor
from tests.tools import shard_work
from tests.tools.own_cluster import run_script
executor = RayExecutor(RayConfig(address=cluster.address))
work = ShardWork(functools.partial(shard_work.start_on, sys.argv[1]), Workers(2, 2), shard_work.root, 1)
found, killed = [], False
for result in executor.map_shards(work, range(20)):
    found.append(result)
    if not killed and len(list(Path(sys.argv[1]).glob("start-*"))) == 2:
        killed = True
        cluster.remove_node(hosts.pop(), allow_graceful=False)
        hosts.append(cluster.add_node(num_cpus=2))
assert sorted(found) == [(number, number ** 2) for number in range(20)], sorted(found)
nodes = {path.read_text() for path in Path(sys.argv[1]).glob("start-*")}
print("nodes", len(nodes))
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.slow
@pytest.mark.long  # with real hosts, each time: tests/chaos/test_chaos.py
def test_a_bulk_job_survives_a_host_and_takes_one_that_joins(tmp_path):
    """Two hosts with a worker each; one is killed, and another one joins."""
    out, err = run_script(ON_TWO_HOSTS, tmp_path)
    assert "nodes 3" in out and "a worker was lost" in err
