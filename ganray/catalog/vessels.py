"""Drawn bottles and mugs, round about an upright axis; mugs are seen from more or less above."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ganray.catalog.drawing import Canvas, Colour, Points, box, curve, mirrored, oval, tinted
from ganray.catalog.look import DARK, STEEL, WOOD, Look, barrel, cloth, corner, moved, streak


@dataclass(frozen=True)
class Flask:
    """The cut of a bottle: half widths (neck, body, waist, foot), where the shoulder begins and ends, its cap."""

    neck: float
    body: float
    waist: float
    foot: float
    shoulder: tuple[float, float]
    cap: str
    strength: float = 0.75


BOTTLES = {
    "classic": Flask(0.10, 0.215, 0.215, 0.205, (0.24, 0.40), "screw"),
    "thermos": Flask(0.155, 0.165, 0.165, 0.165, (0.28, 0.30), "cup"),
    "sports": Flask(0.14, 0.19, 0.145, 0.18, (0.26, 0.36), "nozzle", 0.5),
    "wide": Flask(0.205, 0.245, 0.245, 0.235, (0.25, 0.31), "loop"),
    "slim": Flask(0.055, 0.135, 0.15, 0.145, (0.30, 0.52), "cork"),
    "cola": Flask(0.075, 0.19, 0.165, 0.20, (0.22, 0.46), "screw"),
    "canteen": Flask(0.08, 0.335, 0.345, 0.20, (0.27, 0.45), "chain", 0.5),
}


def bottle(canvas: Canvas, look: Look) -> None:
    """A drinking bottle, its cap of steel, of its colour, or with a loop."""
    cut = BOTTLES[look.pick(0, tuple(BOTTLES))]
    canvas.turn(look.view(0.0, 0.96, 1.0 + 0.06 * look.vary[5]))
    wide, b = 0.02 * look.vary[0], 0.02 * look.vary[1]
    canvas.shadow(0.5, 0.95, 0.32)
    body, waist = cut.body + wide, cut.waist + wide
    x0, x1, (start, end) = 0.5 - body, 0.5 + body, cut.shoulder
    left = [
        *corner(0.5 - cut.neck, 0.18),
        (0.5 - cut.neck, start),
        (x0 + 0.25 * (body - cut.neck), start + 0.65 * (end - start) + b),
        (x0, end + b),
    ]
    foot = [(0.5 - waist, 0.62), (0.5 - cut.foot - wide, 0.90), (0.52 - cut.foot - wide, 0.95), (0.40, 0.965)]
    _cap(canvas, look, cut, behind=True)
    matte = look.picks[1] < 0.4
    shape = canvas.paint(
        canvas.area(curve(mirrored([*left, *foot]))),
        cloth(canvas, look, "leather" if matte else ""),
        0.18,
        0.04,
        barrel(canvas, x0, x1, (0.7 if matte else 1.0) * cut.strength),
    )
    if not matte:
        streak(canvas, 0.5 - min(body, waist), 0.5 + min(body, waist), (end + b + 0.03, 0.86), 0.5)
    if cut.cap == "nozzle":
        canvas.shade(shape * canvas.line(0.018, *([(0.3, y), (0.7, y)] for y in (0.56, 0.61, 0.66))), 0.2)
    if look.picks[2] < 0.35:  # a sleeve of silicone at the foot, or a ring
        canvas.shade(shape * canvas.area(box(0.1, 0.80, 0.9, 0.99)), 0.3)
    elif look.picks[2] < 0.5:
        canvas.paint(shape * canvas.line(0.025, [(0.1, 0.52), (0.9, 0.52)]), STEEL, 0.1, 0.01, barrel(canvas, x0, x1, 0.6))
    _cap(canvas, look, cut)


def _cap(canvas: Canvas, look: Look, cut: Flask, behind: bool = False) -> None:
    """The closure; with `behind` what of it stands behind the bottle."""
    metal: Colour = look.pick(3, (STEEL, STEEL, DARK, look.dark(0.35)))
    neck, light = cut.neck, barrel(canvas, 0.5 - cut.neck - 0.03, 0.53 + cut.neck, 0.8)
    if behind:
        if cut.cap == "loop":
            canvas.paint(
                canvas.tube(
                    0.045,
                    curve([(0.5 - neck, 0.17), (0.5 - 0.9 * neck, 0.06), (0.5, 0.03), (0.5 + 0.9 * neck, 0.06), (0.5 + neck, 0.17)], False),
                ),
                metal,
                0.35,
                0.02,
            )
        elif cut.cap == "chain":
            canvas.paint(canvas.tube(0.03, curve([(0.58, 0.13), (0.75, 0.17), (0.80, 0.32), (0.72, 0.40)], False)), metal, 0.3, 0.01)
        return
    if cut.cap == "cup":
        canvas.paint(canvas.area([(0.355, 0.275), (0.645, 0.275), *corner(0.62, 0.035), *corner(0.38, 0.035)]), metal, 0.2, 0.03, light)
        canvas.shade(canvas.line(0.014, [(0.35, 0.28), (0.65, 0.28)]), 0.45)
    elif cut.cap == "nozzle":
        canvas.paint(canvas.area(box(0.5 - neck - 0.01, 0.155, 0.51 + neck, 0.275, 0.025)), metal, 0.2, 0.03, light)
        canvas.paint(canvas.area(box(0.45, 0.03, 0.55, 0.18, 0.035)), tinted(metal, 0.2), 0.4, 0.02)
    elif cut.cap == "cork":
        canvas.paint(
            canvas.area([(0.455, 0.19), (0.448, 0.045), (0.552, 0.045), (0.545, 0.19)]), look.pick(3, (WOOD, STEEL, WOOD, DARK)), 0.3, 0.02
        )
    else:
        top = 0.11 if cut.cap == "loop" else 0.06 if cut.cap == "chain" else 0.03
        canvas.paint(canvas.area(box(0.5 - neck, 0.185, 0.5 + neck, 0.225)), tinted(STEEL, -0.35), 0.1, 0.02)
        canvas.paint(canvas.area(box(0.475 - neck, top, 0.525 + neck, 0.195, 0.03)), metal, 0.2, 0.03, light)
        canvas.shade(canvas.line(0.009, *([(0.5 + k * neck / 3, top + 0.03), (0.5 + k * neck / 3, 0.175)] for k in (-3, -1, 1, 3))), 0.2)


@dataclass(frozen=True)
class Cup:
    """The cut of a mug: half widths at the rim and foot, heights of both, the ear's reach and shape, a bulge of the wall."""

    rim: float
    foot: float
    top: float
    low: float
    reach: float
    ear: str = "round"
    bulge: float = 0.0


