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
TOUCH = 0.06, 0.25  # shares of the frame's side along which a product that is cut off touches it: likely, certain
BROAD = 0.35  # of the product's extent along that side: cords and straps leave the frame more narrowly
TANGENT = 0.75  # a product that only touches the frame is much wider a little farther in
BODY = 30.0  # levels: what differs less from the background at the frame's edge is a shadow
DEPTH = 0.04  # of the side: that far in
PERSON = 0.02, 0.6  # share of a product that is skin: of people, who may leave the frame at the top and at the bottom
NEARLY, CONTINUED = 1.5, 0.3  # levels from the background, and the share of what lies between two parts that has them, in a white product
APART = 0.015  # of the frame's width between products side by side
TALL, HEAD, FACE = 2.0, 0.2, 0.15  # height over width of a person; share of it that is the head; share of that which is skin
BINS = (5, 7, 7)


def several(seen: Foreground) -> Evidence:
    """Whether there is more than one product. Parts in other colours are other products; parts in the same ones may be a pair or a set."""
    if not seen.plain:
        return Evidence(UNKNOWN, "the background is not plain")
    large = [part for part in seen.parts if part.area >= LARGE * seen.parts[0].area and not _continues(seen, part)]
    if len(large) < 2:
        return Evidence(CLEAR, "one")
    beside = [part for part in large[1:8] if _gap(large[0], part) >= APART * seen.shape.shape[1]]
    colours = histogram(seen, large[0])
    if any(float(np.minimum(colours, histogram(seen, part)).sum()) < ALIKE for part in beside):
        return Evidence(CERTAIN, f"{len(large)} separate products of different colours, side by side")
    if beside and all(is_person(seen, part) for part in (large[0], *beside)):
        return Evidence(CERTAIN, f"{len(large)} people side by side")
    return Evidence(LIKELY, f"{len(large)} separate parts: a pair, a set or several products?")


def _continues(seen: Foreground, part: Part) -> bool:
    """Whether a part goes on in the largest one: above or below it, with something between that is not quite the background."""
    (left, top, right, bottom), main = part.box, seen.parts[0].box
    columns, rows = slice(max(left, main[0]), min(right, main[2])), slice(min(bottom, main[3]), max(top, main[1]))
    between = seen.off[rows, columns]
    return between.size > 0 and part is not seen.parts[0] and float((between > NEARLY).mean()) >= CONTINUED


def _gap(one: Part, other: Part) -> int:
    """The columns between two parts; below 0 where one is above the other, as the parts of a product with a white middle are."""
    return max(one.box[0], other.box[0]) - min(one.box[2], other.box[2])


def is_person(seen: Foreground, part: Part) -> bool:
    """Whether a part is tall, partly of the colour of skin, and has some of it at the top."""
    mask = seen.mask_of(part)
    skin = mask & is_skin(np.clip(seen.small, 0, 255).astype(np.uint8))
    wide, high = part.size
    top = slice(part.box[1], part.box[1] + max(1, round(HEAD * high)))
    return high >= TALL * wide and PERSON[0] <= skin.sum() / part.area <= PERSON[1] and bool(skin[top].sum() >= FACE * mask[top].sum())


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
    person, cut = has_person(seen), leaving(seen, seen.parts[0])
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


def leaving(seen: Foreground, part: Part) -> dict[str, float]:
    """The sides at which the frame cuts a part off, and the shares of those sides."""
    mask = seen.mask_of(part) & (seen.off >= BODY)
    turned = {"top": mask, "bottom": mask[::-1], "left": mask.T, "right": mask.T[::-1]}
    return {side: share for side, each in turned.items() if (share := _touch(each)) >= TOUCH[0]}


def _touch(mask: Mask) -> float:
    """The share of the frame's top side along which a product [h, w] is cut off; 0 where it only touches it, or narrowly leaves it."""
    height, width = mask.shape
    contact = int(mask[:2].any(0).sum())
    extent, inside = np.flatnonzero(mask.any(0)), int(mask[max(2, round(DEPTH * height))].sum())
    if not contact or contact < BROAD * len(extent) or contact < TANGENT * inside:
        return 0.0
    return float(contact / width)


def has_person(seen: Foreground) -> bool:
    """Whether a part of the product, but not all of it, has the colour of skin."""
    share = float(is_skin(np.clip(seen.small[seen.shape], 0, 255).astype(np.uint8)).mean()) if seen.shape.any() else 0.0
    return PERSON[0] <= share <= PERSON[1]
