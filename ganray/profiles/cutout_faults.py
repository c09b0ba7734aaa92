"""Traces of a matte that went wrong: a band that is missing, and cut skin where people wear the product. They are hints, since wood has the
colours of skin.

Legs and arms end in round outlines or leave the frame. In the middle of a white frame, skin that ends in a straight line, stands alone or
has a white hole was cut by an editor.
"""

from __future__ import annotations

import numpy as np

from ganray.images.channels import least
from ganray.images.components import Mask, near, numbered
from ganray.profiles.arrangement import LARGE, PERSON
from ganray.profiles.evidence import CLEAR, LIKELY, UNKNOWN, Evidence
from ganray.profiles.foreground import Foreground
from ganray.profiles.skin import is_skin

ISLAND, OWN_SKIN = 0.0008, 0.6  # share of the frame; share of it that is skin
CUT, CORNERS, DEEP = 0.03, 1.25, 8  # share of the side; how much wider the part is that many pixels farther in, at most
SKIN_AT_CUT = 0.7
EDGE, FACING, PURE = 5, 0.8, 1.5  # pixels beside a band; share of the product that faces itself there; levels from the background
HOLE, SKIN_AROUND = 0.002, 0.6  # share of the frame; share of its rim that is skin
WHITE = 253  # levels


def cut_skin(seen: Foreground) -> Evidence:
    """Whether skin was cut off, cut out or left over."""
    if not seen.plain:
        return Evidence(UNKNOWN, "the background is not plain")
    if not seen.parts:
        return Evidence(CLEAR, "none")
    if gap := _gap(seen):
        return Evidence(LIKELY, gap)
    skin = is_skin(np.clip(seen.small, 0, 255).astype(np.uint8)) & seen.shape
    share = float(skin.sum() / seen.shape.sum())
    if share < PERSON[0] or share > PERSON[1]:
        return Evidence(CLEAR, "no skin" if share < PERSON[0] else "of one colour")
    for found in (_islands(seen, skin), _cuts(seen.shape, skin), _holes(seen, skin)):
        if found:
            return Evidence(LIKELY, found)
    return Evidence(CLEAR, "none")


def _gap(seen: Foreground) -> str:
    """A band of pure background straight across the product, whose two edges face each other."""
    mask = seen.shape
    rows = np.flatnonzero(mask.any(1))
    empty = np.flatnonzero(~mask[rows[0] : rows[-1]].any(1)) + rows[0]
    for band in np.split(empty, np.flatnonzero(np.diff(empty) > 1) + 1):
        if len(band) < 3 or band[0] - rows[0] <= EDGE or rows[-1] - band[-1] <= EDGE:
            continue
        beside = np.stack([mask[band[0] - EDGE : band[0] - 1].sum(0), mask[band[-1] + 2 : band[-1] + 1 + EDGE].sum(0)])
        either, both = (beside > 0).any(0), (beside >= EDGE - 2).all(0)
        pure = float(np.median(seen.off[band[1:-1]][:, either])) <= PURE if either.any() else False
        if pure and either.sum() >= CUT * max(mask.shape) and both.sum() >= FACING * either.sum():
            return "a band of pure background goes straight across the product"
    return ""


def _islands(seen: Foreground, skin: Mask) -> str:
    labels = seen.labelled[0]
    for part in seen.parts[1:]:
        if ISLAND * labels.size <= part.area < LARGE * seen.parts[0].area and skin[labels == part.number].mean() >= OWN_SKIN:
            return f"a piece of the colour of skin stands alone, {100 * part.area / labels.size:.1f} % of the frame"
    return ""


def _cuts(shape: Mask, skin: Mask) -> str:
    """A straight horizontal or vertical end of skin with sharp corners, away from the frame's edge."""
    for turned, where in ((0, "below"), (1, "right"), (2, "above"), (3, "left")):
        mask, skinned = np.rot90(shape, -turned), np.rot90(skin, -turned)
        ends = mask[:-3] & ~mask[1:-2]
        for row in np.flatnonzero(ends.sum(1) >= CUT * max(shape.shape)):
            if row < DEEP:
                continue
            runs = np.flatnonzero(np.diff(np.pad(ends[row], 1).astype(np.int8)))
            for start, stop in zip(runs[::2], runs[1::2], strict=True):
                length = int(stop - start)
                if length < CUT * max(shape.shape):
                    continue
                wide = _width_at(mask[row - DEEP], int(start), int(stop))
                straight = wide <= CORNERS * length and skinned[row - DEEP : row - 1, start:stop].mean() >= SKIN_AT_CUT
                if straight and _goes_on(mask[:row, start:stop], skinned[:row, start:stop]):
                    return f"skin ends {where} in a straight line of {length} px at {max(shape.shape)} px"
    return ""


def _goes_on(mask: Mask, skin: Mask) -> bool:
    """Whether a limb [rows up to its end, columns] is a limb: longer than wide, and not a patch with background on its other side."""
    long = int(np.argmin(np.append(skin[::-1].mean(1) >= 0.5, False)))
    return long >= mask.shape[1] and long < len(mask) and bool(mask[len(mask) - 1 - long].mean() >= 0.5)


def _width_at(line: Mask, start: int, stop: int) -> int:
    """The width of the run of a line that has most of what lies between start and stop."""
    left, right = start, stop
    while left > 0 and line[left - 1]:
        left -= 1
    while right < len(line) and line[right]:
        right += 1
    return right - left


def _holes(seen: Foreground, skin: Mask) -> str:
    white = (least(seen.small) >= WHITE) & seen.shape
    labels = numbered(white, corners=False)
    areas = np.bincount(labels.ravel())
    for number in np.flatnonzero(areas >= HOLE * labels.size):
        if number:
            hole = labels == number
            rim = near(hole, 4) & ~near(hole, 2)
            if skin[rim].mean() >= SKIN_AROUND:
                return f"skin has a white hole, {100 * hole.mean():.1f} % of the frame"
    return ""
