"""Pixels that are mixtures: of a cloth and its pattern, and of a cloth and what lies beside it.

Between two colours a pixel's share of the first is its distance from the second over the sum of both distances, in light and shade alike.
"""

from __future__ import annotations

import numpy as np

from ganray.edits.dye import Shift, dye_share, falling, redyed
from ganray.edits.filters import Field
from ganray.edits.materials import Colour, distance
from ganray.images.lab import Lab, within

PURE, FOREIGN = 0.12, 0.7  # share of what lies beside up to which a pixel is of the ground alone, and from which it is none of it
OWN, FAR = (0.25, 0.55), 20.0  # distance from the ground, over that of the pattern (or FAR), up to which a pixel is of the ground
BETWEEN = 1.2, 1.6  # sum of both distances over the distance of the colours: up to which a pixel is a mixture, and from which it is none
APART = 8.0  # distance below which two colours move together


def with_pattern(lab: Lab, shift: Shift, ground: Colour, kept: tuple[Colour, ...]) -> Lab:
    """The colours Lab [..., 3] after a shift of the ground. A colour of the pattern moves by its share of the dye, and mixtures with it by
    what each part moves."""
    moved = redyed(lab, shift)
    own = distance(lab, ground)
    best, mixture = np.zeros(lab.shape[:-1], np.float32), moved
    of_ground = redyed(ground.lab[None], shift)[0] - ground.lab
    for colour in kept:
        apart = max(float(distance(colour.lab, ground)), float(distance(ground.lab, colour)))
        if apart < APART:
            continue
        other = distance(lab, colour)
        share = own / (own + other + 1e-3)
        on_line = falling((own + other) / apart, *BETWEEN) * (1 - falling(own / min(apart, FAR), *OWN))
        part = (1 - share) + share * float(dye_share(colour.lab, ground.lab))
        mixture = np.where((on_line > best)[..., None], lab + part[..., None] * of_ground, mixture)
        best = np.maximum(best, on_line)
    result: Lab = within((moved + best[..., None] * (mixture - moved)).astype(np.float32))
    return result


def beside_others(lab: Lab, ground: Colour, guards: tuple[Colour, ...]) -> Field:
    """The share of the ground in each colour Lab [..., 3] where others lie beside it, 0 to 1: float32 [...]; 0 for what is one of them."""
    share = np.ones(lab.shape[:-1], np.float32)
    own = distance(lab, ground)
    for guard in guards:
        other = distance(lab, guard)
        between = own / (own + other + 1e-3)
        share = np.minimum(share, np.clip((FOREIGN - between) / (FOREIGN - PURE), 0, 1))
    return share
