"""The base classes of all generators and discriminators, and the record that names a family in MODELS."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from ganray.config import ModelConfig


class Generator(nn.Module, ABC):
    """Latent and label (condition.py) -> image."""

    reads_condition: ClassVar[tuple[str, int]]  # the weight that Condition's output enters first, and its dimension of inputs

    def __init__(self, config: ModelConfig, label_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.z_dim = config.z_dim
        self.resolution = config.resolution
        self.channels = config.channels
        self.label_sizes = label_sizes

    @abstractmethod
    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Draw float32 [N, channels, R, R], about [-1, 1], from z float32 [N, z_dim] and label int64 [N, A + T]."""


class Discriminator(nn.Module, ABC):
    """Image and label -> one logit, high where the image looks real for its label."""

    batch_statistics: ClassVar[bool] = (
        False  # whether images of one pass affect each other (batch norm): real and fake images are then passed separately
    )

    def __init__(self, config: ModelConfig, label_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.label_sizes = label_sizes

    @abstractmethod
    def forward(self, x: Tensor, label: Tensor, classify: bool = False) -> Tensor:
        """Score x float32 [N, channels, R, R] under label int64 [N, A + T]; gives float32 [N].

        A network with a classifier that is to `classify` gives [N, 1 + K]: beside the logit the scores of all K values of all attributes.
        """


@dataclass(frozen=True)
class ModelFamily:
    """A row of MODELS: two classes, both built as `cls(config, label_sizes)`."""

    generator: type[Generator]
    discriminator: type[Discriminator]
