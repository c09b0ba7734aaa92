"""People in a picture, and whether one stands on the head: by the faces that `images/faces.py` finds."""

from __future__ import annotations

import numpy as np

from ganray.images.codec import Pixels
from ganray.images.faces import Box, find_faces
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN, Evidence
from ganray.profiles.skin import is_skin

SKIN = 0.3  # share of a face that has the colour of skin, in a picture that has colours
GREY = 6.0  # levels between the channels, below which a picture has none


def faces(pixels: Pixels) -> list[Box]:
    """The faces of uint8 [H, W, 3] that have the colour of skin or none; the boxes are in percent of the frame."""
    height, width = pixels.shape[:2]
    boxes = []
    for left, top, wide, high in find_faces(pixels):
        part = pixels[top : top + high, left : left + wide]
        if float(np.ptp(part, axis=2).mean()) < GREY or float(is_skin(part).mean()) >= SKIN:
            boxes.append((100 * left // width, 100 * top // height, 100 * wide // width, 100 * high // height))
    return boxes


def people(upright: list[Box]) -> Evidence:
    """Whether there is somebody: by the faces of the picture."""
    if not upright:
        return Evidence(CLEAR, "no face")
    return Evidence(CERTAIN if len(upright) == 1 else LIKELY, f"a face at {upright[0][0]}, {upright[0][1]} %")


def turned_face(upright: list[Box], turned: list[Box]) -> Evidence:
    """Whether a face stands on its head: by the faces of the picture, and of the turned picture."""
    if turned and not upright:
        return Evidence(LIKELY, "a face stands on its head")
    return Evidence(CLEAR, "a face is upright") if upright else Evidence(UNKNOWN, "no face tells")
