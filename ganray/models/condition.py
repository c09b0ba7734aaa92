"""Conditioning of the networks on attributes and a title: each attribute is an index into its own vocabulary.

`label` is int64 [N, A + T]: one column an attribute, in the order of `label_sizes`, then the T pieces of a title (titles.py), padded
with zeros. T = 0 is a model that reads no titles, A + T = 0 the unconditional case.

All embeddings are scaled by a `strength`: at 0 both networks are unconditional, at 1 they use the label in full. Training may raise it
gradually (Shahbazi et al. 2022, arXiv 2201.06578: on a small catalog, labels can make a GAN collapse that trains well without them, or
with labels that are introduced late). It is 1 unless `set_strength` changes it, and not part of the weights, see `fold_strength`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn

from ganray.config import ModelConfig
from ganray.models.text import Title

USUAL_PIECES = 16  # pieces of a title of three words, which starts as strong in D as an attribute
N = TypeVar("N", bound=nn.Module)


def label_sizes(model: ModelConfig, attributes: Mapping[str, Sequence[str]]) -> tuple[int, ...]:
    """Rows of each attribute's table: its values, and one more for "unspecified" in models that read titles."""
    return tuple(len(values) + bool(model.title_pieces) for values in attributes.values())


class Embeddings(nn.ModuleList):
    """One table of vectors for each attribute, then the table of titles, and the strength that scales all of them."""

    strength: Tensor

    def __init__(self, label_sizes: tuple[int, ...], dim: int, std: float, title_rows: int = 0, title_std: float = 0.0) -> None:
        super().__init__(nn.Embedding(size, dim) for size in label_sizes)
        for weight in self.parameters():
            nn.init.normal_(weight, std=std)
        self.attributes = len(label_sizes)
        if title_rows:
            self.append(Title(title_rows, dim, title_std))
        self.register_buffer("strength", torch.ones(()), persistent=False)

    def forward(self, label: Tensor) -> list[Tensor]:
        """The vectors [N, dim] of each attribute of label [N, A + T], and that of the title."""
        columns = [label[:, column] for column in range(self.attributes)] + [label[:, self.attributes :]]
        return [table(column) * self.strength for table, column in zip(self, columns, strict=False)]


class Condition(nn.Module):
    """The input of G: `z`, one learned embedding for each attribute and one for the title, concatenated to [N, width].

    All attributes together start with the energy of z (their std is sqrt(z_dim / (A * embed_dim))), so that z and every
    attribute keep their influence whatever A is. Pieces of titles start at 0, and pieces that never occur in training stay 0: an unknown
    word contributes only the pieces that it shares with known words.
    """

    def __init__(self, z_dim: int, embed_dim: int, label_sizes: tuple[int, ...], title_rows: int = 0) -> None:
        super().__init__()
        self.z_dim, self.embed_dim = z_dim, embed_dim
        self.width = z_dim + embed_dim * (len(label_sizes) + bool(title_rows))
        self.embeddings = Embeddings(label_sizes, embed_dim, math.sqrt(z_dim / (embed_dim * max(len(label_sizes), 1))), title_rows)

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Join z [N, z_dim] and label [N, A + T] to [N, width]."""
        return torch.cat([z, *self.embeddings(label)], dim=1)

    def places(self) -> list[range]:
        """Where the vector of each attribute, and then the title's, is in the output."""
        return [range(start, start + self.embed_dim) for start in range(self.z_dim, self.width, self.embed_dim)]


class Projection(nn.Module):
    """The output of D: features [N, F] -> logits [N], the projection of Miyato and Koyama (arXiv 1802.05637) summed over attributes.

    logit = <v, w + sum_a E_a(c_a) + E(title)> with v = features projected to `dim`. The sum is exact where the attributes are
    independent given the image: log p(x | c) then splits into one term for each attribute, and w holds the common part.
    """

    computes_in_float32 = True

    def __init__(self, features: int, dim: int, label_sizes: tuple[int, ...], title_rows: int = 0, classifier: bool = False) -> None:
        super().__init__()
        num = len(label_sizes) + bool(title_rows)
        self.linear = nn.Linear(features, dim if num else 1, bias=False)
        nn.init.normal_(self.linear.weight, std=1 / math.sqrt(features))
        std = 1 / math.sqrt(dim * (1 + num))
        self.embeddings = Embeddings(label_sizes, dim, std, title_rows, title_std=std / math.sqrt(USUAL_PIECES))
        if num:
            self.shared = nn.Parameter(torch.randn(dim) * std)
        if classifier:
            self.classifier = Classifier(features, label_sizes)

    def forward(self, features: Tensor, label: Tensor, classify: bool = False) -> Tensor:
        """Score features [N, F] under label [N, A + T], always in float32: [N], or as `Discriminator.forward` says [N, 1 + K]."""
        with torch.autocast(features.device.type, enabled=False):
            features = features.float()
            logits = self._logits(self.linear(features), label)
            return torch.cat([logits[:, None], *self.classifier(features)], 1) if classify else logits

    def _logits(self, v: Tensor, label: Tensor) -> Tensor:
        if not self.embeddings:
            return v.squeeze(1)
        direction: Tensor = self.shared + sum(self.embeddings(label))
        return (v * direction).sum(dim=1)


class Classifier(nn.ModuleList):
    """What D believes that a picture shows: features [N, F] -> for each attribute the scores [N, size] of its values.

    The auxiliary classifier of Odena et al. 2017 (arXiv 1610.09585, section 3). It is not the projection's tables: those score how real a
    picture is as one of a value, and learn what a value looks like by the game alone.
    """

    def __init__(self, features: int, label_sizes: tuple[int, ...]) -> None:
        super().__init__(nn.Linear(features, size) for size in label_sizes)

    def forward(self, features: Tensor) -> list[Tensor]:
        """See the class."""
        return [layer(features) for layer in self]


def set_strength(network: nn.Module, strength: float) -> None:
    """Scale the embeddings of a generator or a discriminator by `strength`, 0 to 1, in place."""
    for embeddings in _embeddings(network):
        embeddings.strength.fill_(strength)


@torch.no_grad()
def fold_strength(network: N) -> N:
    """The same function as a network of strength 1: `network` itself, or a copy with scaled embeddings."""
    if all(bool(embeddings.strength == 1) for embeddings in _embeddings(network)):
        return network
    folded = copy.deepcopy(network)
    for embeddings in _embeddings(folded):
        for weight in embeddings.parameters():
            weight.mul_(embeddings.strength)
        embeddings.strength.fill_(1.0)
    return folded


def _embeddings(network: nn.Module) -> Iterator[Embeddings]:
    return (module for module in network.modules() if isinstance(module, Embeddings))
