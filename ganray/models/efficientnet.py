"""EfficientNet-Lite0 without its classifier: image -> 1,280 numbers that say what it shows (Tan and Le 2019, arXiv 1905.11946, table 1).

The Lite family has no squeeze-excitation, ReLU6 in place of swish, and a stem and head that do not scale. Padding is TensorFlow's "same".
Batch norms are folded into the convolutions before them, since the network is only ever used frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 1e-3  # of the batch norms
WIDTH, STEM, HEAD = 1280, 32, 1280  # of the features, and of the first and last convolution


class _Stage(NamedTuple):
    """Inverted bottlenecks in a row, the first of which has the stride."""

    expansion: int
    kernel: int
    stride: int
    width: int
    blocks: int


STAGES = (
    _Stage(1, 3, 1, 16, 1),
    _Stage(6, 3, 2, 24, 2),
    _Stage(6, 5, 2, 40, 2),
    _Stage(6, 3, 2, 80, 3),
    _Stage(6, 5, 1, 112, 3),
    _Stage(6, 5, 2, 192, 4),
    _Stage(6, 3, 1, 320, 1),
)


class Convolution(nn.Conv2d):
    """A convolution with a bias and TensorFlow's padding: the output has ceil(size / stride) pixels a side."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, 0, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, outputs, ceil(H / stride), ceil(W / stride)]."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        down, across = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in x.shape[2:])
        return super().forward(F.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2)) if down or across else x)


class Bottleneck(nn.Module):
    """Widen, filter each channel, narrow; added to the input where the shape is kept (Sandler et al. 2018, arXiv 1801.04381)."""

    def __init__(self, inputs: int, stage: _Stage, stride: int) -> None:
        super().__init__()
        wide = inputs * stage.expansion
        self.expand = Convolution(inputs, wide, 1) if stage.expansion > 1 else None
        self.depthwise = Convolution(wide, wide, stage.kernel, stride, groups=wide)
        self.project = Convolution(wide, stage.width, 1)
        self.keeps = stride == 1 and inputs == stage.width

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs, H, W] -> [N, width, H / stride, W / stride]."""
        y = x if self.expand is None else F.relu6(self.expand(x))
        y = self.project(F.relu6(self.depthwise(y)))
        result: Tensor = x + y if self.keeps else y
        return result


class EfficientNetLite0(nn.Module):
    """uint8 levels as float32 [N, 3, H, W] in 0..255 -> float32 [N, WIDTH]: the mean over positions of the last feature map."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(3, STEM, 3, 2)
        widths = [STEM, *(stage.width for stage in STAGES)]
        self.blocks = nn.ModuleList(
            Bottleneck(stage.width if place else inputs, stage, 1 if place else stage.stride)
            for inputs, stage in zip(widths, STAGES, strict=False)
            for place in range(stage.blocks)
        )
        self.head = Convolution(widths[-1], HEAD, 1)

    def forward(self, levels: Tensor) -> Tensor:
        """See the class."""
        x = F.relu6(self.stem((levels - 127) / 128))
        for block in self.blocks:
            x = block(x)
        features: Tensor = F.relu6(self.head(x)).mean((2, 3))
        return features


def folded(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state of EfficientNetLite0 from the published weights, whose names are those of efficientnet-pytorch.

    Raises KeyError where one is missing.
    """
    state: dict[str, Tensor] = {}

    def fold(name: str, convolution: str, norm: str) -> None:
        scale = published[f"{norm}.weight"] / torch.sqrt(published[f"{norm}.running_var"] + EPSILON)
        state[f"{name}.weight"] = published[f"{convolution}.weight"] * scale.view(-1, 1, 1, 1)
        state[f"{name}.bias"] = published[f"{norm}.bias"] - published[f"{norm}.running_mean"] * scale

    fold("stem", "_conv_stem", "_bn0")
    for place in range(sum(stage.blocks for stage in STAGES)):
        if place:  # the first block does not widen
            fold(f"blocks.{place}.expand", f"_blocks.{place}._expand_conv", f"_blocks.{place}._bn0")
        fold(f"blocks.{place}.depthwise", f"_blocks.{place}._depthwise_conv", f"_blocks.{place}._bn1")
        fold(f"blocks.{place}.project", f"_blocks.{place}._project_conv", f"_blocks.{place}._bn2")
    fold("head", "_conv_head", "_bn1")
    return state
