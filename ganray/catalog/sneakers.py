"""Drawn sneakers, which face left or right, alone or as a pair."""

from __future__ import annotations

from dataclasses import dataclass

from ganray.catalog.drawing import Canvas, Colour, Field, Points, curve, oval
from ganray.catalog.look import CREAM, DARK, RUBBER, Look, cloth, corner, moved


@dataclass(frozen=True)
class Shoe:
    """The cut of a shoe, toe to the right: the curve of its upper over the sole, where its laces begin and end, the sole's depth."""

    upper: Points
    laces: tuple[tuple[float, float], tuple[float, float]]
    sole: float
    kick: float


BACKS: dict[str, Points] = {
    "low": [*corner(0.07, 0.72), (0.055, 0.52), *corner(0.075, 0.34), (0.20, 0.39), (0.34, 0.30), (0.43, 0.285), (0.54, 0.385)],
    "high": [*corner(0.085, 0.76), (0.07, 0.52), (0.09, 0.28), *corner(0.10, 0.10), (0.22, 0.125), *corner(0.385, 0.085), (0.42, 0.25)],
    "runner": [*corner(0.07, 0.70), (0.045, 0.52), *corner(0.10, 0.345), (0.19, 0.42), (0.30, 0.40), (0.41, 0.335), (0.56, 0.425)],
    "slip-on": [*corner(0.07, 0.75), (0.055, 0.60), *corner(0.085, 0.46), (0.22, 0.50), (0.36, 0.44), (0.47, 0.43), (0.64, 0.50)],
    "court": [*corner(0.07, 0.72), (0.06, 0.54), *corner(0.09, 0.37), (0.21, 0.42), (0.35, 0.345), (0.44, 0.325), (0.55, 0.42)],
    "sock": [*corner(0.08, 0.70), (0.055, 0.50), (0.09, 0.33), *corner(0.075, 0.17), (0.20, 0.20), *corner(0.34, 0.16), (0.385, 0.31)],
}
TOES: dict[str, Points] = {
    "low": [(0.68, 0.49), (0.86, 0.55), (0.95, 0.635), *corner(0.955, 0.72)],
    "high": [(0.50, 0.43), (0.66, 0.535), (0.84, 0.575), (0.95, 0.66), *corner(0.955, 0.76)],
    "runner": [(0.74, 0.53), (0.90, 0.585), (0.965, 0.645), *corner(0.96, 0.70)],
    "slip-on": [(0.82, 0.555), (0.94, 0.65), *corner(0.95, 0.75)],
    "court": [(0.72, 0.48), (0.90, 0.525), (0.955, 0.61), *corner(0.955, 0.72)],
    "sock": [(0.52, 0.45), (0.72, 0.535), (0.90, 0.59), (0.965, 0.65), *corner(0.96, 0.70)],
}
NO_LACES = ((0.0, 0.0), (0.0, 0.0))


def _shoe(name: str, laces: tuple[tuple[float, float], tuple[float, float]], sole: float, kick: float = 0.0) -> Shoe:
    return Shoe([*BACKS[name], *TOES[name]], laces, sole, kick)


SHOES = {
    "low": _shoe("low", ((0.42, 0.345), (0.66, 0.52)), 0.10),
    "high": _shoe("high", ((0.395, 0.17), (0.63, 0.545)), 0.08),
    "runner": _shoe("runner", ((0.42, 0.385), (0.68, 0.53)), 0.15, 0.05),
    "slip-on": _shoe("slip-on", NO_LACES, 0.09),
    "court": _shoe("court", NO_LACES, 0.105),
    "sock": _shoe("sock", ((0.40, 0.36), (0.58, 0.50)), 0.13, 0.07),
}
SOLES: tuple[Colour, ...] = (RUBBER, RUBBER, CREAM, (150.0, 104.0, 66.0), (70.0, 70.0, 76.0))


