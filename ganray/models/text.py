"""The embedding of a title: the sum of learned vectors of its pieces (titles.py)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Title(nn.Module):
    """One vector for each of `rows` - 1 pieces, initially from N(0, std^2); row 0 is padding and stays zero.

    A plain sum, as the projection is a sum over attributes: "red" adds the same vector whatever the other words are, so that words combine
    which never occurred together in training. No layer follows: the next one in either network is linear and would absorb it.
    """

    def __init__(self, rows: int, dim: int, std: float) -> None:
        super().__init__()
        self.pieces = nn.Embedding(rows, dim, padding_idx=0)
        nn.init.normal_(self.pieces.weight, std=std)
        with torch.no_grad():
            self.pieces.weight[0] = 0.0

    def forward(self, pieces: Tensor) -> Tensor:
        """Titles as pieces int64 [N, T] -> [N, dim]; zero for an empty title."""
        vectors: Tensor = self.pieces(pieces)
        return vectors.sum(dim=1)
