"""Faces of people by the Haar cascades of OpenCV 4 (Viola and Jones 2001), where the extra `faces` is installed."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ganray.images.codec import Pixels

REMEDY = "pip install 'ganray[faces]'"
CASCADE = "haarcascade_frontalface_alt2.xml"
SIDE = 720  # longest side in pixels at which faces are sought
STEP, NEIGHBOURS, SMALLEST = 1.1, 5, 0.03  # of scale; detections that must agree; of the longer side
_OWN = threading.local()

Box = tuple[int, int, int, int]  # left, top, width, height


def can_find() -> bool:
    """Whether the extra is installed."""
    return _detector() is not None


def find_faces(pixels: Pixels) -> list[Box]:
    """The boxes, in pixels, of upright faces in uint8 [H, W, 3], from the left; none without the extra."""
    detector = _detector()
    if detector is None:
        return []
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    grey = np.asarray(Image.fromarray(pixels).convert("L").resize(size, Image.Resampling.BOX))
    least = max(20, round(SMALLEST * max(size)))
    found = detector.detectMultiScale(grey, scaleFactor=STEP, minNeighbors=NEIGHBOURS, minSize=(least, least))
    across, down = width / size[0], height / size[1]
    return sorted(
        (round(x * across), round(y * down), round(w * across), round(h * down)) for x, y, w, h in np.reshape(found, (-1, 4)).tolist()
    )


def _detector() -> Any:
    """OpenCV's, one for each thread, since it keeps what it looks at; None where there is none."""
    if not hasattr(_OWN, "detector"):
        _OWN.detector = _loaded()
    return _OWN.detector


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
