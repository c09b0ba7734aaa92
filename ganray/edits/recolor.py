"""`recolor`: the product in another colour, with its folds, prints and surroundings as they were.

In CIE Lab: what is like the product's dominant colour, in light or in shade, is moved so that the dominant colour becomes the target; the
rest of the product (prints, labels, buttons) moves by how much it is like it, down to not at all. Lightness moves by one monotone curve
through (dominant, target): of slope 1, so that texture stays what it is, and flatter towards a darker colour, as light falls on it, and
where there is no room left. So black can become white, but a black product's photo holds few folds and the white one will show no more;
and white becomes black with its shadows pressed together. White is given as lightness 96 and black as 5 (a colour difference of 2 to 3),
so that folds stay visible. Outside the matte no bit changes.
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
from ganray.errors import EditError
from ganray.images.codec import Pixels
from ganray.images.lab import Lab, chroma, from_lab, to_lab, within
from ganray.metrics.paired import delta_e_2000

CERTAIN = 0.95  # of the matte: product and nothing else
SAMPLE = 40_000  # pixels that tell the dominant colour
LEAST_PIXELS, LEAST_SHARE = 16, 0.05  # of certain product; of it that must be like its dominant colour
FLOOR, CEILING = 3.0, 99.0  # lightness between which the product's usual range should stay
DARKEST, LIGHTEST = 5.0, 96.0  # lightness that a product is given at most: black and white cloth have folds too
BAND = 512  # rows at once
CHUNK = 2**19  # colours at once
COLOURS = 2**24  # that there are


class RecolorParams(Params):
    """The colour to have: by name, as #rrggbb, or that of another product's picture."""

    short: ClassVar[str] = "colour"
    picture_in: ClassVar[str] = "reference"
    colour: str = Option("", description="a colour's name (navy, burgundy, ...) or #rrggbb")
    reference: str = Option("", description="name of one of the request's pictures: its product's colour, a swatch's own")
    lightness: float = Option(
        1.0, ge=0.0, le=1.0, description="how far lightness goes towards the target: 0 keeps it, 1 takes the target's"
    )

    @model_validator(mode="after")
    def _one(self) -> RecolorParams:
        if bool(self.colour) == bool(self.reference):
            raise ValueError("give either a colour or a reference")
        if self.colour:
            hex_of(self.colour)
        return self


class Shift(NamedTuple):
    """From what (Lab [3]) to what (Lab [3]), and the lightness below and above which the product hardly goes."""

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
        raise EditError("no_product", "the product has no colour that most of it shares", "Send a product of fewer colours")
    pixels = _recoloured(photo, shift)
    after = to_lab(pixels[photo.matte >= CERTAIN][:: _stride(photo.matte)])
    facts: dict[str, float | str] = {
        "colour": "#" + bytes(from_lab(target)).hex(),
        "delta_e": round(float(np.median(delta_e_2000(after, target))), 2),
        "recoloured": round(float(like.mean()), 3),
    }
    return photo.having(pixels=pixels, facts=facts)


def reference_colour(pixels: Pixels, alpha: Alpha | None, tools: Tools) -> Lab:
    """The dominant colour Lab [3] of a picture's product, which its alpha or a matte shows; of the whole picture, where nothing stands out
    from it, as in a swatch."""
    if alpha is None:
        try:
            alpha = with_matte(Photo(pixels), tools).matte
        except EditError as error:
            if error.reason not in ("no_product", "too_small"):
                raise
            alpha = np.ones(pixels.shape[:2], np.float32)
    assert alpha is not None
    return dominant_colour(_sample(pixels, alpha))


def dominant_colour(sample: Lab) -> Lab:
    """The commonest colour of Lab [n, 3], as Lab [3]: the fullest place of a coarse histogram, then medians of what is near."""
    bins = np.stack([sample[:, 0] / 12.5, sample[:, 1] / 8 + 16, sample[:, 2] / 8 + 16], -1).astype(np.intp).clip(0, (8, 31, 31))
    counts = np.zeros((9, 32, 32))
    np.add.at(counts, tuple(bins.T), 1.0)
    for axis in range(3):  # each place with its neighbours, which count half
        wide = np.pad(counts, [(int(a == axis),) * 2 for a in range(3)])
        counts = counts + 0.5 * (wide.take(range(counts.shape[axis]), axis) + wide.take(range(2, counts.shape[axis] + 2), axis))
    fullest = np.array(np.unravel_index(int(counts.argmax()), counts.shape), np.float32)
    found: Lab = ((fullest + 0.5 - (0, 16, 16)) * (12.5, 8, 8)).astype(np.float32)
    for _ in range(4):
        away = (sample - found) / np.array([30, 14, 14], np.float32)
        near = (away**2).sum(-1) < 1
        if near.any():
            found = np.median(sample[near], 0).astype(np.float32)
    return found


def likeness(lab: Lab, dominant: Lab) -> Field:
    """How far each colour of Lab [..., 3] is the dominant one in another light, 1 to 0: float32 [...].

    In shade a colour loses chroma with its lightness; above, it keeps it. What lies far from that line, is much lighter, or is dark where
    the dominant colour is light (print on a white shirt), is something else.
    """
    away = np.hypot(*np.moveaxis(lab[..., 1:] - _shaded(lab[..., 0], dominant), -1, 0))
    reach = 9 + 0.28 * float(chroma(dominant))
    lighter, darker = lab[..., 0] - dominant[0], dominant[0] - lab[..., 0]
    weight = (
        _falling(away, reach, 2.2 * reach) * _falling(lighter, 28, 45) * _falling(darker, 0.55 * dominant[0] + 4, 0.78 * dominant[0] + 8)
    )
    return np.asarray(weight, np.float32)


