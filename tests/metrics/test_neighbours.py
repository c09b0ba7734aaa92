import pytest
import torch

from ganray.metrics import neighbours
from ganray.metrics.neighbours import copied_share, nearest, neighbour_ratio

REFERENCE = torch.tensor([[0.0, 0.0], [3.0, 4.0], [10.0, 0.0]])


def test_nearest_gives_distance_and_position(monkeypatch):
    x = torch.tensor([[3.0, 4.0], [10.0, 1.0], [0.0, -2.0], [6.0, 8.0]])
    for block in (512, 3):
        monkeypatch.setattr(neighbours, "BLOCK", block)
        values, places = nearest(x, REFERENCE)
        assert values.tolist() == [0.0, 1.0, 2.0, 5.0]
        assert places.tolist() == [1, 2, 0, 1]


def test_copies_far_from_the_origin_are_at_zero():
    x = 1000.0 + torch.randn(600, 64, generator=torch.Generator().manual_seed(0))
    assert nearest(x, x)[0].max() == 0.0


def test_ratio_is_one_for_new_samples_and_zero_for_copies():
    rng = torch.Generator().manual_seed(1)
    train, holdout, new = torch.randn(3, 500, 8, generator=rng)
    assert neighbour_ratio(train, holdout, new) == pytest.approx(1.0, abs=0.1)
    assert neighbour_ratio(train, holdout, train.flip(0)) == 0.0
    assert neighbour_ratio(train, holdout, 10.0 + new) > 5.0


def test_share_of_copies_is_seen_even_when_they_are_few():
    rng = torch.Generator().manual_seed(2)
    train, holdout, new = torch.randn(3, 500, 8, generator=rng)
    assert copied_share(train, holdout, holdout) == pytest.approx(0.01, abs=0.005)
    assert copied_share(train, holdout, new) < 0.04
    assert copied_share(train, holdout, torch.cat([train[:100], new[100:]])) == pytest.approx(0.21, abs=0.03)
