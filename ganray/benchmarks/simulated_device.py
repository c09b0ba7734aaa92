"""A GPU that is not there: an engine that waits for as long as an H100 computes, and gives drawn products, which encode as photos do."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ganray.benchmarks.random_model import make_model
from ganray.catalog.sample import draw, product
from ganray.config import ModelConfig
from ganray.engine import ROWS, Engine
from ganray.images.codec import Pixels
from ganray.model_folder import load_model

BATCH_SECONDS = {64: 0.007, 256: 0.030}  # of the side in pixels: a batch of ROWS["cuda"] on an H100, estimated by its bandwidth
CORES = 15  # that encode beside such a GPU, on a node of 16
PICTURES = 64


def cheap_model(url: str, side: int) -> None:
    """Write a model folder whose network is never computed: it has a resolution, latents and labels."""
    make_model(url, ModelConfig(name="mlp", resolution=side, channels=3, z_dim=64, embed_dim=8, widths=(16,)))


class SimulatedDevice(Engine):
    """Takes `seconds` for each batch, and no CPU. A picture depends on its latent alone."""

    def __init__(self, url: str, seconds: float) -> None:
        super().__init__(*load_model(url), device="cpu", threads=1)
        self.rows, self.seconds = ROWS["cuda"], seconds
        self.spans: list[tuple[float, float]] = []  # when batches began and ended
        self._pictures = np.stack([draw(product(0, index), self.resolution)[0] for index in range(PICTURES)])

    @property
    def offloads(self) -> bool:
        """It leaves the CPUs alone."""
        return True

    @property
    def busy(self) -> float:
        """The share of the time between its first and its last batch in which it had one; of what came after the first tenth."""
        spans = self.spans[len(self.spans) // 10 :]
        return sum(end - begin for begin, end in spans) / (spans[-1][1] - spans[0][0])

    def _launch(self, z: NDArray[np.float32], labels: NDArray[np.int64]) -> Callable[[], Pixels]:
        for _ in range(-(-len(z) // self.rows)):
            begin = time.perf_counter()
            time.sleep(self.seconds)
            self.spans.append((begin, time.perf_counter()))
        return lambda: self.pictures(z)

    def pictures(self, z: NDArray[np.float32]) -> Pixels:
        """What it gives for these latents."""
        chosen: Pixels = self._pictures[(np.abs(z[:, 0]) * 1e6).astype(np.int64) % PICTURES]
        return chosen