def _recoloured(photo: Photo, shift: Shift) -> Pixels:
    """The photo with the product's own colours moved, at its edges as far as the matte says.

    What becomes of a colour depends on the colour alone, and a photo has far fewer of them than pixels: each is moved once.
    """
    assert photo.matte is not None
    pixels, whole = photo.pixels.copy(), photo.matte >= 1
    bands = [slice(top, top + BAND) for top in range(0, len(pixels), BAND)]
    edges = [(y, x, np.clip(np.rint(own), 0, 255).astype(np.uint8)) for y, x, own in own_at_edges(photo)]
    used = np.zeros(COLOURS, bool)
    for colours in (*(pixels[band][whole[band]] for band in bands), *(own for _, _, own in edges)):
        used[_coded(colours)] = True
    codes = np.flatnonzero(used)
    moved = np.empty((COLOURS, 3), np.uint8)  # only what is used is ever touched
    for start in range(0, len(codes), CHUNK):
        some = codes[start : start + CHUNK]
        lab = to_lab(np.stack([some >> 16, some >> 8 & 255, some & 255], -1).astype(np.uint8))
        weight = likeness(lab, shift.dominant)[:, None]
        moved[some] = from_lab(within(lab + weight * (_moved(lab, shift) - lab)))
    for band in bands:
        here = whole[band]
        pixels[band][here] = moved[_coded(photo.pixels[band][here])]
    for y, x, own in edges:
        before, after = photo.pixels[y, x].astype(np.float32), moved[_coded(own)].astype(np.float32)
        mixed = before + photo.matte[y, x][:, None] * (after - own)
        mixed = np.clip(mixed, np.minimum(before, after), np.maximum(before, after))  # a matte that is too wide gives no fringe
        pixels[y, x] = np.clip(np.rint(mixed), 0, 255)
    return pixels


def _coded(pixels: Pixels) -> NDArray[np.int32]:
    """One number for each colour of uint8 [..., 3]: int32 [...] below COLOURS."""
    code: NDArray[np.int32] = pixels[..., 0].astype(np.int32) << 16 | pixels[..., 1].astype(np.int32) << 8 | pixels[..., 2]
    return code


def _moved(lab: Lab, shift: Shift) -> Lab:
    """Where each colour goes that is like the dominant one."""
    source, target = shift.dominant, shift.target
    lightness = _curve(lab[..., 0], shift)
    rest = lab[..., 1:] - _shaded(lab[..., 0], source)
    kept = min(1.0, (10 + float(chroma(target))) / (10 + float(chroma(source))))  # a grey product has no stains of its old colour
    return np.concatenate([lightness[..., None], _shaded(lightness, target) + kept * rest], -1)


def _curve(lightness: NDArray[np.float32], shift: Shift) -> NDArray[np.float32]:
    """Monotone, through (dominant, target); flatter outside the product's usual range, the more so the farther it moves that way: what is
    lighter than a black product is an edge or a gleam, and no reason for white fringes on a pink one."""
    start, end = float(shift.dominant[0]), float(shift.target[0])
    shade = min(1.0, max(0.7, (end + 16) / (start + 16)))  # light falls alike on both: L + 16 goes with its cube root
    down = min(shade, max(0.15, end - FLOOR) / max(1.0, start - shift.low))
    up = min(shade, max(0.15, CEILING - end) / max(1.0, shift.high - start))
    far = min(1.0, abs(end - start) / 30)
    usual = np.clip(lightness, shift.low, shift.high)
    beyond = (lightness - usual) * np.where(lightness < start, 1 - 0.75 * far * (end < start), 1 - 0.75 * far * (end > start))
    away = usual - start + beyond
    return np.clip(end + away * np.where(away < 0, down, up), 0, 100).astype(np.float32)


def _shaded(lightness: NDArray[np.float32], colour: Lab) -> NDArray[np.float32]:
    """The chroma [..., 2] that a colour has at other lightnesses: less in the shade, no more in the light."""
    share = np.clip(lightness / max(5.0, float(colour[0])), 0, 1)
    chromatic: NDArray[np.float32] = share[..., None] * colour[1:]
    return chromatic


def _shift(sample: Lab, target: Lab, lightness: float) -> Shift:
    """The shift whose result has the target as its median. Shade and the limits of sRGB take chroma from one half of the product and give
    none to the other: what is aimed at is corrected by how far the middle came off."""
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
        missed = goal - np.median(within(_moved(alike, Shift(dominant, aim, low, high))), 0)
        aim = aim + np.clip(missed, -6, 6).astype(np.float32)
    return Shift(dominant, aim, low, high)


def _sample(pixels: Pixels, matte: Alpha) -> Lab:
    """Lab [n, 3] of certain pixels of the product, evenly taken. Raises EditError where there are none."""
    certain = matte >= CERTAIN
    if int(certain.sum()) < LEAST_PIXELS:
        raise EditError("no_product", f"{int(certain.sum())} pixels are certainly product: too few to have a colour", "Send a larger photo")
    return to_lab(pixels[certain][:: _stride(matte)])


def _stride(matte: Alpha) -> int:
    return 1 + int((matte >= CERTAIN).sum()) // SAMPLE


def _falling(x: NDArray[np.float32], start: float, end: float) -> NDArray[np.float32]:
    """1 up to `start`, 0 from `end`, smooth between."""
    t = np.clip((x - start) / (end - start), 0, 1)
    return np.asarray(1 - t * t * (3 - 2 * t), np.float32)
