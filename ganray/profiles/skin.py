"""Skin by its colour: a hint that a person is in the picture, never a proof, since wood, leather and sand have the same colours."""

from __future__ import annotations

import numpy as np

from ganray.images.codec import Pixels
from ganray.images.components import Mask
from ganray.images.lab import to_lab

HUE = 25.0, 78.0  # degrees in CIE Lab
CHROMA = 9.0, 48.0
LIGHTNESS = 18.0, 94.0


def is_skin(pixels: Pixels) -> Mask:
    """Which of uint8 [..., 3] have a colour that skin of some person has."""
    lab = to_lab(pixels)
    hue, chroma = np.degrees(np.arctan2(lab[..., 2], lab[..., 1])), np.hypot(lab[..., 1], lab[..., 2])
    within = (hue >= HUE[0]) & (hue <= HUE[1]) & (chroma >= CHROMA[0]) & (chroma <= CHROMA[1])
    return np.asarray(within & (lab[..., 0] >= LIGHTNESS[0]) & (lab[..., 0] <= LIGHTNESS[1]), bool)
