"""Finds the product: by the learned matte, or by the border's colour on plain backgrounds; then a guided filter refines edges.

A matte is found at a working size and applied at the photo's own: the guided filter's coefficients are enlarged, so that edges follow the
photo at full resolution.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from ganray.edits.colour_model import by_colours
from ganray.edits.edit import Tools
from ganray.edits.filters import Field, box_mean, enlarged, fitted, guided, main_parts, reached, sampled, scaled
from ganray.edits.matte_views import PRODUCT_MATTE, learned_mattes
from ganray.edits.photo import Alpha, Photo
from ganray.errors import EditError
from ganray.images.codec import Pixels

WORKING = 320  # longest side, in pixels, at which plain backgrounds are modelled and edges refined
RING = 0.03  # width of the border that models the background, as a share of the shorter side
PLAIN_NOISE = 7.0  # levels of 255: largest noise of a plain background around a smooth surface
PLAIN_SHARE = 0.85  # of the border's pixels that must fit the surface; the rest may be a product that is cut off
MIN_PRODUCT, MAX_PRODUCT = 0.005, 0.98  # share of the picture that a product may fill
CHUNK = 2**20  # pixels at edges that are processed at once
CONFIRMING_MATTE = 0.15  # value of the learned matte that confirms the border's matte nearby
SAME_PRODUCT_IOU = 0.5  # intersection over union from which two mattes show the same product
SPECK = 0.1  # share of the largest component: smaller components are not product


def with_matte(photo: Photo, tools: Tools) -> Photo:
    """The photo with its matte. Raises EditError: no_product, too_small, and no_network for a cluttered background without the learned
    matte."""
    if photo.matte is not None:
        return photo
    if min(photo.size) < 8:
        raise EditError("too_small", f"{photo.size[1]}x{photo.size[0]} pixels are too few to find a product in", "Send a larger photo")
    plain, network = border_matte(photo.pixels), tools.network("matte")
    if network is not None:
        learned = learned_mattes(photo.pixels, network)
        rough, method = by_colours(photo.pixels, learned[-1]), "learned"
        if plain is not None and _differ(confirmed := _confirmed(plain, learned[0]), rough):
            rough, method = confirmed, "border"
    elif plain is not None:
        rough, method = plain, "border"
    else:
        raise EditError(
            "no_network",
            "the background is not plain, and the model folder has no network for mattes",
            "Train one with `ganray train-editor`, or photograph on a plain background",
        )
    matte = refined(photo.pixels, without_specks(rough))
    share = float(matte.mean())
    if not MIN_PRODUCT <= share <= MAX_PRODUCT or float(matte.max()) < PRODUCT_MATTE:
        raise EditError(
            "no_product", f"{100 * share:.1f} % of the picture looks like a product", "Send a photo of one product, not cut off"
        )
    return photo.having(matte=matte, facts={"matte": method, "matte_share": round(share, 4)})


def _confirmed(plain: Alpha, learned: Alpha) -> Alpha:
    """The border's matte where the learned one is positive nearby: without creases and lines on the floor."""
    height, width = plain.shape
    near = box_mean((scaled(learned, width, height) > CONFIRMING_MATTE).astype(np.float32), max(2, min(plain.shape) // 25)) > 0
    return np.where(near, plain, 0).astype(np.float32)


def _differ(plain: Alpha, rough: Alpha) -> bool:
    """Whether the learned matte and the border's matte show different products: then the plain background is more reliable. If they
    show the same, the learned one is better: it has no shadows, creases and lines between boards."""
    by_border, by_network = plain > PRODUCT_MATTE, scaled(rough, plain.shape[1], plain.shape[0]) > PRODUCT_MATTE
    return float((by_border & by_network).sum()) < SAME_PRODUCT_IOU * float((by_border | by_network).sum())


def without_specks(rough: Alpha) -> Alpha:
    """A matte without small components beside the product: creases, lines between tiles."""
    solid = main_parts(box_mean(rough, 1) > PRODUCT_MATTE, SPECK)
    near = box_mean(solid.astype(np.float32), max(2, min(rough.shape) // 50)) > 0
    return np.where(near, rough, 0).astype(np.float32)


def border_matte(pixels: Pixels) -> Alpha | None:
    """The matte of what differs from a smooth, plain background, at the working size; None where the border is not plain.

    The background is a quadratic surface in x and y for each channel, fitted to the border; pixels near it and connected with the border
    are background, so a white label on a shirt stays product.
    """
    small = _small(pixels)
    height, width = small.shape[:2]
    ring = max(2, round(RING * min(height, width)))
    edge = np.ones((height, width), bool)
    edge[ring:-ring, ring:-ring] = False
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], -1).astype(np.float32)
    known, colours = terms[edge], small[edge]
    kept = np.linalg.norm(colours - np.median(colours, 0), axis=1) < 60
    for _ in range(4):
        if kept.mean() < 0.5:
            return None
        surface = np.linalg.lstsq(known[kept], colours[kept], rcond=None)[0]
        distance = np.linalg.norm(colours - known @ surface, axis=1)
        kept = distance < max(3 * PLAIN_NOISE, 2.5 * float(np.median(distance)))
    noise = float(np.sqrt((distance[kept] ** 2).mean() / 3))
    if noise > PLAIN_NOISE or kept.mean() < PLAIN_SHARE:
        return None
    distance = np.linalg.norm(small - terms @ surface, axis=2)
    low = max(4.0, 3 * noise)
    background = reached(distance < 2 * low)
    alpha = np.clip((distance - low) / (2 * low), 0, 1)
    return np.where(background, alpha * 0.5, 1.0).astype(np.float32)


def refined(pixels: Pixels, rough: Alpha) -> Alpha:
    """A matte of any size aligned with the photo's edges, at the photo's size; away from edges it is 0 or 1."""
    small = _small(pixels) / np.float32(255)
    height, width = small.shape[:2]
    mask = scaled(rough, width, height)
    a, b = guided(mask, small, max(2, round(0.012 * min(height, width))), 1e-4)
    size = (pixels.shape[0], pixels.shape[1])
    matte = (enlarged(mask, size[1], size[0]) > 255 * PRODUCT_MATTE).astype(np.float32)
    share = box_mean((mask > PRODUCT_MATTE).astype(np.float32), max(2, round(0.02 * min(height, width))))
    near = ((share > 0.001) & (share < 0.999)).astype(np.float32)
    rows, columns = np.nonzero(enlarged(near, size[1], size[0]) > 2)
    for start in range(0, len(rows), CHUNK):
        y, x = rows[start : start + CHUNK], columns[start : start + CHUNK]
        values = (pixels[y, x] / np.float32(255) * sampled(a, size, y, x)).sum(-1) + sampled(b, size, y, x)
        matte[y, x] = np.clip((values - 0.05) / 0.9, 0, 1)
    return matte


def _small(pixels: Pixels) -> Field:
    """The picture as float32 levels, its longer side WORKING at most."""
    image, size = Image.fromarray(pixels), fitted((pixels.shape[0], pixels.shape[1]), WORKING)
    return np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BOX), np.float32)
