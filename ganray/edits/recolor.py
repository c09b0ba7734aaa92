"""`recolor`: the product in another colour, with its folds, prints and surroundings as they were.

In CIE Lab: colours like the product's dominant colour, lit or shaded, are moved so that the dominant colour becomes the target; the rest of
the product (prints, labels, buttons) moves in proportion to its likeness, down to not at all. Lightness follows one monotone curve through
(dominant, target): of slope 1, which keeps texture, and flatter towards a darker colour, where light has less effect, and near the limits
of the scale. So black can become white, but a photo of a black product holds few folds, and the white one will not show more; and white
becomes black with compressed shadows. White is rendered as lightness 96 and black as 5 (a colour difference of 2 to 3), so that folds stay
visible. Outside the matte no bit changes.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Option
from pydantic import model_validator

from ganray.edits.edit import Params, Tools
from ganray.edits.filters import Field
from ganray.edits.ground import own_at_edges
from ganray.edits.matting import with_matte
from ganray.edits.palette import hex_of, rgb_of
from ganray.edits.photo import Alpha, Photo
from ganray.edits.transparency import opened
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.images.lab import Lab, chroma, from_lab, to_lab, within
from ganray.metrics.paired import delta_e_2000

PRODUCT_MATTE = 0.95  # value of the matte from which a pixel is only product
SAMPLE = 40_000  # pixels from which the dominant colour is computed
LEAST_PIXELS, LEAST_SHARE = 16, 0.05  # smallest number of certain pixels, and share of them that must be like the dominant colour
FLOOR, CEILING = 3.0, 99.0  # lightness: limits of the product's usual range
DARKEST, LIGHTEST = 5.0, 96.0  # lightness: limits of the target, since black and white cloth have folds too
BAND = 512  # rows that are processed at once
CHUNK = 2**19  # colours that are processed at once
COLOURS = 2**24  # number of 24-bit colours


class RecolorParams(Params):
    """The new colour: by name, as #rrggbb, or that of another product's picture."""

    short: ClassVar[str] = "colour"
    picture_in: ClassVar[str] = "reference"
    colour: str = Option("", description="a colour's name (navy, burgundy, ...) or #rrggbb")
    reference: str = Option("", description="name of one of the request's pictures, a product or a swatch, whose colour to take")
    lightness: float = Option(
        1.0, ge=0.0, le=1.0, description="how far lightness moves to that of the target: 0 keeps it, 1 takes the target's"
    )

    @model_validator(mode="after")
    def _one(self) -> RecolorParams:
        if bool(self.colour) == bool(self.reference):
            raise ValueError("give either a colour or a reference")
        if self.colour:
            hex_of(self.colour)
        return self


class Shift(NamedTuple):
    """From `dominant` (Lab [3]) to `target` (Lab [3]); `low` and `high` are the product's usual range of lightness."""

    dominant: Lab
    target: Lab
    low: float
    high: float


def recolor(photo: Photo, params: RecolorParams, tools: Tools) -> Photo:
    """The product in another colour. Raises EditError as `with_matte` does, and no_product where too little of it has one colour."""
    photo = with_matte(photo, tools)
    assert photo.matte is not None
    target = to_lab(rgb_of(params.colour)) if params.colour else reference_colour(*tools.picture(params.reference), tools)
    sample = _sample(photo.pixels, photo.matte)
    shift = _shift(sample, target, params.lightness)
    like = likeness(sample, shift.dominant)
    if float(like.mean()) < LEAST_SHARE:
        raise EditError("no_product", "the product has no dominant colour", "Send a product with fewer colours")
    pixels = _recoloured(photo, shift)
    after = to_lab(pixels[photo.matte >= PRODUCT_MATTE][:: _stride(photo.matte)])
    facts: dict[str, float | str] = {
        "colour": "#" + bytes(from_lab(target)).hex(),
        "delta_e": round(float(np.median(delta_e_2000(after, target))), 2),
        "recoloured": round(float(like.mean()), 3),
    }
    return photo.having(pixels=pixels, facts=facts)


