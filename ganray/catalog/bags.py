"""Drawn bags: backpacks and handbags, from the front or turned so that a side shows."""

from __future__ import annotations

from ganray.catalog.drawing import Canvas, Colour, Field, Points, box, curve, mirrored, oval
from ganray.catalog.look import BRASS, STEEL, Look, cloth, corner, flipped, moved, solid

LEATHER: Colour = (120.0, 82.0, 52.0)

BACKPACKS = ("round", "school", "roll-top", "flap", "gym", "mini")


def backpack(canvas: Canvas, look: Look) -> None:
    """A backpack: round, rectangular, with a roll top, a flap or a drawstring."""
    style = look.pick(0, BACKPACKS)
    turned = 0.075 if look.picks[3] < 0.55 and style != "gym" else 0.0
    canvas.turn(look.view(0.02 * look.vary[4], 0.94 if turned else 1.0, 0.92 + 0.05 * look.vary[5]))
    canvas.shadow(0.5, 0.945, 0.4)
    fabric = cloth(canvas, look, look.pick(1, ("canvas", "smooth", "leather", "canvas")))
    {"round": _round, "school": _round, "mini": _round, "roll-top": _roll_top, "flap": _flap, "gym": _gym}[style](
        canvas, look, fabric, turned
    )


def _body(canvas: Canvas, look: Look, outline: Points, fabric: Field, turned: float) -> Field:
    """The body, with straps behind it and its side where it is turned."""
    outline = moved(outline, -turned / 2, 0.0)
    strap = curve([(0.22, 0.36), (0.10, 0.50), (0.095, 0.72), (0.20, 0.90)], False)
    straps = [moved(flipped(strap), turned / 2 - 0.02, 0.0)] if turned else [strap, flipped(strap)]
    canvas.paint(canvas.tube(0.062, *straps), look.dark(0.42), 0.35, 0.02)
    if turned:
        canvas.paint(canvas.area(*solid(outline, turned, -0.012)), fabric, 0.25, 0.04, 0.66)
    return canvas.paint(canvas.area(outline), fabric, 0.42, 0.07)


