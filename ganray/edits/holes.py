"""Ground that a product encloses: the inside of rings and handles, the gaps of a chair's back.

A hole shows the background itself: its colour, flat, with a sharp edge. A label can look the same only where the background is white, so
there the product must also be thin around most of the hole, as a ring is. What may be ground and is not certain stays product; it is
counted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganray.edits.filters import Field, box_mean
from ganray.images.channels import length, total
from ganray.images.components import Mask, near, numbered

MIN_HOLE = 2e-4  # share of the picture: a smaller part is a gap in the product's surface
MATCH = 2.0  # levels: largest difference between a hole's mean colour and the background's
FLAT = 1.5  # levels: largest standard deviation within a hole; both limits grow with the background's noise
SHARP = 2.5  # times the limit of the background: smallest difference of what surrounds a hole
WHITE = 240  # levels of the darkest channel from which a background is white, as labels are
BAND, THIN = 0.35, 0.5  # a product is thin around a hole: up to BAND of the hole's size, along at least THIN of its outline
DARKEST, LIGHTEST, TINT = 0.8, 1.04, 3.0  # ground in the product's shade: times the background's colour, and levels of another tint


class Enclosed(NamedTuple):
    """`holes` [h, w] are background; `share` of the picture may be and stays product."""

    holes: Mask
    share: float


def enclosed_ground(picture: Field, surface: Field, background: Mask, noise: float, limit: float) -> Enclosed:
    """The enclosed ground of a picture float32 [h, w, 3] before a background of the colours `surface`: that is `background` where it is
    connected with the border, has `noise` levels of noise, and differs from its colour by less than `limit` levels."""
    residual = picture - surface
    distance = length(residual)
    least = max(6.0, MIN_HOLE * background.size)
    holes, doubtful = np.zeros_like(background), np.zeros_like(background)
    alike = distance < limit
    for part in _parts(alike & ~background, least):
        core = part & (box_mean(part.astype(np.float32), 1) > 0.99)
        if not core.any() or not _is_sharp(part, distance, limit):
            continue
        inside = residual[core]
        mean = inside.mean(0)
        matches = float(np.linalg.norm(mean)) <= max(MATCH, noise)
        flat = float(np.sqrt(((inside - mean) ** 2).mean())) <= max(FLAT, 1.5 * noise)
        white = float(surface[core].mean(0).min()) >= WHITE
        if matches and flat and (not white or _is_thin_around(part, alike & ~part)):
            holes |= part
        else:
            doubtful |= part
    for part in _parts(_in_shade(picture, surface, noise) & ~background & ~holes & ~doubtful, least):
        if not (near(part, 1) & background).any() and _is_sharp(part, distance, limit):
            doubtful |= part
    return Enclosed(holes, float(doubtful.mean()))


def _parts(mask: Mask, least: float) -> list[Mask]:
    """The connected components of a mask that have at least `least` pixels."""
    if mask.sum() < least:
        return []
    numbers = numbered(mask, corners=False)
    areas = np.bincount(numbers[mask])
    return [numbers == number for number in np.flatnonzero(areas >= least)]


def _is_sharp(part: Mask, distance: Field, limit: float) -> bool:
    """Whether what surrounds a part differs much from the background: shading that passes its colour does not."""
    around = near(part, 3) & ~near(part, 1)
    return bool(around.any()) and float(np.median(distance[around])) >= SHARP * limit


def _is_thin_around(part: Mask, ground: Mask) -> bool:
    """Whether straight out from the outline, the product ends soon: in `ground`, or in another part like this one."""
    height, width = part.shape
    soft = np.pad(box_mean(part.astype(np.float32), 3), 1, mode="edge")
    rows, columns = np.nonzero(near(part, 1) & ~part)
    down = soft[rows, columns + 1] - soft[rows + 2, columns + 1]
    across = soft[rows + 1, columns] - soft[rows + 1, columns + 2]
    length = np.maximum(np.hypot(down, across), 1e-6)
    ended = np.zeros(len(rows), bool)
    for step in range(1, 2 + round(BAND * float(part.sum()) ** 0.5)):
        y, x = np.rint(rows + step * down / length).astype(int), np.rint(columns + step * across / length).astype(int)
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        ended |= inside & ground[y.clip(0, height - 1), x.clip(0, width - 1)]
    return bool(ended.mean() >= THIN)


def _in_shade(picture: Field, surface: Field, noise: float) -> Mask:
    """Where the picture has the background's colour in shade: darker in all channels alike."""
    light = total(picture * surface) / np.maximum(total(surface * surface), 1)
    tint = length(picture - light[..., None] * surface)
    shaded: Mask = (light > DARKEST) & (light < LIGHTEST) & (tint < max(TINT, 2 * noise))
    return shaded
