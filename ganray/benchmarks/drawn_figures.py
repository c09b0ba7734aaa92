"""Studio photos drawn by code: a figure of some skin tone in some pose wears a garment of a known colour before white or light grey.

The same figure in another colour is the true result of a recolouring, and the share of each part in each pixel is known. A figure is a pure
function of its description. Coordinates are those of `catalog.drawing`. Networks learn from other figures (`catalog/figures.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ganray.catalog.drawing import Canvas, Colour, Field, box, curve, dyed, oval
from ganray.catalog.sample import COLOURS
from ganray.images.codec import Pixels

SKINS: tuple[Colour, ...] = (
    *((246.0, 214.0, 192.0), (234.0, 190.0, 160.0), (222.0, 171.0, 135.0), (198.0, 140.0, 104.0)),
    *((160.0, 104.0, 74.0), (122.0, 78.0, 56.0), (84.0, 54.0, 42.0)),
)
HAIRS: tuple[Colour, ...] = ((38.0, 30.0, 28.0), (92.0, 60.0, 38.0), (168.0, 130.0, 84.0), (60.0, 40.0, 32.0))
OUTFITS = ("tee", "long", "tank", "dress", "gown", "trousers", "shorts", "skirt", "coat")
TOPS, BOTTOMS = ("tee", "long", "tank", "coat"), ("trousers", "shorts", "skirt")
CROPS = {"whole": (0.0, 1.0), "upper": (0.0, 0.62), "headless": (0.15, 0.75), "lower": (0.4, 1.0)}
TALL = {"tee": 0.48, "tank": 0.48, "long": 0.5, "coat": 0.62, "dress": 0.66, "gown": 0.86}  # where tops and dresses end
LONG = {"trousers": 0.89, "shorts": 0.62, "skirt": 0.66}
NOISE = 1.5  # levels


@dataclass(frozen=True)
class Cloth:
    """A garment: its kind, colour, pattern (plain, striped, dotted, checked, printed) and the pattern's colour."""

    kind: str
    colour: Colour
    pattern: str = "plain"
    second: Colour = (245.0, 245.0, 245.0)


@dataclass(frozen=True)
class Figure:
    """A figure; `garments` from the skin outwards, the product first. `arms` are the angles of both arms from straight down, in turns."""

    garments: tuple[Cloth, ...]
    skin: Colour
    hair: Colour
    ground: float = 255.0
    arms: tuple[float, float] = (0.03, 0.03)
    bend: float = 0.0
    stance: float = 0.04
    lean: float = 0.0
    back: bool = False
    crop: str = "whole"
    seed: int = 0


@dataclass
class Drawn:
    """Uint8 [H, W, 3], and the share of each part (skin, hair, and garments by their place) in each pixel float32 [H, W]."""

    pixels: Pixels
    shares: dict[str, Field] = field(default_factory=dict)

    def share(self, part: str) -> Field:
        """Of one part; none of it is zero everywhere."""
        return self.shares.get(part, np.zeros(self.pixels.shape[:2], np.float32))


def figure(rng: np.random.Generator, garments: tuple[Cloth, ...], crop: str = "whole") -> Figure:
    """A random figure in these garments."""
    return Figure(
        garments,
        SKINS[int(rng.integers(len(SKINS)))],
        HAIRS[int(rng.integers(len(HAIRS)))],
        ground=float(rng.choice([255.0, 255.0, 242.0, 230.0])),
        arms=(float(rng.uniform(0.015, 0.12)), float(rng.choice([0.03, 0.06, 0.1, 0.36]))),
        bend=float(rng.uniform(-0.1, 0.12)),
        stance=float(rng.uniform(0.0, 0.05)),
        lean=float(rng.uniform(-0.02, 0.02)),
        back=bool(rng.random() < 0.15),
        crop=crop,
        seed=int(rng.integers(2**31)),
    )


