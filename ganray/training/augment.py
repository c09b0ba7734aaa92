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
from ganray.training.constants import constant
from ganray.training.draws import Draws
from ganray.training.sampler import sample

LUMA = (0.299, 0.587, 0.114)


TRANSFORMS = {  # in the order in which they take their numbers: a choice, then these values
    "flip": ("mirror",),
    "scale": ("zoom0", "zoom1", "zoom2"),
    "rotate": ("angle",),
    "shift": ("shift_x", "shift_y"),
    "contrast": ("contrast",),
    "saturation": ("saturation",),
    "brightness": ("brightness",),
    "cutout": ("centre_x", "centre_y"),
}
NUMBERS = 24  # drawn for each image, whatever is switched on


def augment(x: Tensor, p: float | Tensor, config: AugmentConfig, draws: Draws) -> Tensor:
    """Transform each image of x [N, C, H, W] by its own random numbers; each transform is applied with probability `p`, independently.

    Computed in float32: the coordinates of bf16 are off by up to .7 px at 256 px. An adaptive `p` is a scalar on the device; the host does
    not read it, since that would synchronise in every step.
    """
    if not isinstance(p, Tensor) and p == 0:
        return x
    with torch.autocast(x.device.type, enabled=False):
        x = x.float()
        drawn = _Drawn(draws.uniform(NUMBERS, len(x)), p, _sizes(config, x.shape[1]))
        theta = _affine(drawn, config)
        x = sample(x, F.affine_grid(theta, list(x.shape), align_corners=False))
        if config.colour:
            x = _colour(x, drawn)
        if config.cutout:
            x = x * _cutout_mask(x, drawn, config.cutout)
        return x


def _sizes(config: AugmentConfig, channels: int) -> dict[str, float]:
    """The transforms that are switched on, with the largest value of each."""
    sizes = {"flip": 1.0} if config.flip else {}
    sizes |= {"scale": config.scale, "rotate": math.radians(config.rotate), "shift": 2 * config.shift}
    if config.colour:
        sizes |= {"contrast": config.colour} | ({"saturation": 2 * config.colour} if channels == 3 else {}) | {"brightness": config.colour}
    return sizes | ({"cutout": 1.0} if config.cutout else {})


class _Drawn:
    """The random numbers of N images, all from one table: for each transform who is chosen, and its values, 0 where it is not.

    A kernel for each number would be half of what a step launches on a GPU.
    """

    def __init__(self, uniforms: Tensor, p: float | Tensor, sizes: dict[str, float]) -> None:
        self._choices: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        scales: list[float] = []
        gates: list[int] = []  # the row of the choice that a row depends on
        for transform, size in sizes.items():
            self._choices[transform] = gate = len(scales)
            self._rows |= {name: gate + 1 + place for place, name in enumerate(TRANSFORMS[transform])}
            scales += [1.0] + [size] * len(TRANSFORMS[transform])
            gates += [gate] * (1 + len(TRANSFORMS[transform]))
        uniforms, device = uniforms[: len(scales)], uniforms.device
        self._chosen = uniforms < p
        self._signed = (uniforms * 2 - 1) * constant(tuple(scales), torch.float32, device)[:, None]
        self._values = self._signed * self._chosen[constant(tuple(gates), torch.int64, device)]

    def chosen(self, transform: str) -> Tensor:
        """Who is chosen for a transform: bool [N]."""
        return self._chosen[self._choices[transform]]

    def signed(self, name: str) -> Tensor:
        """A value [N] in (-size, size) whoever is chosen."""
        return self._signed[self._rows[name]]

    def value(self, name: str) -> Tensor:
        """The same, and 0 for those who are not chosen. A transform that is switched off has no values."""
        return self._values[self._rows[name]]


def _affine(drawn: _Drawn, config: AugmentConfig) -> Tensor:
    """Matrices [N, 2, 3] from output to input coordinates: flip, scale, rotation, shift."""
    flip = 1 - 2 * (drawn.chosen("flip") & (drawn.signed("mirror") > 0)).float() if config.flip else 1.0
    # a sum of three uniforms on [-1, 1] has variance 1: normal enough for a scale, and bounded
    zoom = torch.exp2(drawn.value("zoom0") + drawn.value("zoom1") + drawn.value("zoom2"))
    angle = drawn.value("angle")
    cos, sin = angle.cos() * zoom, angle.sin() * zoom
    return torch.stack([cos * flip, -sin, drawn.value("shift_x"), sin * flip, cos, drawn.value("shift_y")], dim=1).view(-1, 2, 3)


def _colour(x: Tensor, drawn: _Drawn) -> Tensor:
    """One matrix and one offset per image: contrast about mid-grey, saturation about luma, brightness."""
    channels = x.shape[1]
    contrast = torch.exp2(drawn.value("contrast"))
    identity = constant(_identity(channels), torch.float32, x.device).view(channels, channels)
    matrix = identity * contrast.view(-1, 1, 1)
    if channels == 3:
        saturation = torch.exp2(drawn.value("saturation")).view(-1, 1, 1)
        grey = constant(LUMA, torch.float32, x.device).expand(3, 3)
        matrix = (grey + (identity - grey) * saturation) * contrast.view(-1, 1, 1)
    return torch.baddbmm(drawn.value("brightness").view(-1, 1, 1), matrix, x.flatten(2)).view_as(x)


def _identity(size: int) -> tuple[float, ...]:
    return tuple(float(row == column) for row in range(size) for column in range(size))


def _cutout_mask(x: Tensor, drawn: _Drawn, size: float) -> Tensor:
    """1 outside and 0 inside an erased square of `size` times the side, [N, 1, H, W]; its centre may lie at the border."""
    half = drawn.chosen("cutout") * size
    across = torch.linspace(-1, 1, x.shape[3], device=x.device)
    down = torch.linspace(-1, 1, x.shape[2], device=x.device)
    in_x = (across - drawn.signed("centre_x")[:, None]).abs() < half[:, None]
    in_y = (down - drawn.signed("centre_y")[:, None]).abs() < half[:, None]
    return 1 - (in_y[:, None, :, None] & in_x[:, None, None, :]).to(x.dtype)
