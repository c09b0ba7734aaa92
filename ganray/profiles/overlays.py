"""Text, badges and watermarks beside the product on a plain background, by their form: graphics are flat and hard, goods are shaded.

What lies on the product is left to those who can read (`reading.py`): a print on a shirt is part of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganray.images.channels import largest
from ganray.images.components import Mask, filled, near, numbered
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN, Evidence, strongest
from ganray.profiles.foreground import Floats, Foreground, Part

HARD, FLAT = 0.35, 14.0  # steepest step of a graphic over its contrast, and the spread of its ink in levels
LETTER = 0.008, 0.13  # heights of letters, as shares of the longer side
SAME_INK, SAME_HEIGHT, GAP = 36.0, 2.7, 1.3  # levels; ratio; in heights
FEW, MANY = 4, 5  # letters of a line that are likely, or certainly, text
UPRIGHT = 1.6  # a line that is so many times as high as wide is none
PALEST = 22.0  # levels: fainter ink is the edge of a white product
AROUND, RINGING = 16, 9  # pixels around a line that are looked at, and those beside its letters where a codec rings
PLATE_OFF, ON_PLATE = (
    1.5,
    0.4,
)  # levels from the background, and the share of a line's surroundings with them, where it is printed on something
OF_PRODUCT = 0.3  # of the product's area, that text takes at most
ASTRAY = 0.45  # heights that letters stray from their line at most
FAINT = 115.0  # levels: ink that differs less from the background shows through: a watermark
MOST_PARTS = 600
BADGE = 0.002, 0.14  # shares of the frame
PLATE, SPREAD = 5.0, 4.0  # levels between pixels of a plate, and around its colour
COMPACT, LONELY, ALONE = 0.55, 0.4, 0.9  # share of its box that a badge fills, and of its rim that is background: in a corner, elsewhere
CORNER = 0.3  # of the frame's sides
BANNER = 0.8, 0.25  # shares of the frame's width and height of a strip
VIVID = 40.0  # levels between the channels of a badge's colour; or it is as dark
DARK = 70.0


@dataclass(frozen=True)
class Ink:
    """A part that may be a letter: its box, the colour [3] and contrast of its ink, and whether it is flat and hard."""

    part: Part
    colour: Floats
    contrast: float
    graphic: bool


def text(seen: Foreground) -> Evidence:
    """Lines of letters beside the product."""
    return _letters(seen, faint=False)


def watermark(seen: Foreground) -> Evidence:
    """Lines of faint letters beside the product."""
    return _letters(seen, faint=True)


def _letters(seen: Foreground, faint: bool) -> Evidence:
    if not seen.plain:
        return Evidence(UNKNOWN, "the background is not plain")
    longest = Evidence(CLEAR, "none beside the product")
    for line in lines_of(seen):
        if (float(np.median([ink.contrast for ink in line])) < FAINT) != faint:
            continue
        box = _around([ink.part for ink in line])
        strength = CERTAIN if len(line) >= MANY and not _on_white_product(seen, box) else LIKELY
        found = f"{len(line)} {'faint ' if faint else ''}marks like letters in a line, {_place(box, seen)}"
        longest = strongest(longest, Evidence(strength, found))
    return longest


def _on_white_product(seen: Foreground, box: tuple[int, int, int, int]) -> bool:
    """Whether what lies between the letters is not quite the background: a label or a page that is white on white."""
    height, width = seen.shape.shape
    left, top, right, bottom = max(0, box[0] - AROUND), max(0, box[1] - AROUND), min(width, box[2] + AROUND), min(height, box[3] + AROUND)
    off = seen.off[top:bottom, left:right][~near(seen.shape, RINGING)[top:bottom, left:right]]
    return bool(off.size) and float((off > PLATE_OFF).mean()) >= ON_PLATE


def lines_of(seen: Foreground) -> list[list[Ink]]:
    """Groups of at least FEW letters in a line, each beside a product that is much larger."""
    side = max(seen.shape.shape)
    letters = []
    for part in seen.parts[1 : MOST_PARTS + 1]:
        height = min(part.size) if part.size[0] > 6 * part.size[1] else part.size[1]
        if LETTER[0] * side <= height <= LETTER[1] * side and part.area < OF_PRODUCT * seen.parts[0].area:
            ink = ink_of(seen, part)
            if ink.graphic:
                letters.append(ink)
    groups = [group for group in _grouped(letters) if len(group) >= FEW and _in_line(group)]
    return [group for group in groups if sum(ink.part.area for ink in group) < OF_PRODUCT * seen.parts[0].area]


def ink_of(seen: Foreground, part: Part) -> Ink:
    """A part's ink: the colour of its pixels that differ most from the background."""
    left, top, right, bottom = part.box
    mine = seen.labelled[0][top:bottom, left:right] == part.number
    off, steep = seen.off[top:bottom, left:right][mine], seen.steepness[top:bottom, left:right][mine]
    contrast = float(np.percentile(off, 95))
    ink = seen.small[top:bottom, left:right][mine][off >= 0.75 * contrast]
    hard = float(np.percentile(steep, 80)) >= HARD * contrast
    spread = float(largest(np.abs(ink - np.median(ink, 0))).mean())
    return Ink(part, np.median(ink, 0), contrast, hard and contrast >= PALEST and spread <= FLAT + 0.1 * contrast)


