"""Drawn chairs, seen from a little to one side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ganray.catalog.drawing import Canvas, Colour, Field, Points, curve, oval, tinted
from ganray.catalog.look import DARK, STEEL, WOOD, Look, buttons, cloth, corner, moved

LEGS: tuple[Colour, ...] = (WOOD, WOOD, (96.0, 62.0, 40.0), DARK, STEEL)


def chair(canvas: Canvas, look: Look) -> None:
    """A chair: upholstered, an armchair, a shell, a stool, for the office, or with a slatted back."""
    canvas.turn(look.view(0.0, 0.97, 0.99 + 0.05 * look.vary[5]))
    CHAIRS[look.pick(0, tuple(CHAIRS))](canvas, look, cloth(canvas, look, look.pick(1, ("smooth", "knit", "leather", "canvas"))))


def _seat_light(canvas: Canvas, top: float) -> Field:
    """Seats are brighter above than at their front edge."""
    return (1.10 - 0.9 * np.clip(canvas.y - top, 0, 1) * 4).astype(np.float32)


def _seat(canvas: Canvas, outline: Points, fabric: Field, top: float) -> None:
    """A cushion before what is painted already."""
    shape = canvas.area(outline)
    canvas.cast(shape, canvas.mask, 0.5, 0.03)
    canvas.paint(shape, fabric, 0.45, 0.05, _seat_light(canvas, top))


def _upholstered(canvas: Canvas, look: Look, fabric: Field) -> None:
    a, b, wood = 0.03 * look.vary[0], 0.02 * look.vary[1], look.pick(2, LEGS)
    canvas.shadow(0.54, 0.94, 0.42, 0.05, 0.22)
    canvas.paint(canvas.line(0.05, [(0.70, 0.55), (0.735, 0.84)], [(0.25, 0.55), (0.22, 0.87)]), tinted(wood, -0.25), 0.3, 0.02)
    wide, round_top = [(0.20 - b, 0.09 + a), (0.25, 0.055 + a), (0.45, 0.045 + a)], [(0.22, 0.16 + a), (0.36, 0.055 + a), (0.55, 0.055 + a)]
    backs: tuple[Points, ...] = (
        [(0.22, 0.52), (0.20, 0.30), *wide, (0.66, 0.055 + a), (0.71 + b, 0.09 + a), (0.70, 0.30), (0.70, 0.52)],
        [(0.22, 0.52), (0.19, 0.36), *round_top, (0.69, 0.16 + a), (0.72, 0.36), (0.70, 0.52)],
        [(0.23, 0.52), *corner(0.20, 0.10 + a), (0.45, 0.13 + a), *corner(0.72, 0.10 + a), (0.70, 0.52)],
    )
    back = canvas.paint(canvas.area(curve(look.pick(3, backs))), fabric, 0.4, 0.06)
    if look.picks[4] < 0.35:  # buttoned
        places = [(0.33 + 0.125 * i + 0.06 * (j % 2), 0.20 + 0.11 * j + a) for j in range(3) for i in range(3 - j % 2)]
        canvas.shade(back * canvas.blur(canvas.area(*(oval(x, y, 0.03, 0.03) for x, y in places)), 0.012), 0.3)
        buttons(canvas, look.dark(0.25), 0.012, *places)
    canvas.paint(canvas.line(0.056, [(0.28, 0.66), (0.265, 0.945)], [(0.82, 0.64), (0.845, 0.93)]), wood, 0.35, 0.02)
    seat = [
        (0.21, 0.50),
        (0.45, 0.49),
        (0.71, 0.50),
        (0.86, 0.58),
        (0.87, 0.65),
        (0.83, 0.685),
        (0.55, 0.70),
        (0.27, 0.70),
        (0.225, 0.66),
        (0.20, 0.57),
    ]
    _seat(canvas, curve(seat), fabric, 0.58)


def _armchair(canvas: Canvas, look: Look, fabric: Field) -> None:
    a, wood = 0.03 * look.vary[0], look.pick(2, LEGS)
    canvas.shadow(0.52, 0.94, 0.46, 0.05, 0.25)
    canvas.paint(canvas.line(0.05, [(0.17, 0.84), (0.16, 0.935)], [(0.85, 0.84), (0.87, 0.935)]), wood, 0.3, 0.02)
    back = [
        (0.17, 0.70),
        (0.15, 0.36),
        (0.20, 0.14 + a),
        (0.34, 0.085 + a),
        (0.64, 0.085 + a),
        (0.78, 0.14 + a),
        (0.83, 0.36),
        (0.82, 0.70),
    ]
    canvas.paint(canvas.area(curve(back)), fabric, 0.4, 0.07)
    canvas.paint(
        canvas.area(
            curve([*corner(0.14, 0.62), (0.5, 0.60), *corner(0.88, 0.62), *corner(0.88, 0.875), (0.5, 0.885), *corner(0.14, 0.875)])
        ),
        fabric,
        0.35,
        0.05,
        0.78,
    )
    _seat(
        canvas,
        curve([(0.22, 0.56), (0.5, 0.53), (0.78, 0.56), (0.83, 0.64), (0.80, 0.72), (0.5, 0.735), (0.20, 0.72), (0.18, 0.64)]),
        fabric,
        0.60,
    )
    arm = look.pick(3, (0.40, 0.46))
    for side in (0.0, 0.70):
        outline = [
            (0.06 + side, arm + 0.04),
            (0.15 + side, arm),
            (0.235 + side, arm + 0.05),
            (0.245 + side, 0.62),
            *corner(0.24 + side, 0.885),
            *corner(0.065 + side, 0.885),
            (0.055 + side, 0.62),
        ]
        shape = canvas.area(curve(outline))
        canvas.cast(shape, canvas.mask, 0.4, 0.02)
        canvas.paint(shape, fabric, 0.42, 0.05, 0.95)


def _shell(canvas: Canvas, look: Look, fabric: Field) -> None:
    """A moulded shell on splayed legs."""
    a, wood = 0.03 * look.vary[0], look.pick(2, LEGS)
    canvas.shadow(0.5, 0.945, 0.40, 0.04, 0.22)
    canvas.paint(canvas.line(0.036, [(0.45, 0.60), (0.37, 0.88)], [(0.60, 0.60), (0.72, 0.88)]), tinted(wood, -0.3), 0.3, 0.015)
    canvas.paint(canvas.line(0.04, [(0.38, 0.62), (0.20, 0.95)], [(0.66, 0.62), (0.84, 0.945)]), wood, 0.35, 0.015)
    back = [
        (0.30, 0.56),
        (0.20, 0.38),
        (0.19, 0.17 + a),
        (0.27, 0.07 + a),
        (0.46, 0.05 + a),
        (0.62, 0.09 + a),
        (0.68, 0.22 + a),
        (0.70, 0.42),
        (0.84, 0.50),
        (0.86, 0.58),
        (0.74, 0.66),
        (0.46, 0.665),
    ]
    shell = canvas.paint(canvas.area(curve(back)), fabric, 0.45, 0.07)
    bowl = [(0.30, 0.50), (0.5, 0.46), (0.70, 0.48), (0.81, 0.54), (0.72, 0.60), (0.48, 0.615), (0.34, 0.575)]
    canvas.shade(canvas.blur(canvas.area(curve(bowl)), 0.03) * shell, 0.16)
    canvas.shade(shell * canvas.blur(canvas.line(0.04, curve([(0.27, 0.14 + a), (0.25, 0.30), (0.33, 0.46)], False)), 0.02), -0.22)


def _stool(canvas: Canvas, look: Look, fabric: Field) -> None:
    """High, for a bar, with or without a low back."""
    a, wood = 0.02 * look.vary[0], look.pick(2, LEGS)
    canvas.shadow(0.5, 0.955, 0.34, 0.035, 0.22)
    canvas.paint(canvas.line(0.034, [(0.40, 0.40), (0.35, 0.90)], [(0.60, 0.40), (0.66, 0.90)]), tinted(wood, -0.3), 0.3, 0.015)
    canvas.paint(canvas.line(0.024, [(0.28, 0.76), (0.74, 0.755)]), tinted(wood, -0.1), 0.3, 0.012)
    canvas.paint(canvas.line(0.04, [(0.33, 0.40), (0.235 - a, 0.96)], [(0.68, 0.40), (0.775 + a, 0.955)]), wood, 0.35, 0.015)
    if look.picks[3] < 0.7:
        back = [(0.25, 0.36), (0.22, 0.18), (0.26, 0.06), (0.5, 0.045), (0.74, 0.06), (0.78, 0.18), (0.75, 0.36)]
        canvas.paint(canvas.area(curve(back)), fabric, 0.4, 0.05)
        seat = curve([(0.24, 0.36), (0.5, 0.32), (0.76, 0.36), (0.80, 0.42), (0.74, 0.475), (0.5, 0.495), (0.26, 0.475), (0.20, 0.42)])
    else:
        canvas.paint(canvas.line(0.034, [(0.36, 0.20), (0.30, 0.6)], [(0.65, 0.20), (0.71, 0.6)]), wood, 0.3, 0.015)
        seat = moved(
            curve([(0.24, 0.34), (0.5, 0.29), (0.76, 0.34), (0.80, 0.42), (0.74, 0.475), (0.5, 0.495), (0.26, 0.475), (0.20, 0.42)]),
            0.0,
            -0.16,
        )
    _seat(canvas, seat, fabric, min(y for _, y in seat) + 0.06)


def _office(canvas: Canvas, look: Look, fabric: Field) -> None:
    """On a column with a star of castors."""
    a, metal = 0.03 * look.vary[0], look.pick(2, (DARK, STEEL, DARK))
    canvas.shadow(0.5, 0.95, 0.40, 0.04, 0.22)
    canvas.paint(
        canvas.line(
            0.036, [(0.5, 0.84), (0.20, 0.905)], [(0.5, 0.84), (0.80, 0.905)], [(0.5, 0.84), (0.37, 0.94)], [(0.5, 0.84), (0.65, 0.94)]
        ),
        metal,
        0.4,
        0.015,
    )
    canvas.paint(canvas.line(0.06, [(0.5, 0.66), (0.5, 0.84)]), tinted(metal, -0.1), 0.5, 0.02)
    buttons(canvas, (44.0, 44.0, 48.0), 0.032, (0.19, 0.925), (0.81, 0.925), (0.37, 0.955), (0.65, 0.955))
    back = [(0.27, 0.52), (0.24, 0.26), (0.30, 0.07 + a), (0.5, 0.045 + a), (0.70, 0.07 + a), (0.76, 0.26), (0.73, 0.52)]
    canvas.paint(canvas.area(curve(back)), fabric, 0.42, 0.07)
    _seat(
        canvas,
        curve([(0.20, 0.58), (0.34, 0.535), (0.66, 0.535), (0.80, 0.58), (0.82, 0.65), (0.70, 0.70), (0.30, 0.70), (0.18, 0.65)]),
        fabric,
        0.58,
    )
    if look.picks[3] < 0.65:
        canvas.paint(canvas.line(0.05, [(0.10, 0.42), (0.26, 0.42)], [(0.74, 0.42), (0.90, 0.42)]), metal, 0.45, 0.02)
        canvas.paint(
            canvas.tube(
                0.028, curve([(0.16, 0.43), (0.14, 0.56), (0.24, 0.63)], False), curve([(0.84, 0.43), (0.86, 0.56), (0.76, 0.63)], False)
            ),
            metal,
            0.3,
            0.012,
        )


def _slatted(canvas: Canvas, look: Look, fabric: Field) -> None:
    """A painted dining chair: slats or bars in its back, a cushion or a hard seat."""
    a, frame = 0.03 * look.vary[0], look.dark(0.12)
    canvas.shadow(0.54, 0.94, 0.42, 0.045, 0.22)
    canvas.paint(canvas.line(0.046, [(0.72, 0.56), (0.745, 0.85)]), look.dark(0.35), 0.3, 0.02)
    canvas.paint(canvas.line(0.05, [(0.22, 0.07 + a), (0.255, 0.55), (0.235, 0.88)], [(0.66, 0.06 + a), (0.67, 0.56)]), frame, 0.4, 0.02)
    if look.picks[3] < 0.5:
        bars = [[(0.24, y + a), (0.45, y - 0.025 + a), (0.66, y - 0.01 + a)] for y in (0.12, 0.25, 0.38)]
        canvas.paint(canvas.tube(0.075, *(curve(bar, False) for bar in bars)), fabric, 0.4, 0.025)
    else:
        canvas.paint(canvas.line(0.034, *([(x, 0.12 + a), (x + 0.01, 0.54)] for x in (0.32, 0.405, 0.49, 0.575))), fabric, 0.4, 0.015)
        canvas.paint(canvas.tube(0.095, curve([(0.23, 0.12 + a), (0.45, 0.085 + a), (0.66, 0.11 + a)], False)), fabric, 0.4, 0.03)
    canvas.paint(canvas.line(0.05, [(0.29, 0.64), (0.275, 0.945)], [(0.83, 0.62), (0.85, 0.93)]), frame, 0.4, 0.02)
    canvas.paint(canvas.line(0.026, [(0.285, 0.80), (0.84, 0.78)]), look.dark(0.25), 0.3, 0.012)
    _seat(
        canvas,
        curve([*corner(0.225, 0.535), (0.45, 0.52), *corner(0.70, 0.53), *corner(0.885, 0.61), (0.875, 0.66), *corner(0.25, 0.685)]),
        fabric,
        0.60,
    )


CHAIRS: dict[str, Callable[[Canvas, Look, Field], None]] = {
    "upholstered": _upholstered,
    "armchair": _armchair,
    "shell": _shell,
    "stool": _stool,
    "office": _office,
    "slatted": _slatted,
}
