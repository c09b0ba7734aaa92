"""What is used of Ray beyond its public API to look at a cluster. With an autoscaler: test_following.py."""

import json
import time

import pytest
import ray
from ray.experimental.internal_kv import _internal_kv_get

from ganray.on_ray import cluster_internals
from ganray.on_ray.cluster_internals import autoscaler_runs, free_nodes

pytestmark = pytest.mark.ray


def wait_for(happens, limit=60):
    """What is left is known a moment later, and what an earlier test held is given back in one."""
    deadline = time.monotonic() + limit
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_node_has_left_what_nobody_holds(cluster):
    wait_for(lambda: free_nodes()[0].cpus == cluster.cpus)
    (before,) = free_nodes()
    assert before.gpus == 0 and "ray.io/node-id" in before.labels
    holder = ray.remote(num_cpus=1)(Holder).remote()
    wait_for(lambda: free_nodes()[0].cpus == cluster.cpus - 1)
    ray.kill(holder)


class Holder:
    pass


def test_a_cluster_of_nodes_that_somebody_started_does_not_grow(cluster):
    """Ray's monitor reports there as well; each node is a type of its own."""
    assert autoscaler_runs() is False
    report = json.loads(_internal_kv_get("__autoscaling_status"))["autoscaler_report"]
    assert list(report["node_type_mapping"].values()) == [f"node_{node}" for node in report["node_type_mapping"]]


def test_node_types_of_a_launcher_mean_an_autoscaler(cluster, monkeypatch):
    status = {"autoscaler_report": {"node_type_mapping": {"10.0.0.1": "head", "10.0.0.2": "cpu-spot"}}}
    monkeypatch.setattr(cluster_internals, "_internal_kv_get", lambda key: json.dumps(status))
    assert autoscaler_runs() is True


def test_a_cluster_that_reports_nothing_is_waited_for_and_does_not_grow(cluster, monkeypatch):
    """The second version of the monitor reports elsewhere: that place is there, and empty."""
    monkeypatch.setattr(cluster_internals, "_internal_kv_get", lambda key: None)
    monkeypatch.setattr(cluster_internals, "REPORT_LIMIT_S", 0.0)
    assert autoscaler_runs() is False
