"""Drawn garments, laid flat: T-shirts, trousers and dresses."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ganray.catalog.drawing import Canvas, Field, Points, box, curve, mirrored, oval
from ganray.catalog.look import BRASS, CREAM, Look, buttons, cloth, corner, flipped, folds


@dataclass(frozen=True)
class Shirt:
    """The cut of a shirt: half widths, the sleeve's length, opening and angle below the horizontal in radians, the hem."""

    shoulder: float = 0.235
    chest: float = 0.245
    hem: float = 0.255
    low: float = 0.93
    sleeve: float = 0.28
    cuff: float = 0.18
    angle: float = 0.92
    rounded: float = 0.0


SHIRTS = {
    "classic": Shirt(),
    "fitted": Shirt(0.22, 0.215, 0.225, 0.94, 0.25, 0.15, 0.75),
    "boxy": Shirt(0.29, 0.30, 0.315, 0.86, 0.235, 0.22, 0.98),
    "long-sleeved": Shirt(0.23, 0.225, 0.235, 0.92, 0.66, 0.105, 1.24),
    "cropped": Shirt(0.255, 0.265, 0.28, 0.77, 0.235, 0.20, 0.70),
    "tunic": Shirt(0.20, 0.20, 0.27, 0.97, 0.20, 0.15, 0.85, 0.05),
    "tank": Shirt(0.18, 0.25, 0.27, 0.95, 0.0),
}


def tshirt(canvas: Canvas, look: Look) -> None:
    """A T-shirt, polo or long-sleeved shirt."""
    cut = SHIRTS[look.pick(0, tuple(SHIRTS))]
    canvas.turn(look.view(0.08 * look.vary[4], 0.97, 1.0 + 0.03 * look.vary[5]))
    fabric = cloth(canvas, look, look.pick(1, ("smooth", "smooth", "knit", "canvas")))
    sleeves = _sleeves(cut, 0.12 * look.vary[1])
    trim = look.dark(0.3) if look.picks[3] < 0.25 else fabric  # raglan and ringer shirts
    if sleeves:
        arms = canvas.paint(canvas.area(sleeves, flipped(sleeves)), trim, 0.3, 0.04, 0.92)
        cuff = [(0.3 * sleeves[2][0] + 0.7 * sleeves[3][0], 0.3 * sleeves[2][1] + 0.7 * sleeves[3][1])]
        canvas.shade(arms * canvas.line(0.02, sleeves[2:4], flipped(sleeves[2:4]), cuff * 2), 0.2)
    low, wide = cut.low + 0.02 * look.vary[2], 0.02 * look.vary[0]
    left = [*corner(0.385, 0.085), (0.5 - cut.shoulder, 0.128), (0.5 - cut.chest, 0.34), (0.5 - cut.chest - wide / 2, 0.60)]
    end = [*corner(0.5 - cut.hem - wide, low - cut.rounded)] + [(0.36, low)] * bool(cut.rounded)
    if not sleeves:
        left[1:3] = [*corner(0.5 - cut.shoulder, 0.09), (0.51 - cut.shoulder, 0.22), *corner(0.5 - cut.chest, 0.345)]
    body = canvas.paint(canvas.area(curve(mirrored([*left, *end]))), fabric, 0.32, 0.06, folds(canvas, 2.2, look.vary[3], 0.06))
    if not cut.rounded:
        canvas.shade(body * canvas.line(0.012, [(0.5 - cut.hem - wide, low - 0.035), (0.5 + cut.hem + wide, low - 0.035)]), 0.16)
    _neck(canvas, look, body)
    if look.picks[4] < 0.3:
        pocket = canvas.area([(0.56, 0.32), (0.69, 0.32), (0.69, 0.43), (0.625, 0.465), (0.56, 0.43)])
        canvas.cast(pocket, body, 0.5, 0.01)
        canvas.shade(pocket * canvas.line(0.012, [(0.56, 0.345), (0.69, 0.345)]), 0.25)


def _sleeves(cut: Shirt, swing: float) -> list[tuple[float, float]]:
    """The outline of the left sleeve; none of a tank top."""
    if not cut.sleeve:
        return []
    angle = cut.angle + swing
    x, y = 0.5 - cut.shoulder, 0.14
    outer = (x - cut.sleeve * math.cos(angle), y + cut.sleeve * math.sin(angle))
    inner = (outer[0] + cut.cuff * math.sin(angle), outer[1] + cut.cuff * math.cos(angle))
    return [(0.33, 0.095), (x + 0.02, y - 0.018), outer, inner, (0.5 - cut.chest + 0.02, 0.40), (0.36, 0.30)]