def random_figure(rng: np.random.Generator, crops: Sequence[str] = ("whole",)) -> Figure:
    """A random figure in a random garment of a random colour and pattern; a top or a bottom is worn with another garment."""
    colours = list(COLOURS.values())
    kind, crop = OUTFITS[int(rng.integers(len(OUTFITS)))], str(rng.choice(crops))
    first, second, third = (colours[place] for place in rng.choice(len(colours), 3, replace=False).tolist())
    worn = [Cloth(kind, first, str(rng.choice(("plain", "plain", "striped", "checked", "printed"))), second)]
    if kind in TOPS:
        worn.append(Cloth(str(rng.choice(BOTTOMS)), third))
    if kind in BOTTOMS:
        worn.append(Cloth(str(rng.choice(("tee", "tank"))), third))
    return figure(rng, tuple(worn), crop)


def cutout(figure: Figure, side: int) -> Pixels:
    """The figure without its ground: uint8 [H, W, 4] with straight alpha, without noise."""
    drawn = draw_figure(replace(figure, ground=255.0), side, noisy=False)
    alpha = np.minimum(sum(drawn.shares.values()), 1)[..., None]
    colour = (drawn.pixels - 255 * (1 - alpha)) / np.maximum(alpha, 1e-3)
    rgba: Pixels = np.rint(np.concatenate([np.where(alpha > 0, colour, 0).clip(0, 255), 255 * alpha], 2)).astype(np.uint8)
    return rgba


def dressed(figure: Figure, colour: Colour, second: Colour | None = None) -> Figure:
    """The same figure with its product in another colour, and its pattern in another one if given."""
    first = figure.garments[0]
    changed = replace(first, colour=colour, second=second or first.second)
    return replace(figure, garments=(changed, *figure.garments[1:]))


def draw_figure(figure: Figure, side: int, noisy: bool = True) -> Drawn:
    """The photo: a frame of 3 : 4 of `side` pixels in height at most. Noise is part of photos, not of true results."""
    painter = _Painter(figure, side)
    for place in sorted(range(len(figure.garments)), key=lambda at: figure.garments[at].kind not in BOTTOMS):
        painter.garments[place] = figure.garments[place]
    painter.draw()
    top, bottom = (round(edge * side) for edge in CROPS[figure.crop])
    width = round(0.75 * side) if figure.crop == "whole" else round(0.62 * side)
    left = (side - width) // 2
    window = np.s_[top:bottom, left : left + width]
    pixels = painter.canvas.pixels
    if noisy:
        rng = np.random.default_rng(figure.seed)
        pixels = pixels + rng.normal(0, NOISE, pixels.shape).astype(np.float32)
    shares = {name: np.ascontiguousarray(share[window]) for name, share in painter.shares.items()}
    return Drawn(np.ascontiguousarray(np.rint(pixels).clip(0, 255).astype(np.uint8)[window]), shares)


