"""Refines a rough matte by the photo's colours: those more frequent in the product than in the background, and the reverse.

After GrabCut (Rother, Kolmogorov, Blake 2004): colour histograms of product and background, weighted by the matte, give each pixel a
likelihood; the matte is updated by it, and the histograms are computed again. Histograms replace Gaussian mixtures, and the guided filter
replaces the graph cut: the work is fixed and the bits are reproducible. The rough matte is a prior in every round, so that a shirt in the
colour of the floor is not lost.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.edits.filters import Field, fitted, guided, scaled
from ganray.edits.photo import Alpha
from ganray.images.channels import total
from ganray.images.codec import Pixels
from ganray.images.components import numbered, reached

SIZE = 160  # longest side in pixels at which colours are counted
BINS = 24  # per channel
ROUNDS = 4
PRIOR, COLOUR = 1.0, 0.6  # weights of the rough matte and of the colours, in the logit
MAX_LOG_RATIO = 4.0  # largest log likelihood ratio of a colour: a colour that one side never has is no proof
PRODUCT = 0.5  # of a matte
LEAST_KNOWN = 2e-4  # frequency from which on a colour is one of the ground's
LEAST_ALIKE = 0.5  # share of an enclosed hole that has the ground's colours, if the ground is seen through it: else it is product
SMALLEST_SHARE = 1e-5  # share that is added to every colour of a side, so that none is 0


def by_colours(pixels: Pixels, rough: Alpha) -> Alpha:
    """The matte [h, w] at SIZE of a photo uint8 [H, W, 3] and a rough matte of any size."""
    width, height = fitted((pixels.shape[0], pixels.shape[1]), SIZE)
    small = np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX))
    prior = np.clip(scaled(rough, width, height), 0.02, 0.98)
    logit = PRIOR * np.log(prior / (1 - prior))
    colour = (small.astype(np.int64) * BINS // 256) @ np.array([BINS * BINS, BINS, 1])
    guide: Field = small.astype(np.float32) / np.float32(255)
    matte: Alpha = prior.astype(np.float32)
    for _ in range(ROUNDS):
        ratio = np.log(_shares(colour, matte) / _shares(colour, 1 - matte)).clip(-MAX_LOG_RATIO, MAX_LOG_RATIO)
        likely = 1 / (1 + np.exp(-(logit + COLOUR * ratio[colour])))
        a, b, _ = guided(likely.astype(np.float32), guide, 3, 1e-3)
        matte = np.clip(total(a * guide) + b, 0, 1).astype(np.float32)
    return _without_strange_holes(matte, colour)


def _without_strange_holes(matte: Alpha, colour: NDArray[np.int64]) -> Alpha:
    """The matte with its enclosed holes filled where they show no colours of the ground outside: the insole of a shoe, a print. A
    hole that is larger than the ground outside stays."""
    ground = matte < PRODUCT
    outside = reached(ground)
    parts = numbered(ground & ~outside)
    known = _shares(colour, outside.astype(np.float32)) > LEAST_KNOWN
    areas = np.bincount(parts.ravel())
    strange = np.bincount(parts.ravel(), known[colour].ravel()) < LEAST_ALIKE * areas
    strange &= areas <= outside.sum()
    strange[0] = False
    return np.where(strange[parts], 1, matte).astype(np.float32)


def _shares(colour: NDArray[np.int64], weight: Field) -> NDArray[np.float64]:
    """The frequency of each colour on one side, blurred over neighbouring colours: float64 [BINS^3], never 0."""
    counts = np.bincount(colour.ravel(), weight.ravel().astype(np.float64) ** 2, BINS**3).reshape(BINS, BINS, BINS)
    for axis in range(3):
        moved = np.moveaxis(counts, axis, 0)
        padded = np.concatenate([moved[:1], moved, moved[-1:]])
        counts = np.moveaxis((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4, 0, axis)
    return counts.ravel() / max(float(counts.sum()), 1e-9) + SMALLEST_SHARE
