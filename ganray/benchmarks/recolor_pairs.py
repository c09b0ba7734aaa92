"""Pairs of drawn studio photos: a figure in a garment of one colour, and the same figure in another, for the benchmark of `recolor`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ganray.benchmarks.drawn_figures import BOTTOMS, OUTFITS, TOPS, Cloth, Drawn, draw_figure, dressed, figure
from ganray.catalog.drawing import Colour
from ganray.edits.palette import rgb_of

HEIGHT = 400  # of a photo in pixels
COLOURS = (
    *("navy", "red", "white", "black", "beige", "pink", "brown", "rust", "green", "mustard", "grey", "royal blue", "camel", "teal"),
    *("burgundy", "lavender"),
)
PALE = ("white", "lavender")  # cloth on which a white pattern would not be seen
BESIDE = ("white", "black", "grey", "denim")  # what is worn with a product
PATTERNS = ("plain", "striped", "plain", "checked", "printed", "plain", "dotted", "plain")
CROPS = ("whole", "upper", "whole", "headless", "whole", "lower")


@dataclass(frozen=True)
class Pair:
    """A photo, its true result, and what they show."""

    photo: Drawn
    truth: Drawn
    source: str
    target: str
    pattern: str
    garments: int


def pairs(num: int) -> Iterator[Pair]:
    """`num` pairs: nine kinds of garments in sixteen colours, skin tones, poses, patterns and crops."""
    return map(pair, range(num))


def pair(place: int) -> Pair:
    """The pair of a place, a pure function of it; tops and bottoms are worn with another garment."""
    rng = np.random.default_rng(place)
    kind, pattern, crop = OUTFITS[place % len(OUTFITS)], PATTERNS[place % len(PATTERNS)], CROPS[place // 2 % len(CROPS)]
    source, target = rng.choice(COLOURS, 2, replace=False).tolist()
    if crop == "lower" and kind in TOPS:
        crop = "upper"
    worn = [Cloth(kind, _rgb(source), "plain" if source in PALE else pattern)]
    if kind in TOPS:
        worn.append(Cloth(str(rng.choice(BOTTOMS)), _rgb(_other(rng, source, target))))
    if kind in BOTTOMS:
        worn.append(Cloth(str(rng.choice(("tee", "tank"))), _rgb(_other(rng, source, target))))
    before = figure(rng, tuple(worn), crop)
    after = draw_figure(dressed(before, _rgb(target)), HEIGHT, noisy=False)
    return Pair(draw_figure(before, HEIGHT), after, source, target, worn[0].pattern, len(worn))


def _other(rng: np.random.Generator, *used: str) -> str:
    return str(rng.choice([name for name in BESIDE if name not in used]))


def _rgb(name: str) -> Colour:
    red, green, blue = rgb_of(name).astype(float).tolist()
    return red, green, blue