def reference_colour(pixels: Pixels, alpha: Alpha | None, tools: Tools) -> Lab:
    """The dominant colour Lab [3] of a picture's product, found by its alpha or a matte; of the whole picture if there is no product, as in
    a swatch."""
    photo = opened(pixels, alpha)
    try:
        matte = with_matte(photo, tools).matte
    except EditError as error:
        if error.reason not in ("no_product", "too_small"):
            raise
        matte = np.ones(photo.size, np.float32)
    assert matte is not None
    return dominant_colour(_sample(photo.pixels, matte))


def dominant_colour(sample: Lab) -> Lab:
    """The most common colour of Lab [n, 3], as Lab [3]: the largest bin of a coarse histogram, then medians of the colours near it."""
    bins = np.stack([sample[:, 0] / 12.5, sample[:, 1] / 8 + 16, sample[:, 2] / 8 + 16], -1).astype(np.intp).clip(0, (8, 31, 31))
    counts = np.zeros((9, 32, 32))
    np.add.at(counts, tuple(bins.T), 1.0)
    for axis in range(3):  # each bin with its neighbours at half weight
        wide = np.pad(counts, [(int(a == axis),) * 2 for a in range(3)])
        counts = counts + 0.5 * (wide.take(range(counts.shape[axis]), axis) + wide.take(range(2, counts.shape[axis] + 2), axis))
    largest = np.array(np.unravel_index(int(counts.argmax()), counts.shape), np.float32)
    colour: Lab = ((largest + 0.5 - (0, 16, 16)) * (12.5, 8, 8)).astype(np.float32)
    for _ in range(4):
        offset = (sample - colour) / np.array([30, 14, 14], np.float32)
        near = (offset**2).sum(-1) < 1
        if near.any():
            colour = np.median(sample[near], 0).astype(np.float32)
    return colour


def likeness(lab: Lab, dominant: Lab) -> Field:
    """How likely each colour of Lab [..., 3] is the dominant one in other light, 0 to 1: float32 [...].

    In shade a colour loses chroma with its lightness; in light it keeps it. Colours far from that line, much lighter ones, and dark ones
    where the dominant colour is light (print on a white shirt) are different.
    """
    distance = np.hypot(*np.moveaxis(lab[..., 1:] - _shaded(lab[..., 0], dominant), -1, 0))
    reach = 9 + 0.28 * float(chroma(dominant))
    lighter, darker = lab[..., 0] - dominant[0], dominant[0] - lab[..., 0]
    weight = (
        _falling(distance, reach, 2.2 * reach)
        * _falling(lighter, 28, 45)
        * _falling(darker, 0.55 * dominant[0] + 4, 0.78 * dominant[0] + 8)
    )
    return np.asarray(weight, np.float32)


def _recoloured(photo: Photo, shift: Shift) -> Pixels:
    """The photo with the product's colours moved, at edges in proportion to the matte; straight colours are moved everywhere.

    The new colour depends on the old one alone, and a photo has far fewer colours than pixels: each colour is moved once.
    """
    assert photo.matte is not None
    pixels, whole = photo.pixels.copy(), (photo.matte >= 1) | photo.straight
    bands = [slice(top, top + BAND) for top in range(0, len(pixels), BAND)]
    at_edges = () if photo.straight else own_at_edges(photo)
    edges = [(y, x, np.clip(np.rint(own), 0, 255).astype(np.uint8)) for y, x, own in at_edges]
    used = np.zeros(COLOURS, bool)
    for colours in (*(pixels[band][whole[band]] for band in bands), *(own for _, _, own in edges)):
        used[_coded(colours)] = True
    codes = np.flatnonzero(used)
    moved = np.empty((COLOURS, 3), np.uint8)  # only the used rows are written
    for start in range(0, len(codes), CHUNK):
        chunk = codes[start : start + CHUNK]
        lab = to_lab(np.stack([chunk >> 16, chunk >> 8 & 255, chunk & 255], -1).astype(np.uint8))
        weight = likeness(lab, shift.dominant)[:, None]
        moved[chunk] = from_lab(within(lab + weight * (_moved(lab, shift) - lab)))
    for band in bands:
        inside = whole[band]
        pixels[band][inside] = moved[_coded(photo.pixels[band][inside])]
    for y, x, own in edges:
        before, after = photo.pixels[y, x].astype(np.float32), moved[_coded(own)].astype(np.float32)
        mixed = before + photo.matte[y, x][:, None] * (after - own)
        mixed = np.clip(mixed, np.minimum(before, after), np.maximum(before, after))  # so that a matte that is too wide leaves no fringe
        pixels[y, x] = np.clip(np.rint(mixed), 0, 255)
    return pixels


