from __future__ import annotations

import pytest
import torch

from ganray.training.spread import MEMORY, Spread, pair_sums


def test_pairs_are_those_of_one_label():
    real, label = torch.randn(6, 3, 4, 4), torch.tensor([[0, 0], [0, 0], [0, 1], [1, 1], [1, 1], [1, 1]])
    by_hand = sum((real[i] - real[j]).abs().mean() for i, j in ((0, 1), (3, 4), (3, 5), (4, 5)))
    assert pair_sums(real, 0.5 * real, label).tolist() == pytest.approx([float(by_hand) / 6, float(by_hand) / 12, 4 / 6], rel=1e-5)
    assert pair_sums(real, real, torch.zeros(6, 0, dtype=torch.int64))[2] == 15 / 6  # unconditional: all pairs


def test_the_ratio_tells_how_much_of_the_photos_spread_is_there():
    real, label = torch.randn(6, 3, 4, 4), torch.tensor([[0], [0], [0], [1], [1], [1]])
    for fake, ratio in ((real, 1.0), (0.25 * real, 0.25), (real[:1].expand_as(real), 0.0)):
        spread = Spread.start("cpu")
        assert spread.ratio == 1  # before a pair was seen
        spread.update(pair_sums(real, fake, label), 6)
        assert spread.ratio == pytest.approx(ratio)


def test_it_remembers_for_so_many_images():
    spread = Spread(torch.tensor([1.0, 0.0, 1.0]))
    spread.update(torch.tensor([1.0, 1.0, 1.0]), MEMORY)
    assert spread.ratio == pytest.approx(0.5)


@pytest.mark.parametrize(("ratio", "gradient"), [(0.5, 1.0), (1.5, 0.0)])
def test_the_loss_pushes_apart_only_while_samples_are_too_close(ratio, gradient):
    spread = Spread(torch.tensor([2.0, 2.0 * ratio, 0.5]))
    fake = torch.tensor([0.0, 1.0]).view(2, 1, 1, 1).requires_grad_()
    pairs = pair_sums(fake.detach(), fake, torch.zeros(2, 1, dtype=torch.int64))
    (pushed,) = torch.autograd.grad(spread.loss(pairs), fake)
    unit = 2.0 / 0.5 * 0.5  # a photo pair's distance, times the pairs an image
    assert pushed.flatten().tolist() == pytest.approx([0.5 * gradient / unit, -0.5 * gradient / unit])


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
    coarse = torch.randn(4, 3, 32, 32)
    large = coarse.repeat_interleave(4, 2).repeat_interleave(4, 3)
    label = torch.zeros(4, 1, dtype=torch.int64)
    assert torch.allclose(pair_sums(large, large, label), pair_sums(coarse, coarse, label))
    checks = torch.ones(128, 128)
    checks[::2, ::2] = checks[1::2, 1::2] = -1.0
    patterned = large + 100 * checks * torch.arange(4).view(4, 1, 1, 1)  # of single pixels: no difference at 32 px
    assert pair_sums(patterned, large, label)[0] == pytest.approx(pair_sums(large, large, label)[0].item(), rel=0.01)
