"""Cloth in another colour, as a function of colours in CIE Lab alone.

A chromatic cloth is dye in light: a colour of its hue has a share of the dye (1 for the cloth in light or shade, less for a paler tint,
0 for white, grey and black), and moves by that share of the way from the old dye to the new one. So stripes, checks and their blurred
edges keep their contrast, and a paler tone of red becomes a paler tone of blue. A grey, white or black cloth moves whatever is like it in
other light. Lightness follows one monotone curve through (dominant, target): of slope 1, which keeps texture, and flatter towards a darker
colour, where light has less effect, and near the limits of the scale.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganray.edits.filters import Field
from ganray.images.channels import total
from ganray.images.lab import Lab, chroma, within

FLOOR, CEILING = 3.0, 99.0  # lightness: limits of the product's usual range
DARKEST, LIGHTEST = 5.0, 96.0  # lightness: limits of the target, since black and white cloth have folds too
GREY, CHROMATIC = 8.0, 18.0  # chroma: below a cloth is grey, above it is dyed; between, both rules are mixed
LEAST_DYE = 5.0  # chroma below which a cloth has no dye that its pattern could share
NOISE = 4.0  # chroma of dark pixels is not to be trusted below this


class Shift(NamedTuple):
    """From `dominant` (Lab [3]) to `target` (Lab [3]); `low` and `high` are the product's usual range of lightness."""

    dominant: Lab
    target: Lab
    low: float
    high: float


def dominant_colour(sample: Lab) -> Lab:
    """The most common colour of Lab [n, 3], as Lab [3]: the largest bin of a coarse histogram, then medians of the colours near it."""
    bins = np.stack([sample[:, 0] / 12.5, sample[:, 1] / 8 + 16, sample[:, 2] / 8 + 16], -1).astype(np.intp).clip(0, (8, 31, 31))
    counts = np.zeros((9, 32, 32))
    np.add.at(counts, tuple(bins.T), 1.0)
    for axis in range(3):  # each bin with its neighbours at half weight
        wide = np.pad(counts, [(int(a == axis),) * 2 for a in range(3)])
        counts = counts + 0.5 * (wide.take(range(counts.shape[axis]), axis) + wide.take(range(2, counts.shape[axis] + 2), axis))
    largest = np.array(np.unravel_index(int(counts.argmax()), counts.shape), np.float32)
    colour: Lab = ((largest + 0.5 - (0, 16, 16)) * (12.5, 8, 8)).astype(np.float32)
    for _ in range(4):
        offset: Lab = ((sample - colour) / np.array([30, 14, 14], np.float32)).astype(np.float32)
        near = total(offset * offset) < 1
        if near.any():
            colour = np.median(sample[near], 0).astype(np.float32)
    return colour


def likeness(lab: Lab, dominant: Lab) -> Field:
    """How likely each colour of Lab [..., 3] is the dominant one in other light, 0 to 1: float32 [...].

    In shade a colour loses chroma with its lightness; in light it keeps it. Colours far from that line, much lighter ones, and dark ones
    where the dominant colour is light (print on a white shirt) are different.
    """
    distance = np.hypot(*np.moveaxis(lab[..., 1:] - shaded(lab[..., 0], dominant), -1, 0))
    reach = 9 + 0.28 * float(chroma(dominant))
    lighter, darker = lab[..., 0] - dominant[0], dominant[0] - lab[..., 0]
    weight = (
        falling(distance, reach, 2.2 * reach) * falling(lighter, 28, 45) * falling(darker, 0.55 * dominant[0] + 4, 0.78 * dominant[0] + 8)
    )
    return np.asarray(weight, np.float32)


def takes_dye(lab: Lab, dominant: Lab) -> Field:
    """How much of each colour of Lab [..., 3] moves when the dominant one does, 0 to 1: float32 [...]."""
    like, dyed = likeness(lab, dominant), dyedness(dominant)
    if not dyed:
        return like
    weight: Field = (like + dyed * (dye_share(lab, dominant) - like)).astype(np.float32)
    return weight


def dye_share(lab: Lab, dominant: Lab) -> Field:
    """The share of a cloth's dye in colours Lab [..., 3] of its pattern, 0 to 1: float32 [...]; none of a grey cloth's."""
    if float(chroma(dominant)) < LEAST_DYE:
        return np.zeros(lab.shape[:-1], np.float32)
    share: Field = _share(lab, dominant).clip(0, 1) * _of_hue(lab, dominant)
    return share


def redyed(lab: Lab, shift: Shift) -> Lab:
    """The colours Lab [..., 3] after the shift: float32 [..., 3] within sRGB; what is not of the cloth keeps its own."""
    dyed = dyedness(shift.dominant)
    moved = np.zeros_like(lab)
    if dyed < 1:
        weight = likeness(lab, shift.dominant)[..., None]
        moved += (1 - dyed) * (lab + weight * (_as_grey(lab, shift) - lab))
    if dyed > 0:
        moved += dyed * _as_dyed(lab, shift)
    return within(moved.astype(np.float32))


def dyedness(dominant: Lab) -> float:
    """0 for a grey cloth, 1 for a chromatic one."""
    return float(np.clip((float(chroma(dominant)) - GREY) / (CHROMATIC - GREY), 0, 1))


