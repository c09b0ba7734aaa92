import pytest

from ganray.config import TrainConfig
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