MUGS = {
    "straight": Cup(0.31, 0.295, 0.17, 0.85, 0.235),
    "tapered": Cup(0.325, 0.215, 0.18, 0.84, 0.19, "pointed"),
    "cappuccino": Cup(0.345, 0.17, 0.30, 0.80, 0.17, "small", 0.09),
    "latte": Cup(0.245, 0.18, 0.155, 0.885, 0.21, "long"),
    "enamel": Cup(0.335, 0.315, 0.25, 0.84, 0.215, "square"),
    "barrel": Cup(0.265, 0.24, 0.18, 0.84, 0.215, "round", 0.06),
    "espresso": Cup(0.32, 0.265, 0.27, 0.84, 0.225, "square"),
}


def mug(canvas: Canvas, look: Look) -> None:
    """A mug or cup, its ear to either side, seen from the side or from above."""
    style = look.pick(0, tuple(MUGS))
    cut = MUGS[style]
    canvas.turn(look.view(0.0, 0.97, 1.0 + 0.03 * look.vary[5]))
    above, a = 0.062 + 0.045 * (0.5 + 0.5 * look.vary[4]), 0.015 * look.vary[0]
    middle, top, low = 0.5 - 0.45 * cut.reach, cut.top + 0.03 * look.vary[1], cut.low
    rim, foot = cut.rim + a, cut.foot + a
    saucer = style in ("cappuccino", "espresso") and look.picks[2] < 0.65
    canvas.shadow(middle, low + 0.08, 0.40)
    if saucer:
        plate = oval(middle, low + 0.005, 0.375, 0.055 + 0.6 * above)
        canvas.paint(canvas.area(moved(plate, 0, 0.022)), look.dark(0.35), 0.0)
        canvas.paint(canvas.area(plate), look.dark(0.06), 0.3, 0.03)
        canvas.shade(canvas.blur(canvas.area(oval(middle, low + 0.02, foot + 0.06, 0.04 + 0.4 * above)), 0.02), 0.35)
        low -= 0.02
    metal = style == "enamel"
    _ear(canvas, look, cut, (middle, top, low))
    wall = [*oval(middle, low, foot, 0.8 * above, (0.5, 0.0))]
    if cut.bulge:
        half = 0.5 * (rim + foot) + cut.bulge
        side = curve([(middle - rim, top), (middle - half, 0.55 * top + 0.45 * low), (middle - foot, low)], False)
        wall = [*side, *wall, *((2 * middle - x, y) for x, y in side[::-1])]
    else:
        wall = [(middle - rim, top), *wall, (middle + rim, top)]
    matte = look.picks[1] < 0.35
    canvas.paint(
        canvas.area(wall),
        cloth(canvas, look, "leather" if matte else ""),
        0.12,
        0.03,
        barrel(canvas, middle - rim, middle + rim, 0.5 if matte else 0.7),
    )
    if not matte:
        streak(canvas, middle - min(rim, foot + 0.06), middle + min(rim, foot + 0.06), (top + 0.14, low - 0.10), 0.5)
    brim = tinted(DARK, -0.1) if metal and look.picks[3] < 0.5 else look.dark(-0.35)
    canvas.paint(canvas.area(oval(middle, top, rim, above)), brim, 0.0)
    inside: Colour = look.dark(0.25) if look.picks[3] > 0.7 else (238.0, 234.0, 228.0)
    across = (canvas.x - middle + rim) / (2 * rim)
    fall = (0.62 + 0.45 * (across if canvas.sun > 0 else 1.0 - across)).astype(np.float32)
    well = canvas.paint(canvas.area(oval(middle, top + 0.006, rim - 0.026, above - 0.018)), inside, 0.0, light=fall)
    if look.picks[4] < 0.3:  # filled
        canvas.paint(well * canvas.area(oval(middle, top + 0.45 * above, rim - 0.05, 0.75 * above)), (92.0, 58.0, 36.0), 0.0)


