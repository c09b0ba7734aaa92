import pytest
import torch

from ganray.metrics.coverage import coverage, density, density_and_coverage

# Radii to the second neighbour: 2, 1, 2, 10, so the balls are [-2, 2], [0, 2], [0, 4], [1, 21]
LINE = torch.tensor([[0.0], [1.0], [2.0], [11.0]])


def test_a_hand_made_example_is_exact():
    sample = torch.tensor([[0.5], [3.0], [30.0]])  # in 3, 2 and 0 balls
    assert density_and_coverage(LINE, sample, k=2) == (pytest.approx(5 / (2 * 3)), 1.0)
    assert density_and_coverage(LINE, sample[2:], k=2) == (0.0, 0.0)
    assert density_and_coverage(LINE, torch.tensor([[-1.0]]), k=2) == (0.5, 0.25)


def test_balls_hold_their_rim():
    assert density_and_coverage(LINE, torch.tensor([[-2.0]]), k=2) == (0.5, 0.25)
    assert density_and_coverage(LINE, torch.tensor([[-2.01]]), k=2) == (0.0, 0.0)


def test_equal_distributions_reach_the_expected_values():
    reference, sample = torch.randn(2, 1500, 16, generator=torch.Generator().manual_seed(0))
    assert density(reference, sample) == pytest.approx(1.0, abs=0.05)
    assert coverage(reference, sample) == pytest.approx(1.0 - 2.0**-5, abs=0.02)


def test_one_mode_is_dense_and_covers_little():
    reference = torch.randn(500, 16, generator=torch.Generator().manual_seed(1))
    sample = reference.mean(0).expand(500, 16)
    assert density(reference, sample) > 2.0
    assert coverage(reference, torch.cat([reference[:1]] * 500)) < 0.05
