"""The product categories of the sample catalog, each a function that paints a `Look`: a fixed pose, slightly varied proportions."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ganray.catalog.drawing import Canvas, Colour, Field, box, curve, dyed, mirrored, oval, tinted

STEEL: Colour = (176.0, 181.0, 188.0)
BRASS: Colour = (205.0, 164.0, 82.0)
WOOD: Colour = (158.0, 112.0, 72.0)
CREAM: Colour = (246.0, 241.0, 230.0)


@dataclass(frozen=True)
class Look:
    """The appearance of a product: its colour, a second colour for the pattern, and eight shape parameters in [-1, 1]."""

    colour: Colour
    second: Colour
    pattern: str
    vary: tuple[float, ...]


def _cloth(canvas: Canvas, look: Look) -> Field:
    return dyed(canvas, look.pattern, look.colour, look.second, 0.5 + 0.5 * look.vary[7])


def _folds(canvas: Canvas, count: float, phase: float, depth: float = 0.07) -> Field:
    """Vertical folds that fan out downwards."""
    fan = (canvas.x - 0.5) / (0.35 + 0.65 * canvas.y)
    return (1.0 + depth * canvas.y * np.sin(2 * np.pi * (count * fan + phase))).astype(np.float32)


def _barrel(canvas: Canvas, x0: float, x1: float, depth: float = 0.4) -> Field:
    """The light on an upright cylinder between x0 and x1."""
    u = np.clip((canvas.x - x0) / (x1 - x0), 0.0, 1.0)
    return (1.10 - depth * (u - 0.32) ** 2 * 2.2 - 0.25 * depth * np.clip(u - 0.7, 0, 1) + 0.0 * canvas.y).astype(np.float32)


def tshirt(canvas: Canvas, look: Look) -> None:
    """A short-sleeved T-shirt laid flat."""
    a, b, c = 0.02 * look.vary[0], 0.03 * look.vary[1], 0.02 * look.vary[2]
    cloth = _cloth(canvas, look)
    sleeve = [(0.30, 0.10), (0.20, 0.15), (0.03, 0.37 + b), (0.17, 0.48 + b), (0.30, 0.36), (0.30, 0.10)]
    canvas.paint(canvas.area(sleeve, [(1 - x, y) for x, y in sleeve]), cloth, 0.3, 0.04, 0.90)
    left = [(0.385, 0.085), (0.385, 0.085), (0.27 - a, 0.125), (0.265, 0.33), (0.255 + a, 0.60), (0.245 + c, 0.93), (0.245 + c, 0.93)]
    body = canvas.paint(canvas.area(curve(mirrored(left))), cloth, 0.32, 0.06, _folds(canvas, 2.2, look.vary[3], 0.05))
    canvas.shade(body * canvas.line(0.012, [(0.25 + c, 0.895), (0.75 - c, 0.895)]), 0.16)
    neck = oval(0.5, 0.085, 0.118, 0.105 + 0.3 * a, (0.0, 0.5))
    canvas.paint(canvas.area(neck), tinted(look.colour, -0.35), 0.0)
    canvas.paint(canvas.line(0.034, neck), tinted(look.colour, -0.12), 0.2, 0.02)


def trousers(canvas: Canvas, look: Look) -> None:
    """Straight trousers from the front."""
    a, b = 0.025 * look.vary[0], 0.02 * look.vary[1]
    left = [(0.285, 0.05), (0.285, 0.05), (0.235, 0.30), (0.205 - a, 0.62), (0.185 - a, 0.96), (0.185 - a, 0.96)]
    inner = [(0.435 - a + b, 0.96), (0.435 - a + b, 0.96), (0.468, 0.62), (0.5, 0.38), (0.5, 0.38)]
    half = curve([*left, *inner, (0.5, 0.05), (0.5, 0.05)])
    cloth = _cloth(canvas, look)
    for leg in (half, [(1 - x, y) for x, y in half]):
        canvas.paint(canvas.area(leg), cloth, 0.34, 0.05)
    seams = [
        [(0.5, 0.13), (0.5, 0.40)],
        curve([(0.29, 0.23), (0.36, 0.20), (0.38, 0.13)], False),
        curve([(0.71, 0.23), (0.64, 0.20), (0.62, 0.13)], False),
    ]
    canvas.shade(canvas.line(0.013, *seams), 0.35)
    canvas.shade(canvas.line(0.013, [(0.325, 0.42), (0.312 - a, 0.94)], [(0.675, 0.42), (0.688 + a, 0.94)]), 0.12)
    canvas.paint(canvas.area([(0.285, 0.05), (0.715, 0.05), (0.725, 0.125), (0.275, 0.125)]), tinted(look.colour, -0.22), 0.2, 0.02)
    canvas.paint(canvas.area(oval(0.5, 0.088, 0.018, 0.018)), BRASS, 0.0)


def dress(canvas: Canvas, look: Look) -> None:
    """A sleeveless dress with a belted waist and a wide skirt."""
    a, b, c = 0.03 * look.vary[0], 0.02 * look.vary[1], 0.012 * look.vary[2]
    cloth = _cloth(canvas, look)
    skirt = [(0.395 - c, 0.42), (0.395 - c, 0.42), (0.28, 0.64), (0.12 - a, 0.92), (0.12 - a, 0.92), (0.30, 0.955), (0.5, 0.965)]
    canvas.paint(canvas.area(curve(mirrored(skirt))), cloth, 0.28, 0.05, _folds(canvas, 3.0, 0.5 * look.vary[3], 0.2))
    top = [(0.335, 0.04), (0.335, 0.04), (0.395, 0.04), (0.395, 0.04), (0.42, 0.15), (0.5, 0.20 + b)]
    side = [(0.395 - c, 0.43), (0.395 - c, 0.43), (0.345, 0.29), (0.345, 0.20)]
    outline = [*top, *((1 - x, y) for x, y in reversed(top)), *((1 - x, y) for x, y in reversed(side)), *side]
    canvas.paint(canvas.area(curve(outline)), cloth, 0.32, 0.05)
    canvas.paint(canvas.area(box(0.388 - c, 0.405, 0.612 + c, 0.45)), tinted(look.colour, -0.4), 0.2, 0.02)


def sneaker(canvas: Canvas, look: Look) -> None:
    """A low sneaker from the side, toe to the right."""
    a, b = 0.03 * look.vary[0], 0.02 * look.vary[1]
    canvas.shadow(0.5, 0.83, 0.46)
    heel = [(0.07, 0.72), (0.07, 0.72), (0.055, 0.50), (0.075, 0.28 + b), (0.075, 0.28 + b), (0.20, 0.33 + b), (0.34, 0.23 + a)]
    toe = [(0.34, 0.23 + a), (0.44, 0.215 + a), (0.54, 0.34), (0.68, 0.465), (0.86, 0.53), (0.955, 0.63), (0.955, 0.72), (0.955, 0.72)]
    upper = canvas.paint(canvas.area(curve([*heel, *toe])), _cloth(canvas, look), 0.35, 0.06)
    canvas.paint(upper * canvas.area(oval(0.97, 0.72, 0.20, 0.20)), tinted(look.colour, -0.22), 0.2, 0.03)
    canvas.paint(
        upper * canvas.area(curve([(0.02, 0.75), (0.02, 0.46), (0.14, 0.46), (0.20, 0.60), (0.19, 0.75)])),
        tinted(look.colour, -0.22),
        0.2,
        0.03,
    )
    canvas.paint(upper * canvas.line(0.05, [(0.33, 0.70), (0.47, 0.46)], [(0.44, 0.70), (0.57, 0.49)]), look.second, 0.15, 0.02)
    laces = [[(0.40 + 0.072 * i, 0.335 + 0.060 * i), (0.475 + 0.072 * i, 0.265 + 0.066 * i)] for i in range(4)]
    canvas.paint(canvas.line(0.030, *laces), CREAM, 0.25, 0.02)
    sole = [
        (0.045, 0.69),
        (0.30, 0.705),
        (0.97, 0.69),
        (0.985, 0.745),
        (0.95, 0.825),
        (0.95, 0.825),
        (0.07, 0.825),
        (0.07, 0.825),
        (0.035, 0.76),
    ]
    canvas.paint(canvas.area(curve(sole)), (232.0, 231.0, 228.0), 0.3, 0.03)
    canvas.paint(canvas.line(0.026, [(0.075, 0.815), (0.945, 0.815)]), (120.0, 118.0, 116.0), 0.0)


def handbag(canvas: Canvas, look: Look) -> None:
    """A leather handbag with a flap, a clasp and a handle."""
    a, b = 0.03 * look.vary[0], 0.03 * look.vary[1]
    canvas.shadow(0.5, 0.935, 0.45)
    handle = curve([(0.29, 0.46), (0.29, 0.27), (0.36, 0.11 + b), (0.5, 0.065 + b), (0.64, 0.11 + b), (0.71, 0.27), (0.71, 0.46)], False)
    canvas.paint(canvas.line(0.058, handle), tinted(look.colour, -0.3), 0.35, 0.02)
    left = [(0.19 - a, 0.40), (0.19 - a, 0.40), (0.10, 0.70), (0.06 - 0.3 * a, 0.88), (0.10, 0.935), (0.3, 0.94)]
    canvas.paint(canvas.area(curve(mirrored(left))), _cloth(canvas, look), 0.4, 0.06)
    flap = [(0.185 - a, 0.395), (0.185 - a, 0.395), (0.165 - a, 0.52), (0.20, 0.60), (0.36, 0.645), (0.5, 0.66)]
    edge = canvas.area(curve(mirrored(flap)))
    canvas.shade(canvas.blur(edge, 0.02) * (1.0 - edge) * canvas.mask, 0.5)
    canvas.paint(edge, tinted(look.colour, -0.12), 0.35, 0.05)
    canvas.paint(canvas.area(box(0.445, 0.60, 0.555, 0.72, 0.02)), BRASS, 0.5, 0.02)


def mug(canvas: Canvas, look: Look) -> None:
    """A ceramic mug, handle to the right."""
    a, b = 0.025 * look.vary[0], 0.03 * look.vary[1]
    x0, x1, top = 0.09 + a, 0.67 + a, 0.17 + b
    canvas.shadow(0.40 + a, 0.91, 0.40)
    ear = curve([(x1 - 0.03, 0.31), (x1 + 0.13, 0.30), (x1 + 0.225, 0.40), (x1 + 0.215, 0.57), (x1 + 0.10, 0.70), (x1 - 0.04, 0.74)], False)
    canvas.paint(canvas.line(0.085, ear), tinted(look.colour, -0.08), 0.5, 0.03)
    low = 0.83
    wall = [(x0, top), *oval((x0 + x1) / 2, low, (x1 - x0) / 2 - 0.015, 0.075, (0.5, 0.0)), (x1, top)]
    canvas.paint(canvas.area(wall), _cloth(canvas, look), 0.12, 0.03, _barrel(canvas, x0, x1, 0.6))
    canvas.shade(canvas.blur(canvas.line(0.03, [(x0 + 0.12, top + 0.14), (x0 + 0.125, low - 0.08)]), 0.012), -0.5)
    middle, radius = (x0 + x1) / 2, (x1 - x0) / 2
    canvas.paint(canvas.area(oval(middle, top, radius, 0.072)), tinted(look.colour, 0.35), 0.0)
    inside = canvas.area(oval(middle, top + 0.006, radius - 0.028, 0.053))
    canvas.paint(inside, (238.0, 234.0, 228.0), 0.0, light=(0.62 + 0.45 * (canvas.x - x0) / (x1 - x0) + 0.0 * canvas.y).astype(np.float32))


def cap(canvas: Canvas, look: Look) -> None:
    """A baseball cap from the side, peak to the right."""
    a, b = 0.02 * look.vary[0], 0.03 * look.vary[1]
    low = 0.70
    dome = [
        (0.04, low),
        (0.04, low),
        (0.045, 0.52),
        (0.13, 0.31 + b),
        (0.35, 0.185 + b),
        (0.56, 0.27 + b),
        (0.68, 0.47),
        (0.70, low),
        (0.70, low),
    ]
    crown = canvas.paint(canvas.area(curve(dome)), _cloth(canvas, look), 0.42, 0.09)
    seams = [curve([(0.355, 0.19 + b), (0.29, 0.42), (0.28, low)], False), curve([(0.365, 0.19 + b), (0.52, 0.38), (0.56, low)], False)]
    canvas.shade(crown * canvas.line(0.014, *seams), 0.35)
    canvas.shade(crown * canvas.line(0.045, [(0.03, low - 0.012), (0.70, low - 0.012)]), 0.22)
    canvas.paint(canvas.area(oval(0.355, 0.185 + b, 0.04, 0.025)), tinted(look.colour, -0.3), 0.3, 0.02)
    peak = [
        (0.50, 0.655),
        (0.50, 0.655),
        (0.70, 0.625),
        (0.88, 0.66 + a),
        (0.975, 0.74 + a),
        (0.95, 0.785 + a),
        (0.80, 0.755),
        (0.66, 0.735),
        (0.50, 0.74),
    ]
    shape = canvas.area(curve(peak))
    canvas.shade(canvas.blur(shape, 0.02) * (1.0 - shape) * crown, 0.4)
    canvas.paint(shape, tinted(look.colour, -0.28), 0.45, 0.04)


def umbrella(canvas: Canvas, look: Look) -> None:
    """An open umbrella with a hooked handle."""
    a, b = 0.02 * look.vary[0], 0.02 * look.vary[1]
    hook = [(0.5, 0.50), (0.5, 0.50), (0.5, 0.83), (0.5, 0.83), (0.475, 0.925), (0.41, 0.94), (0.365, 0.885), (0.365, 0.85)]
    canvas.paint(canvas.line(0.030, curve(hook[:3], False)), STEEL, 0.3, 0.02)
    canvas.paint(canvas.line(0.052, curve(hook[2:], False)), WOOD, 0.4, 0.02)
    canvas.paint(canvas.line(0.028, [(0.5, 0.035), (0.5, 0.12)]), STEEL, 0.2, 0.02)
    rim, apex = 0.53 + a, 0.085 + b
    ends = [0.03, 0.235, 0.41, 0.59, 0.765, 0.97]
    scallops = [curve([(x, rim), ((x + z) / 2, rim - 0.055), (z, rim)], False) for x, z in itertools.pairwise(ends)]
    dome = curve([(0.03, rim), (0.10, 0.33), (0.26, 0.16 + b), (0.5, apex), (0.74, 0.16 + b), (0.90, 0.33), (0.97, rim)], False)
    cover = canvas.area([*dome, *(point for part in reversed(scallops) for point in reversed(part))])
    canvas.paint(cover, _cloth(canvas, look), 0.35, 0.06)
    ribs = [curve([(0.5, apex), (0.5 + 0.80 * (x - 0.5), 0.24 + 0.4 * abs(x - 0.5) ** 2 + b), (x, rim)], False) for x in ends]
    for i, (one, other) in enumerate(itertools.pairwise(ribs)):
        canvas.shade(cover * canvas.area([*one, *reversed(other)]), (0.0, -0.10, 0.02, 0.12, 0.24)[i])
    canvas.shade(cover * canvas.line(0.012, *ribs[1:-1]), 0.3)


def chair(canvas: Canvas, look: Look) -> None:
    """An upholstered chair with wooden legs, seen from a little to the left."""
    a, b = 0.03 * look.vary[0], 0.02 * look.vary[1]
    canvas.shadow(0.54, 0.94, 0.42, 0.05, 0.22)
    canvas.paint(canvas.line(0.052, [(0.70, 0.55), (0.735, 0.84)], [(0.25, 0.55), (0.22, 0.87)]), tinted(WOOD, -0.25), 0.3, 0.02)
    cloth = _cloth(canvas, look)
    back = [
        (0.22, 0.52),
        (0.20, 0.30),
        (0.20 - b, 0.09 + a),
        (0.25, 0.055 + a),
        (0.45, 0.045 + a),
        (0.66, 0.055 + a),
        (0.71 + b, 0.09 + a),
        (0.70, 0.30),
        (0.70, 0.52),
    ]
    canvas.paint(canvas.area(curve(back)), cloth, 0.4, 0.06)
    canvas.paint(canvas.line(0.060, [(0.28, 0.66), (0.265, 0.945)], [(0.82, 0.64), (0.845, 0.93)]), WOOD, 0.35, 0.02)
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
    shape = canvas.area(curve(seat))
    canvas.shade(canvas.blur(shape, 0.03) * (1.0 - shape) * canvas.mask, 0.5)
    canvas.paint(shape, cloth, 0.45, 0.05, (1.10 - 0.9 * np.clip(canvas.y - 0.58, 0, 1) * 4 + 0.0 * canvas.x).astype(np.float32))


def lamp(canvas: Canvas, look: Look) -> None:
    """A table lamp with a cloth shade on a brass foot."""
    a, b = 0.03 * look.vary[0], 0.03 * look.vary[1]
    canvas.shadow(0.5, 0.935, 0.34)
    canvas.paint(canvas.line(0.055, [(0.5, 0.50), (0.5, 0.88)]), BRASS, 0.5, 0.02)
    canvas.paint(canvas.area(oval(0.5, 0.70, 0.075, 0.055)), BRASS, 0.5, 0.03)
    canvas.paint(
        canvas.area([(0.27, 0.925), *oval(0.5, 0.90, 0.23, 0.055, (0.5, 1.0)), (0.73, 0.925)], box(0.27, 0.895, 0.73, 0.945, 0.02)),
        BRASS,
        0.5,
        0.03,
    )
    top, low = 0.06 + b, 0.52
    x0, x1 = 0.11 - a, 0.89 + a
    shade = [
        (0.31, top),
        *oval(0.5, top, 0.19, 0.018, (0.5, 1.0)),
        (0.69, top),
        (x1, low),
        *oval(0.5, low, x1 - 0.5, 0.035, (0.0, 0.5)),
        (x0, low),
    ]
    glow = 1.0 + 0.28 * np.exp(-(((canvas.x - 0.5) / 0.22) ** 2) - ((canvas.y - 0.42) / 0.2) ** 2)
    cover = canvas.paint(canvas.area(shade), _cloth(canvas, look), 0.25, 0.05, (glow * _barrel(canvas, x0, x1, 0.35)).astype(np.float32))
    trims = [[(0.31, top + 0.012), (0.69, top + 0.012)], oval(0.5, low - 0.012, x1 - 0.5, 0.035, (0.0, 0.5))]
    canvas.shade(cover * canvas.line(0.03, *trims), 0.3)


def bottle(canvas: Canvas, look: Look) -> None:
    """A drinking bottle with a steel cap."""
    a, b = 0.02 * look.vary[0], 0.03 * look.vary[1]
    x0, x1 = 0.285 - a, 0.715 + a
    canvas.shadow(0.5, 0.95, 0.32)
    left = [
        (0.41, 0.20),
        (0.41, 0.20),
        (0.40, 0.25),
        (0.33 - 0.5 * a, 0.30 + b),
        (x0, 0.40 + b),
        (x0, 0.60),
        (x0, 0.90),
        (x0 + 0.02, 0.95),
        (0.40, 0.965),
    ]
    canvas.paint(canvas.area(curve(mirrored(left))), _cloth(canvas, look), 0.18, 0.04, _barrel(canvas, x0, x1, 0.75))
    canvas.shade(canvas.blur(canvas.line(0.035, [(x0 + 0.10, 0.45 + b), (x0 + 0.10, 0.86)]), 0.012), -0.45)
    canvas.paint(canvas.area(box(0.40, 0.185, 0.60, 0.225)), tinted(STEEL, -0.35), 0.1, 0.02)
    canvas.paint(canvas.area(box(0.375, 0.03, 0.625, 0.195, 0.03)), STEEL, 0.2, 0.03, _barrel(canvas, 0.375, 0.625, 0.8))


def backpack(canvas: Canvas, look: Look) -> None:
    """A backpack from the front with a pocket and a carrying loop."""
    a, b = 0.02 * look.vary[0], 0.03 * look.vary[1]
    canvas.shadow(0.5, 0.945, 0.38)
    canvas.paint(canvas.line(0.05, oval(0.5, 0.13, 0.095, 0.085, (0.5, 1.0))), tinted(look.colour, -0.4), 0.3, 0.02)
    strap = curve([(0.22, 0.38), (0.10, 0.52), (0.10, 0.74), (0.20, 0.90)], False)
    canvas.paint(canvas.line(0.065, strap, [(1 - x, y) for x, y in strap]), tinted(look.colour, -0.4), 0.35, 0.02)
    left = [(0.5, 0.105), (0.32, 0.125), (0.215, 0.25 + b), (0.18 - a, 0.45), (0.165 - a, 0.80), (0.20, 0.93), (0.35, 0.955), (0.5, 0.955)]
    body = canvas.paint(canvas.area(curve(mirrored(left))), _cloth(canvas, look), 0.42, 0.07)
    zip_line = curve([(0.22, 0.50), (0.27, 0.30), (0.5, 0.235), (0.73, 0.30), (0.78, 0.50)], False)
    canvas.shade(body * canvas.line(0.022, zip_line), 0.5)
    pocket = canvas.area(box(0.265, 0.56, 0.735, 0.895, 0.07))
    canvas.shade(canvas.blur(pocket, 0.02) * (1.0 - pocket) * body, 0.45)
    canvas.paint(pocket, tinted(look.colour, -0.14), 0.4, 0.04)
    canvas.shade(pocket * canvas.line(0.022, [(0.29, 0.645), (0.71, 0.645)]), 0.5)
    canvas.paint(canvas.line(0.03, [(0.66, 0.645), (0.66, 0.72)]), BRASS, 0.2, 0.02)


CATEGORIES: dict[str, Callable[[Canvas, Look], None]] = {
    "backpack": backpack,
    "bottle": bottle,
    "cap": cap,
    "chair": chair,
    "dress": dress,
    "handbag": handbag,
    "lamp": lamp,
    "mug": mug,
    "sneaker": sneaker,
    "t-shirt": tshirt,
    "trousers": trousers,
    "umbrella": umbrella,
}
