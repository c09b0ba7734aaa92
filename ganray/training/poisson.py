"""The batches of a private run: every photo joins every step by a coin of its own, so a step's number of photos varies around the batch.

It is what the accountant's bound is about; shuffled batches, as `catalog/order.py` deals them, are not covered by it. The catalog lies
in memory, since each step looks at all of it. Coins and noise must be unknown to whoever sees the model, and the run's seed is
published with it: they come from a secret instead. With the secret and the position a resumed run draws the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from ganray.config import TrainConfig
from ganray.images.transforms import augment
from ganray.training.loop import Batch
from ganray.training.privacy import seed_of


def poisson_batches(
    pixels: NDArray[np.uint8], labels: NDArray[np.int64], config: TrainConfig, secret: str, num_images: int
) -> Iterator[Batch]:
    """Endless batches from the clock `num_images` on, of photos uint8 [N, R, R, 3] and labels [N, A], on average `config.batch` each."""
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
