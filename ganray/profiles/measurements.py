"""Measurements of a picture's decoded pixels: the background's colour, the product's box, and how clean the background is.

They share no code with the edits: a checker that used the editor's measurements could not find its errors. Every distance is the largest
difference of a channel to the background's colour, in levels of 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Pixels
from ganray.images.components import Mask, cells, distance, from_border, near, numbered, pixels_of, without_small

RING = 16  # pixels from the product within which codecs ring; farther away a JPEG is exactly white (PROVENANCE 1, measured)
VISIBLE = 6  # levels: a larger difference from the background is visible
BODY = 24  # levels: a larger difference is the product itself, not a codec's ringing at its edge
PLAIN_LEVELS, PLAIN_SHARE = 20, 0.97  # a border is plain if this share of its pixels is within this many levels of their median
GRID = 256  # cells along the longer side in which connected components are found
THIN_END = 0.01  # share of a side: thin ends that are longer belong to the product's box
NEARLY, FLAT = 40, 2  # levels beyond VISIBLE of ground that was left, and between two pixels of it
EDGE_SHARE, ENCLOSED = 0.01, 5e-4  # shares of the frame's edge and of the frame from which such ground counts
SPECK = 2e-4  # share of the frame: a smaller component below a hundredth of the largest one is dirt

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Measurements:
    """`box` is the product's (left, top, right, bottom), None without a product; `fill` its share of the frame, along the side of which it
    fills more.

    `border` is the share of the frame's outermost pixels that are background, `plain` whether they have about one colour. `far` counts the
    background pixels more than RING from the product, `dirty` those of them beyond the tolerance, `worst` their largest difference in
    levels. Within RING a pixel may differ by VISIBLE levels; beyond that it counts as product.

    `nearly` counts pixels that are visibly off the background's colour and yet near it, flat, and connected with the frame's edge: ground
    that was left there. `enclosed` is the share of the frame of such areas that the product encloses, `enclosed_colour` their mean.
    """

    box: tuple[int, int, int, int] | None
    fill: float
    border: float
    plain: bool
    far: int
    dirty: int
    worst: int
    specks: int
    background: Colour
    nearly: int = 0
    enclosed: float = 0.0
    enclosed_colour: Colour = (0, 0, 0)


def measure(pixels: Pixels, wanted: tuple[int, int, int] | None, tolerance: int = 0) -> Measurements:
    """Measure uint8 [H, W, 3] against a background of colour `wanted` within `tolerance`; None takes the border's median colour."""
    height, width = pixels.shape[:2]
    edge = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]]).astype(np.int16)
    median = np.median(edge, 0).astype(np.int16)
    colour = median if wanted is None else np.array(wanted, np.int16)
    off_edge = np.abs(edge - colour).max(1)
    noise = PLAIN_LEVELS if wanted is None else tolerance + VISIBLE
    off = distance(pixels, (int(colour[0]), int(colour[1]), int(colour[2])))
    visible, specks = without_small(off > noise, GRID, SPECK, 0.01)
    box = _box(visible & (off > max(noise, BODY))) or _box(visible)
    far = from_border(~near(visible, RING), GRID)
    stray = off[far]
    left = (0, 0.0, (0, 0, 0)) if wanted is None else _left_over(pixels, off, noise)
    return Measurements(
        box=box,
        fill=0.0 if box is None else max((box[2] - box[0]) / width, (box[3] - box[1]) / height),
        border=float((off_edge <= noise).mean()),
        plain=float((np.abs(edge - median).max(1) <= PLAIN_LEVELS).mean()) >= PLAIN_SHARE,
        far=int(far.sum()),
        dirty=int((stray > tolerance).sum()),
        worst=int(stray.max(initial=0)),
        specks=specks,
        background=(int(median[0]), int(median[1]), int(median[2])),
        nearly=left[0],
        enclosed=left[1],
        enclosed_colour=left[2],
    )


def _left_over(pixels: Pixels, off: NDArray[np.uint8], noise: int) -> tuple[int, float, Colour]:
    """Ground that is nearly of the wanted colour: its pixels where it reaches the frame's edge; the share and the mean colour of what the
    product encloses."""
    height, width = off.shape
    flat = (off > noise) & (off <= noise + NEARLY)
    for axis in (0, 1):
        step = np.abs(np.diff(off.astype(np.int16), axis=axis, prepend=off.take([0], axis).astype(np.int16))) <= FLAT
        flat &= step
    lines = (flat[0], flat[-1], flat[:, 0], flat[:, -1])
    at_edge = sum(int(line.sum()) for line in lines)
    nearly = int(from_border(flat, GRID).sum()) + at_edge if at_edge >= EDGE_SHARE * 2 * (height + width) else 0
    taken, side = cells(~flat, GRID)
    parts = numbered(taken <= side * side // 10, corners=False)  # a codec leaves some pixels that are not flat
    if not parts.any():
        return nearly, 0.0, (0, 0, 0)
    ground = from_border(off <= noise, GRID)
    outer = near(cells(ground, GRID)[0] > side * side // 2, 2)  # a part beside the ground is a shadow or the product's own edge
    beside = np.concatenate([parts[outer], parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    inner = (np.bincount(parts.ravel()) * side * side >= ENCLOSED * off.size)[parts] & ~np.isin(parts, beside) & (parts > 0)
    area = pixels_of(inner, side, height, width) & flat
    if not area.any():
        return nearly, 0.0, (0, 0, 0)
    mean = np.rint(pixels[area].mean(0)).astype(int).tolist()
    return nearly, float(area.mean()), (mean[0], mean[1], mean[2])


def _box(mask: Mask) -> tuple[int, int, int, int] | None:
    """The box of rows and columns with more than a few pixels of the mask, so that a codec's noise does not move its edges; with any
    pixel where that makes more than THIN_END of the side: a needle is a product too."""
    sides = []
    for across in (1, 0):
        counts = mask.sum(across)
        lines, few = np.flatnonzero(counts > mask.shape[across] // 500), np.flatnonzero(counts)
        if not len(few):
            return None
        reach = THIN_END * len(counts)
        thick = len(lines) and lines[0] - few[0] <= reach and few[-1] - lines[-1] <= reach
        sides.append(lines if thick else few)
    rows, columns = sides
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
