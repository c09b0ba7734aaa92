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
STRONG = 6.0  # times the limit of the background: a difference from it that is no shadow
FAINT = 8.0  # times the limit of the background: an edge of less is hardly one
RIM = 2  # pixels of the working size beside an outline in which its edge is


def matte_doubt(matte: Alpha, learned: Sequence[Alpha], ground: PlainGround | None) -> float:
    """The doubtful share of a product, 0 to 1, at the working size: of a matte [h, w] made of the network's views `learned` and of the
    plain background `ground`, if there is one.

    Doubtful is what the network neither takes for the product nor for the background, what its views disagree on, and what stands out
    from a plain background and was left out. Edges, where mattes are never sure, and lines as thin as they, do not count.
    """
    height, width = matte.shape
    last, first = (scaled(view, width, height) for view in (learned[-1], learned[0]))
    product = matte > 0.5
    doubtful = ((last > UNSURE) & (last < SURE)) | ((first > SURE) & (last < UNSURE) & ~product)
    if ground is not None and ground.distance.shape == matte.shape:
        doubtful |= (ground.distance > STRONG * ground.low) & ~ground.background & ~product
    return min(1.0, float(_inner(doubtful & ~_edges(product)).sum()) / max(1.0, float(product.sum())))


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
