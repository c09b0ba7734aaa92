"""Soft shadows that a product casts on a plain background: grey, without an edge towards the background, and no product to the network."""

from __future__ import annotations

import numpy as np

from ganray.edits.border import PlainGround
from ganray.edits.filters import scaled
from ganray.edits.photo import Alpha
from ganray.images.channels import largest
from ganray.images.components import Mask, reached

DARKEST = 0.45  # of the background's light that a soft shadow leaves, at least
TINT = 0.03  # largest difference between the channels' shares of light
SLOPE = 5.0  # levels from a pixel to the next one: steeper is the edge of a product
CONFIDENT = 0.3  # learned matte below which the network sees no product


def soft_shadows(ground: PlainGround, learned: Alpha) -> Mask:
    """Pixels [h, w] of the border's matte that are a shadow: what the background in less light can be, connected with the background
    through pixels of the same kind, where the learned matte [any size] sees no product."""
    height, width = ground.distance.shape
    light = ground.picture / np.maximum(ground.surface, 1)
    level = light.mean(2)
    neutral = (largest(np.abs(light - level[..., None])) < TINT) & (level > DARKEST) & (level < 1.02)
    down, across = (np.abs(np.diff(level * ground.surface.mean(2), axis=axis)) for axis in (0, 1))
    smooth = np.ones((height, width), bool)
    smooth[1:] &= down < SLOPE
    smooth[:-1] &= down < SLOPE
    smooth[:, 1:] &= across < SLOPE
    smooth[:, :-1] &= across < SLOPE
    unseen = scaled(learned, width, height) < CONFIDENT
    shadow: Mask = reached(ground.background | (neutral & smooth & unseen)) & ~ground.background
    return shadow
