"""Schedules, all functions of images seen, never of steps: the same run at another batch size follows the same curves."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganray.config import ConditionConfig, TrainConfig
from ganray.training.gamma import gammas


@dataclass(frozen=True)
class Hyper:
    """Values of one step: learning rate, Adam's beta2, penalty weight, augmentation probability, label strength, decay of the average,
    and the side of the images in pixels.
    """

    lr: float
    beta2: float
    gamma: float
    p: float
    condition: float
    ema_beta: float
    side: int


def hyper(config: TrainConfig, num_images: int) -> Hyper:
    """Values after `num_images` images (R3GAN, arXiv 2501.05441, appendix: cosine everywhere, then constant)."""
    progress = num_images / (1000 * (config.optimizer.decay_kimg or config.kimg))
    ramp = min(num_images / (1000 * config.augment.ramp_kimg), 1.0) if config.augment.ramp_kimg else 1.0
    side = side_of(config, num_images)
    return Hyper(
        lr=cosine(config.optimizer.lr, config.optimizer.lr_final, progress),
        beta2=cosine(config.optimizer.beta2, config.optimizer.beta2_final, progress),
        gamma=cosine(*gammas(config.loss, config.model.resolution), progress) * (side / config.model.resolution) ** 2,
        p=config.augment.p + (config.augment.p_final - config.augment.p) * ramp,
        condition=condition_strength(config.condition, num_images),
        ema_beta=ema_beta(config, num_images),
        side=side,
    )


def cosine(first: float, final: float, progress: float) -> float:
    """Half a cosine from `first` at progress 0 to `final` at 1; constant afterwards."""
    return final + (first - final) * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def condition_strength(config: ConditionConfig, num_images: int) -> float:
    """0 for the first half of `ramp_kimg`, then linear up to 1 (2 and 4 million images in arXiv 2201.06578, section 4)."""
    if not config.ramp_kimg:
        return 1.0
    return min(max(2 * num_images / (1000 * config.ramp_kimg) - 1, 0.0), 1.0)


def side_of(config: TrainConfig, num_images: int) -> int:
    """Pixels a side after `num_images` images: with `grow.kimg` = (a, b), a quarter of the resolution for a kimg, half of it for b kimg."""
    side, end = config.model.resolution >> len(config.grow.kimg), 0.0
    for kimg in config.grow.kimg:
        end += 1000 * kimg
        if num_images < end:
            return side
        side *= 2
    return side


def ema_beta(config: TrainConfig, num_images: int) -> float:
    """Decay over one batch for a half-life of `ema_kimg`, at most the share `ema_rampup` of the images seen."""
    half_life = min(config.ema_kimg * 1000, config.ema_rampup * num_images)
    return 0.5 ** (config.batch / half_life) if half_life else 0.0


def crossed(before: int, after: int, kimg: float) -> bool:
    """Whether a multiple of `kimg` thousand images lies between `before` and `after`."""
    return math.floor(after / (1000 * kimg)) > math.floor(before / (1000 * kimg))
