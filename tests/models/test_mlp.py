from __future__ import annotations

import torch
from torch import nn

from ganray.models.mlp import MlpDiscriminator, MlpGenerator
from ganray.presets import preset

NONE = torch.zeros(2, 0, dtype=torch.int64)


def linear_shapes(network: nn.Module) -> list[tuple[int, int]]:
    return [(module.in_features, module.out_features) for module in network.modules() if isinstance(module, nn.Linear)]


def test_the_preset_is_the_classic_network_and_back():
    config = preset("mlp-28").model
    assert linear_shapes(MlpGenerator(config, ())) == [(100, 128), (128, 256), (256, 512), (512, 1024), (1024, 784)]
    assert linear_shapes(MlpDiscriminator(config, ())) == [(784, 1024), (1024, 512), (512, 256), (256, 128), (128, 1)]


def test_pixels_end_in_tanh():
    assert MlpGenerator(preset("mlp-28").model, ())(torch.randn(2, 100) * 1000, NONE).abs().max() <= 1
