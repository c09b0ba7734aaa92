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
from ganray.models.transfer import Words, copy_weights, shared_values

__all__ = [
    "MODELS",
    "Discriminator",
    "Generator",
    "ModelFamily",
    "Words",
    "build_discriminator",
    "build_generator",
    "copy_weights",
    "fold_strength",
    "label_sizes",
    "set_strength",
    "shared_values",
]

N = TypeVar("N", bound=nn.Module)

MODELS: dict[str, ModelFamily] = {
    "mlp": ModelFamily(MlpGenerator, MlpDiscriminator),
    "dcgan": ModelFamily(DcganGenerator, DcganDiscriminator),
    "r3": ModelFamily(R3Generator, R3Discriminator),
}


def build_generator(config: ModelConfig, label_sizes: tuple[int, ...]) -> Generator:
    """Build the generator that `config` names, for attributes with `label_sizes` values each. Raises ConfigError."""
    return _channels_last(_family(config).generator(config, label_sizes))


def build_discriminator(config: ModelConfig, label_sizes: tuple[int, ...]) -> Discriminator:
    """Build the discriminator that `config` names. Raises ConfigError."""
    return _channels_last(_family(config).discriminator(config, label_sizes))


def _family(config: ModelConfig) -> ModelFamily:
    if config.name not in MODELS:
        raise ConfigError(f"model.name {config.name!r} is unknown", f"Use one of {', '.join(MODELS)}.")
    return MODELS[config.name]


def _channels_last(network: N) -> N:
    """In the memory layout of oneDNN and cuDNN: in any other, every convolution reorders its tensors (half of the time on a CPU)."""
    moved: N = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the lone keyword
    return moved
