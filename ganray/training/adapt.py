"""The strength of the augmentation, adapted to how well D separates real from fake (ADA, arXiv 2006.06676, section 3).

The paper uses E[sign D(x)] of real images x. That has no meaning here: in a relativistic game D can add any constant to its logits. Only
the difference of a pair is defined, so the statistic is E[sign(D(real) - D(fake))] over the pairs of the batch: 0 where D guesses, 1 where
it separates every pair. Like the paper's it does not depend on the scale of the logits, which gamma and the learning rate set, and needs
no held-out images. The difference of two logits of equal spread is larger, relative to that spread, than one logit: the paper's 0.6
corresponds to about 0.77 here.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganray.config import AugmentConfig

MEMORY = 256  # images: half-life of the statistic (the paper averages four batches of 64)


def sign_statistic(real: Tensor, fake: Tensor) -> Tensor:
    """Mean over pairs of sign(real - fake), of logits [N]: between -1 and 1, twice the share of pairs in the right order, minus one."""
    return (real - fake).detach().sign().mean()


@dataclass
class Adaptive:
    """Probability of the transforms and the running statistic that controls it: float32 scalars on the device, never read by the host."""

    p: Tensor
    sign: Tensor

    @classmethod
    def start(cls, config: AugmentConfig, device: torch.device | str) -> Adaptive:
        """Start at `config.p`, with the statistic at its target."""
        return cls(torch.tensor(config.p, device=device), torch.tensor(config.target, device=device))

    def update(self, sign: Tensor, num: int, config: AugmentConfig) -> None:
        """Add the statistic of a step of `num` images, equal on every worker; p moves at constant speed between 0 and `p_final`."""
        self.sign.lerp_(sign, 1 - 0.5 ** (num / MEMORY))
        self.p.add_((self.sign - config.target).sign(), alpha=num / (1000 * config.speed_kimg)).clamp_(0.0, config.p_final)
