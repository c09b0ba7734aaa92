"""Faces by the Haar cascades of OpenCV 4 (extra `faces`; Viola and Jones 2001)."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ganray.images.codec import Pixels
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN, Evidence
from ganray.profiles.foreground import reduced
from ganray.profiles.skin import is_skin

REMEDY = "pip install 'ganray[faces]'"
CASCADE = "haarcascade_frontalface_alt2.xml"
SIDE = 720  # longest side in pixels at which faces are sought
STEP, NEIGHBOURS, SMALLEST = 1.1, 5, 0.04  # of scale; of a face's windows; of the shorter side
SKIN = 0.3  # share of a face that has the colour of skin, in a picture that has colours
GREY = 6.0  # levels between the channels, below which a picture has none


def is_there() -> bool:
    """Whether the extra is installed: OpenCV 5 has no cascades."""
    try:
        import cv2
    except ImportError:
        return False
    return hasattr(cv2, "CascadeClassifier") and Path(getattr(getattr(cv2, "data", None), "haarcascades", ""), CASCADE).is_file()


def faces(pixels: Pixels) -> list[tuple[int, int, int, int]]:
    """The boxes (left, top, width, height) of upright faces in uint8 [H, W, 3], in percent of the frame. Needs the extra."""
    cv2 = _opencv()
    small = np.clip(reduced(pixels, SIDE), 0, 255).astype(np.uint8)
    height, width = small.shape[:2]
    cv2.setNumThreads(1)
    least = max(20, round(SMALLEST * min(height, width)))
    found = _cascade().detectMultiScale(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), STEP, NEIGHBOURS, minSize=(least, least))
    boxes = []
    for x, y, wide, high in sorted(tuple(map(int, each)) for each in found):
        part = small[y : y + high, x : x + wide]
        if float(np.ptp(part, axis=2).mean()) < GREY or float(is_skin(part).mean()) >= SKIN:
            boxes.append((100 * x // width, 100 * y // height, 100 * wide // width, 100 * high // height))
    return boxes


def _opencv() -> Any:
    """OpenCV, whose cascades its version 5 does not know."""
    import cv2

    return cv2


@lru_cache(maxsize=1)
def _cascade() -> Any:
    cv2 = _opencv()
    return cv2.CascadeClassifier(str(Path(cv2.data.haarcascades, CASCADE)))


def people(upright: list[tuple[int, int, int, int]]) -> Evidence:
    """Whether there is somebody: by the faces of the picture."""
    if not upright:
        return Evidence(CLEAR, "no face")
    return Evidence(CERTAIN if len(upright) == 1 else LIKELY, f"a face at {upright[0][0]}, {upright[0][1]} %")


def turned_face(upright: list[tuple[int, int, int, int]], turned: list[tuple[int, int, int, int]]) -> Evidence:
    """Whether a face stands on its head: by the faces of the picture, and of the turned picture."""
    if turned and not upright:
        return Evidence(LIKELY, "a face stands on its head")
    return Evidence(CLEAR, "a face is upright") if upright else Evidence(UNKNOWN, "no face tells")
