"""The parts of a rough matte: the product, or the products of a set, without dust, creases and lines between tiles.

Solid parts count by their area. Thin ones (straps, cables, needles) have none at the working size: before a plain background they count
where they stand out as clearly as the product does. A line that reaches the picture's border is a crease or a tile's edge, unless there is
nothing else; before a studio's ground what is no line is a part that the frame cuts off: an arm beside the body.
"""

from __future__ import annotations

import numpy as np

from ganray.edits.border import PlainGround
from ganray.edits.filters import box_mean, main_parts
from ganray.edits.matte_views import PRODUCT_MATTE
from ganray.edits.photo import Alpha
from ganray.images.components import Mask, Numbers, near, numbered

SPECK = 0.1  # share of the largest component: smaller components are product only if they are long
LONG, ALONE = 0.08, 0.05  # of the picture's longer side: a part of a set, and something that is alone
BROAD = 0.012  # of the picture's longer side: half the width from which a part is no line
STRONG, STRONG_SHARE = 24.0, 0.3  # levels, and share of the product's usual difference from the background, of what is no crease


def without_specks(rough: Alpha, ground: PlainGround | None = None) -> tuple[Alpha, float]:
    """A matte [h, w] without small components beside the product; and the share of it that was left out. Thin and small parts of a set stay
    only with `ground`, at whose size the matte is then."""
    mask = rough > PRODUCT_MATTE
    solid = main_parts(box_mean(rough, 1) > PRODUCT_MATTE, SPECK)
    radius = max(2, min(rough.shape) // 50)
    kept = _around(solid, radius)
    if ground is not None and ground.distance.shape == rough.shape:
        kept |= _around(_distinct(mask & ~kept, solid, ground), 2)
    dropped = float((mask & ~kept).sum()) / max(1.0, float(mask.sum()))
    return np.where(kept, rough, 0).astype(np.float32), dropped


def longest_part(mask: Mask) -> int:
    """The longer side of the box of a mask's longest component, in pixels; 0 for an empty one. Gaps of two pixels do not end one."""
    return int(_lengths(numbered(near(mask, 1))).max()) if mask.any() else 0


def long_parts(mask: Mask, least: int) -> Mask:
    """The components of a mask [H, W] whose box has a longer side of at least `least` pixels."""
    parts = numbered(mask)
    long: Mask = mask & (_lengths(parts) >= least)[parts]
    return long


def _distinct(rest: Mask, solid: Mask, ground: PlainGround) -> Mask:
    """Of what is not near the solid parts: components that differ clearly from the background and are long. Those that reach the border are
    lines, or parts that the frame cuts off, which differ less where skin is pale."""
    usual = float(np.median(ground.distance[solid])) if solid.any() else 0.0
    clear = min(STRONG, 4 * ground.low)
    strong = rest & (ground.distance > max(clear, STRONG_SHARE * usual))
    distinct: Mask = rest & (_long(strong, solid) | (_cut_off(rest & (ground.distance > clear)) if ground.of_studio else False))
    return distinct


def _long(strong: Mask, solid: Mask) -> Mask:
    """The components of a mask that are long, or near the solid parts; beside solid parts none that reaches the border."""
    if not strong.any():
        return strong
    numbers = numbered(near(strong, 1))
    least = LONG if solid.any() else ALONE
    chosen = _lengths(numbers) >= least * max(strong.shape)
    if solid.any():
        chosen[numbers[near(solid, max(2, min(strong.shape) // 50) + 1)]] = True
        chosen[_at_border(numbers)] = False
    chosen[0] = False
    long: Mask = chosen[numbers]
    return long


def _cut_off(clear: Mask) -> Mask:
    """The components of a mask that reach the border, and are long and broad."""
    if not clear.any():
        return clear
    numbers = numbered(near(clear, 1))
    side = max(clear.shape)
    broad = ~near(~clear, max(1, round(BROAD * side)))  # what lies outside the picture is no gap
    chosen = np.zeros(int(numbers.max()) + 1, bool)
    chosen[np.intersect1d(_at_border(numbers), numbers[broad])] = True
    chosen &= _lengths(numbers) >= LONG * side
    chosen[0] = False
    cut_off: Mask = chosen[numbers]
    return cut_off


def _at_border(numbers: Numbers) -> Numbers:
    return np.unique(np.concatenate([numbers[0], numbers[-1], numbers[:, 0], numbers[:, -1]]))


def _lengths(numbers: Numbers) -> Numbers:
    """The longer side of the box of each component [h, w], by its number."""
    rows, columns = np.nonzero(numbers)
    found, longest = numbers[rows, columns], np.zeros(int(numbers.max()) + 1, np.int64)
    for places in (rows, columns):
        first, last = np.full(len(longest), max(numbers.shape)), np.full(len(longest), -1)
        np.minimum.at(first, found, places)
        np.maximum.at(last, found, places)
        longest = np.maximum(longest, last - first + 1)
    return longest


def _around(mask: Mask, radius: int) -> Mask:
    nearby: Mask = box_mean(mask.astype(np.float32), radius) > 0
    return nearby
