"""Drawn lamps: on a table, a desk or the floor, or hanging."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ganray.catalog.drawing import Canvas, Colour, Field, Points, box, curve, mirrored, oval, tinted
from ganray.catalog.look import BRASS, DARK, STEEL, WOOD, Look, barrel, buttons, cloth, corner, flipped


def lamp(canvas: Canvas, look: Look) -> None:
    """A lamp: on a table with one of several shades and feet, on a desk, hanging, on three legs, or like a mushroom."""
    style = look.pick(0, tuple(LAMPS))
    canvas.turn(look.view(0.0, 0.97, 1.0 + 0.03 * look.vary[5]))
    LAMPS[style](canvas, look, cloth(canvas, look, look.pick(1, ("smooth", "canvas", "leather"))))


def _shade(canvas: Canvas, outline: Points, fabric: Field, centre: tuple[float, float], lit: bool) -> Field:
    """A lamp's shade, round as a barrel, with the light of its bulb."""
    x0, x1 = min(x for x, _ in outline), max(x for x, _ in outline)
    light = barrel(canvas, x0, x1, 0.4)
    if lit:
        bulb = np.exp(-(((canvas.x - centre[0]) / 0.22) ** 2) - ((canvas.y - centre[1]) / 0.2) ** 2)
        light = (light * (1.0 + 0.28 * bulb)).astype(np.float32)
    return canvas.paint(canvas.area(outline), fabric, 0.25, 0.05, light)


def _cone(half: tuple[float, float], top: float, low: float, curve_of: float = 0.03) -> list[tuple[float, float]]:
    """The outline of a shade with these half widths above and below."""
    return [*oval(0.5, top, half[0], 0.5 * curve_of, (0.5, 1.0)), *oval(0.5, low, half[1], curve_of, (0.0, 0.5))]


def _table_lamp(canvas: Canvas, look: Look, fabric: Field) -> None:
    """On a foot of brass, wood or glaze."""
    a, b = 0.025 * look.vary[0], 0.03 * look.vary[1]
    canvas.shadow(0.5, 0.935, 0.34)
    kind = look.pick(2, ("knob", "gourd", "column", "block"))
    metal: Colour = look.pick(3, (BRASS, STEEL, WOOD))
    glaze: Colour = look.pick(5, (look.dark(0.18), metal, tinted(look.second, -0.05)))
    half, low = look.pick(4, (((0.19, 0.39), 0.52), ((0.33, 0.35), 0.49), ((0.12, 0.40), 0.50), ((0.29, 0.40), 0.42)))
    canvas.paint(canvas.line(0.05 if kind == "knob" else 0.035, [(0.5, low - 0.02), (0.5, 0.88)]), metal, 0.5, 0.02)
    if kind == "knob":
        canvas.paint(canvas.area(oval(0.5, 0.70, 0.075, 0.055)), metal, 0.5, 0.03)
        foot = [(0.27, 0.925), *oval(0.5, 0.90, 0.23, 0.055, (0.5, 1.0)), (0.73, 0.925)]
        canvas.paint(canvas.area(foot, box(0.27, 0.895, 0.73, 0.945, 0.02)), metal, 0.5, 0.03)
    else:
        shapes: dict[str, Points] = {
            "gourd": curve(mirrored([(0.46, low + 0.05), (0.45, low + 0.10), (0.33, 0.73), (0.33, 0.82), (0.40, 0.935), (0.5, 0.945)])),
            "column": curve(
                mirrored([*corner(0.43, low + 0.06), (0.41, 0.70), *corner(0.40, 0.88), *corner(0.30, 0.90), *corner(0.30, 0.945)])
            ),
            "block": box(0.34, 0.64, 0.66, 0.945, 0.025),
        }
        canvas.paint(canvas.area(shapes[kind]), glaze, 0.3, 0.04, barrel(canvas, 0.32, 0.68, 0.7))
    cover = _shade(canvas, _cone((half[0], half[1] + a), 0.06 + b, low, 0.035), fabric, (0.5, low - 0.10), look.picks[3] < 0.8)
    canvas.shade(
        cover
        * canvas.line(
            0.025, [(0.5 - half[0], 0.06 + b), (0.5 + half[0], 0.06 + b)], oval(0.5, low - 0.012, half[1] + a, 0.035, (0.0, 0.5))
        ),
        0.28,
    )


def _desk_lamp(canvas: Canvas, look: Look, fabric: Field) -> None:
    """On a jointed arm, the head to the right."""
    a, b = 0.03 * look.vary[0], 0.03 * look.vary[1]
    canvas.shadow(0.36, 0.945, 0.32)
    metal: Colour = look.pick(3, (STEEL, DARK, look.dark(0.3)))
    elbow, neck = (0.20 + a, 0.44), (0.56, 0.17 + b)
    canvas.paint(canvas.line(0.042, [(0.35, 0.90), elbow], [elbow, neck]), metal, 0.45, 0.02)
    canvas.paint(
        canvas.area(curve([*corner(0.12, 0.945), (0.16, 0.885), (0.35, 0.865), (0.54, 0.885), *corner(0.58, 0.945)])), fabric, 0.4, 0.03
    )
    buttons(canvas, tinted(metal, -0.2), 0.034, elbow, neck)
    canvas.paint(canvas.area(oval(0.735, 0.41 + b, 0.075, 0.075)), (255.0, 244.0, 206.0), 0.1, 0.03)
    head = [
        *corner(0.50, 0.505 + b),
        (0.50, 0.32 + b),
        (0.515, 0.17 + b),
        (0.585, 0.105 + b),
        (0.68, 0.135 + b),
        (0.81, 0.21 + b),
        *corner(0.955, 0.30 + b),
        (0.735, 0.37 + b),
    ]
    cover = canvas.paint(canvas.area(curve(head)), fabric, 0.45, 0.06)
    canvas.shade(cover * canvas.line(0.025, curve([(0.50, 0.49 + b), (0.735, 0.355 + b), (0.955, 0.29 + b)], False)), 0.3)


