"""The editor: one small network for each task, image in, image out. A task is one row of EDITORS.

Mattes and holes need the whole picture at a low resolution (a U-Net, Ronneberger et al. 2015), enlarging and cleaning need pixels and a
few of their neighbours (sub-pixel convolution, Shi et al. 2016, arXiv 1609.05158; residual blocks without normalisation, Lim et al. 2017,
arXiv 1707.02921). The second convolution of every block starts at zero, so each network starts as a closed form:
upscale as bicubic, inpaint as the diffusion that fills its hole beforehand, enhance as the identity. With `encoder` the matte network is
the one of feature_matte.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganray.config import EditorConfig
from ganray.models.blocks import SLOPE, Residual, conv
from ganray.models.feature_matte import FeatureMatte

LEARNED = 30, 97  # qualities of the JPEGs that upscalers learn from
Number = TypeVar("Number", float, Tensor)


class UNet(nn.Module):
    """`len(widths)` levels, the first at half the resolution, each further one at half of it; skips are added. The size is kept."""

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.stem = conv(4 * inputs, widths[0])
        self.down = nn.ModuleList(_blocks(width, blocks) for width in widths)
        self.narrow = nn.ModuleList(conv(a, b, 1) for a, b in pairwise(widths))
        self.wide = nn.ModuleList(conv(b, a, 1) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_blocks(width, blocks) for width in widths[:-1])
        self.head = conv(widths[0], 4 * outputs, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """Float32 [N, inputs, S, S] -> [N, outputs, S, S]; S is a multiple of 2 ** (levels)."""
        x = F.leaky_relu(self.stem(F.pixel_unshuffle(x, 2)), SLOPE)
        skips: list[Tensor] = []
        for level, block in enumerate(self.down):
            if level:
                skips.append(x)
                x = self.narrow[level - 1](F.avg_pool2d(x, 2))
            x = block(x)
        for level in range(len(skips) - 1, -1, -1):
            x = F.interpolate(self.wide[level](x), scale_factor=2, mode="bilinear", align_corners=False) + skips[level]
            x = self.up[level](x)
        return F.pixel_shuffle(self.head(F.leaky_relu(x, SLOPE)), 2)


class Matte(nn.Module):
    """Image -> logit of each pixel's share of product."""

    def __init__(self, config: EditorConfig) -> None:
        super().__init__()
        self.net = UNet(3, 1, config.widths, config.blocks)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, S, S] in [-1, 1] -> logits [N, 1, S, S]."""
        logits: Tensor = self.net(x)
        return logits


class Inpaint(nn.Module):
    """Image whose hole is filled by diffusion, and the hole -> image, corrected inside the hole."""

    def __init__(self, config: EditorConfig) -> None:
        super().__init__()
        self.net = UNet(4, 3, config.widths, config.blocks)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 4, S, S], the fourth channel 1 inside the hole and 0 outside -> [N, 3, S, S], unchanged outside the hole."""
        filled, hole = x[:, :3], x[:, 3:]
        image: Tensor = filled + self.net(torch.cat([filled, 2 * hole - 1], 1)) * hole
        return image


class Upscale(nn.Module):
    """Image -> image twice as large: bicubic plus a learned correction. With `quality_plane` it is told what a JPEG has lost: what is
    detail in a photo of quality 95 is damage in one of 60."""

    def __init__(self, config: EditorConfig) -> None:
        super().__init__()
        self.channels = 4 if config.quality_plane else 3
        self.stem = conv(self.channels, config.detail_width, 5)
        self.body = _blocks(config.detail_width, config.detail_blocks)
        self.head = conv(config.detail_width, 12, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3 or 4, S, S], the fourth channel as `with_quality` adds it -> [N, 3, 2 S, 2 S]."""
        y = F.leaky_relu(self.stem(x[:, : self.channels]), SLOPE)
        y = F.leaky_relu(y + self.body(y), SLOPE)
        bicubic = F.interpolate(x[:, :3], scale_factor=2, mode="bicubic", align_corners=False)
        return bicubic + F.pixel_shuffle(self.head(y), 2)


class Enhance(nn.Module):
    """Image -> the same image without blur and noise."""

    def __init__(self, config: EditorConfig) -> None:
        super().__init__()
        self.stem = conv(12, config.detail_width)
        self.body = nn.Sequential(*(_blocks(config.detail_width, 1) for _ in range(config.detail_blocks)))
        self.head = conv(config.detail_width, 12, gain=0.0)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, S, S] -> the same; S even."""
        y = F.leaky_relu(self.stem(F.pixel_unshuffle(x, 2)), SLOPE)
        y = F.leaky_relu(y + self.body(y), SLOPE)
        return x + F.pixel_shuffle(self.head(y), 2)


