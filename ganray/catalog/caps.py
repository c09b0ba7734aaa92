"""Drawn caps, which face left or right or the camera."""

from __future__ import annotations

from collections.abc import Callable

from ganray.catalog.drawing import Canvas, Field, curve, oval
from ganray.catalog.look import CREAM, Look, cloth, corner, flipped


def cap(canvas: Canvas, look: Look) -> None:
    """A cap: baseball from the side or front, trucker, flat peak, beanie, newsboy."""
    style = look.pick(0, tuple(CAPS))
    canvas.turn(look.view(0.05 * look.vary[4], 0.96, 1.0 + 0.03 * look.vary[5]))
    CAPS[style](canvas, look, cloth(canvas, look, "knit" if style == "beanie" else look.pick(1, ("canvas", "smooth", "denim"))))


def _dome(canvas: Canvas, look: Look, fabric: Field, top: float) -> Field:
    """A crown from the side with its seams and band, its base at 0.70."""
    b = top - 0.185
    dome = [*corner(0.04, 0.70), (0.045, 0.52), (0.13, 0.31 + b), (0.35, top), (0.56, 0.27 + b), (0.68, 0.47), *corner(0.70, 0.70)]
    crown = canvas.paint(canvas.area(curve(dome)), fabric, 0.42, 0.09)
    seams = [curve([(0.355, top), (0.29, 0.42), (0.28, 0.70)], False), curve([(0.365, top), (0.52, 0.38), (0.56, 0.70)], False)]
    canvas.shade(crown * canvas.line(0.013, *seams), 0.35)
    canvas.shade(crown * canvas.line(0.04, [(0.03, 0.69), (0.70, 0.69)]), 0.2)
    return crown


def _baseball(canvas: Canvas, look: Look, fabric: Field) -> None:
    a, top = 0.02 * look.vary[0], 0.20 + 0.03 * look.vary[1]
    crown = _dome(canvas, look, fabric, top)
    canvas.paint(canvas.area(oval(0.355, top, 0.04, 0.025)), look.dark(0.3), 0.3, 0.02)
    if look.picks[2] < 0.5:
        canvas.paint(crown * canvas.area(oval(0.60, 0.50, 0.065, 0.08)), look.second, 0.2, 0.02)
    peak = [
        *corner(0.50, 0.655),
        (0.70, 0.625),
        (0.88, 0.66 + a),
        (0.975, 0.74 + a),
        (0.95, 0.785 + a),
        (0.80, 0.755),
        (0.66, 0.735),
        (0.50, 0.74),
    ]
    shape = canvas.area(curve(peak))
    canvas.cast(shape, crown, 0.4)
    canvas.paint(shape, look.dark(look.pick(3, (0.28, 0.1, 0.45))), 0.45, 0.04)


def _trucker(canvas: Canvas, look: Look, fabric: Field) -> None:
    """Tall, its front of another colour, its peak flat."""
    top = 0.14 + 0.02 * look.vary[1]
    crown = _dome(canvas, look, fabric, top)
    if look.picks[2] < 0.6:
        front = crown * canvas.area(curve([(0.365, top - 0.02), (0.50, 0.38), (0.53, 0.72), (0.75, 0.72), (0.75, 0.1)]))
        canvas.paint(front, CREAM, 0.3, 0.06)
        canvas.paint(crown * canvas.area(oval(0.625, 0.50, 0.05, 0.075)), look.colour, 0.2, 0.02)
    shape = canvas.area([(0.60, 0.665), (0.70, 0.645), (0.955, 0.66), (0.975, 0.69), (0.955, 0.715), (0.60, 0.725)])
    canvas.cast(shape, crown, 0.4)
    canvas.paint(shape, look.dark(0.25), 0.4, 0.03)


def _front(canvas: Canvas, look: Look, fabric: Field) -> None:
    """A baseball cap from the front, the peak towards the camera."""
    top = 0.17 + 0.03 * look.vary[1]
    crown = canvas.paint(
        canvas.area(
            curve(
                [*corner(0.13, 0.68), (0.15, 0.42), (0.29, top + 0.05), (0.5, top), (0.71, top + 0.05), (0.85, 0.42), *corner(0.87, 0.68)]
            )
        ),
        fabric,
        0.42,
        0.09,
    )
    seam = curve([(0.5, top), (0.33, 0.30), (0.27, 0.68)], False)
    canvas.shade(crown * canvas.line(0.013, [(0.5, top), (0.5, 0.66)], seam, flipped(seam)), 0.3)
    if look.picks[2] < 0.5:
        canvas.paint(canvas.area(oval(0.5, 0.45, 0.10, 0.085)), look.second, 0.2, 0.02)
    a = 0.03 * look.vary[0]
    shape = canvas.area(
        curve(
            [
                *corner(0.10, 0.66),
                (0.28, 0.575),
                (0.5, 0.555),
                (0.72, 0.575),
                *corner(0.90, 0.66),
                (0.93, 0.76),
                *corner(0.86, 0.84 + a),
                (0.68, 0.775 + a),
                (0.5, 0.755 + a),
                (0.32, 0.775 + a),
                *corner(0.14, 0.84 + a),
                (0.07, 0.76),
            ]
        )
    )
    canvas.cast(shape, crown, 0.5)
    canvas.paint(shape, look.dark(look.pick(3, (0.28, 0.1, 0.45))), 0.45, 0.05)
    canvas.paint(canvas.area(oval(0.5, top, 0.035, 0.02)), look.dark(0.3), 0.3, 0.015)


