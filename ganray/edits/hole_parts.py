"""The components of a mask, and which of them are filled together: those that one would see in the window around another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ganray.images.components import Mask, cells, numbered

GRID = 256  # cells of a picture's longer side; what lies in one cell is connected
MARGIN, MIN_MARGIN = 1.0, 48  # of a window around a hole: share of its longer side, and pixels
Places = NDArray[np.intp]


class Box(NamedTuple):
    """Rows `top` to `bottom` and columns `left` to `right`, without the last ones."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """To index a picture."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def grown(self, margin: int, size: tuple[int, int]) -> Box:
        """With a margin, inside a frame of `size` (height, width)."""
        bottom, right = min(self.bottom + margin, size[0]), min(self.right + margin, size[1])
        return Box(max(self.top - margin, 0), max(self.left - margin, 0), bottom, right)

    def meets(self, other: Box) -> bool:
        """Whether they overlap."""
        return self.top < other.bottom and other.top < self.bottom and self.left < other.right and other.left < self.right


@dataclass(frozen=True)
class Part:
    """A component of a mask: the rows and columns of its pixels [n], in the order of `np.nonzero`, and their box."""

    rows: Places
    columns: Places
    box: Box

    def mask(self, box: Box) -> Mask:
        """Its pixels in a box around it."""
        mask = np.zeros(box.shape, bool)
        mask[self.rows - box.top, self.columns - box.left] = True
        return mask


class Cluster(NamedTuple):
    """Parts that are filled together, and the window that is looked at."""

    parts: tuple[Part, ...]
    window: Box


def parts_of(mask: Mask) -> Iterator[Part]:
    """The components of a mask [H, W], from the top. The work is that of their boxes."""
    counts, side = cells(mask, GRID)
    numbers = numbered(counts > 0, corners=False)
    taken = np.flatnonzero(numbers)
    order = taken[np.argsort(numbers.ravel()[taken], kind="stable")]
    for places in np.split(order, np.flatnonzero(np.diff(numbers.ravel()[order])) + 1):
        rows, columns = np.divmod(places, numbers.shape[1])
        top, left = int(rows.min()), int(columns.min())
        inner = numbers[top : int(rows.max()) + 1, left : int(columns.max()) + 1] == numbers[rows[0], columns[0]]
        region = mask[top * side : (top + inner.shape[0]) * side, left * side : (left + inner.shape[1]) * side]
        at, to = np.nonzero(inner.repeat(side, 0).repeat(side, 1)[: region.shape[0], : region.shape[1]] & region)
        at, to = at + top * side, to + left * side
        yield Part(at, to, Box(int(at.min()), int(to.min()), int(at.max()) + 1, int(to.max()) + 1))


def clusters(parts: Sequence[Part], size: tuple[int, int]) -> list[Cluster]:
    """Parts whose pixels lie in each other's window, together, in a frame of `size` (height, width)."""
    found: list[Cluster] = []
    for part in parts:
        cluster = _cluster((part,), size)
        while others := [other for other in found if _seen(cluster, other) or _seen(other, cluster)]:
            found = [other for other in found if not any(other is one for one in others)]
            cluster = _cluster(sum((other.parts for other in others), cluster.parts), size)
        found.append(cluster)
    return found


def _cluster(parts: tuple[Part, ...], size: tuple[int, int]) -> Cluster:
    boxes = np.array([part.box for part in parts])
    box = Box(*boxes[:, :2].min(0).tolist(), *boxes[:, 2:].max(0).tolist())
    return Cluster(parts, box.grown(max(MIN_MARGIN, round(MARGIN * max(max(part.box.shape) for part in parts))), size))


def _seen(cluster: Cluster, other: Cluster) -> bool:
    """Whether a part of the other cluster lies in this one's window."""
    return any(cluster.window.meets(part.box) for part in other.parts)