def _grouped(letters: list[Ink]) -> list[list[Ink]]:
    """Letters of one ink and about one height that follow each other closely."""
    if not letters:
        return []
    boxes = np.array([ink.part.box for ink in letters], np.float64)
    colours = np.stack([ink.colour for ink in letters])
    heights = boxes[:, 3] - boxes[:, 1]
    gap_x = np.maximum(boxes[:, None, 0], boxes[None, :, 0]) - np.minimum(boxes[:, None, 2], boxes[None, :, 2])
    gap_y = np.maximum(boxes[:, None, 1], boxes[None, :, 1]) - np.minimum(boxes[:, None, 3], boxes[None, :, 3])
    taller = np.maximum(heights[:, None], heights[None])
    joined = np.hypot(np.maximum(gap_x, 0), np.maximum(gap_y, 0)) <= GAP * taller
    joined &= taller <= SAME_HEIGHT * np.minimum(heights[:, None], heights[None])
    joined &= largest(np.abs(colours[:, None] - colours[None])) <= SAME_INK
    root = np.arange(len(letters))
    while True:  # the smallest number among those that are joined
        spread = np.where(joined, root[None], len(letters)).min(1)
        if (spread == root).all():
            break
        root = spread
    return [[letters[place] for place in np.flatnonzero(root == each)] for each in np.unique(root)]


def _in_line(group: list[Ink]) -> bool:
    """Whether the middles of the letters lie along a straight line, or in rows of them."""
    left, top, right, bottom = _around([ink.part for ink in group])
    if bottom - top > UPRIGHT * (right - left):
        return False
    centres = np.array([ink.part.centre for ink in group])
    height = float(np.median([ink.part.size[1] for ink in group]))
    centred = centres - centres.mean(0)
    across = np.linalg.svd(centred, full_matrices=False)[1][-1] / np.sqrt(len(group))
    if across <= ASTRAY * height:
        return True
    rows = np.abs(centres[:, None, 1] - centres[None, :, 1]) <= ASTRAY * height
    return float((rows.sum(1) >= FEW).mean()) >= 0.7


def badge(seen: Foreground) -> Evidence:
    """Flat compact plates, and strips, that are no part of the product."""
    if not seen.plain:
        return Evidence(UNKNOWN, "the background is not plain")
    found = Evidence(CLEAR, "none beside the product")
    flat = seen.shape & (seen.steepness <= PLATE)
    labels = numbered(flat, corners=False)
    areas = np.bincount(labels.ravel())
    ground = ~seen.shape
    for number in np.flatnonzero(areas >= BADGE[0] * flat.size):
        if number:
            found = strongest(found, _plate(seen, labels == number, ground))
    return found


def _plate(seen: Foreground, region: Mask, ground: Mask) -> Evidence:
    """A region of one colour: a badge if it is compact, lies in the background and near a corner; a strip along the frame's edge."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    box = int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
    colours = seen.small[region]
    colour = np.median(colours, 0)
    clear = Evidence(CLEAR, "none beside the product")
    if float(largest(np.abs(colours - colour)).mean()) > SPREAD or _pale(colour, seen):
        return clear
    high, wide = (box[3] - box[1]) / region.shape[0], (box[2] - box[0]) / region.shape[1]
    if wide >= BANNER[0] and high <= BANNER[1] and (box[1] <= 2 or box[3] >= region.shape[0] - 2):
        return Evidence(CERTAIN, f"a flat strip, {_place(box, seen)}")
    solid = filled(np.pad(region[box[1] : box[3], box[0] : box[2]], 1))
    share = solid.sum() / region.size
    if not BADGE[0] <= share <= BADGE[1] or solid.sum() < COMPACT * (box[2] - box[0]) * (box[3] - box[1]) or not 0.3 <= wide / high <= 5:
        return clear
    whole = np.zeros_like(region)
    whole[box[1] : box[3], box[0] : box[2]] = solid[1:-1, 1:-1]
    rim = near(whole, 9) & ~near(whole, 5)
    lonely = float(ground[rim].mean()) if rim.any() else 0.0
    if lonely < LONELY:
        return clear
    x, y = (box[0] + box[2]) / 2 / region.shape[1], (box[1] + box[3]) / 2 / region.shape[0]
    cornered = min(x, 1 - x) < CORNER and min(y, 1 - y) < CORNER
    main = seen.parts[0].box
    if seen.parts[0].area < 2 * solid.sum() or (main[0] >= box[0] - 2 and main[2] <= box[2] + 2 and main[1] >= box[1] - 2):
        return clear  # the plate is the product
    apart = lonely >= ALONE
    return Evidence(CERTAIN if cornered else LIKELY, f"a flat badge, {_place(box, seen)}") if cornered or apart else clear


def _pale(colour: Floats, seen: Foreground) -> bool:
    """Whether a plate has neither a strong colour nor is dark."""
    return float(colour.max() - colour.min()) < VIVID and float(colour.max()) > DARK


def _around(parts: list[Part]) -> tuple[int, int, int, int]:
    boxes = np.array([part.box for part in parts])
    return int(boxes[:, 0].min()), int(boxes[:, 1].min()), int(boxes[:, 2].max()), int(boxes[:, 3].max())


def _place(box: tuple[int, int, int, int], seen: Foreground) -> str:
    """Where a box lies, in percent of the frame."""
    height, width = seen.shape.shape
    left, top, right, bottom = (round(100 * at / side) for at, side in zip(box, (width, height, width, height), strict=True))
    return f"{left}-{right} % from the left and {top}-{bottom} % from the top"
