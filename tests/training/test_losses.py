from __future__ import annotations

import math

import pytest
import torch

from ganray.training.losses import GAMES, exact_penalty, finite_penalty


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