def shift_to(target: Lab, sample: Lab, lightness: float = 1.0) -> Shift:
    """The shift of a cloth Lab [n, 3] whose result has the target as its median. Shade and the limits of sRGB reduce chroma on one side
    only, so the aim is corrected by the error of the median."""
    dominant = dominant_colour(sample)
    alike = sample[takes_dye(sample, dominant) > 0.5]
    if not len(alike):
        return Shift(dominant, target, float(dominant[0]), float(dominant[0]))
    dominant = np.median(alike, 0).astype(np.float32)
    low, high = np.percentile(alike[:, 0], (2, 98)).tolist()
    goal = target.copy()
    goal[0] = dominant[0] + lightness * (np.clip(target[0], DARKEST, LIGHTEST) - dominant[0])
    goal = aim = within(goal)
    for _ in range(3):
        error = goal - np.median(redyed(alike, Shift(dominant, aim, low, high)), 0)
        aim = aim + np.clip(error, -6, 6).astype(np.float32)
    return Shift(dominant, aim, low, high)


def curve(lightness: NDArray[np.float32], shift: Shift) -> NDArray[np.float32]:
    """Monotone, through (dominant, target); flatter outside the product's usual range, more so for larger moves in that direction: light
    pixels of a black product are edges or highlights, and must not become white fringes of a pink one."""
    start, end = float(shift.dominant[0]), float(shift.target[0])
    shade = min(1.0, max(0.7, (end + 16) / (start + 16)))  # equal light on both: L + 16 is proportional to its cube root
    down = min(shade, max(0.15, end - FLOOR) / max(1.0, start - shift.low))
    up = min(shade, max(0.15, CEILING - end) / max(1.0, shift.high - start))
    far = min(1.0, abs(end - start) / 30)
    usual = np.clip(lightness, shift.low, shift.high)
    beyond = (lightness - usual) * np.where(lightness < start, 1 - 0.75 * far * (end < start), 1 - 0.75 * far * (end > start))
    offset = usual - start + beyond
    return np.clip(end + offset * np.where(offset < 0, down, up), 0, 100).astype(np.float32)


def shaded(lightness: NDArray[np.float32], colour: Lab) -> NDArray[np.float32]:
    """The chroma [..., 2] of a colour at other lightnesses: less in shade, equal in light."""
    share = np.clip(lightness / max(5.0, float(colour[0])), 0, 1)
    chromatic: NDArray[np.float32] = share[..., None] * colour[1:]
    return chromatic


def falling(x: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    """1 up to `start`, 0 from `end`, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(1 - t * t * (3 - 2 * t), np.float32)


def _as_grey(lab: Lab, shift: Shift) -> Lab:
    """The new colour of colours that are like a dominant one with little chroma: its residual stays."""
    source, target = shift.dominant, shift.target
    lightness = curve(lab[..., 0], shift)
    residual = lab[..., 1:] - shaded(lab[..., 0], source)
    weight = min(1.0, (10 + float(chroma(target))) / (10 + float(chroma(source))))  # so that a product that becomes grey keeps no tint
    return np.concatenate([lightness[..., None], shaded(lightness, target) + weight * residual], -1)


def _as_dyed(lab: Lab, shift: Shift) -> Lab:
    """The new colour of all colours beside a chromatic cloth: each moves by its share of the dye."""
    source, target = shift.dominant, shift.target
    share, of_hue = _share(lab, source)[..., None], _of_hue(lab, source)[..., None]
    lightness = lab[..., :1] + share.clip(0, 1) * of_hue * (curve(lab[..., 0], shift)[..., None] - lab[..., :1])
    old, new = share * shaded(lab[..., 0], source), share * shaded(lightness[..., 0], target)
    weight = min(1.0, (10 + float(chroma(target))) / (10 + float(chroma(source))))
    residual = lab[..., 1:] - old
    changed = new + residual * (1 + (weight - 1) * share.clip(0, 1))
    return np.concatenate([lightness, lab[..., 1:] + of_hue * (changed - lab[..., 1:])], -1)


def _share(lab: Lab, dominant: Lab) -> NDArray[np.float32]:
    """The share of the dye [...] in each colour, 0 to 1.4."""
    along, _ = _parts(lab, dominant)
    full = np.hypot(*np.moveaxis(shaded(lab[..., 0], dominant), -1, 0))
    noise = NOISE * (1 - full / float(chroma(dominant))) + 1e-3
    share: NDArray[np.float32] = np.clip((along + noise) / (full + noise), 0, 1.4)
    return share


def _parts(lab: Lab, dominant: Lab) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The chroma of each colour along the dominant one's hue, and across it, [...]."""
    unit = dominant[1:] / max(1e-3, float(chroma(dominant)))
    return lab[..., 1] * unit[0] + lab[..., 2] * unit[1], lab[..., 2] * unit[0] - lab[..., 1] * unit[1]


def _of_hue(lab: Lab, dominant: Lab) -> NDArray[np.float32]:
    """1 where a colour has the hue of the dominant one (within 14 degrees and noise) or is like it in other light, 0 where it has another
    hue (from 24 degrees on)."""
    along, across = _parts(lab, dominant)
    reach = 4 + 0.25 * np.maximum(along, 0)
    near: NDArray[np.float32] = np.asarray(np.abs(across) / reach, np.float32)
    return np.maximum(falling(near, 1, 1.8), likeness(lab, dominant))


def bend(depth: float) -> float:
    """How far in chroma light bends the hue of a vivid colour of this chroma: lines of one hue are curved in Lab, most of all for blue."""
    return 0.2 * max(0.0, depth - 40)
