import numpy as np
import torch
from torch.nn import functional as F

from ganray.edits.blocks import saved_quality
from ganray.training.draws import step_draws
from ganray.training.low_resolution import CLEAN, low_resolution


def scenes(num: int) -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    return F.interpolate(torch.rand(num, 3, 5, 5, generator=rng) * 2 - 1, size=(96, 96), mode="bicubic").clamp(-1, 1)


def test_a_share_is_only_reduced_and_the_others_are_damaged_differently():
    clean = scenes(200)
    low = low_resolution(clean, 2, step_draws(0, 0, 200)).pictures
    assert low.shape == (200, 3, 48, 48) and low.abs().max() <= 1
    errors = (low - F.interpolate(clean, scale_factor=0.5, mode="bicubic", antialias=True).clamp(-1, 1)).square().mean((1, 2, 3)).sqrt()
    untouched = (errors < 1e-6).float().mean()
    assert abs(untouched - CLEAN) < 0.1
    assert 0.005 < errors[errors > 1e-6].median() < 0.06 and errors.max() > 0.05


def test_a_picture_draws_its_own_whatever_stands_beside_it():
    clean = scenes(8)
    whole, again = (low_resolution(clean, 2, step_draws(3, 0, 8)).pictures for _ in range(2))
    part = low_resolution(clean[2:5], 2, step_draws(3, 0, 8, 2)).pictures
    assert torch.equal(whole, again)
    torch.testing.assert_close(part, whole[2:5], atol=2 / 127.5, rtol=0)  # a rounding to levels may fall either way


def test_flat_pictures_stay_flat_unless_there_is_noise():
    white = torch.ones(64, 3, 96, 96)
    low = low_resolution(white, 2, step_draws(1, 0, 64)).pictures
    assert ((1 - low).amax((1, 2, 3)) < 1e-3).float().mean() > CLEAN
    assert (1 - low).mean() < 0.02


def test_the_quality_of_a_jpeg_is_told_and_is_what_an_edit_reads_off_it():
    rng = torch.Generator().manual_seed(0)
    grain = torch.rand(120, 3, 128, 128, generator=rng) * 0.3
    pictures, quality = low_resolution((scenes(120).repeat(1, 1, 2, 2)[..., :128, :128] + grain).clamp(-1, 1), 2, step_draws(5, 0, 120))
    told = quality < 93
    assert 0.4 < told.float().mean() < 0.85 and 30 <= quality.min() < 50 and torch.equal(quality, quality.round())
    levels = (pictures * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
    found = [best_grid(picture) for picture in levels]
    right = [abs(one - float(other)) <= 1 for one, other, known in zip(found, quality, told, strict=True) if known]
    assert sum(right) / len(right) > 0.9


def best_grid(picture: np.ndarray) -> int:
    """The quality that is read off a picture on the grid of blocks on which one is recognised."""
    return max(saved_quality(picture[top:, left:]) for top in range(8) for left in range(8))
