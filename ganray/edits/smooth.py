"""Smooth fills of a hole: by its nearest pixels, or by diffusion at a network's size, which the network corrects (models/editor.py).

A network sees square windows around each component of a hole at its own size, a narrow one and a wide one. Its answers are enlarged to the
window, the difference at the rim is spread over the hole (a membrane: Perez et al. 2003, section 2), so that no edge remains where the fill
starts, and the mean is taken.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from ganray.edits.edit import Network
from ganray.edits.filters import Field, scaled
from ganray.edits.network import both_ways
from ganray.images.codec import Pixels
from ganray.images.components import Mask
from ganray.models.editor import diffused

WINDOW_RATIO = 2.0  # side of a window over that of its component
NETWORK_RATIOS = (2.0, 4.0)  # of a network's windows, whose side is at most the photo's longer one
MIN_WINDOW = 64  # smallest side of a window in pixels
SIZE = 128  # of a window without a network
SWEEPS = 60  # of averaging neighbours, at most
Places = NDArray[np.intp]
T = TypeVar("T", bound=np.generic)


def relaxed(picture: Pixels, unknown: Mask, rows: Places, columns: Places, depth: int) -> Field:
    """Each of these unknown pixels (in the order of `np.nonzero`) as the mean of its four neighbours: float32 [n, 3]. From the rim inwards
    first, `depth` pixels at most, then all of them 4 depth^2 times. Memory and time are those of the pixels, however long a scratch is.
    """
    height, width = unknown.shape
    flat, num = rows * width + columns, len(rows)
    beside = np.full((4, num), num, np.intp)  # the place of a neighbour in `values`: first the unknown ones, then nothing, then known ones
    known: list[Field] = [np.zeros((num + 1, 3), np.float32)]
    for side, (down, right) in enumerate(((-1, 0), (1, 0), (0, -1), (0, 1))):
        row, column = rows + down, columns + right
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
        place = np.minimum(np.searchsorted(flat, row * width + column), num - 1)
        among = inside & (flat[place] == row * width + column)
        beside[side][among] = place[among]
        seen = np.flatnonzero(inside & ~unknown[row, column])
        beside[side][seen] = sum(map(len, known)) + np.arange(len(seen))
        known.append(picture[row[seen], column[seen]].astype(np.float32))
    values = np.concatenate(known)
    ready = np.arange(len(values)) > num
    sweeps = min(SWEEPS, 4 * depth * depth)
    for sweep in range(2 * depth + 2 + sweeps):
        counted = ready[beside]
        count = counted.sum(0)
        if sweep > 2 * depth + 1 and not count.all():
            values[:num][count == 0] = np.rint(picture[~unknown].mean(0))
        total = (values[beside] * counted[..., None]).sum(0)
        changed = (count > 0) & (~ready[:num] | (sweep > 2 * depth + 1))
        values[:num][changed] = total[changed] / count[changed][:, None].astype(np.float32)
        ready[:num] |= count > 0
    return values[:num]


def smooth_fill(picture: Pixels, unknown: Mask, components: list[Mask], network: Network | None) -> Pixels:
    """The picture uint8 [H, W, 3] with the components of its unknown part filled in turn, by the network or by diffusion."""
    picture, unknown = picture.copy(), unknown.copy()
    height, width = unknown.shape
    ratios, most = (NETWORK_RATIOS, float(max(height, width))) if network else ((WINDOW_RATIO,), math.inf)
    for component in components:
        rows, columns = np.flatnonzero(component.any(1)), np.flatnonzero(component.any(0))
        length = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
        at, to = np.nonzero(component)
        fills: list[NDArray[np.int64]] = []
        for side in sorted({int(min(max(MIN_WINDOW, ratio * length), most)) for ratio in ratios}):
            top, left = _placed(rows, side, height), _placed(columns, side, width)
            filled = _filled(_taken(picture, top, left, side), _taken(unknown, top, left, side), network)
            fills.append(filled[at - top, to - left].astype(np.int64))
        picture[at, to] = (sum(fills) + len(fills) // 2) // len(fills)
        unknown[at, to] = False
    return picture


def _placed(places: Places, side: int, length: int) -> int:
    """The start of a window centred on these rows (columns), moved into the picture as far as possible."""
    start = int(places[0] + places[-1] + 1 - side) // 2
    return min(max(start, 0), length - side) if side <= length else (length - side) // 2


def _taken(x: NDArray[T], top: int, left: int, side: int) -> NDArray[T]:
    """The window of a picture or mask, whose border is repeated outside."""
    rows = np.arange(top, top + side).clip(0, x.shape[0] - 1)
    columns = np.arange(left, left + side).clip(0, x.shape[1] - 1)
    taken: NDArray[T] = x[rows[:, None], columns]
    return taken


def _filled(window: Pixels, hole: Mask, network: Network | None) -> Pixels:
    """Uint8 [side, side, 3] with its hole filled."""
    side, size = len(window), network.size if network else SIZE
    colours = window.astype(np.float32) / 127.5 - 1
    known = 1 - hole.astype(np.float32)
    weight = scaled(known, size, size)
    small = scaled(colours * known[..., None], size, size) / np.maximum(weight, 1e-3)[..., None]
    gap = weight < 0.5  # a pixel that is more than half unknown is filled completely
    x = torch.from_numpy(np.where(gap[..., None], 0, small).astype(np.float32).transpose(2, 0, 1)[None].copy())
    mask = torch.from_numpy(gap.astype(np.float32)[None, None])
    smooth = diffused(x, mask)
    answer = smooth.numpy() if network is None else both_ways(network, torch.cat([smooth, mask], 1).numpy())
    enlarged: Field = scaled(np.ascontiguousarray(answer[0].transpose(1, 2, 0)), side, side)
    residual = torch.from_numpy(((colours - enlarged) * known[..., None]).transpose(2, 0, 1)[None].copy())
    levels = (enlarged + _spread(residual, torch.from_numpy(1 - known)[None, None])) * 127.5 + 127.5
    filled: Pixels = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    return filled


def _spread(residual: torch.Tensor, hole: torch.Tensor) -> Field:
    """The difference at the rim, diffused over the hole; padded to a power of two, as push-pull halves the size."""
    side = residual.shape[-1]
    padded_side = 1 << (side - 1).bit_length()
    pad = (0, padded_side - side, 0, padded_side - side)
    padded = torch.nn.functional.pad(torch.cat([residual, hole], 1), pad, mode="replicate")
    spread: Field = diffused(padded[:, :3], padded[:, 3:])[0, :, :side, :side].permute(1, 2, 0).numpy()
    return spread
