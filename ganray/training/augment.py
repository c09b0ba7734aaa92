"""Augmentation in front of the discriminator, on real and fake images alike (arXiv 2006.06676, 2006.10738).

One affine resampling, one colour matrix, one erased square. All three are differentiable, linear in the pixels and unclamped, so that
gradients reach G through them. There are no quarter turns and no hue shifts: in a catalog, pose and colour are information.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from ganray.config import AugmentConfig
from ganray.training.draws import Draws

LUMA = (0.299, 0.587, 0.114)


def augment(x: Tensor, p: float | Tensor, config: AugmentConfig, draws: Draws) -> Tensor:
    """Transform each image of x [N, C, H, W] by its own random numbers; each transform is applied with probability `p`, independently.

    An adaptive `p` is a scalar on the device; the host does not read it, since that would synchronise in every step.
    """
    if not isinstance(p, Tensor) and p == 0:
        return x
    draw = _Draw(len(x), p, draws)
    theta = _affine(draw, config)
    x = F.grid_sample(x, F.affine_grid(theta, list(x.shape), align_corners=False), padding_mode="border", align_corners=False)
    if config.colour:
        x = _colour(x, draw, config.colour)
    if config.cutout:
        x = x * _cutout_mask(x, draw, config.cutout)
    return x


class _Draw:
    """Per-image random numbers; `uniform` is 0 for images that a transform does not change."""

    def __init__(self, num: int, p: float | Tensor, draws: Draws) -> None:
        self.uniforms = draws.uniform(24, num)
        self.p, self.used = p, 0

    def _next(self) -> Tensor:
        self.used += 1
        return self.uniforms[self.used - 1]

    def chosen(self) -> Tensor:
        return self._next() < self.p

    def uniform(self, chosen: Tensor | bool, size: float) -> Tensor:
        return (self._next() * 2 - 1) * size * chosen


def _affine(draw: _Draw, config: AugmentConfig) -> Tensor:
    """Matrices [N, 2, 3] from output to input coordinates: flip, scale, rotation, shift."""
    flip = 1 - 2 * (draw.chosen() & (draw.uniform(True, 1.0) > 0)).float() if config.flip else 1.0
    # a sum of three uniforms on [-1, 1] has variance 1: normal enough for a scale, and bounded
    chosen = draw.chosen()
    zoom = torch.exp2(draw.uniform(chosen, config.scale) + draw.uniform(chosen, config.scale) + draw.uniform(chosen, config.scale))
    angle = draw.uniform(draw.chosen(), math.radians(config.rotate))
    chosen = draw.chosen()
    shift_x, shift_y = draw.uniform(chosen, 2 * config.shift), draw.uniform(chosen, 2 * config.shift)
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    return torch.stack([cos * flip, -sin, shift_x, sin * flip, cos, shift_y], dim=1).view(-1, 2, 3)


def _colour(x: Tensor, draw: _Draw, strength: float) -> Tensor:
    """One matrix and one offset per image: contrast about mid-grey, saturation about luma, brightness."""
    channels = x.shape[1]
    contrast = torch.exp2(draw.uniform(draw.chosen(), strength))
    saturation = torch.exp2(draw.uniform(draw.chosen(), 2 * strength)).view(-1, 1, 1) if channels == 3 else 1.0
    brightness = draw.uniform(draw.chosen(), strength)
    identity = torch.eye(channels, device=x.device)
    grey = torch.tensor(LUMA, device=x.device).expand(3, 3) if channels == 3 else identity
    matrix = (grey + (identity - grey) * saturation) * contrast.view(-1, 1, 1)
    return torch.baddbmm(brightness.view(-1, 1, 1), matrix, x.flatten(2)).view_as(x)


def _cutout_mask(x: Tensor, draw: _Draw, size: float) -> Tensor:
    """1 outside and 0 inside an erased square of `size` times the side, [N, 1, H, W]; its centre may lie at the border."""
    half = draw.chosen() * size
    centre_x, centre_y = draw.uniform(True, 1.0), draw.uniform(True, 1.0)
    across = torch.linspace(-1, 1, x.shape[3], device=x.device)
    down = torch.linspace(-1, 1, x.shape[2], device=x.device)
    in_x = (across - centre_x[:, None]).abs() < half[:, None]
    in_y = (down - centre_y[:, None]).abs() < half[:, None]
    return 1 - (in_y[:, None, :, None] & in_x[:, None, None, :]).to(x.dtype)
