"""Faces of people in a photo, where the extra `faces` (OpenCV with its cascades) is installed.

Viola and Jones 2001 as OpenCV trains it (`haarcascade_frontalface_default.xml`). Without the extra, or with an OpenCV that has no cascades,
nothing is looked for; `can_look` says so.
"""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganray.edits.filters import fitted
from ganray.images.codec import Pixels
from ganray.images.lab import Lab, to_lab

LOOKED_AT = 640  # longest side in pixels at which faces are sought
LEAST_FACE = 0.03  # of the longer side
NEIGHBOURS = 6  # detections that must agree: with fewer, folds are faces
CASCADE = "haarcascade_frontalface_default.xml"
_OWN = threading.local()


def can_look() -> bool:
    """Whether faces can be found."""
    return _cascade() is not None


def face_tones(pixels: Pixels) -> list[Lab]:
    """The tone Lab [3] of each face: the median of its middle, where there is neither hair nor ground."""
    tones: list[Lab] = []
    for left, top, side in faces_in(pixels):
        middle = pixels[top + int(0.35 * side) : top + int(0.75 * side), left + int(0.3 * side) : left + int(0.7 * side)]
        if middle.size:
            tones.append(np.median(to_lab(middle).reshape(-1, 3), 0).astype(np.float32))
    return tones


def faces_in(pixels: Pixels) -> list[tuple[int, int, int]]:
    """Left, top and side in pixels of each face, from the top; none without the extra."""
    cascade = _cascade()
    if cascade is None:
        return []
    size = fitted((pixels.shape[0], pixels.shape[1]), LOOKED_AT)
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BOX))
    least = max(20, round(LEAST_FACE * max(size)))
    found = cascade.detectMultiScale(grey, scaleFactor=1.1, minNeighbors=NEIGHBOURS, minSize=(least, least))
    scale = pixels.shape[1] / size[0]
    return sorted((round(x * scale), round(y * scale), round(side * scale)) for x, y, side, _ in np.reshape(found, (-1, 4)).tolist())


def _cascade() -> Any:
    """OpenCV's detector, one for each thread, since it keeps what it looks at; None where there is none."""
    if not hasattr(_OWN, "cascade"):
        _OWN.cascade = _loaded()
    return _OWN.cascade


def _loaded() -> Any:
    try:
        cv2: Any = importlib.import_module("cv2")
    except ImportError:
        return None
    if not hasattr(cv2, "CascadeClassifier"):  # OpenCV 5 has neither the class nor its data
        return None
    cv2.setNumThreads(1)
    path = Path(cv2.data.haarcascades, CASCADE)
    return cv2.CascadeClassifier(str(path)) if path.exists() else None
