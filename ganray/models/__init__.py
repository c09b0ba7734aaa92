"""Networks only: tensors in, tensors out. A family is one file and one row of MODELS."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

from ganray.config import ModelConfig
from ganray.errors import ConfigError
from ganray.models.condition import fold_strength, label_sizes, set_strength
from ganray.models.dcgan import DcganDiscriminator, DcganGenerator
from ganray.models.mlp import MlpDiscriminator, MlpGenerator
from ganray.models.network import Discriminator, Generator, ModelFamily
from ganray.models.r3 import R3Discriminator, R3Generator

__all__ = [
    "MODELS",
    "Discriminator",
    "Generator",
    "ModelFamily",
    "build_discriminator",
    "build_generator",
    "fold_strength",
    "label_sizes",
    "set_strength",
]

N = TypeVar("N", bound=nn.Module)

MODELS: dict[str, ModelFamily] = {
    "mlp": ModelFamily(MlpGenerator, MlpDiscriminator),
    "dcgan": ModelFamily(DcganGenerator, DcganDiscriminator),
    "r3": ModelFamily(R3Generator, R3Discriminator),
}


def build_generator(config: ModelConfig, label_sizes: tuple[int, ...]) -> Generator:
    """Make the generator that `config` names, for attributes with `label_sizes` values each; ConfigError where it cannot be built."""
    return _channels_last(_family(config).generator(config, label_sizes))


def build_discriminator(config: ModelConfig, label_sizes: tuple[int, ...]) -> Discriminator:
    """Make the discriminator that `config` names; ConfigError where it cannot be built."""
    return _channels_last(_family(config).discriminator(config, label_sizes))


def _family(config: ModelConfig) -> ModelFamily:
    if config.name not in MODELS:
        raise ConfigError(f"model.name is {config.name!r}", f"Use one of {', '.join(MODELS)}.")
    return MODELS[config.name]


def _channels_last(network: N) -> N:
    """The layout that oneDNN and cuDNN compute in: in any other, every convolution reorders its tensors (half the time, on CPU)."""
    moved: N = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the lone keyword
    return moved
