"""The matte network on ImageNet features: a frozen EfficientNet-Lite0 sees what things are, a small decoder where they end.

The encoder's weights are buffers: they are part of the model folder, and no optimizer moves them. A run that begins takes them from the
package of the extra `features` (`pretrained.py`); a folder that is loaded brings its own.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ganray.models.blocks import SLOPE, Residual, conv
from ganray.models.efficientnet import EfficientNetLite0

MEAN, SIZE = 127, 256  # the level that the encoder takes for 0; side of the input in pixels
TAPS = (0, 2, 4, 10, 15)  # blocks whose output is read: strides 2, 4, 8, 16 and 32
TAP_WIDTHS = (16, 24, 40, 112, 320)
WIDTHS = (16, 32, 64, 96, 128)  # channels of the decoder at these strides


class FeatureMatte(nn.Module):
    """Image -> logit of each pixel's share of product; `size` is the side of its input."""

    size = SIZE

    def __init__(self) -> None:
        super().__init__()
        self.encoder = frozen(EfficientNetLite0())
        self.lateral = nn.ModuleList(conv(a, b, 1) for a, b in zip(TAP_WIDTHS, WIDTHS, strict=True))
        self.stem = conv(12, WIDTHS[0])  # sees the pixels themselves: edges
        self.narrow = nn.ModuleList(conv(b, a, 1) for a, b in pairwise(WIDTHS))
        self.blocks = nn.ModuleList(Residual(width) for width in WIDTHS)
        self.context = Residual(WIDTHS[-1])
        self.head = conv(WIDTHS[0], 4, gain=0.0)

    def take_encoder(self, network: EfficientNetLite0) -> None:
        """Copy the weights of a trained network into the encoder."""
        self.encoder.load_state_dict({name: weight for name, weight in network.state_dict().items() if not name.startswith("head.")})

    def forward(self, x: Tensor) -> Tensor:
        """[N, 3, S, S] in [-1, 1] -> logits [N, 1, S, S]; S is a multiple of 32."""
        features = self._features(x)
        y = F.leaky_relu(self.lateral[-1](features[-1]), SLOPE)
        y = self.blocks[-1](self.context(y))
        for level in range(len(features) - 2, -1, -1):
            y = F.interpolate(self.narrow[level](y), scale_factor=2, mode="bilinear", align_corners=False)
            y = y + F.leaky_relu(self.lateral[level](features[level]), SLOPE)
            if level == 0:
                y = y + F.leaky_relu(self.stem(F.pixel_unshuffle(x, 2)), SLOPE)
            y = self.blocks[level](y)
        return F.pixel_shuffle(self.head(F.leaky_relu(y, SLOPE)), 2)

    @torch.no_grad()
    def _features(self, x: Tensor) -> list[Tensor]:
        """The encoder's feature maps at TAPS."""
        y = F.relu6(self.encoder.stem((x * 127.5 + (127.5 - MEAN)) / 128))  # levels of 255, as the encoder has them
        features = []
        for place, block in enumerate(self.encoder.blocks):
            y = block(y)
            if place in TAPS:
                features.append(y)
        return features


def frozen(network: EfficientNetLite0) -> EfficientNetLite0:
    """The network, its weights as buffers; without its head, which a matte has no use for."""
    del network.head
    for module in network.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            delattr(module, name)
            module.register_buffer(name, weight.detach())
    return network
