"""The batches of a private run: every photo joins every step with the same probability, independently, so batch sizes vary.

The accountant's bound requires this sampling; it does not cover the shuffled batches of `catalog/order.py`. The catalog is held in memory,
since each step samples from all of it. Sampling and noise must be unknown to those who see the model, and the run's seed is published
with it: they come from a secret instead. From the secret and the position a resumed run draws the same numbers.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import torch
from numpy.typing import NDArray

from ganray.config import TrainConfig
from ganray.images.transforms import augment
from ganray.training.privacy import seed_of
from ganray.training.staging import Batch


def poisson_batches(
    pixels: NDArray[np.uint8], labels: NDArray[np.int64], config: TrainConfig, secret: str, num_images: int
) -> Generator[Batch, None, None]:
    """Endless batches from position `num_images` on, of photos uint8 [N, R, R, 3] and labels [N, A]; on average `config.batch` images."""
    step, rate = num_images // config.batch, config.batch / len(pixels)
    while True:
        key = f"{secret}/{step}"
        rng = np.random.default_rng(seed_of(key, "sample", 32))
        chosen = np.flatnonzero(rng.random(len(pixels)) < rate)
        images = np.empty((len(chosen), *pixels.shape[1:]), np.uint8)
        for place, photo in enumerate(chosen):
            images[place] = augment(pixels[photo], rng, config.data)
        yield Batch(torch.from_numpy(images), torch.from_numpy(labels[chosen]), key)
        step += 1
