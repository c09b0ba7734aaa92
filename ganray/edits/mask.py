"""A mask among a request's pictures: white, or opaque where the picture has alpha, is what is meant."""

from __future__ import annotations

import numpy as np

from ganray.edits.edit import Tools
from ganray.edits.photo import Alpha, Photo
from ganray.errors import EditError


def read_mask(photo: Photo, name: str, tools: Tools) -> Alpha:
    """The share of each pixel that is meant, float32 [H, W] in 0..1. Raises EditError("mask") for a mask of another size than the photo,
    and for an empty one; RequestError for an unknown name."""
    picture, alpha = tools.picture(name)
    if picture.shape[:2] != photo.size:
        mask_size, photo_size = (f"{size[1]}x{size[0]}" for size in (picture.shape[:2], photo.size))
        raise EditError("mask", f"the mask has {mask_size} pixels, the photo {photo_size}", "Send a mask of the photo's size")
    share: Alpha = alpha if alpha is not None and float(alpha.min()) < 0.5 else picture.max(2).astype(np.float32) / np.float32(255)
    if not (share > 0.5).any():
        raise EditError("mask", "the mask is empty", "Paint the part that is meant white and the rest black")
    return share
