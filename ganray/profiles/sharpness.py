"""Blur: the width of the sharpest edges (after Marziliano et al. 2002, "A no-reference perceptual blur metric").

Along rows and columns, luma between two turning points is one edge. Its width is its contrast over its steepest step, in pixels of a
picture of at most SIDE: a step has 1, a Gaussian blur of sigma has 2.5 sigma. Edges that are crossed at a slant look wider, so the sharpest
tenth counts.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Pixels
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN, Evidence
from ganray.profiles.foreground import Floats, reduced

SIDE = 1000  # longest side in pixels: what people see on a page
CONTRAST, FAINT = 60.0, 24.0  # levels that an edge spans; in a picture of few such edges, fewer will do
EDGES = 150  # edges needed for a figure
SHARPEST = 10  # percentile
SOFT, BLURRED = 4.6, 6.5  # pixels


def blur(pixels: Pixels) -> Evidence:
    """Whether uint8 [H, W, 3] is out of focus."""
    luma = reduced(pixels, SIDE) @ np.array([0.299, 0.587, 0.114], np.float32)
    widths = [edge_widths(lines) for lines in (luma, luma.T)]
    for contrast in (CONTRAST, FAINT):
        strong = [width[span >= contrast] for width, span in widths]
        if sum(map(len, strong)) >= EDGES:
            width = min(float(np.percentile(each, SHARPEST)) for each in strong if len(each) >= EDGES // 4)
            found = f"the sharpest edges are {width:.1f} px wide at {max(luma.shape)} px"
            soft, blurred = (SOFT, BLURRED) if contrast == CONTRAST else (BLURRED, float("inf"))
            return Evidence(CERTAIN if width > blurred else LIKELY if width > soft else CLEAR, found)
    return Evidence(UNKNOWN, "too few edges to measure")


def edge_widths(lines: Floats) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The width in pixels and the contrast in levels of every edge along the rows of luma [h, w]."""
    step = np.diff(lines, axis=1)
    rising = np.sign(step)
    begins = np.ones(step.shape, bool)
    begins[:, 1:] = rising[:, 1:] != rising[:, :-1]
    starts = np.flatnonzero(begins)
    size = np.abs(step).ravel()
    span, steepest = np.add.reduceat(size, starts), np.maximum.reduceat(size, starts)
    return (span / np.maximum(steepest, 1e-3)).astype(np.float32), span.astype(np.float32)
