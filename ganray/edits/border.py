"""The product before a plain background, by the colour of the picture's border.

The background is a quadratic surface in x and y for each channel, fitted to the border. Pixels near it and connected with the border are
background; so are holes of the product, where that is certain (`holes.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from ganray.edits.filters import Field, fitted, highest_around
from ganray.edits.holes import Enclosed, enclosed_ground
from ganray.edits.photo import Alpha
from ganray.images.channels import length
from ganray.images.codec import Pixels
from ganray.images.components import Mask, reached

WORKING = 320  # longest side, in pixels, at which plain backgrounds are modelled and edges refined
RING = 0.03  # width of the border that models the background, as a share of the shorter side
PLAIN_NOISE = 7.0  # levels of 255: largest noise of a plain background around a smooth surface
STUDIO_NOISE = 2.4  # levels: studio grounds have .2 - 2.0, sellers' plain floors and walls 2.6 and more (LOG.md)
PLAIN_SHARE = 0.85  # of the border's pixels that must fit the surface; the rest may be a product that is cut off
BESIDE = 4  # pixels of the working size within which an edge changes what is beside it


@dataclass(frozen=True)
class PlainGround:
    """A plain background at the working size: the picture and the background's colour at each pixel, float32 [h, w, 3] in levels, the
    standard deviation of the border around it, and what is known to be its shadows [h, w] (`shadows.py`)."""

    picture: Field
    surface: Field
    noise: float
    shadows: Mask | None = None

    @cached_property
    def distance(self) -> Field:
        """How far each pixel is from the background's colour, in levels: [h, w]."""
        distance: Field = length(self.picture - self.surface).astype(np.float32)
        return distance

    @cached_property
    def contrast(self) -> Field:
        """The largest distance of what is beside each pixel: [h, w], to two levels."""
        levels = np.minimum(self.distance / 2, 255).astype(np.uint8)
        return 2 * highest_around(levels, BESIDE).astype(np.float32)

    @property
    def of_studio(self) -> bool:
        """Whether it is as smooth as a studio's, which has no creases and no lines between boards."""
        return self.noise <= STUDIO_NOISE

    @property
    def low(self) -> float:
        """Levels within which a pixel is certainly background; up to twice as many it may be."""
        return max(4.0, 3 * self.noise)

    @cached_property
    def background(self) -> Mask:
        """What is connected with the picture's border, its shadows too."""
        alike = self.distance < 2 * self.low
        return reached(alike if self.shadows is None else alike | self.shadows)

    @cached_property
    def enclosed(self) -> Enclosed:
        """Ground that the product encloses."""
        return enclosed_ground(self.picture, self.surface, self.background, self.noise, 2 * self.low)

    @cached_property
    def matte(self) -> Alpha:
        """What differs from the background [h, w]."""
        alpha = np.clip((self.distance - self.low) / (2 * self.low), 0, 1)
        matte = np.where(self.background | self.enclosed.holes, alpha * 0.5, 1.0)
        return (matte if self.shadows is None else np.where(self.shadows, 0, matte)).astype(np.float32)


def plain_ground(pixels: Pixels) -> PlainGround | None:
    """The background of a photo uint8 [H, W, 3]; None where the border is not plain."""
    small = small_picture(pixels)
    height, width = small.shape[:2]
    ring = max(2, round(RING * min(height, width)))
    edge = np.ones((height, width), bool)
    edge[ring:-ring, ring:-ring] = False
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], -1).astype(np.float32)
    known, colours = terms[edge], small[edge]
    kept = length(colours - np.median(colours, 0)) < 60
    for _ in range(4):
        if kept.mean() < 0.5:
            return None
        surface = np.linalg.lstsq(known[kept], colours[kept], rcond=None)[0]
        distance = length(colours - known @ surface)
        kept = distance < max(3 * PLAIN_NOISE, 2.5 * float(np.median(distance)))
    noise = float(np.sqrt((distance[kept] ** 2).mean() / 3))
    if noise > PLAIN_NOISE or kept.mean() < PLAIN_SHARE:
        return None
    return PlainGround(small, terms @ surface, noise)


def border_matte(pixels: Pixels) -> Alpha | None:
    """The matte of what differs from a smooth, plain background, at the working size; None where the border is not plain."""
    ground = plain_ground(pixels)
    return None if ground is None else ground.matte


def small_picture(pixels: Pixels) -> Field:
    """The picture as float32 levels, its longer side WORKING at most."""
    image, size = Image.fromarray(pixels), fitted((pixels.shape[0], pixels.shape[1]), WORKING)
    return np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BOX), np.float32)
