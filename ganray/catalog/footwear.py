"""Pairs of shoes drawn from above, as sellers lay them on the floor: each a pure function of (seed, index), with the truth about its mask.

From above a shoe shows its insole, which often has the colours of the floor, and is enclosed by the upper (loafer), open at the heel
(mule), or crossed by straps (sandal). That is what a matte has to learn: this inner side belongs to the product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ganray.catalog.drawing import Canvas, Colour, Field, Points, curve, dyed, oval, tinted, white
from ganray.images.codec import Pixels

KINDS = ("loafer", "mule", "sandal")
# the left shoe, its toe at the top; x from -.5 to .5 and y from 0 to 1 in lengths of the shoe
SOLE: Points = [
    (0.0, 1.0), (-0.13, 0.955), (-0.165, 0.82), (-0.135, 0.62), (-0.185, 0.36), (-0.17, 0.16), (-0.07, 0.02),
    (0.05, 0.0), (0.16, 0.11), (0.195, 0.3), (0.15, 0.6), (0.165, 0.82), (0.13, 0.955),
]  # fmt: skip
OPENING: Points = [(0.0, 0.96), (-0.1, 0.92), (-0.12, 0.78), (-0.085, 0.57), (0.0, 0.5), (0.085, 0.57), (0.12, 0.78), (0.1, 0.92)]
UPPERS: tuple[Colour, ...] = (
    (30, 30, 34), (58, 56, 60), (236, 234, 230), (38, 52, 96), (120, 60, 44), (150, 104, 66), (96, 72, 54), (168, 160, 150),
    (150, 36, 40), (222, 150, 170), (60, 96, 62), (206, 176, 130),
)  # fmt: skip
INSOLES: tuple[Colour, ...] = (
    (226, 214, 196), (204, 178, 142), (176, 142, 104), (140, 104, 74), (232, 230, 226), (190, 188, 186), (130, 130, 134),
    (70, 68, 70), (36, 36, 40), (214, 190, 180), (90, 70, 56),
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """What both shoes of a pair share."""

    kind: str
    upper: Colour
    second: Colour
    insole: Colour
    sole: Colour
    pattern: str
    broad: float  # times the usual width
    opening: float  # times the usual size
    straps: tuple[float, ...]  # their places along a sandal
    detailed: bool  # buckles, laces, a printed mark


@dataclass(frozen=True)
class Stand:
    """Where a shoe stands in the frame: the middle of it, its length, how far it is turned in radians, and whether it is the right one."""

    x: float
    y: float
    length: float
    turn: float
    right: bool

    def placed(self, points: Points) -> list[tuple[float, float]]:
        """Points of the left shoe, in the frame."""
        sign, cos, sin = -1.0 if self.right else 1.0, math.cos(self.turn), math.sin(self.turn)
        local = [(sign * x * self.length, (y - 0.5) * self.length) for x, y in points]
        return [(self.x + cos * a - sin * b, self.y + sin * a + cos * b) for a, b in local]


def shoes_from_above(seed: int, index: int, side: int) -> Pixels:
    """Pair `index` of a seed, or now and then a single shoe: uint8 [side, side, 4] with straight alpha."""
    rng = np.random.Generator(np.random.Philox(key=[seed, index]))
    canvas, pair = Canvas(side, white(side)), _pair(rng)
    length, apart, turn = rng.uniform(0.6, 0.85), rng.uniform(0.19, 0.27), rng.uniform(-0.12, 0.3)
    lean, single = rng.normal(0.0, 0.12), rng.random() < 0.1
    for right in (False, True)[: 1 if single else 2]:
        sign = 0.0 if single else 1.0 if right else -1.0
        x, y = sign * apart, rng.normal(0.0, 0.015)
        middle = 0.5 + math.cos(lean) * x - math.sin(lean) * y, 0.5 + math.sin(lean) * x + math.cos(lean) * y
        _shoe(canvas, pair, Stand(*middle, length, lean + sign * turn / 2, right), rng)
    pixels, mask = canvas.finished()
    return np.dstack([pixels, mask])


def _pair(rng: np.random.Generator) -> Pair:
    upper, second, insole = (table[int(rng.integers(len(table)))] for table in (UPPERS, UPPERS, INSOLES))
    soles = (insole, upper, (232.0, 231.0, 228.0), (150.0, 104.0, 66.0), (40.0, 40.0, 44.0))
    straps = tuple(np.sort(rng.uniform(0.2, 0.62, int(rng.integers(1, 4)))).tolist())
    return Pair(
        kind=KINDS[int(rng.integers(len(KINDS)))],
        upper=upper,
        second=second,
        insole=upper if rng.random() < 0.15 else insole,
        sole=soles[int(rng.integers(len(soles)))],
        pattern=str(rng.choice(("plain", "plain", "plain", "striped", "dotted"))),
        broad=float(rng.uniform(0.85, 1.2)),
        opening=float(rng.uniform(0.85, 1.15)),
        straps=(*straps, 0.86) if rng.random() < 0.5 else straps,
        detailed=bool(rng.random() < 0.5),
    )


def _shoe(canvas: Canvas, pair: Pair, stand: Stand, rng: np.random.Generator) -> None:
    fabric = dyed(canvas, pair.pattern, pair.upper, pair.second, float(rng.random()), 0.5)
    sole = [(pair.broad * x, y) for x, y in SOLE]
    outline = canvas.paint(canvas.area(curve(stand.placed(sole))), pair.sole, 0.3, 0.02)
    inner = canvas.area(curve(stand.placed([(0.9 * x, 0.5 + 0.95 * (y - 0.5)) for x, y in sole])))
    if pair.kind == "sandal":
        _insole(canvas, pair, stand, inner)
        _straps(canvas, pair, stand, fabric, outline)
    elif pair.kind == "mule":
        _insole(canvas, pair, stand, inner)
        edge = float(rng.uniform(0.42, 0.6))
        front = [(-0.5, -0.2), (0.5, -0.2), (0.5, edge), *curve([(0.2, edge), (0.0, edge - 0.05), (-0.2, edge)], False), (-0.5, edge)]
        _cover(canvas, outline * canvas.area(stand.placed(front)), fabric, outline)
    else:
        body = canvas.paint(outline, fabric, 0.45, 0.05)
        hole = [(pair.broad * pair.opening * x, 0.75 + pair.opening * (y - 0.75)) for x, y in OPENING]
        opening = canvas.area(curve(stand.placed(hole))) * body
        canvas.paint(canvas.line(0.03 * stand.length, curve(stand.placed(hole))) * body, tinted(pair.upper, -0.3), 0.2, 0.01)
        _insole(canvas, pair, stand, opening)
        _laces(canvas, pair, stand, body)


def _insole(canvas: Canvas, pair: Pair, stand: Stand, area: Field) -> None:
    """The inner side, darker towards the toe, with a printed mark at the heel."""
    (x0, y0), (x1, y1) = stand.placed([(0.0, 0.35), (0.0, 0.9)])
    along = ((canvas.x - x0) * (x1 - x0) + (canvas.y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2)
    dark = 0.55 if pair.kind == "loafer" else 0.9
    canvas.paint(area, pair.insole, 0.2, 0.02, light=dark + (1 - dark) * np.clip(along, 0, 1).astype(np.float32))
    if pair.detailed:
        canvas.shade(area * canvas.area(stand.placed(oval(0.0, 0.84, 0.05, 0.03))), 0.35)


def _straps(canvas: Canvas, pair: Pair, stand: Stand, fabric: Field, outline: Field) -> None:
    """Bands across a sandal, a little wider than its sole; the last one goes around the heel."""
    reach = canvas.area(curve(stand.placed([(1.12 * pair.broad * x, 0.5 + 1.03 * (y - 0.5)) for x, y in SOLE])))
    for place in pair.straps:
        wide, tall = 0.2 * pair.broad, 0.085 if len(pair.straps) < 3 else 0.055
        bend = curve([(-wide, place + 0.03), (0.0, place - 0.02), (wide, place + 0.03)], False)
        _cover(canvas, canvas.tube(2 * tall * stand.length, stand.placed(bend)) * reach, fabric, outline)
        if pair.detailed:
            canvas.paint(canvas.area(stand.placed(oval(0.8 * wide, place, 0.03, 0.035))), (190.0, 176.0, 140.0), 0.4, 0.01)


def _cover(canvas: Canvas, area: Field, fabric: Field, onto: Field) -> None:
    """A part of the upper over the insole, with its shadow."""
    canvas.cast(area, onto, 0.45, 0.015)
    canvas.paint(area, fabric, 0.4, 0.03)


def _laces(canvas: Canvas, pair: Pair, stand: Stand, body: Field) -> None:
    """The tongue and laces of about half of the closed shoes."""
    if not pair.detailed:
        return
    steps = [(0.3 + 0.06 * number, 0.06 + 0.004 * number) for number in range(5)]
    paths = [stand.placed([(-half, y + 0.01), (half, y - 0.01)]) for y, half in steps]
    canvas.paint(canvas.line(0.028 * stand.length, *paths) * body, pair.second, 0.25, 0.01)
