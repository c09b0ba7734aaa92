from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ganray.training.sampler import GatheredSampling, sample


@pytest.mark.parametrize("shape", [(3, 3, 8, 8), (2, 1, 5, 7)])
def test_gathered_sampling_is_torchs_and_so_is_its_gradient(shape):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(shape, generator=rng, requires_grad=True)
    theta = torch.eye(2, 3) + 0.4 * torch.randn(shape[0], 2, 3, generator=rng)  # far over the border, too
    grid = F.affine_grid(theta, list(shape), align_corners=False)
    expected, found = sample(x, grid), GatheredSampling.apply(x, grid)
    assert torch.allclose(found, expected, atol=1e-5)
    weights = torch.randn(shape, generator=rng)
    (by_torch,), (gathered,) = (torch.autograd.grad(y, x, weights) for y in (expected, found))
    assert torch.allclose(gathered, by_torch, atol=1e-4)
