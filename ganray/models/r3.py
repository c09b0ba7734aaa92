"""A residual GAN without normalisers, after the description of R3GAN (arXiv 2501.05441, section 3 and appendix); our own code.

Both networks are stages at 4, 8, 16, ... px, each of `blocks` residual blocks, joined by bilinear resampling and a 1x1 convolution.
No normalisation, no attention, no noise inputs. The initialisation alone preserves the variance (Fixup, arXiv 1901.09321).
With `skips` G has a linear to-RGB after every stage, and the image is the sum of what they draw, each doubled to the next one's side
(StyleGAN2, arXiv 1912.04958, figure 7b): coarse stages then have the image's gradient without the finer stages between.
With `patch` = 2 the finest stage works at half the image's resolution: D reads the image pixel-unshuffled, G ends with one more
bilinear doubling and a narrow 3x3 layer before to-RGB. That costs a quarter of the time, and leaves no checkerboard.
"""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganray.config import ModelConfig
from ganray.errors import ConfigError
from ganray.models.condition import Condition, Projection
from ganray.models.network import Discriminator, Generator
from ganray.models.resampling import Double, Halve

EXPANSION = 2
SKIP = 0.5  # gain of the to-RGB of a stage before the last
LEAN = 16  # channels at full resolution where `patch` is 2


class R3Generator(Generator):
    """A learned 4x4 basis, scaled per channel by a linear map of [z; embeddings], then the stages, then one linear to-RGB.

    Between stages the state of a picture are its features, and with skips the picture that the stages have drawn so far.
    """

    reads_condition = ("linear.weight", 1)

    def __init__(self, config: ModelConfig, label_sizes: tuple[int, ...]) -> None:
        super().__init__(config, label_sizes)
        _check(config)
        widths, depth = config.widths, config.blocks * len(config.widths)
        self.condition = Condition(config.z_dim, config.embed_dim, label_sizes, config.title_rows)
        self.linear = nn.Linear(self.condition.width, widths[0], bias=False)
        nn.init.normal_(self.linear.weight, std=1 / math.sqrt(self.condition.width))
        self.basis = nn.Parameter(torch.randn(widths[0], 4, 4))
        self.stages = nn.ModuleList(_stage(width, config, depth) for width in widths)
        self.doubles = nn.ModuleList(nn.Sequential(_transition(a, b), Double()) for a, b in pairwise(widths))
        self.enlarge = Double()
        self.skips = nn.ModuleList(_conv(width, config.channels, 1, gain=SKIP, bias=False) for width in widths[:-1] if config.skips)
        if config.patch == 1:
            self.to_rgb: nn.Module = _conv(widths[-1], config.channels, 1, gain=1.0, bias=False)
        else:
            self.to_rgb = nn.Sequential(
                _conv(widths[-1], LEAN, 1, gain=1.0, bias=False),
                Double(),
                _conv(LEAN, LEAN, 3, gain=math.sqrt(2 / (1 + 0.2**2))),
                nn.LeakyReLU(0.2, inplace=True),
                _conv(LEAN, config.channels, 1, gain=1.0, bias=False),
            )

    def forward(self, z: Tensor, label: Tensor, side: int = 0) -> Tensor:
        """See `Generator.forward`. With a `side` the image has so many pixels a side: the finest stages are left out (grow.py)."""
        features = self.base(z, label)
        return self.draw_coarse(features, omitted(self.config, side)) if side else self.draw(features)

    def base(self, z: Tensor, label: Tensor) -> Tensor:
        """The 4x4 features [N, widths[0], 4, 4] from which the image is drawn; z and the embeddings enter them linearly."""
        scales: Tensor = self.linear(self.condition(z, label))
        features = scales[:, :, None, None] * self.basis
        if not features.is_cuda:
            return features
        # On a GPU every convolution would reorder what is in another layout, and the sums of the blocks would stay in the basis' float32.
        return features.to(scales.dtype).contiguous(memory_format=torch.channels_last)

    def draw(self, features: Tensor) -> Tensor:
        """The image [N, channels, R, R] of base features."""
        return self._finished(*self._passed(features, None, range(len(self.stages))))

    def draw_coarse(self, features: Tensor, fewer: int) -> Tensor:
        """The image [N, channels, R / 2^n, R / 2^n] of base features without the `fewer` = n finest stages.

        Their transitions stay, since to-RGB reads the finest stage's channels.
        """
        features, image = self._passed(features, None, range(len(self.stages) - fewer))
        for double in self.doubles[len(self.doubles) - fewer :]:
            features = double[0](features)  # type: ignore[index]
        return self._finished(features, image)

    def begin(self, features: Tensor, stages: int) -> Tensor:
        """Base features after the coarsest `stages` stages; with skips the picture so far is their last `channels`."""
        features, image = self._passed(features, None, range(stages))
        return features if image is None else torch.cat([features, image], 1)

    def finish(self, features: Tensor, stages: int) -> Tensor:
        """The image of what `begin` returned for the same `stages`."""
        image = None
        if self.skips:
            features, image = features.split([features.shape[1] - self.channels, self.channels], 1)
        return self._finished(*self._passed(features, image, range(stages, len(self.stages))))

    def _passed(self, features: Tensor, image: Tensor | None, stages: range) -> tuple[Tensor, Tensor | None]:
        """Features and picture after some stages."""
        for i in stages:
            features = self.stages[i](features if i == 0 else self.doubles[i - 1](features))
            if i < len(self.skips):
                own = self.skips[i](features).float()
                image = own if image is None else self.enlarge(image) + own
        return features, image

    def _finished(self, features: Tensor, image: Tensor | None) -> Tensor:
        """The image of the finest features, on top of what coarser ones have drawn."""
        drawn: Tensor = self.to_rgb(features).float()
        if image is None:
            return drawn
        while image.shape[2] < drawn.shape[2]:
            image = self.enlarge(image)
        return drawn + image


