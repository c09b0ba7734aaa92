"""The gate between a generator and a shop: is a sample what was asked for, like the catalog, and no copy of one of its photos?

Three numbers of the catalog's own extractor, against what its photos keep to among themselves. The answer for a sample is the same whatever
it is looked at with: features are computed in one padded shape, and figures are rounded before they are compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from ganray.images.codec import Pixels
from ganray.metrics.features import Extractor
from ganray.metrics.neighbours import Nearest

ROWS = 64  # samples that are looked at together; fewer are padded
DIGITS = 4


@dataclass(frozen=True)
class Limits:
    """match: the least probability of what was asked for. far: the most distance to the nearest photo, over what 99 % of photos keep.

    copies: as near to a photo as this share of photos is to another counts as a copy; 0 lets copies through.
    """

    match: float = 0.5
    far: float = 2.0
    copies: float = 0.01


class Verdict(NamedTuple):
    """`score` of [0, 1] and, where a sample is refused, why: not_recognised, unlike_catalog or copy."""

    score: float
    reason: str
    match: float
    distance: float


@dataclass(frozen=True)
class Reference:
    """Features [m, 64] of the catalog's photos, and sorted distances [k] of some of them to their nearest other one."""

    features: Tensor
    usual: Tensor

    @classmethod
    def of(cls, features: Tensor, probes: int = 1000) -> Reference:
        """Of the features of photos: `probes` of them, evenly, are compared with all others. Equal features are one photo twice."""
        rows = torch.arange(0, len(features), max(1, len(features) // probes))
        found = []
        for block in torch.split(rows, ROWS):
            apart = torch.cdist(features[block], features, compute_mode="donot_use_mm_for_euclid_dist")
            found.append(apart.masked_fill(apart == 0, torch.inf).min(1).values)
        usual = torch.cat(found)
        return cls(features.contiguous(), usual[usual.isfinite()].sort().values)

    def to_bytes(self) -> bytes:
        """As safetensors."""
        return save({"features": self.features, "usual": self.usual})

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """What `to_bytes` wrote."""
        found = load(data)
        return cls(found["features"], found["usual"])


class Gate:
    """Looks at samples; `vocabulary` is the generator's (attribute -> values), of which the extractor may know some."""

    def __init__(self, extractor: Extractor, reference: Reference, vocabulary: Mapping[str, Sequence[str]], limits: Limits) -> None:
        self._extractor, self._features, self._limits = extractor, reference.features, limits
        self._typical = reference.usual.median().item()
        self._far = limits.far * reference.usual.quantile(0.99).item()
        self._copy = reference.usual.quantile(limits.copies).item() if limits.copies else -1.0
        self._column, self._head, self._values = _head(extractor, vocabulary)

    @torch.inference_mode()
    def look(self, pixels: Pixels, labels: np.ndarray) -> list[Verdict]:
        """A verdict on each of uint8 [n, R, R, 3], made for labels int64 [n, columns]; an attribute left unsaid matches anything."""
        verdicts: list[Verdict] = []
        for start in range(0, len(pixels), ROWS):
            batch = np.zeros((ROWS, *pixels.shape[1:]), np.uint8)
            num = len(pixels[start : start + ROWS])
            batch[:num] = pixels[start : start + ROWS]
            features = self._extractor(torch.from_numpy(batch))
            near = Nearest(features)
            near.look(self._features)
            chances = self._chances(features)
            for row in range(num):
                asked = int(labels[start + row, self._column]) if self._head >= 0 else -1
                match = float(chances[row, self._values[asked]]) if 0 <= asked < len(self._values) else 1.0
                verdicts.append(self._judge(round(match, DIGITS), round(float(near.distances[row]), DIGITS)))
        return verdicts

    def _chances(self, features: Tensor) -> Tensor:
        """Probabilities [n, values] of the head that is asked."""
        if self._head < 0:
            return torch.ones(len(features), 1)
        chances: Tensor = self._extractor.classes(features).split(self._extractor.sizes, dim=1)[self._head].softmax(1)
        return chances

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
    """The attribute that a sample must be recognised by: the category, or the first that both know.

    Gives its column of the label, its head, and the place in the head of each of its values; a head of -1 where they share none.
    """
    heads = list(extractor.heads)
    shared = [name for name in vocabulary if name in heads and set(vocabulary[name]) <= set(extractor.heads[name])]
    if not shared:
        return 0, -1, []
    name = "category" if "category" in shared else shared[0]
    places = {value: place for place, value in enumerate(extractor.heads[name])}
    return list(vocabulary).index(name), heads.index(name), [places[value] for value in vocabulary[name]]
