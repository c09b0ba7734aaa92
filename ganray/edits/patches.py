"""Nearest patches: for every patch that a hole touches, the most similar one that is wholly known, and the picture that they vote for.

The search is PatchMatch (Barnes et al. 2009, section 3) with all patches at once: each takes over what its neighbours found, then tries
random places around what it has. Distances are sums of squares of integers below 2**24, exact in float32 in any order, so that the same
photo gives the same bytes on any processor. The random numbers are the same for every photo.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ganray.images.codec import Pixels
from ganray.images.components import Mask

SIDE = 7  # of a patch, in pixels
NUMBERS = 3 * SIDE * SIDE  # of a patch
CHUNK = 2048  # patches that are compared at once: their floats fit into a core's cache
NEIGHBOURS = ((0, -1), (-1, 0), (0, 1), (1, 0))
SIMILAR = np.array([round(4096 * math.exp(-step / 16)) + 1 for step in range(129)], np.float32)  # exp(-x) in sixteenths of x up to 8
Places = NDArray[np.intp]  # upper left corners of patches: row * columns + column of the grid of all patches
Costs = NDArray[np.float32]


@dataclass(frozen=True)
class Library:
    """Every patch of a picture, uint8 [G, NUMBERS] on a grid of `columns`. `usable` [G] flags those that may be copied, `known` are their
    places, and `means` [G, 3] the colours around them, which are compared too, `pull` times as much as a patch's own."""

    rows: NDArray[np.uint8]
    columns: int
    usable: Mask
    known: Places
    means: Costs
    pull: float

    def costs(self, wanted: Costs, around: Costs, sources: Places) -> Costs:
        """The squared distances of patches float32 [n, NUMBERS] in a surrounding `around` [n, 3] to the patches at `sources` [n]."""
        costs = np.empty(len(sources), np.float32)
        for start in range(0, len(sources), CHUNK):
            part = slice(start, start + CHUNK)
            difference = wanted[part] - self.rows[sources[part]].astype(np.float32)
            costs[part] = np.einsum("ij,ij->i", difference, difference)
        if self.pull:
            apart = around - self.means[sources]
            apart *= apart
            costs += np.float32(self.pull * NUMBERS / 3) * (apart[:, 0] + apart[:, 1] + apart[:, 2])
        return costs


@dataclass
class Matches:
    """Of every patch that a hole touches: its place, what it shows (float32 [N, NUMBERS]) and the colour around it [N, 3], the place of the
    best source so far, and its cost. `number` [G] is a patch's position in these lists, or -1."""

    places: Places
    wanted: Costs
    around: Costs
    sources: Places
    costs: Costs
    number: NDArray[np.int32]

    def offer(self, library: Library, offered: Places, valid: Mask) -> None:
        """Take the offered source of each patch where it is valid, may be copied and costs less."""
        offered = np.clip(offered, 0, len(library.usable) - 1)
        chosen = np.flatnonzero(valid & library.usable[offered] & (offered != self.sources))
        costs = library.costs(self.wanted[chosen], self.around[chosen], offered[chosen])
        better = costs < self.costs[chosen]
        self.sources[chosen[better]] = offered[chosen[better]]
        self.costs[chosen[better]] = costs[better]


def patches_of(picture: Pixels) -> NDArray[np.uint8]:
    """Uint8 [H, W, 3] -> every patch, [(H - SIDE + 1) * (W - SIDE + 1), NUMBERS]."""
    windows = sliding_window_view(picture, (SIDE, SIDE), axis=(0, 1))
    return np.ascontiguousarray(windows.transpose(0, 1, 3, 4, 2)).reshape(-1, NUMBERS)


def patches_at(picture: Pixels, rows: Places, columns: Places) -> NDArray[np.uint8]:
    """The patches of uint8 [H, W, 3] with these upper left corners, [n, NUMBERS]."""
    width = picture.shape[1]
    offsets = (np.arange(SIDE)[:, None] * width + np.arange(SIDE)).ravel()
    found: NDArray[np.uint8] = picture.reshape(-1, 3)[(rows * width + columns)[:, None] + offsets].reshape(-1, NUMBERS)
    return found


def pixels_in(mask: Mask) -> NDArray[np.int32]:
    """How many pixels of the mask [H, W] each patch has: [H - SIDE + 1, W - SIDE + 1]."""
    total = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int32)
    total[1:, 1:] = mask.cumsum(0, dtype=np.int32).cumsum(1, dtype=np.int32)
    counts: NDArray[np.int32] = total[SIDE:, SIDE:] - total[:-SIDE, SIDE:] - total[SIDE:, :-SIDE] + total[:-SIDE, :-SIDE]
    return counts


def propagate(matches: Matches, library: Library, step: int) -> None:
    """Offer to each patch what its neighbours `step` pixels away have found, moved by as much."""
    for down, right in NEIGHBOURS:
        move = step * (down * library.columns + right)
        beside = matches.number[np.clip(matches.places + move, 0, len(matches.number) - 1)]
        matches.offer(library, matches.sources[beside] - move, beside >= 0)


def explore(matches: Matches, library: Library, rng: np.random.Generator, radius: int) -> None:
    """Offer to each patch a random place within `radius` pixels of what it has; 0: any."""
    num, columns = len(matches.places), library.columns
    if radius == 0:
        matches.offer(library, library.known[rng.integers(0, len(library.known), num)], np.ones(num, bool))
        return
    move = rng.integers(-radius, radius + 1, (2, num))
    across = matches.sources % columns + move[1]
    matches.offer(library, matches.sources + move[0] * columns + move[1], (across >= 0) & (across < columns))


def find_all(matches: Matches, library: Library) -> None:
    """The best of all sources for each patch: for small pictures. Centred numbers keep the products exact in float32."""
    rows = library.rows[library.known].astype(np.float32) - 128
    squares = np.einsum("ij,ij->i", rows, rows)
    for start in range(0, len(matches.places), 256):
        part = slice(start, start + 256)
        wanted = matches.wanted[part] - 128
        scores = squares - 2 * (wanted @ rows.T)
        if library.pull:
            for channel in range(3):
                apart = matches.around[part, channel, None] - library.means[library.known, channel]
                scores += np.float32(library.pull * NUMBERS / 3) * apart * apart
        matches.sources[part] = library.known[scores.argmin(1)]
    matches.costs[:] = library.costs(matches.wanted, matches.around, matches.sources)
