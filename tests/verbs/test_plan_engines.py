"""How many engines, of how many threads, beside how many writing tasks: `plan_engines` of generate."""

import pytest

from ganray.config import GenerateConfig
from ganray.errors import ClusterError
from ganray.execution.port import Node, Resources, Workers
from ganray.verbs.generate import plan_engines

MACHINE = Resources(3, 0, 2)
CLUSTER = Resources(24, 0, 8, joined=True, nodes=(Node(8), Node(8, labels={"pool": "spot"}), Node(8)))
GPUS = Resources(40, 2, 16, joined=True, nodes=(Node(16, 1), Node(16, 1), Node(8)))
EMPTY = Resources(0, 0, 0, joined=True, grows=lambda: True)


def plan(resources, **changes):
    return plan_engines(GenerateConfig(**changes), resources)


def test_one_machine_has_one_engine_as_ever():
    assert plan(MACHINE) == (Workers(1, 1), 2)
    assert plan(Resources(17, 0, 16)) == (Workers(1, 15), 2)
    assert plan(Resources(17, 1, 16)) == (Workers(1, 1, 1.0), 16)


def test_a_number_of_engines_is_that_number_on_a_cluster_too():
    assert plan(CLUSTER, engines=3) == (Workers(3, 7), 3)
    assert plan(GPUS, engines=2) == (Workers(2, 1, 1.0), 38)


def test_auto_fills_a_cluster_beside_its_finishers():
    assert plan(CLUSTER) == (Workers(16, 1, follows=True), 8)
    assert plan(CLUSTER, threads=4) == (Workers(4, 4, follows=True), 8)
    assert plan(GPUS) == (Workers(2, 1, 1.0, True), 38)
    assert plan(Resources(2, 0, 2, joined=True)) == (Workers(1, 1, follows=True), 1)


def test_a_share_of_a_gpu_makes_more_engines():
    assert plan(GPUS, gpu_share=0.25) == (Workers(8, 1, 0.25, True), 32)
    assert plan(GPUS, gpu_share=0.5, engines=4) == (Workers(4, 1, 0.5), 36)
    assert plan(GPUS, gpu_share=0.5, engines=5)[0].gpu == 0.0  # two and a half
    with pytest.raises(ClusterError, match=r"gpu: 2.5 GPU\(s\) asked for, the cluster has 2"):
        plan(GPUS, gpu_share=0.5, engines=5, gpu=True)


def test_labels_choose_the_nodes_of_engines_and_not_of_finishers():
    spot = {"pool": "spot"}
    assert plan(CLUSTER, node_labels=spot) == (Workers(8, 1, follows=True, labels=spot), 4)
    assert plan(CLUSTER, node_labels=spot, engines=1) == (Workers(1, 8, labels=spot), 16)
    with pytest.raises(ClusterError, match="no node here has pool = other"):
        plan(CLUSTER, node_labels={"pool": "other"})
    with pytest.raises(ClusterError, match="no node here has pool = spot"):
        plan(MACHINE, node_labels=spot)


def test_a_cluster_that_scales_from_zero_is_planned_for():
    assert plan(EMPTY) == (Workers(1, 1, follows=True), 1)
    assert plan(EMPTY, gpu=True) == (Workers(1, 1, 1.0, True), 8)
    assert plan(EMPTY, engines=4, threads=2) == (Workers(4, 2), 4)
    with pytest.raises(ClusterError, match="needs 1 CPUs of one node"):
        plan(Resources(0, 0, 0, joined=True))
