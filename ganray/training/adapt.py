"""How strong the augmentation in front of D must be, told by D itself (adaptive discriminator augmentation, arXiv 2006.06676, section 3).

The paper watches E[sign D(x)] of real images x. That says nothing here: a relativistic game leaves D free to add any constant to its
logits. What it does fix is the difference of a pair, so the statistic is E[sign(D(real) - D(fake))] over the pairs of the batch: 0 where
D guesses, 1 where it tells every pair apart. Like the paper's it is blind to the scale of the logits, which gamma and the learning rate
set, and needs no held-out images. Two logits that spread alike differ by more, relative to their spread, than one does from 0: the
paper's 0.6 for one corresponds to about 0.77 for a pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ganray.config import AugmentConfig

MEMORY = 256  # images: half-life of the statistic (the paper averages four batches of 64)


def sign_statistic(real: Tensor, fake: Tensor) -> Tensor:
    """Mean over pairs of sign(real - fake), of logits [N]: between -1 and 1, twice the share of pairs in the right order less one."""
    return (real - fake).detach().sign().mean()


@dataclass
class Adaptive:
    """The probability of each transform, and the running statistic that moves it: float32 scalars on the device, never read by the host."""

    p: Tensor
    sign: Tensor

    @classmethod
    def start(cls, config: AugmentConfig, device: torch.device | str) -> Adaptive:
        """At `config.p`, and standing still until the statistic says otherwise."""
        return cls(torch.tensor(config.p, device=device), torch.tensor(config.target, device=device))

    def update(self, sign: Tensor, num: int, config: AugmentConfig) -> None:
        """Take in the statistic of a step of `num` images, the same on every worker: p goes its way at constant speed, up to `p_final`."""
        self.sign.lerp_(sign, 1 - 0.5 ** (num / MEMORY))
        self.p.add_((self.sign - config.target).sign(), alpha=num / (1000 * config.speed_kimg)).clamp_(0.0, config.p_final)
