"""The learned matte from several views: the whole picture, then crops around what the network took for the product.

The network works at a fixed, small size. In the first view a small product has few pixels, and other objects are visible; in the next ones
the product fills the square, as in most of the training data. The matte is the mean of all views (an uncertain second view of a pair of
sandals must not remove one of them), and 0 outside the last crop.
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
NUM_VIEWS = 3
MARGIN = 0.15  # of a crop around the product, as a share of the product's longer side
LARGEST_CROP = 0.8  # share of the picture: a crop that is larger gives no further detail
PRODUCT_MATTE = 0.5
KEPT_MATTE = 0.3  # matte above which a pixel stays inside the next crop: the second shoe of a pair may be fainter
Box = tuple[int, int, int, int]  # top, left, bottom, right


def learned_mattes(pixels: Pixels, network: Network) -> list[Alpha]:
    """The network's matte [h, w] of a photo uint8 [H, W, 3], the longer side SIZE at most, after each view; the last one is the best.

    A network with `views` is shown as many: one of a large input has seen the details in the first view.
    """
    width, height = fitted((pixels.shape[0], pixels.shape[1]), SIZE)
    mattes = [matte := scaled(_look(pixels, network), width, height)]
    for num_views in range(1, getattr(network, "views", NUM_VIEWS)):
        box = _around(matte > KEPT_MATTE)
        if box is None:
            break
        top, left, bottom, right = box
        down, across = pixels.shape[0] / height, pixels.shape[1] / width
        view = _look(pixels, network, (left * across, top * down, right * across, bottom * down))
        crop = np.s_[top:bottom, left:right]
        combined = np.zeros_like(matte)
        combined[crop] = (num_views * matte[crop] + scaled(view, right - left, bottom - top)) / (num_views + 1)
        mattes.append(matte := combined)
    return mattes


def boxed(pixels: Pixels, size: int, box: tuple[float, float, float, float] | None = None) -> tuple[Pixels, Box]:
    """The picture, or its `box` (left, upper, right, lower), scaled to a longer side of `size` and centred in a square whose rest repeats
    the border; and its position in the square."""
    left, upper, right, lower = box or (0.0, 0.0, float(pixels.shape[1]), float(pixels.shape[0]))
    scale = size / max(right - left, lower - upper)
    height, width = max(1, round((lower - upper) * scale)), max(1, round((right - left) * scale))
    resampling = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC
    small = np.asarray(Image.fromarray(pixels).resize((width, height), resampling, box=(left, upper, right, lower)))
    y, x = (size - height) // 2, (size - width) // 2
    square = np.pad(small, ((y, size - height - y), (x, size - width - x), (0, 0)), mode="edge")
    return square, (y, x, y + height, x + width)


def _look(pixels: Pixels, network: Network, box: tuple[float, float, float, float] | None = None) -> Field:
    """The matte of one view, at the network's size."""
    square, (top, left, bottom, right) = boxed(pixels, network.size, box)
    x = (square.astype(np.float32) / 127.5 - 1.0).transpose(2, 0, 1)[None]
    answer: Field = both_ways(network, np.ascontiguousarray(x))[0, 0]
    return np.clip(answer[top:bottom, left:right], 0, 1)


def _around(product: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Box | None:
    """The product's box with a margin; None without a product, and for a box over WIDE of the picture."""
    rows, columns = np.flatnonzero(product.any(1)), np.flatnonzero(product.any(0))
    if not len(rows):
        return None
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    edge = 2 + round(MARGIN * max(bottom - top, right - left))
    height, width = product.shape
    top, left, bottom, right = max(0, top - edge), max(0, left - edge), min(height, bottom + edge), min(width, right + edge)
    return None if (bottom - top) * (right - left) > LARGEST_CROP * height * width else (int(top), int(left), int(bottom), int(right))
