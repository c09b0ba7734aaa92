"""How a training run on a cluster divides its CPUs between workers and readers."""

import pytest

from ganray.config import TrainConfig
from ganray.errors import ClusterError
from ganray.execution.port import Resources
from ganray.on_ray.data import Readers
from ganray.on_ray.worker_group import training_cpus


def config(**changes) -> TrainConfig:
    return TrainConfig.model_validate({"batch": 16, "threads": 1, **changes})


def test_a_plan_that_the_cluster_cannot_run_is_refused_not_awaited():
    with pytest.raises(ClusterError, match=r"8 workers of 1 threads \(\+ 1 for data\) needs 9 CPUs, the cluster has 4"):
        training_cpus(config(workers=8), Resources(4, 0, 4), gpu=False)


def test_one_cpu_stays_free_for_data():
    assert training_cpus(config(threads=3), Resources(4, 0, 4), gpu=False) == (3, Readers(1))
    assert training_cpus(config(threads=0), Resources(4, 0, 4), gpu=False) == (3, Readers(1))
    assert training_cpus(config(workers=2, threads=1), Resources(3, 0, 2), gpu=False) == (1, Readers(1, 0.5))


def test_a_worker_fits_on_one_node():
    assert training_cpus(config(threads=0), Resources(16, 0, 4), gpu=False) == (4, Readers(12))
    with pytest.raises(ClusterError, match="worker of 8 threads needs 8 CPUs of one node, the largest has 4"):
        training_cpus(config(threads=8), Resources(16, 0, 4), gpu=False)


def test_a_run_that_may_be_smaller_must_fit_at_its_smallest_and_its_readers_reserve_nothing():
    resources = Resources(2, 0, 2)
    assert training_cpus(config(workers=4, min_workers=2), resources, gpu=False) == (1, Readers(1, 0.0))
    with pytest.raises(ClusterError, match="3 workers of 1 threads needs 3 CPUs, the cluster has 2"):
        training_cpus(config(workers=4, min_workers=3), resources, gpu=False)


def test_readers_that_the_cluster_has_no_cpus_for_any_more_reserve_nothing():
    """After a host is lost, the rest of the cluster may be full of workers."""
    planned = training_cpus(config(workers=2, threads=1), Resources(4, 0, 2), gpu=False)[1]
    assert planned == Readers(1, 1.0)
    assert planned.on(cpus=4 - 2, consumers=2) == planned
    assert planned.on(cpus=2 - 2, consumers=2) == Readers(1, 0.0)
