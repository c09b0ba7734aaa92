import torch
from torch.nn import functional as F

from ganray.training.draws import step_draws
from ganray.training.low_resolution import CLEAN, low_resolution


def scenes(num: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return F.interpolate(torch.rand(num, 3, 5, 5, generator=rng) * 2 - 1, size=(96, 96), mode="bicubic").clamp(-1, 1)


def test_a_share_is_only_reduced_and_the_others_are_damaged_differently():
    clean = scenes(200)
    low = low_resolution(clean, 2, step_draws(0, 0, 200))
    assert low.shape == (200, 3, 48, 48) and low.abs().max() <= 1
    errors = (low - F.interpolate(clean, scale_factor=0.5, mode="bicubic", antialias=True).clamp(-1, 1)).square().mean((1, 2, 3)).sqrt()
    untouched = (errors < 1e-6).float().mean()
    assert abs(untouched - CLEAN) < 0.1
    assert 0.005 < errors[errors > 1e-6].median() < 0.06 and errors.max() > 0.05


def test_a_picture_draws_its_own_whatever_stands_beside_it():
    clean = scenes(8)
    whole, again = (low_resolution(clean, 2, step_draws(3, 0, 8)) for _ in range(2))
    part = low_resolution(clean[2:5], 2, step_draws(3, 0, 8, 2))
    assert torch.equal(whole, again)
    torch.testing.assert_close(part, whole[2:5], atol=2 / 127.5, rtol=0)  # a rounding to levels may fall either way


def test_flat_pictures_stay_flat_unless_there_is_noise():
    white = torch.ones(64, 3, 96, 96)
    low = low_resolution(white, 2, step_draws(1, 0, 64))
    assert ((1 - low).amax((1, 2, 3)) < 1e-3).float().mean() > CLEAN
    assert (1 - low).mean() < 0.02
