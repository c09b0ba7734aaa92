"""What is in the frame: several products, and a product that the frame cuts off."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.images.components import Mask
from ganray.images.lab import to_lab
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN, Evidence, strongest
from ganray.profiles.foreground import Foreground, Part
from ganray.profiles.skin import is_skin

LARGE = 0.25  # of the largest part: a smaller one is an accessory or a part of the product
ALIKE = 0.3  # overlap of the colours of parts of one product
TOUCH = 0.1, 0.25  # shares of the frame's side along which a product that is cut off touches it: likely, certain
BROAD = 0.35  # of the product's extent along that side: cords and straps leave the frame more narrowly
TANGENT = 0.75  # a product that only touches the frame is much wider a little farther in
DEPTH = 0.04  # of the side: that far in
PERSON = 0.02, 0.6  # share of a product that is skin: of people, who may leave the frame at the top and at the bottom
BINS = (5, 7, 7)


def several(seen: Foreground) -> Evidence:
    """Whether there is more than one product. Parts in other colours are other products; parts in the same ones may be a pair or a set."""
    if not seen.plain:
        return Evidence(UNKNOWN, "the background is not plain")
    large = [part for part in seen.parts if part.area >= LARGE * seen.parts[0].area]
    if len(large) < 2:
        return Evidence(CLEAR, "one")
    colours = [histogram(seen, part) for part in large[:8]]
    alike = min(float(np.minimum(colours[0], other).sum()) for other in colours[1:])
    if alike < ALIKE:
        return Evidence(CERTAIN, f"{len(large)} separate products of different colours")
    return Evidence(LIKELY, f"{len(large)} separate parts of the same colours: a pair or a set?")


def histogram(seen: Foreground, part: Part) -> NDArray[np.float32]:
    """The shares of coarse colours (CIE Lab) of a part, blurred to the neighbouring ones."""
    lab = to_lab(np.clip(seen.small[seen.mask_of(part)], 0, 255).astype(np.uint8))
    counts = np.histogramdd(lab, BINS, ((0, 100), (-84, 84), (-84, 84)))[0]
    for axis in range(3):
        padded = np.pad(counts, [(int(axis == each), int(axis == each)) for each in range(3)])
        before, after = (padded.take(range(at, at + counts.shape[axis]), axis) for at in (0, 2))
        counts = counts + 0.5 * (before + after)
    shares: NDArray[np.float32] = (counts / counts.sum()).astype(np.float32)
    return shares


def cut_off(seen: Foreground) -> Evidence:
    """Whether the frame cuts the product off."""
    if not seen.plain or not seen.parts:
        return Evidence(UNKNOWN, "the background is not plain" if not seen.plain else "no product was found")
    mask, person = seen.mask_of(seen.parts[0]), has_person(seen)
    turned = {"top": mask, "bottom": mask[::-1], "left": mask.T, "right": mask.T[::-1]}
    touched = {side: _touch(each) for side, each in turned.items()}
    cut = {side: share for side, share in touched.items() if share >= TOUCH[0]}
    if not cut:
        return Evidence(CLEAR, "the whole product is in the frame")
    opposite = {"top", "bottom"} <= cut.keys() or {"left", "right"} <= cut.keys()
    found = [
        Evidence(
            CERTAIN if share >= TOUCH[1] and not opposite and not (person and side in ("top", "bottom")) else LIKELY,
            f"the product leaves the frame at the {side}, along {100 * share:.0f} % of it",
        )
        for side, share in cut.items()
    ]
    return strongest(*found)


def _touch(mask: Mask) -> float:
    """The share of the frame's top side along which a product [h, w] is cut off; 0 where it only touches it, or narrowly leaves it."""
    height, width = mask.shape
    contact = int(mask[:2].any(0).sum())
    extent, inside = np.flatnonzero(mask.any(0)), int(mask[max(2, round(DEPTH * height))].sum())
    if not contact or contact < BROAD * len(extent) or contact < TANGENT * inside:
        return 0.0
    return contact / width


def has_person(seen: Foreground) -> bool:
    """Whether a part of the product, but not all of it, has the colour of skin."""
    share = float(is_skin(np.clip(seen.small[seen.shape], 0, 255).astype(np.uint8)).mean()) if seen.shape.any() else 0.0
    return PERSON[0] <= share <= PERSON[1]