def _ear(canvas: Canvas, look: Look, cut: Cup, place: tuple[float, float, float]) -> None:
    middle, top, low = place
    height = low - top
    start, end = top + 0.19 * height, top + 0.82 * height

    def wall(y: float) -> float:
        share = (y - top) / height
        return middle + cut.rim + share * (cut.foot - cut.rim) + 4 * share * (1 - share) * cut.bulge * 0.8 - 0.03

    reach = max(wall(start), wall(end)) + cut.reach
    paths: dict[str, Points] = {
        "round": [
            (wall(start), start),
            (reach - 0.07, start - 0.01),
            (reach, start + 0.15),
            (reach - 0.01, start + 0.30),
            (reach - 0.10, end - 0.04),
            (wall(end), end),
        ],
        "square": [(wall(start), start), *corner(reach - 0.02, start), *corner(reach - 0.03, end - 0.06), (wall(end - 0.06), end - 0.06)],
        "pointed": [
            (wall(start), start - 0.03),
            (reach, start - 0.05),
            (reach - 0.01, start + 0.12),
            (wall(end) + 0.10, end - 0.08),
            (wall(end), end),
        ],
        "small": [
            (wall(start), start),
            (reach - 0.03, start - 0.02),
            (reach, start + 0.09),
            (reach - 0.07, start + 0.19),
            (wall(start + 0.2), start + 0.22),
        ],
        "long": [
            (wall(start), start),
            (reach - 0.05, start - 0.01),
            (reach, start + 0.20),
            (reach - 0.01, end - 0.20),
            (reach - 0.07, end),
            (wall(end), end),
        ],
    }
    width = 0.05 if cut.ear == "square" else 0.07 + 0.012 * look.vary[2]
    canvas.paint(canvas.tube(width, curve(paths[cut.ear], False)), look.dark(0.1), 0.5, 0.03)