def _coded(pixels: Pixels) -> NDArray[np.int32]:
    """One number for each colour of uint8 [..., 3]: int32 [...] below COLOURS."""
    code: NDArray[np.int32] = pixels[..., 0].astype(np.int32) << 16 | pixels[..., 1].astype(np.int32) << 8 | pixels[..., 2]
    return code


def _moved(lab: Lab, shift: Shift) -> Lab:
    """The new colour of colours that are like the dominant one."""
    source, target = shift.dominant, shift.target
    lightness = _curve(lab[..., 0], shift)
    residual = lab[..., 1:] - _shaded(lab[..., 0], source)
    residual_weight = min(
        1.0, (10 + float(chroma(target))) / (10 + float(chroma(source)))
    )  # so that a product that becomes grey keeps no tint
    return np.concatenate([lightness[..., None], _shaded(lightness, target) + residual_weight * residual], -1)


def _curve(lightness: NDArray[np.float32], shift: Shift) -> NDArray[np.float32]:
    """Monotone, through (dominant, target); flatter outside the product's usual range, more so for larger moves in that direction: light
    pixels of a black product are edges or highlights, and must not become white fringes of a pink one."""
    start, end = float(shift.dominant[0]), float(shift.target[0])
    shade = min(1.0, max(0.7, (end + 16) / (start + 16)))  # equal light on both: L + 16 is proportional to its cube root
    down = min(shade, max(0.15, end - FLOOR) / max(1.0, start - shift.low))
    up = min(shade, max(0.15, CEILING - end) / max(1.0, shift.high - start))
    far = min(1.0, abs(end - start) / 30)
    usual = np.clip(lightness, shift.low, shift.high)
    beyond = (lightness - usual) * np.where(lightness < start, 1 - 0.75 * far * (end < start), 1 - 0.75 * far * (end > start))
    offset = usual - start + beyond
    return np.clip(end + offset * np.where(offset < 0, down, up), 0, 100).astype(np.float32)


def _shaded(lightness: NDArray[np.float32], colour: Lab) -> NDArray[np.float32]:
    """The chroma [..., 2] of a colour at other lightnesses: less in shade, equal in light."""
    share = np.clip(lightness / max(5.0, float(colour[0])), 0, 1)
    chromatic: NDArray[np.float32] = share[..., None] * colour[1:]
    return chromatic


def _shift(sample: Lab, target: Lab, lightness: float) -> Shift:
    """The shift whose result has the target as its median. Shade and the limits of sRGB reduce chroma on one side only, so the aim is
    corrected by the error of the median."""
    dominant = dominant_colour(sample)
    alike = sample[likeness(sample, dominant) > 0.5]
    if not len(alike):
        return Shift(dominant, target, float(dominant[0]), float(dominant[0]))
    dominant = np.median(alike, 0).astype(np.float32)
    low, high = np.percentile(alike[:, 0], (2, 98)).tolist()
    goal = target.copy()
    goal[0] = dominant[0] + lightness * (np.clip(target[0], DARKEST, LIGHTEST) - dominant[0])
    goal = aim = within(goal)
    for _ in range(3):
        error = goal - np.median(within(_moved(alike, Shift(dominant, aim, low, high))), 0)
        aim = aim + np.clip(error, -6, 6).astype(np.float32)
    return Shift(dominant, aim, low, high)


def _sample(pixels: Pixels, matte: Alpha) -> Lab:
    """Lab [n, 3] of evenly spread certain pixels of the product. Raises EditError if there are too few."""
    certain = matte >= PRODUCT_MATTE
    if int(certain.sum()) < LEAST_PIXELS:
        raise EditError(
            "no_product", f"only {int(certain.sum())} pixels are certainly product, too few for a colour", "Send a larger photo"
        )
    return to_lab(pixels[certain][:: _stride(matte)])


def _stride(matte: Alpha) -> int:
    return 1 + int((matte >= PRODUCT_MATTE).sum()) // SAMPLE


def _falling(x: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    """1 up to `start`, 0 from `end`, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(1 - t * t * (3 - 2 * t), np.float32)
