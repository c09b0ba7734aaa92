"""Scores of a model while it trains: few images, always the same photos and requests; everything but the samples is measured once.

The photos are two halves. Samples are drawn with the labels of the second half and take its place; the second half itself gives the
floors. Copies are searched in both halves. `evaluate` does the same with more images and the whole catalog; these quick scores are
comparable within one run only.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ganray.images.codec import Pixels
from ganray.metrics.coverage import density_and_coverage
from ganray.metrics.features import Extractor, accuracies, extract
from ganray.metrics.frechet import frechet_distance
from ganray.metrics.neighbours import Nearest, neighbour_ratio


class Scorer:
    """Photos uint8 [n, R, R, 3] of two halves and the labels int64 [n, heads] of the second, in the space of a frozen extractor.

    `attributes` are the ones that the model is conditioned on: accuracy is the mean over them.
    """

    def __init__(self, extractor: Extractor, train: Pixels, holdout: Pixels, labels: np.ndarray, attributes: tuple[str, ...]) -> None:
        self._extractor, self._labels = extractor, labels
        self._attributes = [name for name in extractor.heads if name in attributes]
        self._train, self._holdout = extract(extractor, train), extract(extractor, holdout)
        self._photos = torch.cat([self._holdout, self._train])
        usual = Nearest(self._holdout)
        usual.look(self._photos, [(row, row) for row in range(len(holdout))])  # a photo is not its own neighbour
        self._usual = usual.distances
        self.floors = {f"{name}_floor": value for name, value in self._measure(self._holdout).items()}

    def score(self, sample: Pixels) -> dict[str, float]:
        """Scores of samples uint8 [n, R, R, 3], one for each row of the labels, with their floors.

        Their names are those of RUN_FIGURES without merit, and without accuracy for a model without attributes.
        """
        features = extract(self._extractor, sample)
        near = Nearest(features)
        near.look(self._photos)
        return {**self._measure(features), **self.floors, "neighbour_ratio": neighbour_ratio(self._usual, near.distances)}

    def _measure(self, features: Tensor) -> dict[str, float]:
        density, coverage = density_and_coverage(self._train, features)
        figures = {"frechet": frechet_distance(self._train, features), "coverage": coverage, "density": density}
        if self._attributes:
            shares = accuracies(self._extractor, features, self._labels)
            figures["accuracy"] = sum(shares[name] for name in self._attributes) / len(self._attributes)
        return figures
