"""Runs a network with a fixed input size on a picture of any size: in overlapping tiles, of which only the inner part is kept.

There are no seams without blending: if `halo` is at least the network's receptive field, the inner part of a tile is what the network
would give for the whole picture. Tiles lie on a fixed grid from the upper left corner, `size - 2 halo` apart; for a network
that works at a coarser scale inside, choose `halo` so that this is a multiple of its stride.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.edits.edit import Network
from ganray.edits.filters import Field

TILES_PER_CALL = 8  # tiles in one call: limits the memory; the bits do not depend on it


def through(pixels: Field, network: Network, scale: int = 1, halo: int = 16) -> Field:
    """Float32 [H, W, C] -> [scale H, scale W, C'] by a network that makes [N, C', scale size, scale size] of [N, C, size, size].

    The picture is padded by reflection. Raises ValueError if `halo` leaves nothing of a tile, or if the network's answer is not `scale`
    times as large as its input.
    """
    size, core = network.size, network.size - 2 * halo
    if core < 1 or halo < 0:
        raise ValueError(f"a halo of {halo} leaves nothing of tiles of {size} px: choose 0 to {(size - 1) // 2}")
    rows, columns = _starts(pixels.shape[0], core), _starts(pixels.shape[1], core)
    high, wide = _mirrored(pixels.shape[0], core, halo), _mirrored(pixels.shape[1], core, halo)
    places = [(top, left) for top in rows for left in columns]
    result: Field | None = None
    for start in range(0, len(places), TILES_PER_CALL):
        batch = places[start : start + TILES_PER_CALL]
        tiles = np.stack([pixels[high[top : top + size, None], wide[left : left + size]] for top, left in batch])
        answers = network(np.ascontiguousarray(tiles.transpose(0, 3, 1, 2), np.float32))
        if answers.shape[2:] != (scale * size, scale * size):
            raise ValueError(f"the network returned {answers.shape[2:]} for {size} px, not {scale} times as much")
        if result is None:
            result = np.empty((scale * pixels.shape[0], scale * pixels.shape[1], answers.shape[1]), np.float32)
        for (top, left), answer in zip(batch, answers, strict=True):
            inner = answer[:, scale * halo : scale * (halo + core), scale * halo : scale * (halo + core)].transpose(1, 2, 0)
            place = result[scale * top : scale * (top + core), scale * left : scale * (left + core)]
            place[:] = inner[: place.shape[0], : place.shape[1]]
    assert result is not None
    return result


def _starts(length: int, core: int) -> range:
    return range(0, length, core)


def _mirrored(length: int, core: int, halo: int) -> NDArray[np.intp]:
    """The row (column) of the picture at each position of the grid, from `halo` before the first tile to `halo` after the last one."""
    behind = -length % core + halo
    return np.pad(np.arange(length), (halo, behind), mode="reflect" if length > 1 else "edge")
