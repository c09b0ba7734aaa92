"""The games between G and D, and the zero-centred gradient penalties.

Every loss takes the logits of real and fake images [N], paired by position and of the same label, and returns a scalar.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from ganray.config import LossConfig

STEP = 0.03  # of finite differences, in units of [-1, 1]
ROUNDED = ((128, 0.2), (64, 0.15))  # the same in bf16, from so many px on

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Game:
    """D's loss and G's loss."""

    discriminator: Loss
    generator: Loss


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Each real image should score higher than its fake (arXiv 1807.00734; R3GAN, arXiv 2501.05441, section 2). log 2 for equal logits."""
    return softplus(fake - real).mean()


def relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    """The opposite of the discriminator's loss."""
    return softplus(real - fake).mean()


def bce_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross entropy of D as a classifier of real and fake (arXiv 1406.2661, section 3). 2 log 2 for logits of 0."""
    return softplus(-real).mean() + softplus(fake).mean()


def bce_generator(real: Tensor, fake: Tensor) -> Tensor:
    """The non-saturating form of G's loss (arXiv 1406.2661, section 3)."""
    return softplus(-fake).mean()


GAMES: dict[str, Game] = {
    "relativistic": Game(relativistic_discriminator, relativistic_generator),
    "bce": Game(bce_discriminator, bce_generator),
}


def exact_penalty(logits: Tensor, x: Tensor) -> Tensor:
    """Mean of |grad_x D(x)|^2 over the batch, by double backward: R1 on real images, R2 on fake ones (arXiv 1801.04406).

    `x` [N, C, H, W] must require a gradient, and `logits` [N] must come from it.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def finite_penalty(logits: Tensor, shifted: Tensor, sigma: float) -> Tensor:
    """The same mean by finite differences: E[((D(x + sigma e) - D(x)) / sigma)^2], e ~ N(0, I) (arXiv 2501.08316, section 3).

    `logits` are those of x, `shifted` those of x + sigma e, both [K]. No double backward: cheaper, and it compiles.
    """
    return ((shifted - logits) / sigma).square().mean()


def difference_step(config: LossConfig, side: int, bf16: bool) -> float:
    """The step for images of `side` px.

    In bf16 a logit is off by about half a percent. The slope falls with the number of pixels (gamma grows with it), so a short step would
    measure rounding: 17 times the penalty at 256 px. A long one is no derivative: at 64 px 1.2 times the penalty with .2, 1.8 with .3, once
    D is trained (tests/benchmarks/LOG.md).
    """
    if config.sigma is not None:
        return config.sigma
    return next((step for least, step in ROUNDED if bf16 and side >= least), STEP)
