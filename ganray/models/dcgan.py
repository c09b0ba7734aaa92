"""DCGAN (Radford et al. 2015, arXiv 1511.06434): strided 4x4 convolutions, batch norm, N(0, 0.02) weights."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from ganray.config import ModelConfig
from ganray.errors import ConfigError
from ganray.models.condition import Condition, Projection
from ganray.models.network import Discriminator, Generator


class DcganGenerator(Generator):
    """z and embeddings -> 4x4 -> a transposed convolution for each doubling -> tanh; `widths` are the channels at 4 px, 8 px, ..."""

    reads_condition = ("layers.0.weight", 0)

    def __init__(self, config: ModelConfig, label_sizes: tuple[int, ...]) -> None:
        super().__init__(config, label_sizes)
        _check(config)
        widths = config.widths
        self.condition = Condition(config.z_dim, config.embed_dim, label_sizes, config.title_rows)
        self.layers = nn.Sequential(
            nn.ConvTranspose2d(self.condition.width, widths[0], 4, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(inplace=True),
            *(layer for a, b in pairwise(widths) for layer in _up(a, b)),
            nn.ConvTranspose2d(widths[-1], config.channels, 4, stride=2, padding=1),
        )
        self.apply(_init)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """See `Generator.forward`."""
        hidden: Tensor = self.layers(self.condition(z, label)[:, :, None, None])
        return hidden.float().tanh()


class DcganDiscriminator(Discriminator):
    """A strided convolution for each halving down to 4x4 -> features -> projection."""

    batch_statistics = True

    def __init__(self, config: ModelConfig, label_sizes: tuple[int, ...]) -> None:
        super().__init__(config, label_sizes)
        _check(config)
        widths = config.widths[::-1]
        self.layers = nn.Sequential(
            nn.Conv2d(config.channels, widths[0], 4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
            *(layer for a, b in pairwise(widths) for layer in _down(a, b)),
            nn.Conv2d(widths[-1], widths[-1], 4, bias=False),
        )
        self.head = Projection(widths[-1], widths[0], label_sizes, config.title_rows, config.classifier)
        self.apply(_init)

    def forward(self, x: Tensor, label: Tensor, classify: bool = False) -> Tensor:
        """See `Discriminator.forward`."""
        output: Tensor = self.head(self.layers(x).flatten(1), label, classify)
        return output


def _up(a: int, b: int) -> tuple[nn.Module, ...]:
    return nn.ConvTranspose2d(a, b, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)


def _down(a: int, b: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(a, b, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(b), nn.LeakyReLU(0.2, inplace=True)


def _init(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, std=0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, mean=1.0, std=0.02)


def _check(config: ModelConfig) -> None:
    side = 4 * 2 ** len(config.widths)
    if config.resolution != side:
        raise ConfigError(
            f"model.resolution is {config.resolution}, but {len(config.widths)} model.widths give {side} px with dcgan",
            "Give one width for each doubling from 4 px to half the resolution.",
        )