@dataclass(frozen=True)
class EditorFamily:
    """A row of EDITORS. The network works on squares of `size` pixels; a margin of `halo` pixels is context only, 0 where a square is the
    whole image. `cap` is the norm to which longer gradients are shortened (Pascanu et al. 2013, arXiv 1211.5063)."""

    build: Callable[[EditorConfig], nn.Module]
    size: int
    halo: int = 0
    photo: int = 64  # smallest side of the photos to learn from, in pixels
    cap: float = math.inf


EDITORS: dict[str, EditorFamily] = {
    "matte": EditorFamily(lambda config: FeatureMatte() if config.encoder == "imagenet" else Matte(config), 128),
    "inpaint": EditorFamily(Inpaint, 128, cap=0.5),  # without a cap, one batch in thousands undoes an hour of training (LOG.md)
    "upscale": EditorFamily(Upscale, 80, 8, 96),
    "enhance": EditorFamily(Enhance, 128, 16),
}
JUDGED = ("inpaint", "upscale")  # tasks with a critic: their answer can be sharper than the input


def input_size(task: str, network: nn.Module) -> int:
    """The side in pixels of the squares that a task's network works on: its own `size`, else that of its row in EDITORS."""
    return int(getattr(network, "size", EDITORS[task].size))


def channels_of(task: str, network: nn.Module) -> int:
    """How many channels a task's network takes: those of a picture, and its hole or its quality."""
    return int(getattr(network, "channels", 4 if task == "inpaint" else 3))


def build_editor(config: EditorConfig) -> nn.ModuleDict:
    """One network for each task of `config.tasks`."""
    return nn.ModuleDict({task: EDITORS[task].build(config) for task in config.tasks}).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class Critic(nn.Module):
    """Image -> one logit: strided convolutions, then the mean over positions (a patch critic, Isola et al. 2017, 3.2.2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([conv(12, width), conv(4 * width, 2 * width), conv(8 * width, 4 * width)])
        self.head = conv(4 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, S, S] -> [N]; S is a multiple of 8."""
        for layer in self.layers:
            x = F.leaky_relu(layer(F.pixel_unshuffle(x, 2)), SLOPE)
        logits: Tensor = self.head(x).mean((1, 2, 3))
        return logits


def build_critics(config: EditorConfig) -> nn.ModuleDict:
    """One critic for each task in JUDGED; none where `adversarial` is 0."""
    tasks = [task for task in config.tasks if task in JUDGED] if config.adversarial else []
    return nn.ModuleDict({task: Critic(config.detail_width) for task in tasks})


def with_quality(pictures: Tensor, quality: Tensor) -> Tensor:
    """Pictures [N, 3, S, S] and a fourth channel of what a JPEG of `quality` [N] (1 to 100) has lost: 0 at 100, 1 at 50."""
    plane = jpeg_loss(quality).to(pictures.dtype).view(-1, 1, 1, 1)
    return torch.cat([pictures, plane.expand(-1, 1, *pictures.shape[2:])], 1)


def jpeg_loss(quality: Number) -> Number:
    """What `with_quality` tells of a JPEG of this quality (1 to 100)."""
    return (100 - quality) / 50


def diffused(x: Tensor, hole: Tensor) -> Tensor:
    """Fill the hole [N, 1, S, S] (1 inside) of x [N, C, S, S] from around it, smoothly: push-pull (Gortler et al. 1996, 3.2)."""
    weight, colours = 1 - hole, x * (1 - hole)
    if x.shape[-1] > 1:
        low = F.avg_pool2d(weight, 2)
        below = F.avg_pool2d(colours, 2) / low.clamp_min(1e-6) * (low > 0)
        coarse = diffused(below, (low == 0).to(x.dtype))
        wide = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    else:
        wide = colours
    return colours + wide * hole


def _blocks(width: int, num: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(width) for _ in range(num)))
