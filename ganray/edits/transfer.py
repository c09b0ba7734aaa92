"""Exemplar filling at any size: the search works on a reduced picture, and its moves copy the pixels of the full one.

A picture is reduced by a whole number, so that it and its hole stay within bounds and a photo of 50 megapixels takes no longer than one of
half a megapixel. Each full pixel takes what the four reduced pixels around it copy, mixed by its distance to them: where they move
together, which is nearly everywhere, this is a plain copy; where they part, the seam is as wide as a reduced pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ganray.edits.filters import Field
from ganray.edits.surface import Surface
from ganray.images.codec import Pixels
from ganray.images.components import Mask

MOST_SEARCHED = 300_000  # pixels of a reduced picture
MOST_FILLED = 70_000  # pixels of its hole
Places = NDArray[np.intp]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True)
class Copies:
    """Where the pixels of a hole come from: `sources` [h, w] (row * 2 w + column, columns from w on are those of the mirror image) of a
    picture that is reduced by `factor`, and which of its pixels are in the hole. Ground that is copied follows its `surface`, if given."""

    sources: Places
    hole: Mask
    factor: int
    surface: Surface | None = None

    def of(self, picture: Pixels, unknown: Mask, rows: Places, columns: Places) -> Field:
        """The colours float32 [n, 3] that these pixels of the full picture [H, W, 3] take."""
        total, weight = np.zeros((len(rows), 3), np.float32), np.zeros(len(rows), np.float32)
        (top, down), (left, right) = _cells(rows, self.factor), _cells(columns, self.factor)
        for beside in (0, 1):
            for below in (0, 1):
                share = (down if below else 1 - down) * (right if beside else 1 - right)
                row = np.clip(top + below, 0, self.hole.shape[0] - 1)
                column = np.clip(left + beside, 0, self.hole.shape[1] - 1)
                at, to = self._moved(row, column, rows, columns, unknown.shape)
                share *= self.hole[row, column] & ~unknown[at, to]
                if not share.any():
                    continue
                source: Field = picture[at, to].astype(np.float32)
                if self.surface is not None:
                    source = self.surface.carried(source, (at, to), (rows, columns))[0]
                total += share[:, None] * source
                weight += share
        total /= np.maximum(weight, np.float32(1e-6))[:, None]
        return total

    def _moved(self, row: Places, column: Places, rows: Places, columns: Places, size: tuple[int, ...]) -> tuple[Places, Places]:
        """The full pixels that are to (rows, columns) as the source of a reduced pixel is to that one."""
        width, factor = self.hole.shape[1], self.factor
        at, to = np.divmod(self.sources[row, column], 2 * width)
        inner = columns - column * factor
        across = np.where(to < width, to * factor + inner, (2 * width - 1 - to) * factor + factor - 1 - inner)
        return np.clip(at * factor + rows - row * factor, 0, size[0] - 1), np.clip(across, 0, size[1] - 1)


def reduction(hole: Mask) -> int:
    """The factor by which a picture with this hole [H, W] is reduced for the search."""
    factor, filled = 1, int(hole.sum())
    while hole.size > MOST_SEARCHED * factor**2 or filled > MOST_FILLED * factor**2:
        factor += 1
    return factor


def reduced(picture: Pixels, hole: Mask, factor: int) -> Pixels:
    """Means of the known pixels of squares of `factor` pixels, uint8 [h, w, 3]."""
    if factor == 1:
        return picture
    known = ~_squares(hole, factor)
    count = np.maximum(known.sum((1, 3)), 1)
    means = np.empty((*count.shape, 3), np.uint8)
    for channel in range(3):
        means[..., channel] = ((_squares(picture[..., channel], factor) * known).sum((1, 3), dtype=np.int64) + count // 2) // count
    return means


def covered(mask: Mask, factor: int) -> Mask:
    """Which squares of `factor` pixels have one of the mask [H, W]: [h, w]."""
    return np.asarray(_squares(mask, factor).any((1, 3)))


def _squares(x: NDArray[T], factor: int) -> NDArray[T]:
    """[H, W], the last rows and columns repeated, as [h, factor, w, factor]."""
    wide = np.pad(x, ((0, -x.shape[0] % factor), (0, -x.shape[1] % factor)), "edge")
    return wide.reshape(wide.shape[0] // factor, factor, wide.shape[1] // factor, factor)


def _cells(places: Places, factor: int) -> tuple[Places, Field]:
    """The reduced row (column) before each row (column), and how far the next one counts."""
    position = (places + 0.5) / factor - 0.5
    before = np.floor(position).astype(np.intp)
    return before, (position - before).astype(np.float32)
