"""Drawn umbrellas: open, tilted, or rolled up."""

from __future__ import annotations

import itertools

from ganray.catalog.drawing import Canvas, box, curve
from ganray.catalog.look import DARK, STEEL, WOOD, Look, cloth, corner, flipped

STYLES = ("open", "bell", "flat", "tilted", "rolled")


def umbrella(canvas: Canvas, look: Look) -> None:
    """An umbrella: open, deep as a bell, tilted, or rolled up."""
    style = look.pick(0, STYLES)
    if style == "rolled":
        short = look.picks[3] < 0.4
        canvas.turn(look.view(0.72 + 0.08 * look.vary[4], 1.14 if short else 0.87))
        _rolled(canvas, look)
        return
    lean = 0.42 + 0.12 * look.vary[4] if style == "tilted" else 0.05 * look.vary[4]
    canvas.turn(look.view(lean, 0.95, 1.0 + 0.03 * look.vary[5]))
    rim, apex, half = {"open": (0.53, 0.09, 0.47), "bell": (0.66, 0.09, 0.38), "flat": (0.42, 0.17, 0.475), "tilted": (0.53, 0.10, 0.46)}[
        style
    ]
    rim, apex = rim + 0.02 * look.vary[0], apex + 0.02 * look.vary[1]
    _stick(canvas, look, rim - 0.03)
    canvas.paint(canvas.line(0.026, [(0.5, apex - 0.05), (0.5, apex + 0.03)]), STEEL, 0.2, 0.02)
    num = look.pick(3, (5, 5, 6, 4))
    shares = {4: (-1.0, -0.52, 0.0, 0.52, 1.0), 5: (-1.0, -0.56, -0.19, 0.19, 0.56, 1.0), 6: (-1.0, -0.68, -0.34, 0.0, 0.34, 0.68, 1.0)}[
        num
    ]
    ends = [0.5 + half * share for share in shares]
    drop = rim - apex
    scallops = [curve([(x, rim), ((x + z) / 2, rim - 0.05), (z, rim)], False) for x, z in itertools.pairwise(ends)]
    side = [(0.5 - half, rim), (0.5 - 0.86 * half, apex + 0.55 * drop), (0.5 - 0.51 * half, apex + 0.17 * drop)]
    dome = curve([*side, (0.5, apex), *flipped(side)[::-1]], False)
    cover = canvas.area([*dome, *(point for part in reversed(scallops) for point in reversed(part))])
    canvas.paint(cover, cloth(canvas, look), 0.35, 0.06)
    ribs = [curve([(0.5, apex), (0.5 + 0.80 * (x - 0.5), apex + 0.36 * drop), (x, rim)], False) for x in ends]
    for place, (one, other) in enumerate(itertools.pairwise(ribs)):
        along = place / (num - 1) if canvas.sun > 0 else 1.0 - place / (num - 1)
        canvas.shade(cover * canvas.area([*one, *reversed(other)]), 0.34 * along - 0.10)
    canvas.shade(cover * canvas.line(0.012, *ribs[1:-1]), 0.3)
    if look.picks[2] < 0.3:
        canvas.shade(cover * canvas.line(0.028, *scallops), 0.35)


def _stick(canvas: Canvas, look: Look, top: float) -> None:
    """The stick with its handle: a hook or a straight one."""
    canvas.paint(canvas.line(0.028, [(0.5, top), (0.5, 0.83)]), STEEL, 0.3, 0.02)
    material = look.pick(5, (WOOD, DARK, look.dark(0.3)))
    hook = [*corner(0.5, 0.83), (0.475, 0.925), (0.41, 0.94), (0.365, 0.885), (0.365, 0.85)]
    straight = box(0.47, 0.76, 0.53, 0.955, 0.028)
    shape = canvas.tube(0.05, curve(hook, False)) if look.picks[4] < 0.6 else canvas.area(straight)
    canvas.paint(shape, material, 0.4, 0.02)


def _rolled(canvas: Canvas, look: Look) -> None:
    """Rolled up around its stick, or folded short in a fat roll."""
    short, wide = look.picks[3] < 0.4, 0.085 + 0.012 * look.vary[0]
    material = look.pick(5, (WOOD, DARK, look.dark(0.3)))
    if short:
        canvas.paint(canvas.area(box(0.44, 0.02, 0.56, 0.20, 0.04)), material, 0.45, 0.02)
        body = [
            *corner(0.40, 0.19),
            (0.5, 0.185),
            *corner(0.60, 0.19),
            (0.635, 0.55),
            *corner(0.62, 0.93),
            (0.5, 0.95),
            *corner(0.38, 0.93),
            (0.365, 0.55),
        ]
    else:
        hook = [(0.63, 0.02), (0.625, -0.055), (0.57, -0.085), (0.51, -0.06), *corner(0.5, 0.02), (0.5, 0.12)]
        canvas.paint(canvas.tube(0.045, curve(hook, False)), material, 0.4, 0.02)
        canvas.paint(canvas.line(0.03, [(0.5, 0.95), (0.5, 1.08)]), STEEL, 0.3, 0.015)
        body = [
            *corner(0.5 - wide, 0.14),
            (0.5, 0.125),
            *corner(0.5 + wide, 0.14),
            (0.5 + 1.15 * wide, 0.45),
            (0.53, 0.93),
            (0.5, 0.99),
            (0.47, 0.93),
            (0.5 - 1.15 * wide, 0.45),
        ]
    cover = canvas.paint(canvas.area(curve(body)), cloth(canvas, look), 0.5, 0.04)
    wrap = [curve([(0.5 - 1.2 * wide, 0.26 + d), (0.5, 0.45 + d), (0.5 + 0.7 * wide, 0.80 + d)], False) for d in (0.0, 0.16)]
    canvas.shade(cover * canvas.line(0.016, *wrap), 0.35)
    strap = canvas.line(0.05, [(0.34, 0.50), (0.66, 0.50)])
    canvas.paint(cover * strap, look.dark(0.35), 0.3, 0.015)
