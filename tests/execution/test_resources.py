import os

import pytest

from ganray.errors import ClusterError
from ganray.execution.local import LocalExecutor
from ganray.execution.port import Resources
from ganray.execution.resources import cores, engine_cpus, require_cpus, require_node, use_gpu, work_cores


@pytest.mark.parametrize(
    ("cpus", "node", "wanted", "engines", "spare", "threads"),
    [
        (3, 2, 0, 1, 1, 1),  # two cores here: one draws, one encodes
        (3, 2, 0, 1, 0, 2),  # two cores here: both answer requests
        (17, 16, 0, 1, 1, 15),
        (64, 16, 0, 4, 1, 15),
        (64, 16, 0, 1, 1, 15),
        (2, 2, 0, 1, 1, 1),
        (4, 2, 2, 1, 1, 2),
    ],
)
def test_engines_share_the_cpus(cpus, node, wanted, engines, spare, threads):
    assert engine_cpus(wanted, engines, spare, Resources(cpus, 0, node), "test") == threads


@pytest.mark.parametrize(
    ("cpus", "node", "wanted", "engines", "said"),
    [
        (4, 4, 4, 1, r"test with 1 engine\(s\) of 4 thread\(s\) needs 5 CPUs"),
        (4, 4, 0, 9, "needs 10 CPUs"),
        (64, 4, 8, 1, "of one node, the largest has 4"),
    ],
)
def test_engines_that_do_not_fit_are_refused(cpus, node, wanted, engines, said):
    with pytest.raises(ClusterError, match=said):
        engine_cpus(wanted, engines, 1, Resources(cpus, 0, node), "test")


def test_tests_take_no_gpu():
    """On a machine that has some, too: torch and Ray look for them there."""
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert LocalExecutor().resources().gpus == 0


def test_gpus_are_used_where_they_are():
    assert use_gpu(None, Resources(4, 2, 4), num=2)
    assert not use_gpu(None, Resources(4, 1, 4), num=2)
    assert not use_gpu(False, Resources(4, 1, 4))
    with pytest.raises(ClusterError, match=r"gpu: 2 GPU\(s\) asked for, the cluster has 1.*--no-gpu"):
        use_gpu(True, Resources(4, 1, 4), num=2)


def test_a_cluster_with_an_autoscaler_is_refused_nothing():
    """It may have no worker at all yet."""
    empty = Resources(0, 0, 0, joined=True, grows=lambda: True)
    assert use_gpu(True, empty)
    assert engine_cpus(0, 4, 1, empty, "test") == 1
    assert engine_cpus(8, 4, 1, empty, "test") == 8


def test_a_joined_cluster_without_an_autoscaler_is_told_at_once_what_it_lacks():
    with pytest.raises(ClusterError, match=r"gpu: 0.5 GPU\(s\) asked for, the cluster has 0"):
        use_gpu(True, Resources(4, 0, 4, joined=True), 0.5)
    with pytest.raises(ClusterError, match="needs 2 CPUs, the cluster has 1"):
        engine_cpus(1, 1, 1, Resources(1, 0, 1, joined=True), "test")


def test_one_actor_cannot_use_two_nodes():
    with pytest.raises(ClusterError, match="needs 6 CPUs of one node, the largest has 4"):
        require_node(6, Resources(16, 0, 4), "an engine")


def test_cores_are_the_ones_that_are_ours():
    assert 1 <= cores() <= os.cpu_count()


def test_too_few_cpus_is_an_error_not_a_hang():
    require_cpus(4, Resources(4, 0, 4), "train")
    with pytest.raises(ClusterError, match="train needs 5 CPUs, the cluster has 4"):
        require_cpus(5, Resources(4, 0, 4), "train")


def test_work_that_keeps_a_core_busy_takes_no_more_than_the_cores():
    assert work_cores(Resources(3, 0, 2)) == 2
    assert work_cores(Resources(8, 0, 4, joined=True)) == 8
    assert work_cores(Resources(1, 0, 1)) == 1
