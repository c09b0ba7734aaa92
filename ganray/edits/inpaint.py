"""`inpaint`: fill what a mask covers (a tag, a hanger, a stain) from its surroundings. Pixels outside the mask do not change.

Each component of the mask is processed in its own window at the network's size, filled by diffusion and corrected by the network
(models/editor.py). The result is enlarged to the window, and the difference at the rim is spread over the hole (a membrane: Perez et al.
2003, section 2), so that no edge remains where the fill starts. Without a network only diffusion fills, which is enough for specks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field as Option

from ganray.edits.edit import Network, Params, Tools
from ganray.edits.filters import Field, box_mean, fitted, scaled
from ganray.edits.network import both_ways
from ganray.edits.photo import Photo
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.images.components import numbered
from ganray.models.editor import diffused

WINDOW_RATIO = 2.0  # side of a window over that of its component
MIN_WINDOW = 64  # smallest side of a window in pixels
SIZE = 128  # of a window without a network
MAX_MASK_SHARE = 0.9  # largest share of the picture that a mask may cover
LABELLED = 256  # longest side at which components are found
Mask = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


class InpaintParams(Params):
    """The mask and its margin."""

    short: ClassVar[str] = "mask"
    picture_in: ClassVar[str] = "mask"
    mask: str = Option("mask", description="name of the request's picture that is white (or opaque) where the photo is to be filled")
    grow: int = Option(2, ge=0, le=64, description="pixels by which the mask is enlarged, since its edge is rarely exact")


def inpaint(photo: Photo, params: InpaintParams, tools: Tools) -> Photo:
    """The photo with the masked part filled. Raises EditError("mask") for a mask of another size, an empty one or one over MOST."""
    hole = _hole(photo, params, tools)
    network = tools.network("inpaint")
    pixels, unfilled = photo.pixels.copy(), hole.copy()
    for top, left, side, component in _windows(hole):
        window, holes, in_component = _taken(pixels, top, left, side), _taken(unfilled, top, left, side), _taken(component, top, left, side)
        filled = _filled(window, holes, network)
        rows, columns = slice(max(0, top), top + side), slice(max(0, left), left + side)
        fill = filled[rows.start - top :, columns.start - left :]
        region = pixels[rows, columns]
        to_fill = in_component[rows.start - top :, columns.start - left :][: region.shape[0], : region.shape[1]]
        region[to_fill] = fill[: region.shape[0], : region.shape[1]][to_fill]
        unfilled[rows, columns][to_fill] = False
    facts = {"inpaint": "learned" if network else "diffusion", "inpaint_share": round(float(hole.mean()), 4)}
    return photo.having(pixels=pixels, facts=facts)


def _hole(photo: Photo, params: InpaintParams, tools: Tools) -> Mask:
    picture, alpha = tools.picture(params.mask)
    if picture.shape[:2] != photo.size:
        mask_size, photo_size = (f"{size[1]}x{size[0]}" for size in (picture.shape[:2], photo.size))
        raise EditError("mask", f"the mask has {mask_size} pixels, the photo {photo_size}", "Send a mask of the photo's size")
    hole: Mask = alpha > 0.5 if alpha is not None and float(alpha.min()) < 0.5 else picture.max(2) > 127
    if not hole.any():
        raise EditError("mask", "the mask is empty", "Paint the part to fill white and the rest black")
    if params.grow:
        hole = box_mean(hole.astype(np.float32), params.grow) > 1e-6
    if hole.mean() > MAX_MASK_SHARE:
        raise EditError(
            "mask", f"the mask covers {100 * hole.mean():.0f} % of the photo", "Use a smaller mask: the fill needs surroundings"
        )
    return hole


def _windows(hole: Mask) -> Iterator[tuple[int, int, int, Mask]]:
    """(top, left, side, component) of a square around each component of the hole; it may extend beyond the picture."""
    height, width = hole.shape
    parts = numbered(scaled(hole.astype(np.float32), *fitted((height, width), LABELLED)) > 0, corners=False)
    for part in range(1, int(parts.max()) + 1):
        component = hole & (scaled(box_mean((parts == part).astype(np.float32), 1), width, height) > 0)
        rows, columns = np.flatnonzero(component.any(1)), np.flatnonzero(component.any(0))
        if len(rows):
            side = int(max(MIN_WINDOW, WINDOW_RATIO * max(rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)))
            yield _placed(rows, side, height), _placed(columns, side, width), side, component


def _placed(places: NDArray[np.intp], side: int, length: int) -> int:
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
