"""How attributes enter the networks: any number of them, each an index into its own vocabulary.

`label` is int64 [N, A], one column an attribute, in the order of `label_sizes`. A = 0 is the unconditional case.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Condition(nn.Module):
    """G's side: `z` and one learned embedding per attribute, concatenated to a vector [N, width].

    All embeddings together start with the energy of z (their std is sqrt(z_dim / (A * embed_dim))), so that a fourth attribute
    neither drowns z nor goes unheard.
    """

    def __init__(self, z_dim: int, embed_dim: int, label_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.width = z_dim + embed_dim * len(label_sizes)
        self.embeddings = _embeddings(label_sizes, embed_dim, std=math.sqrt(z_dim / (embed_dim * max(len(label_sizes), 1))))

    def forward(self, z: Tensor, label: Tensor) -> Tensor:
        """Join z [N, z_dim] and label [N, A] to [N, width]."""
        return torch.cat([z, *(embedding(label[:, i]) for i, embedding in enumerate(self.embeddings))], dim=1)


class Projection(nn.Module):
    """D's side: features [N, F] -> logits [N], the projection of Miyato and Koyama (arXiv 1802.05637) summed over attributes.

    logit = <v, w + sum_a E_a(c_a)> with v = features projected to `dim`. The sum is exact where the picture tells its attributes
    apart on its own: log p(x | c) then splits into one term for each attribute, and w holds what they share.
    """

    def __init__(self, features: int, dim: int, label_sizes: tuple[int, ...]) -> None:
        super().__init__()
        self.linear = nn.Linear(features, dim if label_sizes else 1, bias=False)
        nn.init.normal_(self.linear.weight, std=1 / math.sqrt(features))
        std = 1 / math.sqrt(dim * (1 + len(label_sizes)))
        self.embeddings = _embeddings(label_sizes, dim, std)
        if label_sizes:
            self.shared = nn.Parameter(torch.randn(dim) * std)

    def forward(self, features: Tensor, label: Tensor) -> Tensor:
        """Score features [N, F] under label [N, A]; always in float32."""
        with torch.autocast(features.device.type, enabled=False):
            v: Tensor = self.linear(features.float())
            if not self.embeddings:
                return v.squeeze(1)
            direction: Tensor = self.shared + sum(embedding(label[:, i]) for i, embedding in enumerate(self.embeddings))
            return (v * direction).sum(dim=1)


def _embeddings(sizes: tuple[int, ...], dim: int, std: float) -> nn.ModuleList:
    embeddings = [nn.Embedding(size, dim) for size in sizes]
    for embedding in embeddings:
        nn.init.normal_(embedding.weight, std=std)
    return nn.ModuleList(embeddings)
