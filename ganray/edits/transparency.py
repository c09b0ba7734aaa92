"""Transparency of a photo's file: whether it cuts out a product, and the colours under it.

An alpha channel is a cut-out where the ground beside a product is clear in it. Everything else is the opaque photo: one alpha all over,
noise near opaque, rounded corners, a thin clear frame, clear rows or columns of a canvas that is too large. Such a photo keeps its alpha in
the file until an edit lays a ground; its product is found as in any other photo.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ganray.edits.photo import Alpha, Photo
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.images.components import Mask, cells, reached

SIZE = 320  # longest side at which alpha is looked at
CLEAR = 0.2  # share of the largest alpha: what is below is ground
FRAME = 0.03  # of the shorter side: a clear frame or strip that is narrower is none of the ground
CORNER = 0.25  # of the shorter side: the largest radius of rounded corners
MIN_BOX = 0.5  # share of the picture from which a visible rectangle at its side may be a photo on a larger canvas
MIN_GROUND = 0.02  # share of the picture that is clear in a cut-out, without frame and corners
HIDDEN = 0.05  # share of the largest alpha: below, the colours of a photo that is no cut-out are not to be trusted
MIN_VISIBLE = 0.02  # of the longer side: a smaller visible part is a speck
REACH = 16  # pixels by which the colours of a cut-out go on beyond its edge
BAND = 512  # rows or columns that are processed at once


def opened(pixels: Pixels, alpha: Alpha | None) -> Photo:
    """The photo of a file: uint8 [H, W, 3] straight colours, and its alpha [H, W] if it has one.

    Raises EditError("no_product") for a picture that is wholly transparent, or has specks alone.
    """
    if alpha is None:
        return Photo(pixels)
    if float(alpha.min()) >= 1:  # given though it is opaque: all of the picture is product
        return Photo(pixels, matte=alpha)
    levels = levels_of(alpha)
    if is_blank(levels):
        raise EditError("no_product", "the picture is wholly transparent", "Export it again with its colours, or send the photo itself")
    if is_cutout(levels):
        return Photo(bled(pixels, levels > 0, REACH), matte=alpha, alpha=alpha, straight=True)
    return Photo(bled(pixels, levels > HIDDEN * int(levels.max())), alpha=alpha)


def levels_of(alpha: Alpha) -> Pixels:
    """Alpha as levels, uint8 [H, W]."""
    return np.rint(alpha * 255).astype(np.uint8)


def is_blank(alpha: Pixels) -> bool:
    """Whether nothing larger than a speck is visible with alpha uint8 [H, W]. One alpha all over is not blank, however low, except 0."""
    top = int(alpha.max())
    if top == int(alpha.min()):
        return top == 0
    rows, columns = _extent(alpha > HIDDEN * 255)
    return bool(max(rows, columns) < min(max(alpha.shape), max(3.0, MIN_VISIBLE * max(alpha.shape))))


def is_cutout(alpha: Pixels) -> bool:
    """Whether alpha uint8 [H, W] cuts out a product: at least MIN_GROUND of the picture is clear and connected with its border.

    Clear strips at some sides are cut off before, unless little is left, and so is a frame narrower than FRAME; corners of a radius up to
    CORNER do not count. So a large rectangle that reaches a side of the picture is no cut-out, and one that stands free with a margin is.
    """
    top = int(alpha.max())
    if top == int(alpha.min()):
        return False
    solid = cells(alpha > CLEAR * top, SIZE)[0] > 0  # a cell with a visible pixel is visible, so that thin things are
    height, width = solid.shape
    rows, columns = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
    margins = rows[0], height - 1 - rows[-1], columns[0], width - 1 - columns[-1]
    inner = solid[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if min(margins) >= max(1.0, FRAME * min(height, width)) or inner.size < MIN_BOX * solid.size:
        return True
    edge = 1 + round(FRAME * min(inner.shape))  # a frame or strip of uneven width
    if min(inner.shape) > 4 * edge:
        inner = inner[edge:-edge, edge:-edge]
    ground = reached(~inner) & _without_corners(inner.shape)
    return float(ground.mean()) >= MIN_GROUND


def on_white(pixels: Pixels, alpha: Alpha | None) -> Pixels:
    """Straight colours uint8 [H, W, 3] over white."""
    if alpha is None:
        return pixels
    white = Image.new("RGB", (alpha.shape[1], alpha.shape[0]), (255, 255, 255))
    white.paste(Image.fromarray(pixels), mask=Image.fromarray(levels_of(alpha)))
    return np.asarray(white)


def flattened(photo: Photo) -> Photo:
    """The photo over white, without transparency."""
    if photo.alpha is None:
        return photo
    return photo.having(pixels=on_white(photo.pixels, photo.alpha), alpha=None, straight=False)


def bled(pixels: Pixels, known: Mask, reach: int = 0) -> Pixels:
    """Uint8 [H, W, 3] where pixels that are not `known` have the colour of the nearest known one in their row, else in their column; white
    where that is farther than `reach` pixels (0: however far)."""
    if known.all():
        return pixels
    filled, known = pixels.copy(), known.copy()
    for axis in (1, 0):
        for start in range(0, pixels.shape[1 - axis], BAND):
            band = np.s_[start : start + BAND] if axis == 1 else np.s_[:, start : start + BAND]
            nearest, found = _nearest(known[band], axis, reach)
            hidden = found & ~known[band]
            part = np.take_along_axis(filled[band], nearest[..., None], axis)
            filled[band][hidden] = part[hidden]
            known[band] |= found
    filled[~known] = 255
    return filled


def _nearest(known: Mask, axis: int, reach: int) -> tuple[NDArray[np.int32], Mask]:
    """Along an axis, the index of the nearest known pixel, and whether there is one within `reach` (0: anywhere)."""
    length = known.shape[axis]
    index = np.arange(length, dtype=np.int32).reshape((1, -1) if axis == 1 else (-1, 1))
    before = np.maximum.accumulate(np.where(known, index, np.int32(-2 * length)), axis)
    after = np.flip(np.minimum.accumulate(np.flip(np.where(known, index, np.int32(3 * length)), axis), axis), axis)
    nearest = np.where(index - before <= after - index, before, after)
    return nearest.clip(0, length - 1), np.abs(nearest - index) <= (reach or length)


def _without_corners(shape: tuple[int, ...]) -> Mask:
    """A rectangle [H, W] without what lies outside of corners of the radius CORNER."""
    height, width = shape
    radius = CORNER * min(height, width)
    y, x = (np.maximum(np.abs(np.arange(length) - (length - 1) / 2) - ((length - 1) / 2 - radius), 0) for length in (height, width))
    inside: Mask = y[:, None] ** 2 + x[None, :] ** 2 <= radius**2
    return inside


def _extent(mask: Mask) -> tuple[int, int]:
    """The height and width of the box of a mask [H, W]; 0 without a pixel."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return (int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)) if len(rows) else (0, 0)
