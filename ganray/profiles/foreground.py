"""The product in front of a plain background, in parts, as the rules about content need it.

The background is a quadratic surface through the picture's border. What is connected with the border and near that surface is background;
so are soft grey shadows, into which one comes from there without crossing an edge. The code shares nothing with that of the edits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.images.channels import largest, least
from ganray.images.codec import Pixels
from ganray.images.components import Mask, Numbers, numbered, reached

SIDE = 512  # longest side in pixels at which content is measured
RING = 0.02  # width of the border that models the background, as a share of the shorter side
PLAIN_NOISE, PLAIN_SHARE = 5.0, 0.45  # levels around the surface, and the share of the border that must be near it
BENT_SHARE = 0.75  # of the border that must be background for a surface that is bent; else it is of one colour
WHITE, WHITE_SHARE = 245, 0.25  # a border of which so much is this bright has a white background, whatever crosses the rest
OFF = 12.0  # levels: a smaller difference from the background is background
SHADOW, TINT, SMOOTH = 110.0, 8.0, 6.0  # levels of a shadow: at most so dark, so coloured, and so steep from pixel to pixel
SPECK = 12  # pixels: smaller parts are dirt

Floats = NDArray[np.float32]
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Part:
    """A connected part of the product: its number in `labels`, its pixels and its box (left, top, right, bottom)."""

    number: int
    area: int
    box: Box

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]

    @property
    def centre(self) -> tuple[float, float]:
        """Of the box: x, y."""
        return (self.box[0] + self.box[2]) / 2, (self.box[1] + self.box[3]) / 2


@dataclass(frozen=True)
class Foreground:
    """A picture at the working size: `small` float32 [h, w, 3] in levels; the background's `surface` alike, None where it is not plain;
    `off` [h, w] is the largest difference of a channel from it, `shape` what is not background, shadows left out."""

    small: Floats
    surface: Floats | None
    off: Floats
    shape: Mask

    @property
    def plain(self) -> bool:
        """Whether there is a plain background, so that the product is known."""
        return self.surface is not None

    @cached_property
    def labelled(self) -> tuple[Numbers, tuple[Part, ...]]:
        """The numbered pixels [h, w] and the parts, the largest first."""
        labels = numbered(self.shape)
        num = int(labels.max(initial=0))
        areas = np.bincount(labels.ravel(), minlength=num + 1)
        y, x = np.nonzero(labels)
        number = labels[y, x]
        low, high = np.full((2, num + 1), max(labels.shape)), np.zeros((2, num + 1), np.int64)
        for axis, place in enumerate((x, y)):
            np.minimum.at(low[axis], number, place)
            np.maximum.at(high[axis], number, place)
        order = [int(each) for each in np.argsort(-areas[1:], kind="stable") + 1 if areas[each] >= SPECK]
        parts = [
            Part(each, int(areas[each]), (int(low[0, each]), int(low[1, each]), int(high[0, each]) + 1, int(high[1, each]) + 1))
            for each in order
        ]
        return labels, tuple(parts)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The product's parts, the largest first."""
        return self.labelled[1]

    def mask_of(self, part: Part) -> Mask:
        """The pixels [h, w] of a part."""
        mine: Mask = self.labelled[0] == part.number
        return mine

    @cached_property
    def steepness(self) -> Floats:
        """The largest difference of a channel from a neighbour [h, w], in levels."""
        return steepness(self.small)


def foreground(pixels: Pixels) -> Foreground:
    """The product of a picture uint8 [H, W, 3]."""
    small = reduced(pixels, SIDE)
    surface, noise = _surface(small)
    if surface is None:
        none = np.zeros(small.shape[:2], np.float32)
        return Foreground(small, None, none, none > 0)
    darker = surface - small
    off: Floats = largest(np.abs(darker))
    ground = off <= max(OFF, 4 * noise)
    low = least(darker)
    grey = (low > 0) & (largest(darker) - low <= TINT + 0.1 * off) & (off <= SHADOW)
    behind = reached(ground | (grey & (steepness(small) <= SMOOTH)))
    return Foreground(small, surface, off, ~behind)


def reduced(pixels: Pixels, side: int) -> Floats:
    """A picture uint8 [H, W, 3] with its longer side at most `side`, as float32 levels."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return pixels.astype(np.float32)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX), np.float32)


def steepness(small: Floats) -> Floats:
    """The largest difference of a channel of [h, w, 3] from the pixel to the left, right, above or below: [h, w]."""
    steep = np.zeros(small.shape[:2], np.float32)
    for axis in (0, 1):
        step = largest(np.abs(np.diff(small, axis=axis)))
        before, after = (slice(None, -1), slice(1, None)) if axis == 0 else ((slice(None), slice(None, -1)), (slice(None), slice(1, None)))
        steep[before], steep[after] = np.maximum(steep[before], step), np.maximum(steep[after], step)
    return steep


def _surface(small: Floats) -> tuple[Floats | None, float]:
    """The quadratic surface through a plain border [h, w, 3] and the border's standard deviation around it; None where it is not plain."""
    height, width = small.shape[:2]
    if min(height, width) < 8:
        return None, 0.0
    ring = max(2, round(RING * min(height, width)))
    edge = np.ones((height, width), bool)
    edge[ring:-ring, ring:-ring] = False
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], -1).astype(np.float32)
    known, colours = terms[edge], small[edge]
    bright = least(colours) >= WHITE
    kept = bright if bright.mean() >= WHITE_SHARE else largest(np.abs(colours - np.median(colours, 0))) < 40
    distance = np.zeros(len(colours), np.float32)
    for _ in range(4):
        if kept.mean() < PLAIN_SHARE * (0.6 if bright.mean() >= WHITE_SHARE else 1.0):
            return None, 0.0
        used = 6 if kept.mean() >= BENT_SHARE else 1
        factors = np.linalg.lstsq(known[kept, :used], colours[kept], rcond=None)[0]
        distance = largest(np.abs(colours - known[:, :used] @ factors))
        kept = distance < max(PLAIN_NOISE, 2.5 * float(np.median(distance[kept])))
    noise = float(np.sqrt((distance[kept] ** 2).mean()))
    if noise > PLAIN_NOISE or not kept.any():
        return None, 0.0
    surface: Floats = np.clip(terms[..., :used] @ factors, 0, 255)
    return surface, noise
