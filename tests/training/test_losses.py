from __future__ import annotations

import math

import pytest
import torch

from ganray.config import LossConfig
from ganray.training.losses import GAMES, STEP, difference_step, exact_penalty, finite_penalty


@pytest.mark.parametrize(("name", "rest"), [("relativistic", (math.log(2), math.log(2))), ("bce", (2 * math.log(2), math.log(2)))])
def test_at_rest_nobody_wins(name, rest):
    zero = torch.zeros(5)
    game = GAMES[name]
    assert (game.discriminator(zero, zero).item(), game.generator(zero, zero).item()) == pytest.approx(rest)


@pytest.mark.parametrize("name", GAMES)
def test_d_and_g_want_opposite_scores_of_fakes(name):
    real, fake = torch.zeros(5), torch.zeros(5, requires_grad=True)
    for_d = torch.autograd.grad(GAMES[name].discriminator(real, fake), fake)[0]
    for_g = torch.autograd.grad(GAMES[name].generator(real, fake), fake)[0]
    assert (for_d > 0).all()
    assert (for_g < 0).all()


@pytest.mark.parametrize("name", GAMES)
def test_losses_stay_finite_far_out(name):
    far = torch.tensor([1e6, -1e6])
    assert GAMES[name].discriminator(far, -far).isfinite()
    assert GAMES[name].generator(far, -far).isfinite()


def test_the_relativistic_game_sees_differences_only():
    real, fake = torch.randn(5), torch.randn(5)
    game = GAMES["relativistic"]
    assert torch.allclose(game.discriminator(real + 3, fake + 3), game.discriminator(real, fake))
    assert torch.allclose(game.generator(real + 3, fake + 3), game.generator(real, fake))


def test_the_exact_penalty_of_a_linear_map_is_its_squared_norm():
    w = torch.randn(3, 4, 4)
    x = torch.randn(7, 3, 4, 4, requires_grad=True)
    assert exact_penalty((x * w).sum(dim=(1, 2, 3)), x).item() == pytest.approx(w.square().sum().item(), rel=1e-5)


def test_the_exact_penalty_can_be_minimised():
    w = torch.randn(3, 4, 4, requires_grad=True)
    x = torch.randn(7, 3, 4, 4, requires_grad=True)
    exact_penalty((x * w).sum(dim=(1, 2, 3)), x).backward()
    assert torch.allclose(w.grad, 2 * w, atol=1e-5)


def test_finite_differences_agree_with_the_exact_penalty_on_average():
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.LeakyReLU(0.2), torch.nn.Flatten(), torch.nn.Linear(8 * 36, 1)
    ).double()

    def score(x: torch.Tensor) -> torch.Tensor:
        return network(x).squeeze(1)

    x = torch.randn(4, 3, 8, 8, dtype=torch.double, requires_grad=True)
    exact = exact_penalty(score(x), x).item()
    sigma = 1e-4
    draws = [finite_penalty(score(x), score(x + sigma * torch.randn_like(x)), sigma).item() for _ in range(2000)]
    assert sum(draws) / len(draws) == pytest.approx(exact, rel=0.08)


def test_finite_differences_agree_with_the_exact_penalty_in_bf16_too():
    """Two nearly equal logits of bf16 are subtracted: a step of 0.01 would measure their rounding (2 to 3 times too much)."""
    from ganray.config import ModelConfig
    from ganray.models import build_discriminator

    torch.manual_seed(0)
    network = build_discriminator(ModelConfig(widths=(32, 32, 16), patch=2), ())
    with torch.no_grad():
        for weight in network.parameters():  # blocks start as identity: make them count
            weight.add_(0.05 * torch.randn(weight.shape))
    x, label, sigma = 2 * torch.rand(64, 3, 32, 32) - 1, torch.zeros(64, 0, dtype=torch.int64), STEP
    exact = x.clone().requires_grad_()
    expected = float(exact_penalty(network(exact, label), exact).detach())
    for bf16 in (False, True):
        drawn = []
        for _ in range(8):
            with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                logits = network(torch.cat([x, x + sigma * torch.randn_like(x)]), torch.cat([label, label])).float()
            drawn.append(float(finite_penalty(logits[:64], logits[64:], sigma)))
        assert sum(drawn) / len(drawn) == pytest.approx(expected, rel=0.35)


@pytest.mark.parametrize(("side", "fp32", "bf16"), [(32, 0.03, 0.03), (64, 0.03, 0.15), (128, 0.03, 0.2), (256, 0.03, 0.2)])
def test_in_bf16_the_step_is_longer_where_there_are_more_pixels(side, fp32, bf16):
    assert difference_step(LossConfig(), side, False) == fp32
    assert difference_step(LossConfig(), side, True) == bf16
    assert difference_step(LossConfig(sigma=0.05), side, True) == 0.05