def _round(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    a, b, style = 0.02 * look.vary[0], 0.03 * look.vary[1], look.pick(0, BACKPACKS)
    canvas.paint(canvas.tube(0.045, oval(0.5, 0.13, 0.095, 0.09, (0.5, 1.0))), look.dark(0.42), 0.3, 0.02)
    left = {
        "round": [
            (0.5, 0.105),
            (0.32, 0.125),
            (0.215, 0.25 + b),
            (0.18 - a, 0.45),
            (0.165 - a, 0.80),
            (0.20, 0.93),
            (0.35, 0.955),
            (0.5, 0.955),
        ],
        "school": [(0.5, 0.09), (0.30, 0.095), (0.225, 0.15), (0.215, 0.45), (0.205, 0.85 + a), (0.24, 0.945), (0.35, 0.96), (0.5, 0.96)],
        "mini": [(0.5, 0.13), (0.30, 0.17), (0.19, 0.34 + b), (0.145, 0.62), (0.15 + a, 0.84), (0.21, 0.94), (0.36, 0.955), (0.5, 0.955)],
    }[style]
    body = _body(canvas, look, curve(mirrored(left)), fabric, turned)
    x = -turned / 2
    top = {"round": 0.235, "school": 0.21, "mini": 0.30}[style]
    canvas.shade(
        body * canvas.line(0.02, moved(curve([(0.22, 0.52), (0.26, 0.31), (0.5, top), (0.74, 0.31), (0.78, 0.52)], False), x, 0)), 0.5
    )
    if style == "school":
        for low, high in ((0.34, 0.55), (0.58, 0.90)):
            _pocket(canvas, look, body, moved(box(0.27, low, 0.73, high, 0.05), x, 0))
            canvas.paint(canvas.line(0.016, [(0.30 + x, low + 0.05), (0.70 + x, low + 0.05)]), STEEL, 0.2, 0.01)
    else:
        _pocket(canvas, look, body, moved(box(0.265, 0.56 + b, 0.735, 0.895, 0.07), x, 0))
        canvas.shade(body * canvas.line(0.02, [(0.29 + x, 0.645 + b), (0.71 + x, 0.645 + b)]), 0.5)
        canvas.paint(canvas.line(0.028, [(0.66 + x, 0.645 + b), (0.66 + x, 0.72 + b)]), BRASS, 0.2, 0.02)
    if look.picks[4] < 0.4:  # a patch of leather
        canvas.paint(canvas.area(moved(box(0.45, 0.38, 0.55, 0.47, 0.015), x, 0)), LEATHER, 0.3, 0.015)


def _pocket(canvas: Canvas, look: Look, body: Field, outline: Points) -> Field:
    pocket = canvas.area(outline)
    canvas.cast(pocket, body)
    return canvas.paint(pocket, look.dark(0.14), 0.4, 0.04)


def _roll_top(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    a, x = 0.025 * look.vary[0], -turned / 2
    outline = curve(mirrored([*corner(0.24 - a, 0.16), (0.225 - a, 0.40), (0.205 - a, 0.88), (0.24, 0.95), (0.5, 0.96)]))
    body = _body(canvas, look, outline, fabric, turned)
    roll = canvas.area(moved(box(0.215 - a, 0.075, 0.785 + a, 0.20, 0.06), x, 0))
    canvas.cast(roll, body)
    canvas.paint(roll, fabric, 0.55, 0.035, 0.9)
    canvas.shade(roll * canvas.line(0.012, [(0.23 + x, 0.135), (0.77 + x, 0.135)]), 0.35)
    for along in (0.36, 0.64) if look.picks[2] < 0.5 else (0.5,):
        canvas.paint(canvas.line(0.042, [(along + x, 0.085), (along + x, 0.56)]), look.dark(0.45), 0.25, 0.015)
        canvas.paint(canvas.area(moved(box(along - 0.045, 0.44, along + 0.045, 0.52, 0.015), x, 0)), (40.0, 40.0, 44.0), 0.4, 0.015)
    _pocket(canvas, look, body, moved(box(0.28, 0.62, 0.72, 0.90, 0.03), x, 0))


def _flap(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    a, x = 0.025 * look.vary[0], -turned / 2
    canvas.paint(canvas.tube(0.045, oval(0.5, 0.11, 0.09, 0.07, (0.5, 1.0))), look.dark(0.42), 0.3, 0.02)
    body = _body(
        canvas,
        look,
        curve(mirrored([(0.5, 0.09), (0.28, 0.11), (0.20 - a, 0.26), (0.185 - a, 0.86), (0.24, 0.95), (0.5, 0.96)])),
        fabric,
        turned,
    )
    for left in (0.235, 0.525):
        _pocket(canvas, look, body, moved(box(left, 0.62, left + 0.24, 0.91, 0.03), x, 0))
    flap = canvas.area(
        moved(curve(mirrored([(0.5, 0.085), (0.28, 0.10), (0.19 - a, 0.26), (0.185 - a, 0.46), (0.26, 0.545), (0.5, 0.56)])), x, 0)
    )
    canvas.cast(flap, body, 0.5)
    canvas.paint(flap, fabric, 0.4, 0.06, 0.93)
    for along in (0.355, 0.645):
        canvas.paint(canvas.line(0.04, [(along + x, 0.42), (along + x, 0.74)]), LEATHER, 0.3, 0.015)
        canvas.paint(canvas.area(moved(box(along - 0.034, 0.58, along + 0.034, 0.64, 0.01), x, 0)), BRASS, 0.4, 0.01)


def _gym(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    """A bag that cords draw together and carry."""
    cord = curve([(0.47, 0.17), (0.24, 0.20), (0.085, 0.50), (0.17, 0.93)], False)
    canvas.paint(canvas.tube(0.026, cord, flipped(cord)), look.dark(0.45), 0.3, 0.01)
    a = 0.02 * look.vary[0] + turned
    left = [
        (0.5, 0.10),
        (0.42, 0.085),
        (0.34, 0.10),
        *corner(0.27, 0.085),
        (0.275, 0.19),
        (0.20 - a, 0.42),
        (0.155, 0.88),
        (0.20, 0.95),
        (0.5, 0.965),
    ]
    outline = curve(mirrored(left))
    body = canvas.paint(canvas.area(outline), fabric, 0.42, 0.07)
    canvas.shade(body * canvas.line(0.022, curve([(0.275, 0.185), (0.5, 0.215), (0.725, 0.185)], False)), 0.5)
    ripples = [curve([(0.5 + d, 0.22), (0.5 + 1.3 * d, 0.36), (0.5 + 1.2 * d, 0.48 - abs(d))], False) for d in (-0.18, -0.07, 0.05, 0.16)]
    canvas.shade(body * canvas.blur(canvas.line(0.02, *ripples), 0.012), 0.35)


def handbag(canvas: Canvas, look: Look) -> None:
    """A handbag: with a flap, a tote, a hobo, a clutch, a bowling bag, a box on a strap or a bucket."""
    style = look.pick(0, tuple(HANDBAGS))
    turned = 0.07 if look.picks[3] < 0.5 and style in ("flap", "tote", "box", "bowling") else 0.0
    canvas.turn(look.view(0.0, 0.92 if turned else 0.97, 1.0 + 0.04 * look.vary[5]))
    canvas.shadow(0.5, 0.935, 0.45)
    fabric = cloth(canvas, look, look.pick(1, ("leather", "smooth", "leather", "canvas")))
    HANDBAGS[style](canvas, look, fabric, turned)


def _front(canvas: Canvas, outline: Points, fabric: Field, turned: float) -> Field:
    """The front of a bag, and its side where it is turned."""
    if turned:
        canvas.paint(canvas.area(*solid(moved(outline, -turned / 2, 0.0), turned, -0.02)), fabric, 0.25, 0.04, 0.62)
    return canvas.paint(canvas.area(moved(outline, -turned / 2, 0.0)), fabric, 0.4, 0.06)


def _flap_bag(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    a, b, x = 0.03 * look.vary[0], 0.03 * look.vary[1], -turned / 2
    handle = curve([(0.29, 0.46), (0.29, 0.27), (0.36, 0.11 + b), (0.5, 0.065 + b), (0.64, 0.11 + b), (0.71, 0.27), (0.71, 0.46)], False)
    canvas.paint(canvas.tube(0.055, handle), look.dark(0.3), 0.35, 0.02)
    _front(
        canvas, curve(mirrored([*corner(0.19 - a, 0.40), (0.10, 0.70), (0.06 - 0.3 * a, 0.88), (0.10, 0.935), (0.3, 0.94)])), fabric, turned
    )
    low = look.pick(2, (0.66, 0.58, 0.76))
    flap = [*corner(0.185 - a, 0.395), (0.165 - a, 0.49), (0.20, low - 0.06), (0.36, low - 0.015), (0.5, low)]
    edge = canvas.area(moved(curve(mirrored(flap)), x, 0))
    canvas.cast(edge, canvas.mask, 0.5)
    canvas.paint(edge, look.dark(0.12), 0.35, 0.05)
    clasp = box(0.445, low - 0.06, 0.555, low + 0.06, 0.02) if look.picks[4] < 0.5 else oval(0.5, low - 0.005, 0.045, 0.045)
    canvas.paint(canvas.area(moved(clasp, x, 0)), look.pick(5, (BRASS, STEEL)), 0.5, 0.02)


def _tote(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    a, top, x = 0.03 * look.vary[0], 0.38 + 0.03 * look.vary[1], -turned / 2
    handle = curve([(0.34, top + 0.03), (0.345, 0.20), (0.43, 0.06), (0.57, 0.06), (0.655, 0.20), (0.66, top + 0.03)], False)
    canvas.paint(canvas.tube(0.036, moved(handle, 0.03 + turned / 2, -0.015)), look.dark(0.5), 0.3, 0.015)
    front = _front(canvas, [(0.14 - a, top), (0.86 + a, top), (0.80 + a, 0.94), (0.20 - a, 0.94)], fabric, turned)
    canvas.shade(front * canvas.line(0.012, [(0.1, top + 0.035), (0.9, top + 0.035)]), 0.3)
    handle = moved(handle, x, 0)
    canvas.paint(canvas.tube(0.038, [(handle[0][0], top + 0.13), *handle, (handle[-1][0], top + 0.13)]), look.dark(0.32), 0.35, 0.015)
    if look.picks[2] < 0.4:
        pocket = canvas.area(moved(box(0.36, top + 0.18, 0.64, 0.82, 0.02), x, 0))
        canvas.cast(pocket, front, 0.5, 0.015)


def _hobo(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    a = 0.03 * look.vary[0] + turned
    strap = curve([(0.10, 0.56), (0.20, 0.22), (0.42, 0.07), (0.58, 0.07), (0.80, 0.22), (0.90, 0.56)], False)
    canvas.paint(canvas.tube(0.06, strap), look.dark(0.22), 0.4, 0.02)
    left = [(0.5, 0.50 + a), (0.30, 0.475 + a), *corner(0.075, 0.46), (0.045, 0.66), (0.12, 0.86), (0.30, 0.945), (0.5, 0.955)]
    body = canvas.paint(canvas.area(curve(mirrored(left))), fabric, 0.45, 0.08)
    canvas.shade(body * canvas.line(0.018, curve([(0.09, 0.50), (0.30, 0.525 + a), (0.7, 0.525 + a), (0.91, 0.50)], False)), 0.5)
    ripples = [curve([(0.5 + d, 0.55 + a), (0.5 + 1.1 * d, 0.68), (0.5 + 0.9 * d, 0.80)], False) for d in (-0.25, -0.08, 0.10, 0.27)]
    canvas.shade(body * canvas.blur(canvas.line(0.022, *ripples), 0.014), 0.22)
    canvas.paint(canvas.area(oval(0.095, 0.485, 0.03, 0.03), oval(0.905, 0.485, 0.03, 0.03)), BRASS, 0.5, 0.012)


def _clutch(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    a = 0.03 * look.vary[0] + turned
    if look.picks[2] < 0.5:  # on a chain
        chain = curve([(0.07, 0.44), (0.16, 0.20), (0.5, 0.10), (0.84, 0.20), (0.93, 0.44)], False)
        canvas.paint(canvas.tube(0.022, chain), look.pick(5, (BRASS, STEEL)), 0.5, 0.01)
        canvas.shade(canvas.area(*(oval(x, y, 0.006, 0.006) for x, y in chain[::2])), 0.4)
    body = canvas.paint(canvas.area(box(0.04, 0.41, 0.96, 0.93, 0.05 + a)), fabric, 0.4, 0.06)
    edge = [*corner(0.045, 0.44), (0.5, 0.415), *corner(0.955, 0.44)]
    point = [*corner(0.5, 0.77)] if look.picks[4] < 0.5 else [*corner(0.95, 0.70), (0.5, 0.73), *corner(0.05, 0.70)]
    flap = canvas.area(curve([*edge, *point]))
    canvas.cast(flap, body, 0.5)
    canvas.paint(flap, look.dark(0.12), 0.35, 0.05)
    canvas.paint(canvas.area(oval(0.5, 0.725, 0.035, 0.035)), look.pick(5, (BRASS, STEEL)), 0.5, 0.015)


def _bowling(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    a, b, x = 0.02 * look.vary[0], 0.03 * look.vary[1], -turned / 2
    handle = curve([(0.32, 0.52), (0.32, 0.26), (0.41, 0.12 + b), (0.59, 0.12 + b), (0.68, 0.26), (0.68, 0.52)], False)
    canvas.paint(canvas.tube(0.04, moved(handle, 0.03, -0.02)), look.dark(0.5), 0.3, 0.015)
    left = [(0.5, 0.345), (0.24, 0.36), (0.10 - a, 0.50), (0.05, 0.78), (0.08, 0.91), (0.2, 0.945), (0.5, 0.95)]
    body = _front(canvas, curve(mirrored(left)), fabric, turned)
    canvas.shade(
        body * canvas.line(0.018, moved(curve([(0.08, 0.60), (0.20, 0.43), (0.5, 0.395), (0.80, 0.43), (0.92, 0.60)], False), x, 0)), 0.45
    )
    for along in (0.32, 0.68):
        canvas.shade(body * canvas.line(0.045, [(along + x, 0.52), (along + x, 0.94)]), 0.28)
    canvas.paint(canvas.tube(0.042, moved(handle, x, 0)), look.dark(0.34), 0.35, 0.015)


def _box_bag(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    """A small box on a long strap."""
    a, x = 0.03 * look.vary[0], -turned / 2
    strap = curve([(0.20, 0.60), (0.17, 0.30), (0.36, 0.06), (0.64, 0.06), (0.83, 0.30), (0.80, 0.60)], False)
    canvas.paint(canvas.tube(0.028, strap), look.dark(0.35), 0.3, 0.012)
    body = _front(canvas, box(0.12 - a, 0.46, 0.88 + a, 0.94, 0.08), fabric, turned)
    canvas.shade(body * canvas.line(0.018, [(0.14 + x, 0.55), (0.86 + x, 0.55)]), 0.5)
    quilt = [[(0.12 + 0.19 * i + x, 0.56), (0.12 + 0.19 * i + 0.38 * s + x, 0.94)] for i in range(-2, 7) for s in (-1, 1)]
    canvas.shade(body * canvas.line(0.01, *quilt) * (canvas.y > 0.56), 0.3 if look.picks[2] < 0.5 else 0.0)
    canvas.paint(canvas.line(0.03, [(0.70 + x, 0.55), (0.70 + x, 0.63)]), BRASS, 0.3, 0.012)


def _bucket(canvas: Canvas, look: Look, fabric: Field, turned: float) -> None:
    a = 0.03 * look.vary[0] + turned
    strap = curve([(0.25, 0.40), (0.24, 0.18), (0.40, 0.06), (0.60, 0.06), (0.76, 0.18), (0.75, 0.40)], False)
    canvas.paint(canvas.tube(0.045, strap), look.dark(0.35), 0.35, 0.015)
    canvas.paint(canvas.area(oval(0.5, 0.36, 0.295, 0.05)), look.dark(0.6), 0.0)
    left = [*corner(0.20, 0.355), (0.35, 0.39), (0.5, 0.40)]
    body = [
        *left,
        *flipped(left)[::-1],
        (0.84 + a, 0.70),
        *corner(0.80, 0.90),
        (0.65, 0.945),
        (0.35, 0.945),
        *corner(0.20, 0.90),
        (0.16 - a, 0.70),
    ]
    front = canvas.paint(canvas.area(curve(body)), fabric, 0.42, 0.07)
    canvas.shade(front * canvas.line(0.014, curve([(0.18, 0.80), (0.5, 0.835), (0.82, 0.80)], False)), 0.35)
    cord = curve([(0.19, 0.45), (0.35, 0.49), (0.5, 0.50), (0.65, 0.49), (0.81, 0.45)], False)
    canvas.paint(canvas.line(0.02, cord, [(0.48, 0.50), (0.44, 0.68)], [(0.52, 0.50), (0.56, 0.68)]), look.dark(0.5), 0.3, 0.01)


HANDBAGS = {
    "flap": _flap_bag,
    "tote": _tote,
    "hobo": _hobo,
    "clutch": _clutch,
    "bowling": _bowling,
    "box": _box_bag,
    "bucket": _bucket,
}