class R3Discriminator(Discriminator):
    """From-RGB, the stages from fine to coarse, a depthwise 4x4 basis, projection."""

    def __init__(self, config: ModelConfig, label_sizes: tuple[int, ...]) -> None:
        super().__init__(config, label_sizes)
        _check(config)
        widths, depth = config.widths[::-1], config.blocks * len(config.widths)
        self.from_rgb = _conv(config.channels * config.patch**2, widths[0], 1, gain=1.0, bias=False)
        self.stages = nn.ModuleList(_stage(width, config, depth) for width in widths)
        self.halves = nn.ModuleList(nn.Sequential(Halve(a), _transition(a, b)) for a, b in pairwise(widths))
        self.basis = nn.Parameter(torch.randn(widths[-1], 4, 4) / 4)
        self.head = Projection(widths[-1], widths[0], label_sizes, config.title_rows, config.classifier)

    def forward(self, x: Tensor, label: Tensor, classify: bool = False) -> Tensor:
        """See `Discriminator.forward`. An image of fewer pixels does not pass the finest stages."""
        fewer = omitted(self.config, x.shape[2])
        x = self.from_rgb(F.pixel_unshuffle(x, self.config.patch))
        for halve in self.halves[:fewer]:
            x = halve[1](x)  # type: ignore[index]
        for i, stage in enumerate(self.stages[fewer:], fewer):
            x = stage(x if i == fewer else self.halves[i - 1](x))
        output: Tensor = self.head((x * self.basis).sum(dim=(2, 3)), label, classify)
        return output


class Block(nn.Module):
    """x + 1x1 expand, grouped 3x3, 1x1 reduce; the last starts at zero, so that every block starts as the identity.

    `depth` is the number of blocks in the network: with three convolutions a block, Fixup scales the others by depth^(-1/4).
    """

    def __init__(self, width: int, group_channels: int, depth: int) -> None:
        super().__init__()
        inner = EXPANSION * width
        gain = math.sqrt(2 / (1 + 0.2**2)) * depth**-0.25
        self.expand = _conv(width, inner, 1, gain=gain)
        self.spatial = _conv(inner, inner, 3, gain=gain, groups=inner // group_channels)
        self.reduce = _conv(inner, width, 1, gain=0.0, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map [N, width, H, W] to the same shape."""
        if x.is_cuda and x.dtype == torch.bfloat16 and not torch.compiler.is_compiling():
            return self.by_matrices(x)  # in float32, convolutions compute in TF32, and products of matrices do not
        return self.by_convolutions(x)

    def by_convolutions(self, x: Tensor) -> Tensor:
        """The block as it is written."""
        y = F.leaky_relu(self.expand(x), 0.2, inplace=True)
        y = F.leaky_relu(self.spatial(y), 0.2, inplace=True)
        shortcut: Tensor = self.reduce(y)
        return x + shortcut

    def by_matrices(self, x: Tensor) -> Tensor:
        """The same, with the 1x1 convolutions as products of matrices, which add the bias and `x` without a pass of their own.

        A compiler does that by itself.
        """
        rows = _rows(x)
        y = F.leaky_relu(F.linear(rows, self.expand.weight.flatten(1), self.expand.bias), 0.2, inplace=True)
        y = F.leaky_relu(self.spatial(_images(y, x)), 0.2, inplace=True)
        return _images(torch.addmm(rows, _rows(y), self.reduce.weight.flatten(1).T), x)


def omitted(config: ModelConfig, side: int) -> int:
    """How many of the finest stages an image of `side` px does not pass: none at the full resolution."""
    return round(math.log2(config.resolution / side))


def _rows(x: Tensor) -> Tensor:
    """[N, C, H, W] -> [N * H * W, C]: a view where the layout is channels-last."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)


def _images(rows: Tensor, like: Tensor) -> Tensor:
    """[N * H * W, C] -> [N, C, H, W], with the N, H and W of `like`."""
    images: Tensor = rows.unflatten(0, (len(like), *like.shape[2:]))
    return images.permute(0, 3, 1, 2)


def _conv(a: int, b: int, kernel: int, *, gain: float, groups: int = 1, bias: bool = True) -> nn.Conv2d:
    conv = nn.Conv2d(a, b, kernel, padding=kernel // 2, groups=groups, bias=bias)
    nn.init.normal_(conv.weight, std=gain / math.sqrt(a // groups * kernel**2))
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def _stage(width: int, config: ModelConfig, depth: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width, config.group_channels, depth) for _ in range(config.blocks)))


def _transition(a: int, b: int) -> nn.Module:
    return nn.Identity() if a == b else _conv(a, b, 1, gain=1.0, bias=False)


def _check(config: ModelConfig) -> None:
    side = 4 * 2 ** (len(config.widths) - 1) * config.patch
    if config.resolution != side:
        raise ConfigError(
            f"model.resolution is {config.resolution}, but {len(config.widths)} model.widths at model.patch {config.patch} draw {side} px",
            "Give one width for each doubling from 4 px to resolution / patch.",
        )
    for width in config.widths:
        if EXPANSION * width % config.group_channels:
            raise ConfigError(
                f"model.widths has {width}, and {EXPANSION} x {width} is not a multiple of model.group_channels {config.group_channels}",
                "Choose widths that are multiples of half the group.",
            )
