"""`cutout`, `white`, `background`: the product without what is behind it, or on something else."""

from __future__ import annotations

import re
from typing import ClassVar

import numpy as np
from PIL import Image, ImageOps
from pydantic import Field as Option
from pydantic import field_validator

from ganray.edits.edit import NoParams, Params, Tools
from ganray.edits.filters import Field, box_mean, scaled
from ganray.edits.matting import WORKING, with_matte
from ganray.edits.photo import Photo
from ganray.images.codec import Pixels

WHITE = (255, 255, 255)


def cutout(photo: Photo, params: NoParams, tools: Tools) -> Photo:
    """Find the product; the file gets its matte as alpha, and its own colours up to the edge."""
    photo = with_matte(photo, tools)
    return photo.having(cut=True)


def white(photo: Photo, params: NoParams, tools: Tools) -> Photo:
    """The product on 255, 255, 255."""
    return _laid(with_matte(photo, tools), np.float32(255.0))


class BackgroundParams(Params):
    """A colour or a picture, and a shadow."""

    short: ClassVar[str] = "colour"
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
    """The product before a colour or a picture, with a soft shadow where one is asked for."""
    photo = with_matte(photo, tools)
    ground: Field
    if params.picture:
        picture, _ = tools.picture(params.picture)
        ground = _cover(picture, *photo.size)
    else:
        colour = [int(params.colour[at : at + 2], 16) for at in (1, 3, 5)]
        ground = np.broadcast_to(np.array(colour, np.float32), (*photo.size, 3))
    if params.shadow:
        ground = ground * (1 - params.shadow * _shadow(photo))[..., None]
    return _laid(photo, ground)


def own_colours(photo: Photo) -> Field:
    """The product's own colours float32 [H, W, 3]: where the matte is between 0 and 1, those of the product nearby, so that no rim of the
    old background is left."""
    assert photo.matte is not None
    height, width = photo.size
    scale = min(1.0, WORKING / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    inner = scaled(photo.matte, *size)
    inner = np.where(inner > 0.95, inner, 0).astype(np.float32)
    colours = scaled(photo.pixels.astype(np.float32), *size)
    filled = np.zeros_like(colours)
    known = np.zeros(size[::-1], bool)
    for radius in (2, 4, 8):  # from near to far, so that each pixel takes the nearest product there is
        weight = box_mean(inner, radius)
        here = ~known & (weight > 1e-3)
        filled[here] = (box_mean(colours * inner[..., None], radius) / np.maximum(weight, 1e-3)[..., None])[here]
        known |= here
    filled[~known] = colours[~known]
    wide = scaled(filled, width, height)
    solid = np.clip((photo.matte[..., None] - 0.6) / 0.35, 0, 1)
    own: Field = photo.pixels * solid + wide * (1 - solid)
    return own


def _laid(photo: Photo, ground: Field | np.float32) -> Photo:
    assert photo.matte is not None
    matte = photo.matte[..., None]
    mixed = own_colours(photo) * matte + ground * (1 - matte)
    pixels: Pixels = np.where(matte >= 1, photo.pixels, np.clip(np.rint(mixed), 0, 255)).astype(np.uint8)
    return photo.having(pixels=pixels, cut=False)


def _cover(picture: Pixels, height: int, width: int) -> Field:
    """The picture scaled to cover the frame, cut at its middle."""
    fitted = ImageOps.fit(Image.fromarray(picture), (width, height), Image.Resampling.BICUBIC)
    return np.asarray(fitted, np.float32)


def _shadow(photo: Photo) -> Field:
    """A soft contact shadow: the matte, flattened below the product and blurred, float32 [H, W] in [0, 1]."""
    assert photo.matte is not None
    height, width = photo.size
    scale = min(1.0, WORKING / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    matte = scaled(photo.matte, *size)
    rows = np.flatnonzero(matte.max(1) > 0.5)
    bottom, tall = int(rows[-1]), int(rows[-1] - rows[0] + 1)
    foot = matte[max(0, bottom - max(2, tall // 6)) : bottom + 1].max(0)
    depth = max(2, tall // 40)
    shade = np.zeros_like(matte)
    shade[max(0, bottom - depth) : bottom + depth] = foot
    radius = max(1, tall // 30)
    for _ in range(3):
        shade = box_mean(shade, radius)
    return scaled(0.55 * shade / max(float(shade.max()), 1e-6), width, height)