def _neck(canvas: Canvas, look: Look, body: Field) -> None:
    kind = look.pick(2, ("round", "round", "vee", "polo", "henley", "scoop"))
    depth = {"vee": 0.2, "scoop": 0.17, "polo": 0.07}.get(kind, 0.1) + 0.01 * look.vary[5]
    neck = [(0.382, 0.085), (0.5, 0.085 + depth), (0.618, 0.085)] if kind == "vee" else oval(0.5, 0.085, 0.118, depth, (0.0, 0.5))
    canvas.paint(canvas.area(neck), look.dark(0.4), 0.0)
    if kind in ("polo", "henley"):
        placket = canvas.area(box(0.472, 0.085 + depth - 0.01, 0.528, 0.40))
        canvas.cast(placket, body, 0.4, 0.01)
        canvas.paint(placket, look.dark(0.1), 0.15, 0.01)
        buttons(canvas, CREAM, 0.013, *((0.5, y) for y in (0.22, 0.29, 0.36)))
    if kind == "polo":
        collar = [(0.5, 0.175), (0.42, 0.235), (0.335, 0.105), (0.385, 0.055), (0.42, 0.11)]
        canvas.paint(canvas.area(collar, flipped(collar)), look.dark(0.14), 0.3, 0.015)
    else:
        rim = neck if kind == "vee" else oval(0.5, 0.085, 0.118, depth, (0.03, 0.47))
        canvas.paint(canvas.line(0.034, neck) * body if kind == "vee" else canvas.tube(0.034, rim), look.dark(0.16), 0.2, 0.02)


@dataclass(frozen=True)
class Legs:
    """The cut of trousers: half widths at waist and hip, then for knee and hem (outer, inner) distances from the middle; heights."""

    waist: float
    hip: float
    knee: tuple[float, float]
    hem: tuple[float, float]
    top: float = 0.05
    crotch: float = 0.40
    low: float = 0.96


TROUSERS = {
    "straight": Legs(0.215, 0.265, (0.29, 0.035), (0.31, 0.06)),
    "skinny": Legs(0.195, 0.235, (0.225, 0.05), (0.205, 0.085), 0.03, 0.36, 0.975),
    "flared": Legs(0.185, 0.225, (0.235, 0.045), (0.345, 0.03), 0.03, 0.36, 0.97),
    "wide": Legs(0.20, 0.29, (0.365, 0.02), (0.42, 0.04), 0.06, 0.43, 0.94),
    "shorts": Legs(0.335, 0.39, (0.415, 0.03), (0.44, 0.055), 0.14, 0.55, 0.86),
    "joggers": Legs(0.215, 0.28, (0.285, 0.03), (0.215, 0.10), 0.04, 0.42, 0.96),
    "cargo": Legs(0.225, 0.275, (0.315, 0.03), (0.315, 0.075), 0.05, 0.41, 0.96),
    "cropped": Legs(0.24, 0.30, (0.285, 0.05), (0.255, 0.085), 0.07, 0.46, 0.93),
}


def trousers(canvas: Canvas, look: Look) -> None:
    """Trousers or shorts from the front."""
    style = look.pick(0, tuple(TROUSERS))
    cut = TROUSERS[style]
    canvas.turn(look.view(0.07 * look.vary[4], 0.97, 1.0 + 0.05 * look.vary[5]))
    spread, hip = 0.025 * look.vary[0], cut.hip + 0.012 * look.vary[1]
    knee, middle = 0.55 * cut.low + 0.45 * cut.crotch, 0.55 * cut.top + 0.45 * cut.crotch
    outer = [*corner(0.5 - cut.waist, cut.top), (0.5 - hip, middle), (0.5 - cut.knee[0] - spread / 2, knee)]
    inner = [(0.5 - cut.knee[1] - spread / 2, knee), *corner(0.5, cut.crotch), *corner(0.5, cut.top)]
    ends = [*corner(0.5 - cut.hem[0] - spread, cut.low), *corner(0.5 - cut.hem[1] - spread, cut.low)]
    leg = curve([*outer, *ends, *inner])
    jeans = style in ("straight", "skinny", "flared", "shorts") and look.picks[1] < 0.5
    fabric = cloth(canvas, look, "denim" if jeans else "knit" if style == "joggers" else look.pick(1, ("smooth", "canvas")))
    body = canvas.area(leg, flipped(leg))
    for side in (leg, flipped(leg)):
        canvas.paint(canvas.area(side), fabric, 0.34, 0.05)
    if jeans:  # worn pale along the thighs
        x = 0.5 - 0.5 * (cut.knee[0] + cut.knee[1])
        worn = [(x, cut.crotch - 0.02), (x, knee)]
        canvas.shade(body * canvas.blur(canvas.line(0.09, worn, flipped(worn)), 0.035), -0.28)
    _seams(canvas, look, cut, style)
    waist = [
        (0.5 - cut.waist, cut.top),
        (0.5 + cut.waist, cut.top),
        (0.51 + cut.waist, cut.top + 0.075),
        (0.49 - cut.waist, cut.top + 0.075),
    ]
    canvas.paint(canvas.area(waist), look.dark(0.1 if style == "joggers" else 0.24), 0.2, 0.02)
    if style == "joggers":
        cuffs = [(0.5 - cut.hem[0] - spread, cut.low - 0.02), (0.5 - cut.hem[1] - spread, cut.low - 0.02)]
        canvas.paint(canvas.line(0.045, cuffs, flipped(cuffs)), look.dark(0.3), 0.3, 0.02)
        canvas.paint(canvas.line(0.014, *([(0.5 + d, 0.10), (0.5 + 2.2 * d, 0.24)] for d in (-0.018, 0.018))), CREAM, 0.2, 0.01)
    elif look.picks[3] < 0.3 and style != "wide":
        canvas.paint(
            canvas.line(0.045, [(0.51 - cut.waist, cut.top + 0.038), (0.49 + cut.waist, cut.top + 0.038)]), (104.0, 70.0, 44.0), 0.3, 0.01
        )
        canvas.paint(canvas.area(box(0.465, cut.top + 0.008, 0.535, cut.top + 0.068, 0.012)), BRASS, 0.4, 0.01)
    else:
        buttons(canvas, BRASS, 0.018, (0.5, cut.top + 0.038))


