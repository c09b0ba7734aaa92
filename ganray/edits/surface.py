"""Plain ground around a hole: a smooth surface in x and y for each channel, fitted to what is known (as border.py fits the frame's border).

A hole in plain ground is filled with the surface of its rim. Where a hole also covers a part of a product on plain ground, pixels that copy
ground take the surface's level and keep their own small deviation from it: white stays exactly white.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganray.edits.filters import Field
from ganray.edits.hole_parts import Part
from ganray.images.channels import largest
from ganray.images.codec import Pixels
from ganray.images.components import Mask, near

PLAIN = 2.4  # levels: largest standard deviation of plain ground around its surface
NEAR = 6.0  # levels: pixels that differ less from the surface are ground
BARE = 1.0  # levels: ground with less noise is filled without grain
GRAIN = 3.0  # levels: the most that copied ground keeps of its deviation
FIT = 20_000  # pixels that a surface is fitted to, at most
FEWEST = 24  # and at least
ROUNDS = 5
OTHER = 60.0  # levels: pixels that differ more from the median are something else
WHOLE, MAINLY = 0.98, 0.6  # shares that must fit: of a hole's rim, and of the picture's border, which a product may cross
RIM, RIM_SHARE, RIM_MOST = 5, 8, 40  # width of a rim: pixels, part of the hole's side, most pixels
RING, SAMPLED = 0.03, 800  # width of the border over the shorter side; rows and columns that are looked at
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Surface:
    """Quadratic in x and y, each -1..1 over a frame of `size` (height, width): coefficients float64 [6, 3], the standard deviation around
    it in levels, and the share of the pixels that fit. Pixels are counted from `origin` in units of `step`."""

    size: tuple[int, int]
    coefficients: NDArray[np.float64]
    noise: float
    share: float
    origin: tuple[int, int] = (0, 0)
    step: int = 1

    def within(self, top: int, left: int) -> Surface:
        """The same surface in the coordinates of a window of the frame."""
        return replace(self, origin=(top, left))

    def reduced(self, factor: int) -> Surface:
        """The same surface in the coordinates of squares of `factor` pixels."""
        return replace(self, step=factor * self.step)

    def over(self, size: tuple[int, ...]) -> Field:
        """The levels of a whole picture of this size, float32 [H, W, 3]."""
        rows, columns = np.indices(size)
        return self.at(rows.ravel(), columns.ravel()).reshape(*size, 3)

    def is_at(self, picture: Pixels) -> Mask:
        """Which pixels of uint8 [H, W, 3] are ground."""
        near_it: Mask = largest(np.abs(picture - self.over(picture.shape[:2]))) <= NEAR
        return near_it

    def at(self, rows: Places, columns: Places) -> Field:
        """Float32 [n, 3], levels at these pixels."""
        down, across = (origin + (places + 0.5) * self.step - 0.5 for origin, places in zip(self.origin, (rows, columns), strict=True))
        terms = _terms(self.size, down, across)
        values: Field = np.clip(terms @ self.coefficients, 0, 255).astype(np.float32)
        return values

    def carried(self, colours: Field, sources: tuple[Places, Places], places: tuple[Places, Places]) -> tuple[Field, Mask]:
        """Colours [n, 3] of `sources` (rows, columns) as they are at other places: ground follows the surface; and which are ground [n]."""
        apart = colours - self.at(*sources)
        is_ground: Mask = largest(np.abs(apart)) <= NEAR
        level = np.clip(np.clip(apart, -GRAIN, GRAIN) + self.at(*places), 0, 255)
        return np.where(is_ground[:, None], level, colours), is_ground


def fit(colours: Pixels, rows: Places, columns: Places, size: tuple[int, int], flat: bool = False) -> Surface | None:
    """The surface in a frame of `size` that most of the colours [n, 3] at these pixels lie on, a plane if `flat`; None for too few."""
    step = max(1, len(rows) // FIT)
    rows, columns, levels = rows[::step], columns[::step], colours[::step].astype(np.float64)
    if len(rows) < FEWEST:
        return None
    num = 3 if flat else 6
    terms, coefficients = _terms(size, rows, columns), np.zeros((6, 3))
    kept = largest(np.abs(levels - np.median(levels, 0))) < OTHER
    for _ in range(ROUNDS):
        if kept.sum() < max(FEWEST, 0.3 * len(rows)):
            return None
        coefficients[:num] = np.linalg.lstsq(terms[kept, :num], levels[kept], rcond=None)[0]
        apart = largest(np.abs(levels - terms @ coefficients))
        kept = apart < max(NEAR, 2.5 * float(np.median(apart)))
    noise = float(np.sqrt(((levels - terms @ coefficients)[kept] ** 2).mean()))
    return Surface(size, coefficients, noise, float(kept.mean()))


def rim_surface(pixels: Pixels, unknown: Mask, part: Part) -> Surface | None:
    """The surface on which the rim of a part of the unknown pixels [H, W] lies; None where it is not plain."""
    size = unknown.shape[0], unknown.shape[1]
    width = min(max(max(part.box.shape) // RIM_SHARE, RIM), RIM_MOST)
    box = part.box.grown(width, size)
    rim = near(part.mask(box), width) & ~unknown[box.slices]
    rows, columns = np.nonzero(rim)
    rows, columns = rows + box.top, columns + box.left
    at_border = box.shape != (part.box.bottom - part.box.top + 2 * width, part.box.right - part.box.left + 2 * width)
    surface = fit(pixels[rows, columns], rows, columns, size, at_border)
    return surface if surface is not None and surface.noise <= PLAIN and surface.share >= WHOLE else None


def frame_surface(pixels: Pixels, unknown: Mask) -> Surface | None:
    """The surface on which the known part of the picture's border lies; None where it is not plain."""
    height, width = unknown.shape
    ring, step = max(2, round(RING * min(height, width))), max(1, max(height, width) // SAMPLED)
    edge = np.zeros((height, width), bool)
    for part in (slice(None, ring), slice(-ring, None)):
        edge[part, ::step] = edge[::step, part] = True
    rows, columns = np.nonzero(edge & ~unknown)
    surface = fit(pixels[rows, columns], rows, columns, (height, width))
    return surface if surface is not None and surface.noise <= PLAIN and surface.share >= MAINLY else None


def _terms(size: tuple[int, int], rows: NDArray[Any], columns: NDArray[Any]) -> NDArray[np.float64]:
    y, x = (2 * place / max(length - 1, 1) - 1 for place, length in ((rows, size[0]), (columns, size[1])))
    terms: NDArray[np.float64] = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], -1)
    return terms
