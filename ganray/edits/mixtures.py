"""Pixels that are mixtures: of a cloth and its pattern, and of a cloth and what lies beside it.

Between two colours a pixel's share of the first is its distance from the second over the sum of both distances, in light and shade alike.
"""

from __future__ import annotations

import numpy as np

from ganray.edits.dye import Shift, falling, redyed
from ganray.edits.filters import Field
from ganray.edits.materials import Colour, distance
from ganray.images.lab import Lab

PURE = 0.12  # share of the other colour up to which a pixel is one colour alone
OWN = 5.0, 11.0  # distance from the ground up to which a pixel is of the ground, and from which it may be a mixture
BETWEEN = 1.2, 1.6  # sum of both distances over the distance of the colours: up to which a pixel is a mixture, and from which it is none
APART = 12.0  # distance below which two colours move together


def with_pattern(lab: Lab, shift: Shift, ground: Colour, kept: tuple[Colour, ...]) -> Lab:
    """The colours Lab [..., 3] after a shift of the ground; mixtures with a colour of the pattern move by what each part moves."""
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
        on_line = falling((own + other) / apart, *BETWEEN) * (1 - falling(own, *OWN))
        of_colour = redyed(colour.lab[None], shift)[0] - colour.lab
        candidate = lab + (1 - share)[..., None] * of_ground + share[..., None] * of_colour
        mixture = np.where((on_line > best)[..., None], candidate, mixture)
        best = np.maximum(best, on_line)
    result: Lab = (moved + best[..., None] * (mixture - moved)).astype(np.float32)
    return result


def beside_others(lab: Lab, ground: Colour, guards: tuple[Colour, ...]) -> Field:
    """The share of the ground in each colour Lab [..., 3] where others lie beside it, 0 to 1: float32 [...]; 0 for what is one of them."""
    share = np.ones(lab.shape[:-1], np.float32)
    own = distance(lab, ground)
    for guard in guards:
        other = distance(lab, guard)
        between = own / (own + other + 1e-3)
        share = np.minimum(share, np.clip((1 - between - PURE) / (1 - 2 * PURE), 0, 1))
    return share
