"""The random numbers of one step. An image's numbers depend on its place in the batch alone, not on who computes it.

Whoever computes a part of the batch draws for the whole of it and keeps its own: drawing costs little beside the networks, and it is
then all the same how a batch is divided among workers and micro-batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor


class Draws:
    """One step's stream, of a batch of `batch` images of which those from place `first` on are computed here.

    Every call draws new numbers; whoever shares a batch must make the same calls in the same order.
    """

    def __init__(self, seed: int, batch: int, first: int = 0, device: torch.device | str = "cpu") -> None:
        self._seed, self._batch, self._first = seed, batch, first
        self._rng = torch.Generator(device)
        self._rng.manual_seed(seed)

    def part(self, offset: int) -> Draws:
        """The same stream from its beginning, for the images from `offset` images further on."""
        return Draws(self._seed, self._batch, self._first + offset, self._rng.device)

    def normal(self, num: int, size: int) -> Tensor:
        """N(0, I) for `num` images: [num, size]."""
        return torch.randn(self._batch, size, device=self._rng.device, generator=self._rng)[self._first : self._first + num]

    def uniform(self, rows: int, num: int) -> Tensor:
        """Numbers in [0, 1) for `num` images, by columns: [rows, num]."""
        return torch.rand(rows, self._batch, device=self._rng.device, generator=self._rng)[:, self._first : self._first + num]

    def chosen(self, num: int, fraction: float) -> Tensor:
        """Which of `num` images belong to the `fraction` of the batch (at least one image), spread evenly over its places: int64 [k]."""
        here = [place - self._first for place in self._places(fraction) if 0 <= place - self._first < num]
        return torch.tensor(here, dtype=torch.int64, device=self._rng.device)

    def share_chosen(self, num: int, fraction: float) -> float:
        """How many of `num` images would be chosen were the batch divided without a rest."""
        return len(self._places(fraction)) * num / self._batch

    def noise(self, num: int, fraction: float, like: Sequence[int]) -> Tensor:
        """N(0, I) for the chosen ones of `num` real images and then of as many fake ones: [2 chosen, *like]."""
        places = self._places(fraction)
        here = [index for index, place in enumerate(places) if 0 <= place - self._first < num]
        drawn = torch.randn(2, len(places), *like, device=self._rng.device, generator=self._rng)
        return drawn[:, here[0] : here[-1] + 1].flatten(0, 1) if here else drawn[:, :0].flatten(0, 1)

    def _places(self, fraction: float) -> list[int]:
        num = max(1, round(fraction * self._batch))
        return [(2 * index + 1) * self._batch // (2 * num) for index in range(num)]


def step_draws(seed: int, num_images: int, batch: int, first: int = 0, device: torch.device | str = "cpu") -> Draws:
    """The stream of the step after `num_images` images: a function of the run's seed and that, so that a resumed run draws the same."""
    key = hashlib.sha256(f"{seed}/0/{num_images}".encode()).digest()
    return Draws(int.from_bytes(key[:8], "big") >> 1, batch, first, device)
