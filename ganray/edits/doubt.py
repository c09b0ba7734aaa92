"""How far a matte may be wrong, told by the mattes that it was made of: what one of them took for the product and the result left out; and
by an outline that hardly differs from the ground, as of white on white."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ganray.edits.border import PlainGround
from ganray.edits.filters import box_mean, scaled
from ganray.edits.photo import Alpha
from ganray.images.components import Mask, near

SURE, UNSURE = 0.8, 0.2  # learned matte from which the network sees a product, and below which it sees none
SETTLED, OPEN = 0.35, 3.0  # weights of what the network leaves open, and of what colours leave open as well
STRONG = 6.0  # times the limit of the background: a difference from it that is no shadow
FAINT = 8.0  # times the limit of the background: an edge of less is hardly one
RIM = 2  # pixels of the working size beside an outline in which its edge is


def matte_doubt(matte: Alpha, learned: Sequence[Alpha], ground: PlainGround | None) -> float:
    """The doubtful share of a product, 0 to 1, at the working size: of a matte [h, w] made of the network's views `learned` by the
    picture's colours, and of the plain background `ground`, if there is one.

    What the network takes neither for the product nor for the background is mostly settled by its colours, and rightly: it counts for a
    third. What colours leave open, too, counts three times: some of it has been cut away (LOG.md has what both were found on). What the
    views disagree on, and what stands out from a plain background and was left out, counts once. Edges, where mattes are never sure, and
    lines as thin as they, do not count.
    """
    height, width = matte.shape
    last, first = (scaled(view, width, height) for view in (learned[-1], learned[0]))
    product = matte > 0.5
    edges, size = _edges(product), max(1.0, float(product.sum()))

    def share(doubtful: Mask) -> float:
        return float(_inner(doubtful & ~edges).sum()) / size

    left_out = (first > SURE) & (last < UNSURE) & ~product
    if ground is not None and ground.distance.shape == matte.shape:
        left_out |= (ground.distance > STRONG * ground.low) & ~ground.background & ~product
    return min(1.0, share(left_out) + SETTLED * share(_open(last)) + OPEN * share(_open(matte)))


def _open(matte: Alpha) -> Mask:
    """Where a matte tells neither product nor background."""
    undecided: Mask = (matte > UNSURE) & (matte < SURE)
    return undecided


def faint_outline(part: Mask, product: Mask, ground: PlainGround) -> float:
    """The share of the outline of a part of a product before a plain background, 0 to 1, along which it hardly differs from it: some of it
    may be missing there, as of a white garment in light. Masks [h, w] are at the working size; a shadow that was taken along is no part."""
    rim = near(part, RIM) & ~near(product & ~part, RIM) & ~product
    return float((ground.contrast[rim] < FAINT * ground.low).mean()) if rim.any() else 0.0


def _edges(product: Mask) -> Mask:
    """A band around the outline of a product, 2 % of the picture wide."""
    share = box_mean(product.astype(np.float32), max(2, round(0.01 * min(product.shape))))
    band: Mask = (share > 0.01) & (share < 0.99)
    return band


def _inner(mask: Mask) -> Mask:
    """A mask without what is thin."""
    core = box_mean(mask.astype(np.float32), 2) > 0.99
    inner: Mask = mask & (box_mean(core.astype(np.float32), 2) > 0)
    return inner
