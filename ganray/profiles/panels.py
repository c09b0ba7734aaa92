"""Pictures put together of several on one plain background, where no seam can be seen: by products that end at a straight line, by whole
ones beside one that is cut off, and by rows of them."""

from __future__ import annotations

import numpy as np

from ganray.images.components import Mask
from ganray.profiles.arrangement import LARGE, leaving
from ganray.profiles.evidence import CLEAR, LIKELY, Evidence
from ganray.profiles.foreground import Foreground, Part

ENDS, CROSSES = 0.14, 0.015  # shares of the frame's height along which products end at a column, and cross it, at most
PLACES, EXACT = (1 / 4, 1 / 3, 1 / 2, 2 / 3, 3 / 4), 0.012  # shares of the frame where panels end
BOTH = 0.2  # share of the product on each side of a seam
WHOLE = 0.04  # of the part that is cut off: a smaller whole one is an accessory
ROWS = 0.12  # of the frame: how far the middles of a row may differ


def panels(seen: Foreground) -> Evidence:
    """Whether a picture is likely put together of several, of which each has the same plain background."""
    clear = Evidence(CLEAR, "no panels")
    if not seen.plain or len(seen.parts) < 2:
        return clear
    for mask, how in ((seen.shape, "from top to bottom"), (seen.shape.T, "from side to side")):
        at = _seam(mask)
        if at:
            return Evidence(LIKELY, f"products end at a straight line {how} at {100 * at / mask.shape[1]:.0f} %")
    large = [part for part in seen.parts if part.area >= LARGE * seen.parts[0].area]
    if len(large) >= 4 and _is_grid(seen, large):
        return Evidence(LIKELY, f"{len(large)} separate parts in rows and columns")
    cut = {part.number for part in seen.parts[:4] if leaving(seen, part)}
    whole = [part for part in seen.parts[:6] if part.number not in cut and part.area >= WHOLE * seen.parts[0].area and _inside(seen, part)]
    if seen.parts[0].number in cut and whole:
        return Evidence(LIKELY, "a whole product beside one that the frame cuts off: a close-up?")
    return clear


def _seam(mask: Mask) -> int:
    """The column of a mask [h, w] at which products end, in straight lines, and which none crosses; 0 if there is none."""
    height, width = mask.shape
    ends = (mask[:, 1:] != mask[:, :-1]).sum(0)  # between columns 0 and 1, ...
    total, left = mask.sum(), np.cumsum(mask.sum(0))
    for gap in (1, 2, 3):  # columns that a seam's blending takes
        crosses = (mask[:, gap:] & mask[:, :-gap]).sum(0)
        found = np.flatnonzero((crosses <= CROSSES * height) & (np.convolve(ends, np.ones(gap), "valid") >= ENDS * height))
        for at in found:
            if min(left[at], total - left[at]) >= BOTH * total and min(abs((at + 1) / width - place) for place in PLACES) <= EXACT:
                return int(at) + 1
    return 0


def _is_grid(seen: Foreground, parts: list[Part]) -> bool:
    """Whether each part shares its row with another one, and its column with another one."""
    centres = np.array([part.centre for part in parts]) / max(seen.shape.shape)
    near = np.abs(centres[:, None] - centres[None]) <= ROWS
    return bool(((near & ~np.eye(len(parts), dtype=bool)[..., None]).any(1)).all())


def _inside(seen: Foreground, part: Part) -> bool:
    """Whether a part does not touch the frame."""
    height, width = seen.shape.shape
    left, top, right, bottom = part.box
    return left > 1 and top > 1 and right < width - 1 and bottom < height - 1
