"""The random numbers of one step. An image's numbers depend only on its position in the batch, not on the worker that computes it.

Each worker draws the numbers of the whole batch and keeps those of its images: drawing costs little compared with the networks, and the
result does not depend on how a batch is divided among workers and micro-batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from ganray.training.constants import constant


class Draws:
    """One step's stream for a batch of `batch` images, of which this worker computes those from position `first` on.

    Every call draws new numbers; all workers of a batch must make the same calls in the same order.
    """

    def __init__(self, seed: int, batch: int, first: int = 0, device: torch.device | str = "cpu") -> None:
        self._seed, self._batch, self._first, self._device = seed, batch, first, torch.device(device)
        self._rng = self._generator()

    def _generator(self) -> torch.Generator:
        return torch.Generator(self._device).manual_seed(self._seed)

    def part(self, offset: int) -> Draws:
        """The same stream from its start, for the images from position `first` + `offset` on."""
        return type(self)(self._seed, self._batch, self._first + offset, self._device)

    def normal(self, num: int, size: int) -> Tensor:
        """N(0, I) for `num` images: [num, size]."""
        return torch.randn(self._batch, size, device=self._device, generator=self._rng)[self._first : self._first + num]

    def uniform(self, rows: int, num: int) -> Tensor:
        """Numbers in [0, 1) for `num` images, by columns: [rows, num]."""
        return torch.rand(rows, self._batch, device=self._device, generator=self._rng)[:, self._first : self._first + num]

    def chosen(self, num: int, fraction: float) -> Tensor:
        """Which of `num` images belong to the `fraction` of the batch (at least one image), spread evenly over its positions: int64 [k]."""
        chosen = [position - self._first for position in self._positions(fraction) if 0 <= position - self._first < num]
        return constant(tuple(chosen), torch.int64, self._device)

    def share_chosen(self, num: int, fraction: float) -> float:
        """The mean number of chosen images in a part of `num` images; not an integer in general."""
        return len(self._positions(fraction)) * num / self._batch

    def noise(self, num: int, fraction: float, like: Sequence[int]) -> Tensor:
        """N(0, I) for the chosen images of `num` real ones, then of as many fake ones: [2 chosen, *like]."""
        positions = self._positions(fraction)
        chosen = [index for index, position in enumerate(positions) if 0 <= position - self._first < num]
        drawn = torch.randn(2, len(positions), *like, device=self._device, generator=self._rng)
        return drawn[:, chosen[0] : chosen[-1] + 1].flatten(0, 1) if chosen else drawn[:, :0].flatten(0, 1)

    def _positions(self, fraction: float) -> list[int]:
        num = max(1, round(fraction * self._batch))
        return [(2 * index + 1) * self._batch // (2 * num) for index in range(num)]


def step_draws(seed: int, num_images: int, batch: int, first: int = 0, device: torch.device | str = "cpu") -> Draws:
    """The stream of the step after `num_images` images: a function of both and the run's seed, so that a resumed run draws the same."""
    key = hashlib.sha256(f"{seed}/0/{num_images}".encode()).digest()
    return Draws(int.from_bytes(key[:8], "big") >> 1, batch, first, device)
