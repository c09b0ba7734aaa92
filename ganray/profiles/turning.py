"""Upside down: by the shadow, which lies below what stands on the ground; text and faces are read elsewhere (`reading.py`, `people.py`)."""

from __future__ import annotations

import numpy as np

from ganray.images.channels import least
from ganray.profiles.evidence import CLEAR, LIKELY, UNKNOWN, Evidence
from ganray.profiles.foreground import Foreground

DARKENED = 6.0  # levels that a shadow is darker than the ground
LEAST = 0.002  # share of the frame, in full shadow of SHADOW levels, below which there is none
FULL = 40.0
ONE_SIDED = 6.0  # how many times more shadow lies on one side


def turned_shadow(seen: Foreground) -> Evidence:
    """Whether the shadow lies above the product. A shadow below says that it stands as it should."""
    unknown = Evidence(UNKNOWN, "neither text, face nor shadow tells")
    if not seen.plain or not seen.parts or seen.surface is None:
        return unknown
    darker = least(seen.surface - seen.small)
    shadow = np.where(~seen.shape & (darker >= DARKENED), darker, 0).sum(1)
    if shadow.sum() < LEAST * FULL * seen.shape.size:
        return unknown
    top, bottom = seen.parts[0].box[1], seen.parts[0].box[3]
    edge = round(0.25 * (bottom - top))
    above, below = float(shadow[: top + edge].sum()), float(shadow[bottom - edge :].sum())
    if above >= ONE_SIDED * below:
        return Evidence(LIKELY, "the shadow lies above the product")
    return Evidence(CLEAR, "the shadow lies below the product") if below >= ONE_SIDED * above else unknown
