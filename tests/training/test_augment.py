from __future__ import annotations

import pytest
import torch

from ganray.config import AugmentConfig
from ganray.training.augment import augment
from ganray.training.draws import Draws

OFF = AugmentConfig(flip=False, shift=0, scale=0, rotate=0, colour=0, cutout=0)


def rng(seed: int = 0, num: int = 1000) -> Draws:
    return Draws(seed, num)


def only(**changes) -> AugmentConfig:
    return OFF.model_copy(update=changes)


def test_at_probability_zero_the_images_are_the_same_object():
    x = torch.randn(4, 3, 8, 8)
    assert augment(x, 0.0, AugmentConfig(), rng()) is x


def test_a_probability_on_the_device_is_that_probability():
    x = torch.randn(4, 3, 8, 8)
    number, scalar = (augment(x, p, AugmentConfig(), rng(1)) for p in (0.5, torch.tensor(0.5)))
    assert torch.equal(number, scalar)
    assert torch.allclose(augment(x, torch.tensor(0.0), AugmentConfig(), rng(1)), x, atol=1e-5)


def test_with_everything_off_nothing_changes():
    x = torch.randn(4, 3, 8, 8)
    assert torch.allclose(augment(x, 1.0, OFF, rng()), x, atol=1e-5)


def test_the_same_stream_gives_the_same_images():
    x = torch.randn(4, 3, 8, 8)
    assert torch.equal(augment(x, 0.5, AugmentConfig(), rng(1)), augment(x, 0.5, AugmentConfig(), rng(1)))
    assert not torch.equal(augment(x, 0.5, AugmentConfig(), rng(1)), augment(x, 0.5, AugmentConfig(), rng(2)))


def test_a_flip_mirrors_half_of_the_chosen():
    x = torch.randn(400, 3, 8, 8)
    y = augment(x, 0.5, only(flip=True), rng())
    mirrored = torch.tensor([torch.allclose(b, a.flip(2), atol=1e-5) for a, b in zip(x, y, strict=True)])
    same = torch.tensor([torch.allclose(b, a, atol=1e-5) for a, b in zip(x, y, strict=True)])
    assert (mirrored | same).all()
    assert mirrored.float().mean().item() == pytest.approx(0.25, abs=0.07)


def test_a_shift_stays_in_its_range_and_repeats_the_border():
    x = torch.zeros(200, 1, 32, 32)
    x[:, :, 16, 16] = 1
    y = augment(x + 5, 1.0, only(shift=0.25), rng()) - 5
    rows = (y.sum(dim=(1, 3)) * torch.arange(32)).sum(1)
    assert torch.allclose(y.sum(dim=(1, 2, 3)), torch.ones(200), atol=1e-2)
    assert 12 < (rows - 16).abs().max() + 8 < 16.5


def test_scale_and_rotation_keep_the_centre():
    x = torch.zeros(50, 1, 33, 33)
    x[:, :, 15:18, 15:18] = 1
    y = augment(x, 1.0, only(scale=0.2, rotate=20), rng())
    assert (y[:, 0, 16, 16] > 0.9).all()
    assert not torch.allclose(y, x, atol=1e-2)


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_is_linear_and_unclamped(channels):
    x = torch.randn(64, channels, 4, 4) * 5
    config = only(colour=0.4)
    y, double, zero = (augment(image, 1.0, config, rng()) for image in (x, 2 * x, 0 * x))
    assert torch.allclose(double - zero, 2 * (y - zero), atol=1e-3)
    assert y.abs().max() > 5


def test_saturation_leaves_grey_grey():
    grey = torch.full((64, 3, 4, 4), 0.3)
    y = augment(grey, 1.0, only(colour=0.4), rng())
    assert torch.allclose(y[:, :1].expand_as(y), y, atol=1e-5)


def test_cutout_erases_a_square_of_the_chosen():
    y = augment(torch.ones(1000, 3, 32, 32), 0.5, only(cutout=0.5), rng())
    erased = (y == 0).float().mean(dim=(1, 2, 3))
    assert (erased > 0).float().mean().item() == pytest.approx(0.5, abs=0.06)
    assert erased.max().item() == pytest.approx(0.25, abs=0.03)
    assert set(y.unique().tolist()) <= {0.0, 1.0}


def test_gradients_reach_the_images():
    x = torch.randn(8, 3, 16, 16, dtype=torch.double, requires_grad=True)
    y = augment(x.float(), 0.8, AugmentConfig(cutout=0), rng())
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert (gradient != 0).float().mean() > 0.8
