"""The quality gate: does a sample show what was requested, resemble the catalog, and differ from every photo?

The extractor of the catalog decides, with limits relative to the distances between photos. The verdict on a sample does not depend on the
other samples: features are computed in one padded shape, and numbers are rounded before they are compared.

The score by which samples are ranked is one number in [0, 1]: the probability of the requested value (a classifier's confidence chooses
samples in Razavi et al. 2019, arXiv 1906.00446) times the usual distance between photos over the sample's to its nearest photo, at most
1 (after the realism score of Kynkaanniemi et al. 2019, arXiv 1904.06991, with one radius for all photos); 0 for a copy. It sees one
attribute, the category where there is one: a wrong colour lowers it by the distance alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from ganray.images.codec import Pixels
from ganray.metrics.features import Extractor
from ganray.metrics.neighbours import Nearest

ROWS = 64  # samples in one batch; fewer are padded
DIGITS = 4
# Features have unit variance and other photos are about 1 apart; those of one photo, computed in two batch shapes, up to 1e-5 (measured).
SAME_PHOTO = 1e-4


@dataclass(frozen=True)
class Limits:
    """match: smallest probability of the requested value. far: largest distance to the nearest photo, relative to the 99th percentile of
    photos. copies: a sample counts as a copy if it is as near to a photo as this share of photos is to another; 0 lets copies through.
    """

    match: float = 0.5
    far: float = 2.0
    copies: float = 0.01


class Verdict(NamedTuple):
    """`score` in [0, 1]; `reason` why a sample is refused: not_recognised, unlike_catalog or copy, else ""."""

    score: float
    reason: str
    match: float
    distance: float


@dataclass(frozen=True)
class Reference:
    """Features [m, 64] of the catalog's photos, sorted distances [k] of some of them to the nearest other photo, and `records` uint8 [m, b]
    by which copies of them are found (copies/methods.py)."""

    features: Tensor
    usual: Tensor
    records: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.uint8))

    @classmethod
    def of(cls, features: Tensor, probes: int = 1000) -> Reference:
        """Compare about `probes` of the features, evenly spread, with all others. Features within SAME of each other are one photo."""
        rows = torch.arange(0, len(features), max(1, len(features) // probes))
        nearest = []
        for block in torch.split(rows, ROWS):
            distances = torch.cdist(features[block], features, compute_mode="donot_use_mm_for_euclid_dist")
            nearest.append(distances.masked_fill(distances < SAME_PHOTO, torch.inf).min(1).values)
        usual = torch.cat(nearest)
        return cls(features.contiguous(), usual[usual.isfinite()].sort().values)

    def to_bytes(self) -> bytes:
        """As safetensors."""
        return save({"features": self.features, "usual": self.usual, "records": self.records})

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """Read what `to_bytes` wrote."""
        tensors = load(data)
        return cls(tensors["features"], tensors["usual"], tensors["records"])


class Gate:
    """Judges samples; `vocabulary` is the generator's (attribute -> values), of which the extractor may know a part."""

    def __init__(self, extractor: Extractor, reference: Reference, vocabulary: Mapping[str, Sequence[str]], limits: Limits) -> None:
        self._extractor, self._features, self._limits = extractor, reference.features, limits
        self._typical = reference.usual.median().item()
        self._far = limits.far * reference.usual.quantile(0.99).item()
        self._copy = reference.usual.quantile(limits.copies).item() if limits.copies else -1.0
        self._column, self._head, self._values = _head(extractor, vocabulary)

    @torch.inference_mode()
    def look(self, pixels: Pixels, labels: np.ndarray) -> list[Verdict]:
        """A verdict on each of uint8 [n, R, R, 3], drawn for labels int64 [n, columns]; an unspecified attribute matches any value."""
        verdicts: list[Verdict] = []
        for start in range(0, len(pixels), ROWS):
            batch = np.zeros((ROWS, *pixels.shape[1:]), np.uint8)
            num = len(pixels[start : start + ROWS])
            batch[:num] = pixels[start : start + ROWS]
            features = self._extractor(torch.from_numpy(batch))
            near = Nearest(features)
            near.look(self._features)
            probabilities = self._probabilities(features)
            for row in range(num):
                value = int(labels[start + row, self._column]) if self._head >= 0 else -1
                match = float(probabilities[row, self._values[value]]) if 0 <= value < len(self._values) else 1.0
                verdicts.append(self._judge(round(match, DIGITS), round(float(near.distances[row]), DIGITS)))
        return verdicts

    def _probabilities(self, features: Tensor) -> Tensor:
        """Probabilities [n, values] of the head by which samples are recognised."""
        if self._head < 0:
            return torch.ones(len(features), 1)
        probabilities: Tensor = self._extractor.classes(features).split(self._extractor.sizes, dim=1)[self._head].softmax(1)
        return probabilities

    def _judge(self, match: float, distance: float) -> Verdict:
        reason = ""
        if distance <= self._copy:
            reason = "copy"
        elif match < self._limits.match:
            reason = "not_recognised"
        elif distance > self._far:
            reason = "unlike_catalog"
        score = 0.0 if reason == "copy" else match * min(1.0, self._typical / max(distance, 1e-9))
        return Verdict(round(score, DIGITS), reason, match, distance)


def _head(extractor: Extractor, vocabulary: Mapping[str, Sequence[str]]) -> tuple[int, int, list[int]]:
    """The attribute by which samples are recognised: the category, or the first that vocabulary and extractor share.

    Returns its column of the label, its head, and the position in the head of each of its values; head -1 where they share none.
    """
    heads = list(extractor.heads)
    shared = [name for name in vocabulary if name in heads and set(vocabulary[name]) <= set(extractor.heads[name])]
    if not shared:
        return 0, -1, []
    name = "category" if "category" in shared else shared[0]
    positions = {value: position for position, value in enumerate(extractor.heads[name])}
    return list(vocabulary).index(name), heads.index(name), [positions[value] for value in vocabulary[name]]