class _Painter:
    """Paints a figure from back to front and remembers which part covers each pixel."""

    def __init__(self, figure: Figure, side: int) -> None:
        self.figure, self.side = figure, side
        self.canvas = Canvas(side, np.full((side, side, 3), figure.ground, np.float32))
        self.shares: dict[str, Field] = {}
        self.garments: dict[int, Cloth] = {}
        self.light = self._folds()
        self.cx = 0.5 + figure.lean

    def draw(self) -> None:
        """All of it."""
        figure, cx = self.figure, self.cx
        if figure.back:
            self._paint("hair", [oval(cx, 0.13, 0.062, 0.085)], figure.hair)
        self._body()
        for place, cloth in self.garments.items():
            self._garment(place, cloth)
        self._paint("skin", [oval(cx, 0.115, 0.045, 0.062)], figure.skin)
        if figure.back:
            self._paint("hair", [oval(cx, 0.115, 0.056, 0.075)], figure.hair)
            return
        self._paint(
            "hair",
            [
                curve(
                    [
                        (cx - 0.048, 0.12),
                        (cx - 0.05, 0.06),
                        (cx, 0.04),
                        (cx + 0.05, 0.06),
                        (cx + 0.048, 0.12),
                        (cx + 0.03, 0.085),
                        (cx - 0.03, 0.085),
                    ]
                )
            ],
            figure.hair,
        )
        for across in (-0.018, 0.018):
            self._paint("face", [oval(cx + across, 0.112, 0.007, 0.004)], (40.0, 30.0, 30.0))
        self._paint("face", [oval(cx, 0.15, 0.014, 0.005)], tuple(np.multiply(figure.skin, (0.9, 0.6, 0.6)).tolist()))

    def _body(self) -> None:
        figure, cx = self.figure, self.cx
        self._paint("skin", [box(cx - 0.022, 0.15, cx + 0.022, 0.24)], figure.skin)
        self._paint("skin", [self._torso(0.52, 0.0)], figure.skin)
        for sign in (-1, 1):
            self._paint("skin", [self._leg(sign, 0.92, 0.0)], figure.skin)
            foot = self._foot(sign)
            self._paint("shoes", [oval(foot + 0.012 * sign, 0.93, 0.03, 0.016)], (50.0, 44.0, 44.0))
        for sign in (-1, 1):
            self._stroke("skin", self._arm(sign), 0.036, figure.skin)

    def _garment(self, place: int, cloth: Cloth) -> None:
        name, kind, cx = f"garment{place}", cloth.kind, self.cx
        if kind in BOTTOMS:
            if kind == "skirt":
                end = LONG[kind]
                outline = [(cx - 0.078, 0.44), (cx + 0.078, 0.44), (cx + 0.13, end), (cx - 0.13, end)]
                self._paint(name, [outline], cloth)
                return
            self._paint(name, [self._leg(sign, LONG[kind], 0.012) for sign in (-1, 1)] + [box(cx - 0.085, 0.44, cx + 0.085, 0.54)], cloth)
            return
        pieces = [self._torso(min(TALL[kind], 0.52), 0.008)]
        if kind in ("dress", "gown", "coat"):
            wide = {"dress": 0.12, "gown": 0.16, "coat": 0.1}[kind]
            pieces.append([(cx - 0.082, 0.42), (cx + 0.082, 0.42), (cx + wide, TALL[kind]), (cx - wide, TALL[kind])])
        mask = self.canvas.area(*pieces)
        if kind not in ("tank", "gown"):
            whole = [self._arm(sign) for sign in (-1, 1)]
            sleeves = whole if kind in ("long", "coat") else [[arm[0], _between(arm[0], arm[1], 0.62)] for arm in whole]
            cut = [[*arm[:-1], _between(arm[-2], arm[-1], 0.8)] for arm in sleeves] if kind in ("long", "coat") else sleeves
            mask = np.maximum(mask, self.canvas.line(0.05, *cut))
        neck = self.canvas.area(oval(cx, 0.205, 0.032, 0.03 if kind != "tank" else 0.05))
        self._cover(name, mask * (1 - neck), cloth)

    def _torso(self, bottom: float, margin: float) -> list[tuple[float, float]]:
        cx = self.cx
        left = [
            (0.03, 0.212),
            (0.1 + margin, 0.232),
            (0.092 + margin, 0.3),
            (0.07 + margin, 0.4),
            (0.082 + margin, 0.47),
            (0.082 + margin, bottom),
        ]
        return [(cx - x, y) for x, y in left] + [(cx + x, y) for x, y in reversed(left)]

    def _leg(self, sign: int, bottom: float, margin: float) -> list[tuple[float, float]]:
        cx, foot = self.cx, self._foot(sign)
        share = (bottom - 0.5) / 0.42
        end = cx + sign * 0.042 + share * (foot - cx - sign * 0.042)
        thick = 0.042 - 0.02 * share + margin
        return [(cx + sign * (0.084 + margin), 0.48), (end + sign * thick, bottom), (end - sign * thick, bottom), (cx - sign * 0.002, 0.52)]

    def _foot(self, sign: int) -> float:
        return self.cx + sign * (0.045 + self.figure.stance)

    def _arm(self, sign: int) -> list[tuple[float, float]]:
        angle = 2 * math.pi * self.figure.arms[0 if sign < 0 else 1]
        x, y = self.cx + sign * 0.092, 0.25
        elbow = (x + sign * 0.16 * math.sin(angle), y + 0.16 * math.cos(angle))
        angle += 2 * math.pi * (self.figure.bend if angle < 1.5 else 0.05)
        return [(x, y), elbow, (elbow[0] + sign * 0.16 * math.sin(angle), elbow[1] + 0.16 * math.cos(angle))]

    def _stroke(self, name: str, path: list[tuple[float, float]], width: float, colour: Colour) -> None:
        self._cover(name, self.canvas.line(width, path), colour)

    def _paint(self, name: str, outlines: list[list[tuple[float, float]]], colour: Colour | Cloth) -> None:
        self._cover(name, self.canvas.area(*outlines), colour)

    def _cover(self, name: str, mask: Field, colour: Colour | Cloth) -> None:
        cloth = isinstance(colour, Cloth)
        self.canvas.paint(
            mask,
            self._fabric(colour, mask) if isinstance(colour, Cloth) else colour,
            relief=0.3,
            softness=0.02,
            light=self.light if cloth else 0.5 + 0.5 * self.light,
        )
        self.shares = {part: share * (1 - mask) for part, share in self.shares.items()}
        self.shares[name] = self.shares.get(name, np.zeros_like(mask)) + mask

    def _fabric(self, cloth: Cloth, mask: Field) -> Field:
        if cloth.pattern in ("striped", "dotted"):
            fine = _Finer(self.canvas, 2.5)
            return dyed(fine, cloth.pattern, cloth.colour, cloth.second, 0.3)  # type: ignore[arg-type]
        ink = np.zeros((self.side, self.side), np.float32)
        if cloth.pattern == "checked":
            ink = (0.5 * ((self.canvas.x / 0.05) % 1 < 0.5) + 0.5 * ((self.canvas.y / 0.05) % 1 < 0.5)).astype(np.float32)
        elif cloth.pattern == "printed":
            rows = np.flatnonzero(mask.max(1) > 0.5)
            middle = 0.6 * rows[0] + 0.4 * rows[-1] if len(rows) else 0
            ink = self.canvas.area(
                oval(self.cx, middle / self.side, 0.04, 0.03),
                box(self.cx - 0.05, middle / self.side + 0.04, self.cx + 0.05, middle / self.side + 0.055),
            )
        cloth_colour, second = np.asarray(cloth.colour, np.float32), np.asarray(cloth.second, np.float32)
        fabric: Field = (cloth_colour + ink[..., None] * (second - cloth_colour)).astype(np.float32)
        return fabric

    def _folds(self) -> Field:
        """Light on cloth: soft waves and creases, the same whatever colour it has."""
        rng = np.random.default_rng(self.figure.seed + 1)
        y, x = np.mgrid[0 : self.side, 0 : self.side].astype(np.float32) / self.side
        light = np.ones_like(x)
        for scale, strength in ((12, 0.06), (30, 0.05), (55, 0.025)):
            angle, phase = rng.uniform(0, math.pi), rng.uniform(0, 2 * math.pi)
            wave = np.sin(scale * (x * math.cos(angle) + y * math.sin(angle)) + phase + 2 * np.sin(5 * x + 3 * y + phase))
            light += strength * wave
        lit: Field = (light * (0.93 - 0.5 * (x - 0.5))).astype(np.float32)
        return lit


class _Finer:
    """A canvas whose patterns are finer by a factor."""

    def __init__(self, canvas: Canvas, factor: float) -> None:
        self.side, self.x, self.y = round(canvas.side / factor), canvas.x * factor, canvas.y * factor


def _between(first: tuple[float, float], second: tuple[float, float], share: float) -> tuple[float, float]:
    return first[0] + share * (second[0] - first[0]), first[1] + share * (second[1] - first[1])


def solid(share: Field, least: float = 0.99) -> NDArray[np.bool_]:
    """Pixels that are one part alone."""
    inside: NDArray[np.bool_] = share > least
    return inside
