import pytest
import torch

from ganray.metrics import neighbours
from ganray.metrics.neighbours import Nearest, copied_share, neighbour_ratio, usual_distances

REFERENCE = torch.tensor([[0.0, 0.0], [3.0, 4.0], [10.0, 0.0]])


def nearest(x, *references, skip=()):
    search = Nearest(x)
    for reference in references:
        search.look(reference, skip)
    return search


def to(train, *others):
    return [nearest(x, train).distances for x in others]


def test_nearest_gives_distance_and_position(monkeypatch):
    x = torch.tensor([[3.0, 4.0], [10.0, 1.0], [0.0, -2.0], [6.0, 8.0]])
    for block in (512, 3):
        monkeypatch.setattr(neighbours, "BLOCK", block)
        for parts in ([REFERENCE], [REFERENCE[:1], REFERENCE[1:]], REFERENCE.split(1)):
            search = nearest(x, *parts)
            assert search.distances.tolist() == [0.0, 1.0, 2.0, 5.0]
            assert search.places.tolist() == [1, 2, 0, 1]
            assert search.searched == 3


def test_pairs_left_out_are_not_neighbours(monkeypatch):
    """As a photo is none of its own; the other rows still find it."""
    for block in (512, 2):
        monkeypatch.setattr(neighbours, "BLOCK", block)
        search = nearest(torch.cat([REFERENCE, REFERENCE[:1]]), REFERENCE, skip=[(0, 0), (1, 1), (2, 2)])
        assert search.places.tolist()[:2] == [1, 0]
        assert search.distances.tolist()[:2] == [5.0, 5.0]
        assert (search.distances[3], search.places[3]) == (0.0, 0)


def test_the_first_of_equals_counts():
    assert nearest(REFERENCE[:1], REFERENCE, REFERENCE).places.tolist() == [0]


def test_copies_far_from_the_origin_are_at_zero():
    x = 1000.0 + torch.randn(600, 64, generator=torch.Generator().manual_seed(0))
    assert nearest(x, x).distances.max() == 0.0


def test_ratio_is_one_for_new_samples_and_zero_for_copies():
    rng = torch.Generator().manual_seed(1)
    train, holdout, new = torch.randn(3, 500, 8, generator=rng)
    assert neighbour_ratio(*to(train, holdout, new)) == pytest.approx(1.0, abs=0.1)
    assert neighbour_ratio(*to(train, holdout, train.flip(0))) == 0.0
    assert neighbour_ratio(*to(train, holdout, 10.0 + new)) > 5.0


def test_share_of_copies_is_seen_even_when_they_are_few():
    rng = torch.Generator().manual_seed(2)
    train, holdout, new = torch.randn(3, 500, 8, generator=rng)
    assert copied_share(*to(train, holdout, holdout)) == pytest.approx(0.01, abs=0.005)
    assert copied_share(*to(train, holdout, new)) < 0.04
    assert copied_share(*to(train, holdout, torch.cat([train[:100], new[100:]]))) == pytest.approx(0.21, abs=0.03)


def test_photos_without_another_photo_do_not_count():
    assert usual_distances(torch.tensor([1.0, torch.inf, 3.0])).tolist() == [1.0, 3.0]
    assert usual_distances(torch.full((4,), torch.inf)).tolist() == [0.0]
