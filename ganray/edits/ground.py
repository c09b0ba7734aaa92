"""`cutout`, `white`, `background`: the product without its background, or on another one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from pydantic import Field as Option
from pydantic import field_validator

from ganray.edits.border import WORKING
from ganray.edits.edit import NoParams, Params, Tools
from ganray.edits.filters import Field, Places, box_mean, enlarged, fitted, sampled, scaled
from ganray.edits.matting import CHUNK, with_matte
from ganray.edits.photo import Alpha, Photo
from ganray.edits.transparency import on_white
from ganray.errors import EditError
from ganray.images.codec import Pixels

WHITE = (255, 255, 255)
BAND = 512  # rows that are processed at once
VISIBLE = 6  # levels: a result that differs less from its background is a blank picture


def cutout(photo: Photo, params: NoParams, tools: Tools) -> Photo:
    """Find the product; the file has its matte as alpha, and colours without the old background at the edge."""
    photo = with_matte(photo, tools)
    return photo.having(cut=True)


def white(photo: Photo, params: NoParams, tools: Tools) -> Photo:
    """The product on 255, 255, 255."""
    return _laid(with_matte(photo, tools), np.array(WHITE, np.uint8))


class BackgroundParams(Params):
    """A colour or a picture, and the strength of a shadow."""

    short: ClassVar[str] = "colour"
    picture_in: ClassVar[str] = "picture"
    colour: str = Option("#ffffff", description="#rrggbb")
    picture: str = Option("", description="name of one of the request's pictures; covers the frame")
    shadow: float = Option(0.0, ge=0.0, le=1.0, description="strength of a soft shadow under the product")

    @field_validator("colour")
    @classmethod
    def _hex(cls, value: str) -> str:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            raise ValueError("must be #rrggbb")
        return value.lower()


def background(photo: Photo, params: BackgroundParams, tools: Tools) -> Photo:
    """The product on a colour or a picture, with a soft shadow if requested."""
    photo = with_matte(photo, tools)
    if params.picture:
        ground = _cover(on_white(*tools.picture(params.picture)), *photo.size)
    else:
        ground = np.array([int(params.colour[at : at + 2], 16) for at in (1, 3, 5)], np.uint8)
    return _laid(photo, _shaded(ground, photo, params.shadow) if params.shadow else ground)


def own_colours(photo: Photo) -> Field:
    """The product's own colours float32 [H, W, 3]: where the matte is between 0 and 1, those of the product nearby, so that no rim of the
    old background remains. Straight colours are the product's already."""
    assert photo.matte is not None
    if photo.straight:
        return photo.pixels.astype(np.float32)
    solid = _solid(photo.matte)[..., None]
    own: Field = photo.pixels * solid + scaled(_nearby(photo), photo.size[1], photo.size[0]) * (1 - solid)
    return own


def own_at_edges(photo: Photo) -> Iterator[tuple[Places, Places, Field]]:
    """The pixels where the matte is between 0 and 1, in chunks: rows [n], columns [n] and the product's own colours float32 [n, 3], as in
    `own_colours`. The floats of a whole large photo would take gigabytes."""
    matte, size, nearby = photo.matte, photo.size, None if photo.straight else _nearby(photo)
    assert matte is not None
    rows, columns = np.nonzero((matte > 0) & (matte < 1))
    for start in range(0, len(rows), CHUNK):
        y, x = rows[start : start + CHUNK], columns[start : start + CHUNK]
        if nearby is None:
            yield y, x, photo.pixels[y, x].astype(np.float32)
            continue
        share = _solid(matte[y, x])[:, None]
        yield y, x, photo.pixels[y, x] * share + sampled(nearby, size, y, x) * (1 - share)


def _solid(matte: Alpha) -> Alpha:
    """The weight of a pixel's own colour; the rest is the colour of the product nearby."""
    solid: Alpha = np.clip((matte - np.float32(0.6)) / np.float32(0.35), 0, 1)
    return solid


