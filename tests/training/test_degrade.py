import pytest
import torch

from ganray.models.editor import EDITORS
from ganray.training.degrade import enhance_pair, holes, inpaint_pair, matte_pair, upscale_pair
from ganray.training.draws import step_draws


@pytest.fixture(scope="module")
def real():
    rng = torch.Generator().manual_seed(0)
    coarse = torch.rand(6, 3, 9, 9, generator=rng) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(120, 120), mode="bicubic").clamp(-1, 1)


@pytest.fixture(scope="module")
def cutouts():
    products = torch.zeros(2, 4, 32, 32, dtype=torch.uint8)
    products[0, 0], products[1, 1] = 255, 255
    products[:, 3, 4:28, 8:24] = 255
    return products


def pairs(real, cutouts, **how):
    draws = lambda: step_draws(5, 64, how.get("batch", len(real)), how.get("first", 0))  # noqa: E731
    return {
        "matte": matte_pair(real, cutouts, draws()),
        "inpaint": inpaint_pair(real, draws()),
        "upscale": upscale_pair(real, draws()),
        "enhance": enhance_pair(real, draws()),
    }


def test_shapes_ranges_and_the_same_draw_again(real, cutouts):
    first, again = pairs(real, cutouts), pairs(real, cutouts)
    for task, pair in first.items():
        assert torch.equal(pair.x, again[task].x) and torch.equal(pair.target, again[task].target)
        assert torch.isfinite(pair.x).all() and not torch.equal(pair.x[0], pair.x[1])
    size = EDITORS["matte"].size
    assert first["matte"].x.shape == (6, 3, size, size) and first["matte"].target.shape == (6, 1, size, size)
    assert first["inpaint"].x.shape[1] == 4
    assert [2 * side for side in first["upscale"].x.shape[2:]] == list(first["upscale"].target.shape[2:])


def test_a_share_of_the_batch_is_what_the_whole_has_there(real, cutouts):
    """Up to rounding: three images and six are other shapes, and resampling may add in another order in each."""
    whole, share = pairs(real, cutouts), pairs(real[2:5], cutouts, batch=6, first=2)
    for task, pair in share.items():
        torch.testing.assert_close(pair.target, whole[task].target[2:5], msg=lambda text, task=task: f"{task}: {text}")
        torch.testing.assert_close(pair.x, whole[task].x[2:5])


def test_a_matte_is_where_the_product_is(real, cutouts):
    pair = matte_pair(real, cutouts, step_draws(1, 0, 6))
    assert 0.02 < pair.target.mean() < 0.9 and pair.target.amax((1, 2, 3)).min() > 0.9
    inside, outside = ((pair.x * weight).sum((2, 3)) / weight.sum((2, 3)).clamp_min(1) for weight in (pair.target, 1 - pair.target))
    assert ((inside - outside).abs().amax(1) > 0.05).all()  # red or green products stand out from what is behind them


def test_only_holes_differ_from_the_truth(real):
    pair = inpaint_pair(real, step_draws(2, 0, 6))
    kept = (pair.weight == 0).expand_as(pair.target)
    assert torch.equal(pair.x[:, :3][kept], pair.target[kept]) and not torch.equal(pair.x[:, :3], pair.target)


def test_holes_are_about_a_fifth():
    shares = holes(400, 64, step_draws(3, 0, 400)).mean((1, 2, 3))
    assert 0.12 < shares.mean() < 0.3 and shares.min() > 0 and shares.max() < 0.95


def test_some_windows_are_left_clean_and_some_are_not():
    rng = torch.Generator().manual_seed(1)
    real = torch.rand(40, 3, 64, 64, generator=rng) * 2 - 1
    pair = enhance_pair(real, step_draws(4, 0, 40))
    errors = (pair.x - pair.target).abs().mean((1, 2, 3))
    assert (errors < 1e-4).any() and (errors > 0.02).any()
