"""Nodes of a real cluster are asked: also one that has other software, and one that does not answer."""

import json

import pytest

from tests.tools.own_cluster import run_script

pytestmark = [pytest.mark.ray, pytest.mark.slow]

SCRIPT = """
import json, logging, os, sys
from ray.cluster_utils import Cluster

nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
os.environ["CUDA_VISIBLE_DEVICES"] = "0,1"
nodes.add_node(num_cpus=1, num_gpus=2)
os.environ["RAY_ADDRESS"] = nodes.address

from functools import partial
from ganray.config import RayConfig
from ganray.doctor.machine import examine
from ganray.on_ray import nodes as module
from tests.tools.node_tasks import ends_its_process, sleeps

def told(answers):
    return [[a.here, a.gpus, a.error, a.clock and abs(a.clock[0]), a.examination and a.examination.versions["ray"]] for a in answers]

report = {"examined": told(module.ask_nodes(RayConfig(), partial(examine, None, on_node=True)))}
report["died"] = told(module.ask_nodes(RayConfig(), ends_its_process))
module.LIMIT_S = 3.0
report["slow"] = told(module.ask_nodes(RayConfig(), sleeps))
print(json.dumps(report))
"""


def test_each_other_node_is_asked_once():
    out, _ = run_script(SCRIPT)
    report = json.loads(out.splitlines()[-1])
    (here,) = [row for row in report["examined"] if row[0]]
    (other,) = [row for row in report["examined"] if not row[0]]
    assert here == [True, 0.0, "", None, None]
    assert other[1:3] == [2.0, ""] and other[3] < 5 and other[4] == "2.60.0"
    (died,) = [row for row in report["died"] if not row[0]]
    assert "does not run there" in died[2] and died[4] is None
    (slow,) = [row for row in report["slow"] if not row[0]]
    assert slow[2] == "no answer in 3 s"