def _nearby(photo: Photo) -> Field:
    """At the working size, in and around the product, the colour of the nearest certain product pixels: float32 [h, w, 3]."""
    assert photo.matte is not None
    size = fitted(photo.size, WORKING)
    inner = scaled(photo.matte, *size)
    inner = np.where(inner > 0.95, inner, 0).astype(np.float32)
    image = Image.fromarray(photo.pixels)
    colours = np.asarray(image if image.size == size else image.resize(size, Image.Resampling.BILINEAR), np.float32)
    filled = np.zeros_like(colours)
    known = np.zeros(size[::-1], bool)
    for radius in (2, 4, 8):  # from near to far, so that each pixel takes the nearest product
        weight = box_mean(inner, radius)
        new = ~known & (weight > 1e-3)
        filled[new] = (box_mean(colours * inner[..., None], radius) / np.maximum(weight, 1e-3)[..., None])[new]
        known |= new
    filled[~known] = colours[~known]
    return filled


def _laid(photo: Photo, ground: Pixels) -> Photo:
    """The product over a colour [3] or a picture uint8 [H, W, 3]; only pixels at its edge are blended."""
    matte = photo.matte
    assert matte is not None
    pixels, behind = photo.pixels.copy(), matte <= 0
    whole, new = (_whole_pixels(each) for each in (pixels, ground))
    whole[behind] = new if ground.ndim == 1 else new[behind]
    for y, x, own in own_at_edges(photo):
        share = matte[y, x][:, None]
        mixed = own * share + (ground if ground.ndim == 1 else ground[y, x]) * (1 - share)
        pixels[y, x] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    if not _is_visible(pixels, ground):
        raise EditError("no_product", "the product does not differ from the new background", "Use another colour, as background:#d0d0d0")
    return photo.having(pixels=pixels, cut=False, alpha=None, straight=False)


def _whole_pixels(pixels: Pixels) -> NDArray[np.void]:
    """Uint8 [..., 3] as items of three bytes [...], which are chosen and set in a quarter of the time."""
    return np.ascontiguousarray(pixels).view("V3")[..., 0]


def _is_visible(pixels: Pixels, ground: Pixels) -> bool:
    """Whether any pixel differs from the background by more than VISIBLE levels."""
    bands = (slice(top, top + BAND) for top in range(0, len(pixels), BAND))
    return any(
        bool((np.abs(pixels[band].astype(np.int16) - (ground if ground.ndim == 1 else ground[band])) > VISIBLE).any()) for band in bands
    )


def _cover(picture: Pixels, height: int, width: int) -> Pixels:
    """The picture scaled to cover the frame, cropped around its centre."""
    return np.asarray(ImageOps.fit(Image.fromarray(picture), (width, height), Image.Resampling.BICUBIC))


def _shaded(ground: Pixels, photo: Photo, strength: float) -> Pixels:
    """The background uint8 [H, W, 3] with the product's shadow on it."""
    height, width = photo.size
    shadow, shaded = enlarged(_shadow(photo), width, height), np.empty((height, width, 3), np.uint8)
    for top in range(0, height, BAND):
        rows = slice(top, top + BAND)
        light = 1 - strength * shadow[rows, :, None].astype(np.float32) / 255
        shaded[rows] = np.rint((ground if ground.ndim == 1 else ground[rows]) * light)
    return shaded


def _shadow(photo: Photo) -> Field:
    """A soft contact shadow: the matte, flattened below the product and blurred, float32 [h, w] in [0, 1] at the working size."""
    assert photo.matte is not None
    size = fitted(photo.size, WORKING)
    matte = scaled(photo.matte, *size)
    rows = np.flatnonzero(matte.max(1) > 0.5 * min(1.0, float(matte.max())))  # a thin product is nowhere solid at the working size
    bottom, tall = int(rows[-1]), int(rows[-1] - rows[0] + 1)
    foot = matte[max(0, bottom - max(2, tall // 6)) : bottom + 1].max(0)
    depth = max(2, tall // 40)
    shade = np.zeros_like(matte)
    shade[max(0, bottom - depth) : bottom + depth] = foot
    radius = max(1, tall // 30)
    for _ in range(3):
        shade = box_mean(shade, radius)
    shadow: Field = (0.55 * shade / max(float(shade.max()), 1e-6)).astype(np.float32)
    return shadow
