"""The only inference path: bulk jobs, HTTP, evaluation and training grids all draw their samples here.

An image depends on its request, never on the other requests (DESIGN 3.1). Torch gives a row the same bits whatever the other rows are, as
long as the shape of the batch and the number of threads stay the same; other shapes and thread counts differ by 1e-6, which changes
pixels. So the engine computes in one fixed padded shape, each batch on one thread, and runs several batches in parallel.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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


@dataclass(frozen=True)
class Rendering:
    """Images that are being computed. `parts` compute them; `collect` gives them when all parts have ended."""

    parts: list[Future[Any]]
    collect: Callable[[], Pixels]

    def result(self) -> Pixels:
        """The images, uint8 [n, R, R, 3], when they are ready. Raises the error of the first part that failed; others do not begin then."""
        try:
            for part in self.parts:
                part.result()
        except BaseException:  # also Ctrl-C in the thread that waits
            for part in self.parts:
                part.cancel()
            raise
        return self.collect()


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
        # A GPU copies what a batch gave back on a stream of its own, while the next batch computes.
        self._copies = torch.cuda.Stream(self.device) if self.device.type == "cuda" else None
        self._pool = ThreadPoolExecutor(self.lanes, "engine", initializer=torch.set_num_threads, initargs=(1,))

    @classmethod
    def load(cls, url: str, device: str | None = None, threads: int = 0) -> Engine:
        """Load the engine of a model folder. Raises CheckpointError."""
        return cls(*load_model(url), device=device, threads=threads)

    @property
    def resolution(self) -> int:
        """Side of the square images in pixels."""
        return self.generator.resolution

    @property
    def offloads(self) -> bool:
        """Whether a device computes, and CPUs are free for other work meanwhile."""
        return self.device.type != "cpu"

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
        return self.submit(z, labels).result()

    def submit(self, z: NDArray[np.float32], labels: NDArray[np.int64]) -> Rendering:
        """Begin to render, and return: a GPU that is given the next images before it has made these never waits for this process."""
        if self.offloads:
            launched = self._pool.submit(self._launch, z, labels)
            return Rendering([launched], lambda: launched.result()())  # noqa: PLW0108 - the result is not there yet
        pixels = np.empty((len(z), self.resolution, self.resolution, 3), np.uint8)

        def batch(start: int) -> None:
            rows = slice(start, start + self.rows)
            pixels[rows] = self._batch(z[rows], labels[rows])

        return Rendering([self._pool.submit(batch, start) for start in range(0, len(z), self.rows)], lambda: pixels)

    @torch.inference_mode()
    def _batch(self, z: NDArray[np.float32], labels: NDArray[np.int64]) -> Pixels:
        """At most `rows` rows, computed as exactly `rows`."""
        num = len(z)
        latents = torch.zeros(self.rows, z.shape[1])
        label = torch.zeros(self.rows, labels.shape[1], dtype=torch.int64)
        latents[:num] = torch.from_numpy(z)
        label[:num] = torch.from_numpy(labels)
        x = self.generator(latents, label)
        self._check_finite(float(x.sum()))
        return to_pixels(x).numpy()[:num]

    @torch.inference_mode()
    def _launch(self, z: NDArray[np.float32], labels: NDArray[np.int64]) -> Callable[[], Pixels]:
        """Queue all batches on the device; what it returns waits for them, once, and gives their images.

        Numbers go and come through pinned memory, which alone is copied while this process goes on. The sum of each batch comes back beside
        its images: nothing waits for the device to learn whether it is finite.
        """
        num, batches, pinned = len(z), -(-len(z) // self.rows), self._copies is not None
        latents = torch.zeros(batches * self.rows, z.shape[1], pin_memory=pinned)
        label = torch.zeros(batches * self.rows, labels.shape[1], dtype=torch.int64, pin_memory=pinned)
        latents[:num] = torch.from_numpy(z)
        label[:num] = torch.from_numpy(labels)
        pixels = torch.empty(batches * self.rows, self.resolution, self.resolution, 3, dtype=torch.uint8, pin_memory=pinned)
        sums = torch.empty(batches, pin_memory=pinned)
        there = latents.to(self.device, non_blocking=True), label.to(self.device, non_blocking=True)
        for batch in range(batches):
            rows = slice(batch * self.rows, (batch + 1) * self.rows)
            x = self.generator(there[0][rows], there[1][rows])
            self._copy_back([(pixels[rows], to_pixels(x)), (sums[batch], x.sum())])
        copied = None if self._copies is None else self._copies.record_event()

        def collect() -> Pixels:
            if copied is not None:
                copied.synchronize()
            self._check_finite(float(sums.sum()))
            return pixels.numpy()[:num]

        return collect

    def _copy_back(self, pairs: list[tuple[Tensor, Tensor]]) -> None:
        """Copy results (to, from) on the stream of copies, when the device has computed them."""
        if self._copies is not None:
            self._copies.wait_stream(torch.cuda.current_stream(self.device))
        with torch.cuda.stream(self._copies):
            for target, source in pairs:
                target.copy_(source, non_blocking=True)
                if self._copies is not None:
                    source.record_stream(self._copies)  # its memory is not given to the next batch before it was copied

    def close(self) -> None:
        """Give back threads and weights when what was asked for is rendered; it renders nothing afterwards."""
        self._pool.shutdown()
        self.generator.to("meta")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _check_finite(self, total: float) -> None:
        if not math.isfinite(total):
            raise CheckpointError(
                f"model {self.info.digest[:12]} returned pixels that are not finite numbers", "Take an earlier checkpoint"
            )


def truncated(z: NDArray[np.float32], limit: float) -> NDArray[np.float32]:
    """Map standard normal numbers to the normal distribution cut at +-`limit` (truncation: BigGAN, Brock et al. 2019, 3.1).

    By the inverse distribution function, not by drawing again: each number keeps its rank, so the image changes gradually with the limit.
    """
    tail = torch.special.ndtr(torch.tensor(-limit, dtype=torch.float64))
    share = tail + torch.special.ndtr(torch.from_numpy(z).double()) * (1 - 2 * tail)
    cut: NDArray[np.float32] = torch.special.ndtri(share).clamp_(-limit, limit).float().numpy()
    return cut