def _seams(canvas: Canvas, look: Look, cut: Legs, style: str) -> None:
    """Fly, pockets, creases, and the pockets of cargo trousers."""
    top, x = cut.top + 0.075, 0.5 - cut.waist
    pocket = curve([(0.5 - cut.hip + 0.005, top + 0.12), (x + 0.08, top + 0.08), (x + 0.1, top)], False)
    canvas.shade(canvas.line(0.013, [(0.5, top), (0.5, cut.crotch)], pocket, flipped(pocket)), 0.38)
    if look.picks[2] < 0.5 and style not in ("shorts", "joggers"):
        crease = [(x + 0.06, cut.crotch), (0.5 - 0.5 * (cut.hem[0] + cut.hem[1]), cut.low - 0.02)]
        canvas.shade(canvas.line(0.012, crease, flipped(crease)), 0.16)
    if style == "cargo":
        flap = box(0.5 - cut.knee[0] - 0.02, 0.53, 0.5 - cut.knee[0] + 0.12, 0.70, 0.02)
        pockets = canvas.area(flap, flipped(flap))
        canvas.cast(pockets, canvas.mask, 0.5, 0.015)
        canvas.paint(pockets, look.dark(0.1), 0.3, 0.03)
        edge = [(flap[0][0] - 0.13, 0.585), (flap[0][0], 0.585)]
        canvas.shade(pockets * canvas.line(0.014, edge, flipped(edge)), 0.4)
    if look.picks[2] > 0.75 and style not in ("joggers", "wide"):  # turned-up hems
        hem = [(0.5 - cut.hem[0], cut.low - 0.055), (0.5 - cut.hem[1], cut.low - 0.055)]
        canvas.shade(canvas.mask * canvas.line(0.016, hem, flipped(hem)), 0.35)


@dataclass(frozen=True)
class Gown:
    """The cut of a dress: (half width, height) of shoulder, waist and hem; how far the skirt bells; straps; sleeves; folds."""

    shoulder: float
    waist: tuple[float, float]
    hem: tuple[float, float]
    bell: float = 0.0
    strap: float = 0.06
    sleeve: float = 0.0
    folds: float = 0.2


DRESSES = {
    "flared": Gown(0.165, (0.105, 0.42), (0.38, 0.94)),
    "shift": Gown(0.185, (0.20, 0.50), (0.26, 0.95), 0.0, 0.08, 0.16, 0.06),
    "maxi": Gown(0.135, (0.095, 0.32), (0.25, 0.97), -0.03, 0.03, 0.0, 0.16),
    "ball": Gown(0.14, (0.085, 0.38), (0.43, 0.93), 0.10, 0.02, 0.0, 0.24),
    "pencil": Gown(0.16, (0.12, 0.42), (0.155, 0.96), 0.06, 0.09, 0.13, 0.04),
    "long-sleeved": Gown(0.165, (0.12, 0.45), (0.30, 0.95), 0.0, 0.09, 0.46, 0.14),
    "shirt-dress": Gown(0.19, (0.165, 0.50), (0.255, 0.93), 0.0, 0.12, 0.24, 0.08),
    "tiered": Gown(0.17, (0.165, 0.36), (0.36, 0.94), 0.02, 0.025, 0.0, 0.18),
}


