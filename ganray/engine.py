"""The only inference path: bulk jobs, HTTP, evaluation and training grids all draw their samples here.

An image depends on its request, never on the other requests (DESIGN 3.1). Torch gives a row the same bits whatever the other rows are, as
long as the shape of the batch and the number of threads stay the same; other shapes and thread counts differ by 1e-6, which changes
pixels. So the engine computes in one fixed padded shape, each batch on one thread, and runs several batches in parallel.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from ganray.errors import CheckpointError
from ganray.images.codec import Pixels, to_pixels
from ganray.model_folder import ModelInfo, load_model
from ganray.models import Generator
from ganray.requests import GenerateRequest, Stream, seed_of
from ganray.vocabulary import Vocabulary

# Rows of a batch. Another number changes a few pixels in every model's images.
ROWS = {"cpu": 16, "cuda": 64}


@dataclass(frozen=True)
class Sample:
    """Image `index` of a request: uint8 [R, R, 3], with the value of every attribute that the label specifies."""

    request: GenerateRequest
    index: int
    attributes: dict[str, str]
    pixels: Pixels


class Engine:
    """Draws the samples of requests with one generator; thread-safe. `threads` = 0 uses all cores (a GPU has one thread).

    >>> engine = ganray.Engine.load("model", threads=1)
    >>> request = ganray.GenerateRequest(id="SKU-1", attributes={"category": "mug", "colour": "red"}, seed=7)
    >>> (sample,) = engine.generate([request])
    >>> sample.pixels.shape, sample.attributes["colour"]
    ((8, 8, 3), 'red')
    """

    def __init__(self, generator: Generator, info: ModelInfo, device: str | None = None, threads: int = 0) -> None:
        if not all(bool(torch.isfinite(weight).all()) for weight in generator.state_dict().values()):
            raise CheckpointError("the model has weights that are not finite numbers", "Train again, or take an earlier checkpoint")
        self.info = info
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.generator = generator.eval().requires_grad_(False).to(self.device)
        self.vocabulary = Vocabulary(info.attributes, info.histograms, info.pieces)
        self.rows = ROWS[self.device.type]
        self.lanes = (threads or os.cpu_count() or 1) if self.device.type == "cpu" else 1
        torch.get_num_threads()  # fixes the caller's setting, before the threads of the pool change the default
        torch.backends.cudnn.deterministic = True
        self._pool = ThreadPoolExecutor(self.lanes, "engine", initializer=torch.set_num_threads, initargs=(1,))

    @classmethod
    def load(cls, url: str, device: str | None = None, threads: int = 0) -> Engine:
        """Load the engine of a model folder. Raises CheckpointError."""
        return cls(*load_model(url), device=device, threads=threads)

    @property
    def resolution(self) -> int:
        """Side of the square images in pixels."""
        return self.generator.resolution

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Sample]:
        """All samples of the requests in order; the seed of a request without one is derived from its id. Raises RequestError."""
        resolved = (request.resolved() for request in requests)
        samples = ((request, index) for request in resolved for index in range(request.count))
        while chunk := list(islice(samples, self.rows * self.lanes)):
            z, labels = self.draw(chunk)
            for (request, index), label, pixels in zip(chunk, labels, self.render(z, labels), strict=True):
                yield Sample(request, index, self.vocabulary.names(label), pixels)

    def draw(self, samples: list[tuple[GenerateRequest, int]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Latents float32 [n, z_dim] and labels int64 [n, A + T] of (request, index) pairs, each from its own random stream."""
        z = np.empty((len(samples), self.generator.z_dim), np.float32)
        labels = np.empty((len(samples), self.vocabulary.width), np.int64)
        stream = Stream()
        for row, (request, index) in enumerate(samples):
            rng = stream.at(seed_of(request), index)
            rng.standard_normal(out=z[row], dtype=np.float32)
            if request.truncation:
                z[row] = truncated(z[row], request.truncation)
            labels[row] = self.vocabulary.complete(request, rng)
        return z, labels

    def render(self, z: NDArray[np.float32], labels: NDArray[np.int64]) -> Pixels:
        """Images uint8 [n, R, R, 3] of latents [n, z_dim] and labels [n, A + T]: any n, computed in padded batches of `rows`.

        Raises CheckpointError if the network returns values that are not finite.
        """
        pixels = np.empty((len(z), self.resolution, self.resolution, 3), np.uint8)

        def batch(start: int) -> None:
            rows = slice(start, start + self.rows)
            pixels[rows] = self._batch(z[rows], labels[rows])

        list(self._pool.map(batch, range(0, len(z), self.rows)))
        return pixels

    @torch.inference_mode()
    def _batch(self, z: NDArray[np.float32], labels: NDArray[np.int64]) -> Pixels:
        """At most `rows` rows, computed as exactly `rows`."""
        num = len(z)
        latents = torch.zeros(self.rows, z.shape[1])
        label = torch.zeros(self.rows, labels.shape[1], dtype=torch.int64)
        latents[:num] = torch.from_numpy(z)
        label[:num] = torch.from_numpy(labels)
        x = self.generator(latents.to(self.device), label.to(self.device))
        if not math.isfinite(float(x.sum())):
            raise CheckpointError(
                f"model {self.info.digest[:12]} returned pixels that are not finite numbers", "Take an earlier checkpoint"
            )
        return to_pixels(x).cpu().numpy()[:num]


def truncated(z: NDArray[np.float32], limit: float) -> NDArray[np.float32]:
    """Map standard normal numbers to the normal distribution cut at +-`limit` (truncation: BigGAN, Brock et al. 2019, 3.1).

    By the inverse distribution function, not by drawing again: each number keeps its rank, so the image changes gradually with the limit.
    """
    tail = torch.special.ndtr(torch.tensor(-limit, dtype=torch.float64))
    share = tail + torch.special.ndtr(torch.from_numpy(z).double()) * (1 - 2 * tail)
    cut: NDArray[np.float32] = torch.special.ndtri(share).clamp_(-limit, limit).float().numpy()
    return cut