def _beanie(canvas: Canvas, look: Look, fabric: Field) -> None:
    """Knitted, with a turned-up cuff and perhaps a pompom."""
    pompom, top = look.picks[2] < 0.6, 0.22 + 0.03 * look.vary[1]
    if pompom:
        canvas.paint(
            canvas.area(
                *(oval(0.5 + dx, 0.145 + dy, 0.085, 0.085) for dx, dy in ((-0.03, 0.0), (0.03, -0.01), (0.0, -0.03), (0.01, 0.02)))
            ),
            look.pick(3, (look.second, look.dark(0.3))),
            0.5,
            0.04,
        )
    else:
        top -= 0.08
    crown = canvas.paint(
        canvas.area(
            curve(
                [*corner(0.12, 0.72), (0.135, 0.48), (0.27, top + 0.07), (0.5, top), (0.73, top + 0.07), (0.865, 0.48), *corner(0.88, 0.72)]
            )
        ),
        fabric,
        0.42,
        0.09,
    )
    ribs = [curve([(0.5 + d, 0.72), (0.5 + 0.95 * d, 0.5), (0.5 + 0.35 * d, top)], False) for d in (-0.27, -0.135, 0.0, 0.135, 0.27)]
    canvas.shade(crown * canvas.line(0.014, *ribs), 0.2)
    cuff = canvas.area(
        curve(
            [
                *corner(0.085, 0.655),
                (0.5, 0.69),
                *corner(0.915, 0.655),
                (0.925, 0.78),
                *corner(0.905, 0.88),
                (0.5, 0.915),
                *corner(0.095, 0.88),
                (0.075, 0.78),
            ]
        )
    )
    canvas.cast(cuff, crown, 0.45)
    canvas.paint(cuff, look.dark(0.14), 0.45, 0.05)
    canvas.shade(cuff * canvas.line(0.012, *([(0.13 + 0.0925 * i, 0.64), (0.13 + 0.0925 * i, 0.93)] for i in range(9))), 0.22)


def _newsboy(canvas: Canvas, look: Look, fabric: Field) -> None:
    """A flat cap from the side."""
    a, b = 0.02 * look.vary[0], 0.03 * look.vary[1]
    peak = canvas.area(curve([(0.62, 0.60), (0.80, 0.585), (0.94, 0.63), (0.975, 0.71 + a), (0.92, 0.73 + a), (0.78, 0.69), (0.60, 0.70)]))
    canvas.paint(peak, look.dark(0.3), 0.45, 0.03)
    crown = [
        *corner(0.07, 0.72),
        (0.03, 0.55),
        (0.10, 0.37 + b),
        (0.33, 0.27 + b),
        (0.60, 0.33 + b),
        (0.82, 0.46),
        *corner(0.90, 0.60),
        (0.74, 0.64),
        *corner(0.66, 0.72),
        (0.36, 0.75),
    ]
    body = canvas.paint(canvas.area(curve(crown)), fabric, 0.42, 0.08)
    canvas.shade(
        body
        * canvas.line(
            0.013,
            curve([(0.40, 0.28 + b), (0.30, 0.48), (0.34, 0.75)], False),
            curve([(0.42, 0.28 + b), (0.66, 0.44), (0.74, 0.64)], False),
        ),
        0.32,
    )
    canvas.shade(body * canvas.line(0.035, curve([(0.07, 0.70), (0.36, 0.735), (0.66, 0.70)], False)), 0.25)
    canvas.paint(canvas.area(oval(0.41, 0.28 + b, 0.03, 0.02)), look.dark(0.3), 0.3, 0.015)


CAPS: dict[str, Callable[[Canvas, Look, Field], None]] = {
    "baseball": _baseball,
    "trucker": _trucker,
    "front": _front,
    "beanie": _beanie,
    "newsboy": _newsboy,
}
