"""A picture of any size through a network of one size: in tiles that overlap, of which only what has seen its whole neighbourhood is kept.

Nothing is blended, so nothing can leave a seam: where `halo` is at least the network's receptive field, a tile's kept part is what the
network would have made of the whole picture. Tiles lie on a fixed grid from the upper left corner, `size - 2 halo` apart; for a network
that works at a coarser scale inside, choose `halo` so that this is a multiple of its stride, and every tile is cut alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.edits.edit import Network
from ganray.edits.filters import Field

TOGETHER = 8  # tiles a call: memory is bounded by this, and the bits do not depend on it


def through(pixels: Field, network: Network, scale: int = 1, halo: int = 16) -> Field:
    """Float32 [H, W, C] -> [scale H, scale W, C'] by a network that makes [N, C', scale size, scale size] of [N, C, size, size].

    Outside the picture lies its mirror image. Raises ValueError where `halo` leaves nothing of a tile, or the network's answer is not
    `scale` times as large as what it was asked.
    """
    size, core = network.size, network.size - 2 * halo
    if core < 1 or halo < 0:
        raise ValueError(f"a halo of {halo} leaves nothing of tiles of {size} px: choose 0 to {(size - 1) // 2}")
    rows, columns = _starts(pixels.shape[0], core), _starts(pixels.shape[1], core)
    high, wide = _mirrored(pixels.shape[0], core, halo), _mirrored(pixels.shape[1], core, halo)
    places = [(top, left) for top in rows for left in columns]
    result: Field | None = None
    for start in range(0, len(places), TOGETHER):
        here = places[start : start + TOGETHER]
        tiles = np.stack([pixels[high[top : top + size, None], wide[left : left + size]] for top, left in here])
        answers = network(np.ascontiguousarray(tiles.transpose(0, 3, 1, 2), np.float32))
        if answers.shape[2:] != (scale * size, scale * size):
            raise ValueError(f"the network made {answers.shape[2:]} of {size} px, not {scale} times as much")
        if result is None:
            result = np.empty((scale * pixels.shape[0], scale * pixels.shape[1], answers.shape[1]), np.float32)
        for (top, left), answer in zip(here, answers, strict=True):
            kept = answer[:, scale * halo : scale * (halo + core), scale * halo : scale * (halo + core)].transpose(1, 2, 0)
            place = result[scale * top : scale * (top + core), scale * left : scale * (left + core)]
            place[:] = kept[: place.shape[0], : place.shape[1]]
    assert result is not None
    return result


def _starts(length: int, core: int) -> range:
    return range(0, length, core)


def _mirrored(length: int, core: int, halo: int) -> NDArray[np.intp]:
    """Which row (column) of the picture lies at each place of the grid, `halo` before its first tile to `halo` behind its last one."""
    behind = -length % core + halo
    return np.pad(np.arange(length), (halo, behind), mode="reflect" if length > 1 else "edge")