def sneaker(canvas: Canvas, look: Look) -> None:
    """A sneaker from the side, alone or before its twin."""
    style = look.pick(0, tuple(SHOES))
    shoe, pair = SHOES[style], look.picks[4] < 0.25
    canvas.turn(look.view(0.05 * look.vary[4], 0.87 if pair else 0.96, 1.0 + 0.03 * look.vary[5]))
    canvas.shadow(0.5, 0.83, 0.46)
    low = max(y for _, y in shoe.upper)
    upper = [(x, y + 0.03 * look.vary[0] * (low - y) / 0.4) for x, y in shoe.upper]
    sole = _sole(shoe, low)
    if pair:
        canvas.paint(canvas.area(curve(moved(upper, 0.055, -0.085))), look.dark(0.3), 0.3, 0.05)
        canvas.paint(canvas.area(moved(sole, 0.055, -0.085)), (176.0, 175.0, 172.0), 0.25, 0.03)
    fabric = cloth(canvas, look, "knit" if style == "sock" else look.pick(1, ("smooth", "canvas", "leather")))
    body = canvas.paint(canvas.area(curve(upper)), fabric, 0.35, 0.06)
    _panels(canvas, look, style, body)
    colour = look.pick(2, SOLES)
    canvas.paint(canvas.area(sole), colour, 0.3, 0.03)
    if style in ("runner", "sock"):
        canvas.shade(
            canvas.area(sole) * canvas.line(0.018, curve([(0.08, low + 0.05), (0.4, low + 0.075), (0.95, low + 0.03)], False)), 0.22
        )
    ground = low + shoe.sole
    canvas.paint(canvas.line(0.024, [(0.10, ground - 0.01), (0.89 - shoe.kick, ground - 0.01)]), (112.0, 106.0, 100.0), 0.0)


def _sole(shoe: Shoe, low: float) -> Points:
    ground, back = low + shoe.sole, 0.06 - shoe.kick / 3
    top = [*corner(back, low - 0.03), (0.30, low - 0.012), (0.70, low - 0.015), *corner(0.962, low - 0.035)]
    front = [(0.972, low + 0.25 * shoe.sole), (0.955 - shoe.kick / 3, low + 0.75 * shoe.sole), *corner(0.91 - shoe.kick, ground)]
    return curve([*top, *front, *corner(0.09, ground), (back, low + 0.6 * shoe.sole)])


def _panels(canvas: Canvas, look: Look, style: str, body: Field) -> None:
    """Heel and toe caps, stripes, laces, straps or elastic."""
    shoe, panel = SHOES[style], look.pick(3, (look.dark(0.25), look.dark(-0.25), look.dark(0.4), look.second))
    low = max(y for _, y in shoe.upper)
    if style in ("low", "high", "court"):
        toe: Colour = RUBBER if style == "high" else panel
        canvas.paint(body * canvas.area(oval(0.97, low, 0.19, 0.17)), toe, 0.2, 0.03)
    if style != "slip-on":
        canvas.paint(
            body * canvas.area(curve([(0.02, low + 0.03), (0.02, low - 0.24), (0.13, low - 0.25), (0.20, low - 0.12), (0.19, low + 0.03)])),
            panel,
            0.2,
            0.03,
        )
    mark = look.picks[5]
    if style == "high" and mark < 0.5:
        canvas.paint(body * canvas.area(oval(0.25, 0.32, 0.085, 0.085)), look.second, 0.2, 0.02)
    elif style in ("low", "high", "court") and mark < 0.75:
        canvas.paint(body * canvas.line(0.045, *([(0.30 + d, low), (0.43 + d, low - 0.26)] for d in (0.0, 0.10))), look.second, 0.15, 0.02)
    elif style in ("runner", "sock"):
        wave = curve([(0.14, low - 0.16), (0.30, low - 0.05), (0.45, low - 0.10), (0.66, low - 0.235)], False)
        canvas.paint(body * canvas.tube(0.05, wave), panel if mark < 0.3 else look.second, 0.15, 0.02)
    if style == "slip-on":
        canvas.paint(body * canvas.area([(0.33, 0.42), (0.46, 0.40), (0.44, 0.60), (0.36, 0.60)]), look.dark(0.5), 0.1, 0.01)
        canvas.shade(body * canvas.line(0.012, curve([(0.46, 0.62), (0.60, 0.58), (0.72, 0.62), (0.76, 0.76)], False)), 0.3)
        canvas.shade(body * canvas.line(0.03, curve([(0.08, 0.47), (0.22, 0.505), (0.36, 0.445)], False)), 0.35)
    elif style == "court":
        for x, y in ((0.37, 0.455), (0.48, 0.535)):
            strap = canvas.area([(x, y - 0.04), (x + 0.12, y - 0.13), (x + 0.19, y - 0.06), (x - 0.04, y + 0.11), (x - 0.09, y + 0.05)])
            canvas.cast(strap, body, 0.45, 0.012)
            canvas.paint(strap, panel, 0.35, 0.02)
    else:
        (x0, y0), (x1, y1) = shoe.laces
        num = 6 if style == "high" else 4
        steps = [(x0 + (x1 - x0) * i / num, y0 + (y1 - y0) * i / num) for i in range(num)]
        canvas.paint(
            canvas.line(0.028, *([(x - 0.055, y + 0.045), (x + 0.025, y - 0.025)] for x, y in steps)),
            look.pick(1, (CREAM, CREAM, DARK)),
            0.25,
            0.02,
        )
