"""The classic fully connected GAN (Goodfellow et al., arXiv 1406.2661): 28x28 = 784 pixels, hidden layers 128-256-512-1024 and back."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ganray.config import ModelConfig
from ganray.models.condition import Condition, Projection
from ganray.models.network import Discriminator, Generator


class MlpGenerator(Generator):
    """z and embeddings -> `widths` hidden layers -> pixels through tanh."""

    reads_condition = ("layers.0.weight", 1)

    def __init__(self, config: ModelConfig, label_sizes: tuple[int, ...]) -> None:
        super().__init__(config, label_sizes)
        pixels = config.channels * config.resolution**2
        self.condition = Condition(config.z_dim, config.embed_dim, label_sizes, config.title_rows)
        self.layers = _layers((self.condition.width, *config.widths))
        self.to_pixels = nn.Linear(config.widths[-1], pixels)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """See `Generator.forward`."""
        pixels: Tensor = self.to_pixels(self.layers(self.condition(z, label)))
        return pixels.float().tanh().view(-1, self.channels, self.resolution, self.resolution)


class MlpDiscriminator(Discriminator):
    """Pixels -> the hidden layers of G in reverse -> projection."""

    def __init__(self, config: ModelConfig, label_sizes: tuple[int, ...]) -> None:
        super().__init__(config, label_sizes)
        pixels = config.channels * config.resolution**2
        self.layers = _layers((pixels, *reversed(config.widths)))
        self.head = Projection(config.widths[0], config.widths[0], label_sizes, config.title_rows, config.classifier)

    def forward(self, x: Tensor, label: Tensor, classify: bool = False) -> Tensor:
        """See `Discriminator.forward`."""
        output: Tensor = self.head(self.layers(x.flatten(1)), label, classify)
        return output


def _layers(widths: tuple[int, ...]) -> nn.Sequential:
    return nn.Sequential(*(layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.LeakyReLU(0.2, inplace=True))))
