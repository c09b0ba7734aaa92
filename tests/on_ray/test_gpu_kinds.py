"""Nodes with GPUs of several kinds, on a real cluster: what is planned for them, and where engines and single questions go."""

import pytest

from tests.tools.own_cluster import run_script

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SCRIPT = """
import functools, os, sys
from pathlib import Path
import ray
from ray.cluster_utils import Cluster
from ganray.config import GenerateConfig, RayConfig
from ganray.execution.gpus import KIND, gpus_by_kind
from ganray.execution.once import run_once
from ganray.execution.port import ShardWork
from ganray.on_ray.cluster import ENVIRONMENT
from ganray.on_ray.executor import RayExecutor
from ganray.verbs.generate import plan_engines
from tests.tools import shard_work

folder = Path(sys.argv[1])
os.environ.update(ENVIRONMENT)
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
many = cluster.add_node(num_cpus=4, num_gpus=2, labels={KIND: "L4"})  # which torch does not see: what Ray places is looked at
few = cluster.add_node(num_cpus=4, num_gpus=1, labels={KIND: "A10G"})
plain = cluster.add_node(num_cpus=2)
executor = RayExecutor(RayConfig(address=cluster.address))
resources = executor.resources()
assert gpus_by_kind(resources) == {"L4": 2, "A10G": 1}, resources

def where():
    return ray.get_runtime_context().get_node_id()

for begun, node, engines in (("", many, 2), ("NVIDIA A10G (8.6) torch 2.13.0 cudnn 92000 tf32", few, 1)):
    workers, writers = plan_engines(GenerateConfig(), resources, lambda: begun)
    assert (workers.num, workers.gpu, workers.follows) == (engines, 1.0, True), workers
    assert {run_once(executor, where, workers) for _ in range(2)} == {node.node_id}
    start = functools.partial(shard_work.start_noting, str(folder), 0.05)
    assert len(list(executor.map_shards(ShardWork(start, workers), range(12)))) == 12
    assert {path.read_text().split(" ")[0] for path in folder.glob("worker-*")} == {node.node_id}
    for path in folder.iterdir():
        path.unlink()
on_cpus, _ = plan_engines(GenerateConfig(gpu=False), resources)
assert on_cpus.labels == {} and not on_cpus.gpu
"""


def test_engines_keep_to_one_kind_and_go_on_on_the_one_that_drew(tmp_path):
    run_script(SCRIPT, tmp_path)
