"""The learned matte in several looks: at the whole picture, then ever nearer at what the network took for the product.

The network works at a fixed, small size. In the first look a small product has few of its pixels, and much else that might be one is in
sight; in the next ones the product fills the square, as most of what the network has learned from did. The mean of all looks counts (an
unsure second look at a pair of sandals must not take one of them away), and outside of the nearest one nothing is product.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from ganray.edits.edit import Network
from ganray.edits.filters import Field, fitted, scaled
from ganray.edits.network import both_ways
from ganray.edits.photo import Alpha
from ganray.images.codec import Pixels

SIZE = 320  # longest side of the matte in pixels
LOOKS = 3
MARGIN = 0.15  # of the product's longer side: what a nearer look sees around it
WIDE = 0.8  # share of the picture: a product as large as this is seen as near as can be
CERTAIN = 0.5
SEEN = 0.3  # share of product from which on a nearer look keeps something in sight: the second shoe of a pair may look fainter
Box = tuple[int, int, int, int]  # top, left, bottom, right


def learned_mattes(pixels: Pixels, network: Network) -> list[Alpha]:
    """The network's matte [h, w] of a photo uint8 [H, W, 3], the longer side SIZE at most, after each look; the last one is the best."""
    width, height = fitted((pixels.shape[0], pixels.shape[1]), SIZE)
    mattes = [matte := scaled(_look(pixels, network), width, height)]
    for before in range(1, LOOKS):
        box = _around(matte > SEEN)
        if box is None:
            break
        top, left, bottom, right = box
        down, across = pixels.shape[0] / height, pixels.shape[1] / width
        near = _look(pixels, network, (left * across, top * down, right * across, bottom * down))
        part = np.s_[top:bottom, left:right]
        nearer = np.zeros_like(matte)
        nearer[part] = (before * matte[part] + scaled(near, right - left, bottom - top)) / (before + 1)
        mattes.append(matte := nearer)
    return mattes


def boxed(pixels: Pixels, size: int, box: tuple[float, float, float, float] | None = None) -> tuple[Pixels, Box]:
    """The picture, or what lies in its `box` (left, upper, right, lower), with its longer side `size`, centred in a square whose rest
    repeats its border; and where in the square it lies."""
    left, upper, right, lower = box or (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))
    scale = size / max(right - left, lower - upper)
    height, width = max(1, round((lower - upper) * scale)), max(1, round((right - left) * scale))
    how = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC
    small = np.asarray(Image.fromarray(pixels).resize((width, height), how, box=(left, upper, right, lower)))
    y, x = (size - height) // 2, (size - width) // 2
    square = np.pad(small, ((y, size - height - y), (x, size - width - x), (0, 0)), mode="edge")
    return square, (y, x, y + height, x + width)


def _look(pixels: Pixels, network: Network, box: tuple[float, float, float, float] | None = None) -> Field:
    """The matte of a part, at the network's size."""
    square, (top, left, bottom, right) = boxed(pixels, network.size, box)
    x = (square.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[None]
    answer: Field = both_ways(network, np.ascontiguousarray(x))[0, 0]
    return np.clip(answer[top:bottom, left:right], 0, 1)


def _around(product: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Box | None:
    """The product's box with a margin; None where there is no product, or hardly anything beside it."""
    rows, columns = np.flatnonzero(product.any(1)), np.flatnonzero(product.any(0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    edge = 2 + round(MARGIN * max(bottom - top, right - left))
    height, width = product.shape
    top, left, bottom, right = max(0, top - edge), max(0, left - edge), min(height, bottom + edge), min(width, right + edge)
    return None if (bottom - top) * (right - left) > WIDE * height * width else (int(top), int(left), int(bottom), int(right))
