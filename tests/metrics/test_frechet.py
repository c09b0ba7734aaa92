import pytest
import torch

from ganray.metrics.frechet import frechet_distance, gaussian_distance


def test_gaussians_of_the_same_axes_have_a_closed_form():
    scales_x, scales_y = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([3.0, 1.0, 0.0]).double()
    mean = torch.tensor([1.0, -2.0, 0.0]).double()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).double()).Q
    cov_x, cov_y = (turn @ torch.diag(scales.square()) @ turn.T for scales in (scales_x, scales_y))
    expected = mean.square().sum() + (scales_x - scales_y).square().sum()
    assert gaussian_distance(torch.zeros(3).double(), cov_x, mean, cov_y) == pytest.approx(float(expected), abs=1e-6)


def test_it_is_the_trace_formula_for_any_two_covariances():
    rng = torch.Generator().manual_seed(1)
    a, b = (torch.randn(5, 5, generator=rng).double() for _ in range(2))
    cov_x, cov_y, zero = a @ a.T, b @ b.T, torch.zeros(5).double()
    roots = torch.linalg.eigvals(cov_x @ cov_y).real.clamp_min(0.0).sqrt()
    expected = float(cov_x.trace() + cov_y.trace() - 2.0 * roots.sum())
    assert gaussian_distance(zero, cov_x, zero, cov_y) == pytest.approx(expected, rel=1e-9)


def test_samples_of_known_gaussians_come_near_their_distance():
    rng = torch.Generator().manual_seed(2)
    x, y = torch.randn(20_000, 4, generator=rng), 2.0 * torch.randn(20_000, 4, generator=rng) + 3.0
    assert frechet_distance(x, y) == pytest.approx(4 * 9.0 + 4 * 1.0, rel=0.02)
    assert frechet_distance(x, x) == pytest.approx(0.0, abs=1e-9)


def test_few_samples_are_biased_upwards():
    rng = torch.Generator().manual_seed(3)
    few, many = (frechet_distance(*torch.randn(2, n, 64, generator=rng)) for n in (300, 3000))
    assert few == pytest.approx(7.3, rel=0.15)  # measured with torchmetrics, too
    assert many == pytest.approx(0.70, rel=0.15)
