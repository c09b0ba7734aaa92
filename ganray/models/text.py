"""How a title enters the networks: the sum of what its pieces (titles.py) stand for, learned with the GAN."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Title(nn.Module):
    """One vector for each of `rows` - 1 pieces, from N(0, std^2) on; row 0 is no piece, and stays zero.

    A plain sum, for the reason that the projection is one over attributes: "red" adds the same to whatever else is said, so that words
    meet well that never met in training. No layer follows: what comes next in either network is linear, and would swallow it.
    """

    def __init__(self, rows: int, dim: int, std: float) -> None:
        super().__init__()
        self.pieces = nn.Embedding(rows, dim, padding_idx=0)
        nn.init.normal_(self.pieces.weight, std=std)
        with torch.no_grad():
            self.pieces.weight[0] = 0.0

    def forward(self, pieces: Tensor) -> Tensor:
        """Titles as pieces int64 [N, T] -> [N, dim]; zero where nothing is said."""
        vectors: Tensor = self.pieces(pieces)
        return vectors.sum(dim=1)
