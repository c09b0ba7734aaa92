"""Attributes that are computed from the photo: the dominant colour of the product, and the kind of background.

Both use the photo at 64 px in CIE Lab. The background is a quadratic surface fitted to the colours of the border (light falls off), and
the residuals of the border measure its smoothness. Pixels far from the surface are the product; if there are hardly any (white on white),
or the border is not smooth, the middle of the photo is used. Each pixel of the product votes for the nearest of a few shades of each
named colour; neutral colours have half a vote, so that the colour of a striped shirt wins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from ganray.images.lab import Lab, to_lab
from ganray.images.transforms import resize

SIDE = 64
RING = 0.05  # width of the border, share of the side
MAX_RESIDUAL, MIN_SMOOTH = 9.0, 0.75  # distance in Lab allowed for lighting, shadows and noise; share of the border that must be within it
WHITE_LIGHTNESS, WHITE_CHROMA = 92.0, 7.0
MIN_DISTANCE = 14.0  # minimum distance in Lab of product pixels from the background
MIN_PRODUCT = 0.04  # minimum share of the photo
NEUTRAL_VOTE = 0.5

SHADES: dict[str, tuple[str, ...]] = {
    "black": ("#101012", "#303036"),
    "grey": ("#5a5a5e", "#808084", "#a8a8ac"),
    "white": ("#ffffff", "#e8e8ea", "#d0d0d2", "#c6c2c4"),  # in a room
    "beige": ("#e8dcc4", "#d2bfa0", "#c0aa88"),
    "brown": ("#7e5232", "#54361f", "#9a6c44", "#3c2a20"),
    "red": ("#ce222a", "#a01820", "#6a1420", "#e04848"),
    "orange": ("#f27e1c", "#d8641c", "#f8a050"),
    "yellow": ("#f8ca28", "#e8d848", "#c8a020", "#f8ec90"),
    "green": ("#2c944e", "#1c5432", "#6cb860", "#6c7434", "#3a4a30", "#a0d0a0", "#5c7c70"),
    "blue": ("#265cc4", "#1c2c58", "#4c8cdc", "#90b8e0", "#284878", "#30a8b8", "#7890b0", "#52627a", "#8a9cb0", "#a8bac8"),
    "purple": ("#7a3ea4", "#4c2868", "#a878c8", "#8c3c7c", "#6a5470"),
    "pink": ("#f48eb2", "#e0508c", "#f8c0cc", "#d09090", "#d82874"),
}
NEUTRAL = ("black", "grey", "white", "beige")
BACKGROUNDS = ("white", "plain", "cluttered")


@dataclass(frozen=True)
class Scene:
    """A photo as Lab float32 [H, W, 3], the background surface [H, W, 3], and the share of the border that matches it."""

    lab: Lab
    surface: Lab
    smooth: float


def dominant_colour(scene: Scene) -> str:
    """The dominant colour of the product, a key of SHADES."""
    product = _product(scene)
    nearest = ((_PALETTE**2).sum(axis=1) - 2 * product @ _PALETTE.T).argmin(axis=1)
    votes = np.bincount(_OWNER[nearest], minlength=len(SHADES)) * _WEIGHT
    return list(SHADES)[int(votes.argmax())]


def background(scene: Scene) -> str:
    """The kind of background, one of BACKGROUNDS."""
    if scene.smooth < MIN_SMOOTH:
        return "cluttered"
    lightness, a, b = np.median(scene.surface.reshape(-1, 3), axis=0).tolist()
    return "white" if lightness >= WHITE_LIGHTNESS and np.hypot(a, b) <= WHITE_CHROMA else "plain"


AUTOMATIC: dict[str, Callable[[Scene], str]] = {"dominant_colour": dominant_colour, "background": background}


def automatic(image: Image.Image, names: tuple[str, ...]) -> dict[str, str]:
    """Name -> value of the given automatic attributes (keys of AUTOMATIC) of an RGB image."""
    if not names:
        return {}
    scale = SIDE / max(image.size)
    small = resize(image, *(max(8, round(length * scale)) for length in image.size))
    scene = _scene(to_lab(np.asarray(small)))
    return {name: AUTOMATIC[name](scene) for name in names}


def _scene(lab: Lab) -> Scene:
    height, width = lab.shape[:2]
    ring = max(1, round(RING * max(height, width)))
    y, x = np.mgrid[0:height, 0:width]
    edge = (np.minimum(y, height - 1 - y) < ring) | (np.minimum(x, width - 1 - x) < ring)
    u, v = x / width - 0.5, y / height - 0.5
    terms = np.stack([np.ones((height, width)), u, v, u * u, v * v], axis=-1)
    edge_terms, colours = terms[edge], lab[edge].astype(np.float64)
    close = np.abs(colours - np.median(colours, axis=0)).sum(axis=1) < 4 * MAX_RESIDUAL  # products may touch the border
    fit = np.zeros((terms.shape[2], 3))
    for _ in range(3):
        if close.sum() < 4 * len(fit):
            return Scene(lab, lab, 0.0)
        fit = np.linalg.lstsq(edge_terms[close], colours[close], rcond=None)[0]
        close = ((colours - edge_terms @ fit) ** 2).sum(axis=1) < MAX_RESIDUAL**2
    return Scene(lab, (terms @ fit).astype(np.float32), float(close.mean()))


def _product(scene: Scene) -> Lab:
    """The pixels of the product: float32 [n, 3], n > 0."""
    height, width = scene.lab.shape[:2]
    apart = ((scene.lab - scene.surface) ** 2).sum(axis=2) > MIN_DISTANCE**2
    if scene.smooth >= MIN_SMOOTH and apart.mean() >= MIN_PRODUCT:
        product: Lab = scene.lab[apart]
        return product
    return scene.lab[height // 4 : height - height // 4, width // 4 : width - width // 4].reshape(-1, 3)


_PALETTE = to_lab(np.array([[int(shade[at : at + 2], 16) for at in (1, 3, 5)] for shades in SHADES.values() for shade in shades], np.uint8))
_OWNER = np.array([place for place, shades in enumerate(SHADES.values()) for _ in shades])
_WEIGHT = np.array([NEUTRAL_VOTE if name in NEUTRAL else 1.0 for name in SHADES])