def _pendant(canvas: Canvas, look: Look, fabric: Field) -> None:
    """Hanging from a cord: a dome, a cone, a bell or a ball."""
    a = 0.03 * look.vary[0]
    canvas.paint(canvas.line(0.016, [(0.5, 0.03), (0.5, 0.40)]), DARK, 0.0)
    canvas.paint(canvas.area(box(0.44, 0.025, 0.56, 0.06, 0.012)), look.pick(3, (BRASS, STEEL, DARK)), 0.3, 0.01)
    kind = look.pick(4, ("dome", "cone", "bell", "ball"))
    canvas.paint(canvas.area(box(0.455, 0.33, 0.545, 0.46, 0.02)), look.pick(3, (BRASS, STEEL, DARK)), 0.4, 0.02)
    if kind == "ball":
        cover = _shade(canvas, oval(0.5, 0.67, 0.31 + a / 3, 0.29), fabric, (0.5, 0.67), True)
        canvas.shade(cover * canvas.line(0.008, *(oval(0.5, 0.67, r, 0.29) for r in (0.11, 0.22))), 0.2)
        return
    canvas.paint(canvas.area(oval(0.5, 0.86, 0.12, 0.075)), (255.0, 244.0, 206.0), 0.1, 0.03)
    half: dict[str, Points] = {
        "dome": [(0.5, 0.42), (0.28, 0.47), (0.10, 0.66), *corner(0.05 - a / 2, 0.86), (0.5, 0.90)],
        "cone": [*corner(0.44, 0.42), (0.25, 0.63), *corner(0.05 - a / 2, 0.86), (0.5, 0.90)],
        "bell": [(0.5, 0.41), (0.40, 0.44), (0.33, 0.62), (0.22, 0.78), *corner(0.09 - a / 2, 0.88), (0.5, 0.915)],
    }
    outline = curve(mirrored(half[kind]))
    cover = _shade(canvas, outline, fabric, (0.5, 0.8), False)
    canvas.shade(cover * canvas.line(0.03, curve([(0.05, 0.86), (0.5, 0.90), (0.95, 0.86)], False)), 0.25)


def _tripod(canvas: Canvas, look: Look, fabric: Field) -> None:
    """Tall, on three legs or one pole."""
    a, b = 0.02 * look.vary[0], 0.02 * look.vary[1]
    canvas.shadow(0.5, 0.955, 0.36, 0.03)
    material: Colour = look.pick(3, (WOOD, BRASS, DARK))
    if look.picks[2] < 0.6:
        canvas.paint(canvas.line(0.032, [(0.5, 0.40), (0.56, 0.92)]), tinted(material, -0.3), 0.35, 0.015)
        canvas.paint(canvas.line(0.036, [(0.49, 0.40), (0.25, 0.955)], [(0.51, 0.40), (0.76, 0.95)]), material, 0.4, 0.015)
    else:
        canvas.paint(canvas.line(0.03, [(0.5, 0.35), (0.5, 0.93)]), material, 0.4, 0.015)
        canvas.paint(canvas.area(oval(0.5, 0.94, 0.19, 0.028)), material, 0.4, 0.015)
    cover = _shade(
        canvas,
        _cone(look.pick(4, ((0.25, 0.31 + a), (0.31, 0.31 + a), (0.14, 0.33 + a))), 0.045 + b, 0.40, 0.03),
        fabric,
        (0.5, 0.30),
        True,
    )
    canvas.shade(cover * canvas.line(0.02, oval(0.5, 0.39, 0.31, 0.03, (0.0, 0.5))), 0.2)


def _mushroom(canvas: Canvas, look: Look, fabric: Field) -> None:
    """A dome on a thick stem of the same material."""
    a, b = 0.025 * look.vary[0], 0.03 * look.vary[1]
    canvas.shadow(0.5, 0.935, 0.34)
    stem = curve(mirrored([*corner(0.40, 0.45), (0.415 - a, 0.62), (0.36, 0.82), *corner(0.25 + a, 0.945), (0.5, 0.955)]))
    canvas.paint(canvas.area(stem), look.dark(look.pick(3, (0.1, -0.45, 0.35))), 0.25, 0.04, barrel(canvas, 0.30, 0.70, 0.7))
    outline = [*corner(0.06, 0.53 + b), (0.09, 0.34 + b), (0.24, 0.15 + b), (0.5, 0.075 + b)]
    under = [(0.5, 0.575 + b)]
    cover = _shade(canvas, curve([*outline, *flipped(outline)[::-1], *under]), fabric, (0.5, 0.42), look.picks[4] < 0.6)
    canvas.shade(canvas.blur(canvas.line(0.06, curve([(0.20, 0.33 + b), (0.32, 0.20 + b), (0.44, 0.16 + b)], False)), 0.02) * cover, -0.35)


LAMPS: dict[str, Callable[[Canvas, Look, Field], None]] = {
    "table": _table_lamp,
    "bedside": _table_lamp,
    "desk": _desk_lamp,
    "pendant": _pendant,
    "floor": _tripod,
    "mushroom": _mushroom,
}
