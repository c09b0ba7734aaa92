"""The random numbers of one step. An image's numbers depend only on its position in the batch, not on the worker that computes it.

Each worker draws the numbers of the whole batch and keeps those of its images: drawing costs little compared with the networks, and the
result does not depend on how a batch is divided among workers and micro-batches.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ganray.training.constants import constant


class Recipe(NamedTuple):
    """The same numbers [rows, num] for the host and on the device."""

    host: NDArray[np.float32]
    device: Tensor

    def rows(self, first: int, last: int) -> Recipe:
        """Rows [first, last)."""
        return Recipe(self.host[first:last], self.device[first:last])


class Draws:
    """One step's stream for a batch of `batch` images, of which this worker computes those from position `first` on.

    Every call draws new numbers; all workers of a batch must make the same calls in the same order.
    """

    def __init__(self, seed: int, batch: int, first: int = 0, device: torch.device | str = "cpu") -> None:
        self._seed, self._batch, self._first, self._device = seed, batch, first, torch.device(device)
        self._rng = self._generator()
        self._host: torch.Generator | None = None

    def _generator(self) -> torch.Generator:
        return torch.Generator(self._device).manual_seed(self._seed)

    def part(self, offset: int) -> Draws:
        """The same stream from its start, for the images from position `first` + `offset` on."""
        return type(self)(self._seed, self._batch, self._first + offset, self._device)

    def normal(self, num: int, size: int) -> Tensor:
        """N(0, I) for `num` images: [num, size]."""
        return self._randn(self._batch, size)[self._first : self._first + num]

    def uniform(self, rows: int, num: int) -> Tensor:
        """Numbers in [0, 1) for `num` images, by columns: [rows, num]."""
        return self._rand(rows, self._batch)[:, self._first : self._first + num]

    def recipe(self, rows: int, num: int) -> Recipe:
        """Numbers as `uniform` gives them, for what the host decides: it does not wait for a GPU to learn them."""
        if self._device.type == "cpu":
            here = self.uniform(rows, num)
            return Recipe(here.numpy(), here)
        here = torch.rand(rows, self._batch, generator=self._host_rng())[:, self._first : self._first + num]
        return Recipe(here.numpy(), here.pin_memory().to(self._device, non_blocking=True))

    def _host_rng(self) -> torch.Generator:
        if self._host is None:
            self._host = torch.Generator().manual_seed(self._seed)
        return self._host

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
        drawn = self._randn(2, len(positions), *like)
        return drawn[:, chosen[0] : chosen[-1] + 1].flatten(0, 1) if chosen else drawn[:, :0].flatten(0, 1)

    def _randn(self, *shape: int) -> Tensor:
        return torch.randn(shape, device=self._device, generator=self._rng)

    def _rand(self, *shape: int) -> Tensor:
        return torch.rand(shape, device=self._device, generator=self._rng)

    def _positions(self, fraction: float) -> list[int]:
        num = max(1, round(fraction * self._batch))
        return [(2 * index + 1) * self._batch // (2 * num) for index in range(num)]


class CounterDraws(Draws):
    """The same of a counter: the numbers of CUDA's generator depend on how many processors a GPU has, these on nothing but the seed.

    SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators", figure 16) of the counter, and the transform
    of Box and Muller (1958) for normal numbers.
    """

    def _generator(self) -> torch.Generator:
        self._used = 0
        return torch.Generator()

    def _rand(self, *shape: int) -> Tensor:
        num = math.prod(shape)
        counter = torch.arange(self._used + 1, self._used + num + 1, device=self._device)
        self._used += num
        bits = counter * _signed(0x9E3779B97F4A7C15) + _signed(self._seed)  # products wrap around, as in C
        bits = (bits ^ _shifted(bits, 30)) * _signed(0xBF58476D1CE4E5B9)
        bits = (bits ^ _shifted(bits, 27)) * _signed(0x94D049BB133111EB)
        bits = bits ^ _shifted(bits, 31)
        return (_shifted(bits, 40).float() / 2**24).view(shape)

    def _randn(self, *shape: int) -> Tensor:
        pairs = (math.prod(shape) + 1) // 2
        radius, angle = (-2 * (1 - self._rand(pairs)).log()).sqrt(), 2 * math.pi * self._rand(pairs)
        return torch.cat([radius * angle.cos(), radius * angle.sin()])[: math.prod(shape)].view(shape)


def _signed(number: int) -> int:
    """The int64 with the bits of a number modulo 2^64."""
    number %= 1 << 64
    return number - (1 << 64) if number >> 63 else number


def _shifted(bits: Tensor, by: int) -> Tensor:
    """Bits shifted to the right, with zeros from the left."""
    return (bits >> by) & ((1 << (64 - by)) - 1)


@dataclass(frozen=True)
class DrawsOf:
    """How a worker of a run draws: the seed, the batch of all workers, its first place in it, its device, and whether by a counter."""

    seed: int
    batch: int
    first: int = 0
    device: torch.device | str = "cpu"
    counter: bool = False

    def step(self, num_images: int) -> Draws:
        """The stream of the step after `num_images` images: a function of both and the seed, so that a resumed run draws the same."""
        key = hashlib.sha256(f"{self.seed}/0/{num_images}".encode()).digest()
        kind = CounterDraws if self.counter else Draws
        return kind(int.from_bytes(key[:8], "big") >> 1, self.batch, self.first, self.device)


def step_draws(seed: int, num_images: int, batch: int, first: int = 0, device: torch.device | str = "cpu") -> Draws:
    """A step's stream of torch's own generator, see `DrawsOf`."""
    return DrawsOf(seed, batch, first, device).step(num_images)
