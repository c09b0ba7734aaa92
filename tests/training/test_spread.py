from __future__ import annotations

import pytest
import torch

from ganray.training.spread import MEMORY, Spread, pair_sums, patterns


def test_pairs_are_those_of_one_label():
    real, label = torch.randn(6, 3, 4, 4), torch.tensor([[0, 0], [0, 0], [0, 1], [1, 1], [1, 1], [1, 1]])
    seen, fake = patterns(real), real.flip(0)
    drawn = seen.flip(0)
    by_hand = [sum(float((x[i] - x[j]).abs().mean()) for i, j in ((0, 1), (3, 4), (3, 5), (4, 5))) / 6 for x in (seen, drawn)]
    assert pair_sums(real, fake, label).tolist() == pytest.approx([*by_hand, 4 / 6], rel=1e-5)
    assert pair_sums(real, real, torch.zeros(6, 0, dtype=torch.int64))[2] == 15 / 6  # unconditional: all pairs


def test_the_ratio_tells_how_much_of_the_photos_spread_is_there():
    real, label = torch.randn(6, 3, 4, 4), torch.tensor([[0], [0], [0], [1], [1], [1]])
    same = real[:1].expand_as(real)
    for fake, ratio in ((real, 1.0), (same, 0.0), (0.3 * same + 0.7 * real, 0.8)):
        spread = Spread.start("cpu")
        assert spread.ratio == 1  # before a pair was seen
        spread.update(pair_sums(real, fake, label), 6)
        assert spread.ratio == pytest.approx(ratio, abs=0.15)


def test_the_same_picture_in_dark_and_light_or_in_another_tint_is_no_variety():
    real, label = torch.randn(4, 3, 16, 16), torch.zeros(4, 1, dtype=torch.int64)
    shift, contrast = torch.tensor([-0.8, -0.2, 0.3, 0.9]).view(4, 1, 1, 1), torch.tensor([0.7, 1.0, 1.3, 1.5]).view(4, 1, 1, 1)
    tint = torch.linspace(-0.5, 0.5, 12).view(4, 3, 1, 1)
    spread = Spread.start("cpu")
    spread.update(pair_sums(real, real[:1] * contrast + shift + tint, label), 4)
    assert spread.ratio < 0.01


def test_noise_on_a_flat_picture_is_no_variety():
    real, label = torch.randn(4, 3, 16, 16), torch.zeros(4, 1, dtype=torch.int64)
    spread = Spread.start("cpu")
    spread.update(pair_sums(real, 0.01 * torch.randn(4, 3, 16, 16), label), 4)
    assert spread.ratio < 0.15


def test_it_remembers_for_so_many_images():
    spread = Spread(torch.tensor([1.0, 0.0, 1.0]))
    spread.update(torch.tensor([1.0, 1.0, 1.0]), MEMORY)
    assert spread.ratio == pytest.approx(0.5)


@pytest.mark.parametrize(("ratio", "gradient"), [(0.5, 1.0), (1.5, 0.0)])
def test_the_loss_pushes_apart_only_while_samples_are_too_close(ratio, gradient):
    spread = Spread(torch.tensor([2.0, 2.0 * ratio, 0.5]))
    fake = torch.randn(2, 3, 4, 4).requires_grad_()
    pairs = pair_sums(fake.detach(), fake, torch.zeros(2, 1, dtype=torch.int64))
    (pushed,) = torch.autograd.grad(spread.loss(pairs), fake)
    (apart,) = torch.autograd.grad((patterns(fake)[0] - patterns(fake)[1]).abs().mean(), fake)
    unit = 2.0 / 0.5 * 0.5  # a photo pair's distance, times the pairs an image
    assert torch.allclose(pushed, -0.5 * gradient / unit * apart, atol=1e-6)


def test_nothing_breaks_where_photos_are_equal_or_no_label_comes_twice():
    for real, label in ((torch.zeros(3, 1, 4, 4), torch.zeros(3, 1)), (torch.randn(3, 1, 4, 4), torch.arange(3)[:, None])):
        spread, fake = Spread.start("cpu"), torch.randn(3, 1, 4, 4, requires_grad=True)
        for _ in range(2):
            pairs = pair_sums(real, fake, label.long())
            loss = spread.loss(pairs)
            (gradient,) = torch.autograd.grad(loss, fake)
            assert torch.isfinite(gradient).all()
            assert gradient.abs().sum() == 0
            spread.update(pairs.detach(), 3)
        assert spread.ratio == 1


def test_large_pictures_are_reduced_first():
    coarse = torch.randn(4, 3, 16, 16)
    large = coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)
    label = torch.zeros(4, 1, dtype=torch.int64)
    assert torch.allclose(pair_sums(large, large, label), pair_sums(coarse, coarse, label))
    checks = torch.ones(128, 128)
    checks[::2, ::2] = checks[1::2, 1::2] = -1.0
    patterned = large + 100 * checks * torch.arange(4).view(4, 1, 1, 1)  # of single pixels: no difference at 16 px
    assert pair_sums(patterned, large, label)[0] == pytest.approx(pair_sums(large, large, label)[0].item(), rel=0.01)
