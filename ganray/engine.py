"""The only inference path: bulk jobs, HTTP, evaluation and training grids all draw their samples here.

An image depends on its request, never on its company (DESIGN 3.1). Torch gives a row the same bits whatever its neighbours, as long as
the shape of the batch and the number of threads stay the same; other shapes and thread counts differ by 1e-6, which flips pixels. So
the engine computes in one fixed padded shape, each batch on one thread, and uses more threads by running more batches side by side.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from ganray import __version__
from ganray.checkpoint import ModelInfo, load_model
from ganray.errors import CheckpointError, RequestError
from ganray.images.codec import Format, Pixels, to_pixels
from ganray.images.provenance import Label, encode_labelled
from ganray.models import Generator
from ganray.requests import GenerateRequest, sample_name, seed_of, stream

# Rows of a batch. Pixels depend on it: another number flips a few pixels in every model's images.
ROWS = {"cpu": 8, "cuda": 64}
SOFTWARE = f"ganray {__version__}"
SHOWN_VALUES = 20


@dataclass(frozen=True)
class Sample:
    """Image `index` of a request: uint8 [R, R, 3], with the value of every attribute, asked for or drawn."""

    request: GenerateRequest
    index: int
    attributes: dict[str, str]
    pixels: Pixels


class Vocabulary:
    """A model's attributes and their values, in the order of the label's columns; how often each value is drawn where none is asked for."""

    def __init__(self, values: Mapping[str, Sequence[str]], histograms: Mapping[str, Mapping[str, int]] | None = None) -> None:
        self.values = {name: list(known) for name, known in values.items()}
        self._index = {name: {value: i for i, value in enumerate(known)} for name, known in self.values.items()}
        self.digest = hashlib.sha256(json.dumps([list(self.values.items()), histograms or {}], sort_keys=True).encode()).hexdigest()
        self._cumulative = {name: _cumulative(known, (histograms or {}).get(name, {})) for name, known in self.values.items()}

    def encode(self, attributes: Mapping[str, str]) -> dict[str, int]:
        """Attribute -> position of its value. Raises RequestError listing what is known."""
        for name, value in attributes.items():
            if name not in self._index:
                raise RequestError(f"attribute {name!r} is unknown", f"The model knows {_listed(self.values) or 'no attributes'}")
            if value not in self._index[name]:
                raise RequestError(f"{name} {value!r} is unknown", f"The model knows {_listed(self.values[name])}")
        return {name: self._index[name][value] for name, value in attributes.items()}

    def complete(self, attributes: Mapping[str, str], rng: np.random.Generator) -> list[int]:
        """The label [A]: positions of all attributes, those not asked for drawn from `rng` (which is used alike for all of them)."""
        asked, uniform = self.encode(attributes), rng.random(len(self.values))
        drawn = {name: int(np.searchsorted(steps, u, "right")) for (name, steps), u in zip(self._cumulative.items(), uniform, strict=True)}
        return [asked.get(name, drawn[name]) for name in self.values]

    def names(self, label: Iterable[int]) -> dict[str, str]:
        """The label [A] in words."""
        return {name: known[int(i)] for (name, known), i in zip(self.values.items(), label, strict=True)}


class Engine:
    """A generator that answers requests; thread-safe. `threads` = 0 takes all cores (on a GPU, one thread feeds it)."""

    def __init__(self, generator: Generator, info: ModelInfo, device: str | None = None, threads: int = 0) -> None:
        if not all(bool(torch.isfinite(weight).all()) for weight in generator.state_dict().values()):
            raise CheckpointError("the model has weights that are not finite numbers", "Train again, or take an earlier checkpoint")
        self.info = info
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.generator = generator.eval().requires_grad_(False).to(self.device)
        self.vocabulary = Vocabulary(info.attributes, info.histograms)
        self.rows = ROWS[self.device.type]
        self.lanes = (threads or os.cpu_count() or 1) if self.device.type == "cpu" else 1
        torch.get_num_threads()  # settles the caller's own setting, which the lanes' below would otherwise become
        torch.backends.cudnn.deterministic = True
        self._pool = ThreadPoolExecutor(self.lanes, "engine", initializer=torch.set_num_threads, initargs=(1,))

    @classmethod
    def load(cls, url: str, device: str | None = None, threads: int = 0) -> Engine:
        """The engine of a model folder. Raises CheckpointError."""
        return cls(*load_model(url), device=device, threads=threads)

    @property
    def resolution(self) -> int:
        """Side of the square images in pixels."""
        return self.generator.resolution

    def generate(self, requests: Iterable[GenerateRequest]) -> Iterator[Sample]:
        """All samples of the requests in order; a request without a seed gets its own from its id. Raises RequestError."""
        samples = ((request, index) for asked in requests for request in [asked.resolved()] for index in range(request.count))
        while chunk := list(islice(samples, self.rows * self.lanes)):
            z, labels = self.draw(chunk)
            for (request, index), label, pixels in zip(chunk, labels, self.render(z, labels), strict=True):
                yield Sample(request, index, self.vocabulary.names(label), pixels)

    def draw(self, samples: list[tuple[GenerateRequest, int]]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Latents float32 [n, z_dim] and labels int64 [n, A] of (request, index) pairs, each from its own stream."""
        z = np.empty((len(samples), self.generator.z_dim), np.float32)
        labels = np.empty((len(samples), len(self.vocabulary.values)), np.int64)
        for row, (request, index) in enumerate(samples):
            rng = stream(seed_of(request), index)
            rng.standard_normal(out=z[row], dtype=np.float32)
            labels[row] = self.vocabulary.complete(request.attributes, rng)
        return z, labels

    def render(self, z: NDArray[np.float32], labels: NDArray[np.int64]) -> Pixels:
        """Images uint8 [n, R, R, 3] of latents [n, z_dim] and labels [n, A]: any n, computed in padded batches of `rows`.

        Raises CheckpointError where the network gives values that are not finite.
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
            raise CheckpointError(f"model {self.info.digest[:12]} gave pixels that are not finite numbers", "Take an earlier checkpoint")
        return to_pixels(x).cpu().numpy()[:num]


def encode_sample(pixels: Pixels, request_id: str, index: int, seed: int, format: Format, model_digest: str) -> bytes:
    """The image file of a sample: uint8 [H, W, 3] with its label, read back. Raises ImageError("label_unverified")."""
    label = Label(model_digest=model_digest, request_id=sample_name(request_id, index), seed=seed, software=SOFTWARE)
    return encode_labelled(pixels, format, label)


def _cumulative(values: Sequence[str], histogram: Mapping[str, int]) -> NDArray[np.float64]:
    """Upper edges of the values' shares of [0, 1): by count, or equal where there are no counts; [n - 1], the last is open."""
    counts = np.array([histogram.get(value, 0) for value in values], np.float64)
    if not counts.any():
        counts += 1.0
    return np.cumsum(counts / counts.sum())[:-1]


def _listed(values: Iterable[str]) -> str:
    names = list(values)
    more = f", ... ({len(names)} in all)" if len(names) > SHOWN_VALUES else ""
    return ", ".join(names[:SHOWN_VALUES]) + more