def dress(canvas: Canvas, look: Look) -> None:
    """A dress, hung."""
    style = look.pick(0, tuple(DRESSES))
    cut = DRESSES[style]
    canvas.turn(look.view(0.06 * look.vary[4], 0.97, 1.0 + 0.04 * look.vary[5]))
    fabric = cloth(canvas, look, look.pick(1, ("smooth", "smooth", "knit")))
    waist, level = cut.waist[0] + 0.01 * look.vary[2], cut.waist[1]
    wide, low = cut.hem[0] + 0.025 * look.vary[0], cut.hem[1]
    if cut.sleeve:
        angle = 1.1 + 0.1 * look.vary[1]
        outer = (0.5 - cut.shoulder - cut.sleeve * math.cos(angle), 0.07 + cut.sleeve * math.sin(angle))
        inner = (outer[0] + 0.12 * math.sin(angle), outer[1] + 0.12 * math.cos(angle))
        sleeve = [(0.42, 0.045), (0.5 - cut.shoulder, 0.065), outer, inner, (0.5 - cut.shoulder + 0.05, 0.24)]
        canvas.paint(canvas.area(sleeve, flipped(sleeve)), fabric, 0.3, 0.035, 0.92)
    third = (0.5 - waist - (0.3 + cut.bell) * (wide - waist) - 0.9 * max(0.0, cut.bell), level + 0.42 * (low - level))
    skirt = [*corner(0.5 - waist, level), third, *corner(0.5 - wide, low - 0.03), (0.32, low + 0.005), (0.5, low + 0.015)]
    swing = folds(canvas, 3.0 + look.vary[2], 0.5 * look.vary[3], cut.folds)
    canvas.paint(canvas.area(curve(mirrored(skirt)), _bodice(look, cut)), fabric, 0.3, 0.05, swing)
    if style == "tiered":
        for share in (0.35, 0.68):
            y, half = level + share * (low - level), waist + (0.12 + share) * (wide - waist) * 0.95
            canvas.shade(canvas.mask * canvas.line(0.02, curve([(0.5 - half, y), (0.5, y + 0.02), (0.5 + half, y)], False)), 0.35)
    if style == "shirt-dress":
        canvas.shade(canvas.mask * canvas.line(0.01, [(0.475, 0.1), (0.475, low)], [(0.525, 0.1), (0.525, low)]), 0.25)
        buttons(canvas, CREAM, 0.013, *((0.5, 0.15 + 0.105 * i) for i in range(8)))
        collar = [(0.5, 0.13), (0.42, 0.17), (0.37, 0.06), (0.42, 0.03), (0.45, 0.075)]
        canvas.paint(canvas.area(collar, flipped(collar)), look.dark(0.16), 0.3, 0.015)
    if style not in ("shift", "maxi", "pencil") and look.picks[3] < 0.7:
        belt = canvas.paint(canvas.area(box(0.493 - waist, level - 0.022, 0.507 + waist, level + 0.024)), look.dark(0.4), 0.2, 0.02)
        if look.picks[4] < 0.4:
            bow = [(0.5, level), (0.45, level - 0.035), (0.44, level + 0.035)]
            canvas.paint(canvas.area(bow, flipped(bow)), look.dark(0.45), 0.3, 0.01)
        canvas.cast(belt, canvas.mask, 0.3, 0.01)


def _bodice(look: Look, cut: Gown) -> Points:
    """The outline above the waist, with its straps and neckline."""
    waist, level = cut.waist[0] + 0.01 * look.vary[2], cut.waist[1]
    dip, inside = 0.17 + 0.03 * look.vary[1], 0.5 - cut.shoulder + cut.strap
    necks: dict[str, Points] = {
        "round": [(inside + 0.02, dip - 0.04), (0.5, dip + 0.03)],
        "vee": [*corner(0.5, dip + 0.07)],
        "heart": [(inside + 0.05, dip - 0.05), *corner(0.5, dip)],
    }
    top = [*corner(0.5 - cut.shoulder, 0.04), *corner(inside, 0.04)]
    if cut.sleeve:
        necks = {"round": [(0.44, 0.09), (0.5, 0.115)], "vee": [*corner(0.5, 0.20)], "boat": [(0.45, 0.06), (0.5, 0.065)]}
        top = [*corner(0.5 - cut.shoulder, 0.065), *corner(0.41, 0.04)]
    neck = [*top, *necks[look.pick(2, tuple(necks))]]
    hip = (0.5 - waist - 0.35 * max(0.0, cut.shoulder - waist), 0.6 * level + 0.04)
    side = [*corner(0.5 - waist, level + 0.01), hip, (0.515 - cut.shoulder, 0.21)]
    return curve([*neck, *flipped(neck)[::-1], *flipped(side)[::-1], *side])
