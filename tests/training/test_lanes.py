import pytest

from ganray.config import TrainConfig
from ganray.errors import ClusterError
from ganray.execution.port import Resources
from ganray.on_ray.cpus import Readers, training_cpus
from ganray.training.lanes import lanes


def config(**changes) -> TrainConfig:
    return TrainConfig.model_validate({"batch": 16, "threads": 1, **changes})


@pytest.mark.parametrize(
    ("batch", "workers", "row_groups", "expected"),
    [(16, 1, 100, 8), (16, 8, 100, 8), (16, 9, 100, 16), (20, 1, 100, 5), (13, 1, 100, 1), (13, 2, 100, 13), (16, 1, 3, 2), (16, 4, 1, 4)],
)
def test_the_number_of_lanes_fits_batch_workers_and_catalog(batch, workers, row_groups, expected):
    assert lanes(config(batch=batch, workers=workers), row_groups, {}) == expected


def test_a_run_keeps_the_lanes_it_began_with():
    facts = {"config": {"lanes": 16}}
    assert lanes(config(), 100, facts) == 16
    assert lanes(config(lanes=4), 100, facts) == 4
    assert lanes(config(batch=20), 100, facts) == 5  # a changed batch cannot
    assert lanes(config(workers=9), 100, {"config": {"lanes": 8}}) == 16  # nor more workers than lanes


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
