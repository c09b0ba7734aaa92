"""The appearance of one drawn product, and the cloth, light and fastenings that products of several categories share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ganray.catalog.drawing import Canvas, Colour, Field, Points, View, dyed, oval, tinted

STEEL: Colour = (176.0, 181.0, 188.0)
BRASS: Colour = (205.0, 164.0, 82.0)
WOOD: Colour = (158.0, 112.0, 72.0)
CREAM: Colour = (246.0, 241.0, 230.0)
DARK: Colour = (58.0, 58.0, 64.0)
RUBBER: Colour = (232.0, 231.0, 228.0)
FINISHES = ("smooth", "knit", "denim", "canvas", "leather")  # what cloth may be made of

T = TypeVar("T")


@dataclass(frozen=True)
class Look:
    """The appearance of a product: its colour, a second colour for the pattern, eight shape parameters in [-1, 1], eight choices in [0, 1).

    By custom the first choice is the style, the last two are the side it faces and the side that the light comes from.
    """

    colour: Colour
    second: Colour
    pattern: str
    vary: tuple[float, ...]
    picks: tuple[float, ...] = (0.0,) * 8

    def pick(self, place: int, options: Sequence[T]) -> T:
        """One of the options, by choice `place`."""
        return options[int(self.picks[place] * len(options))]

    def dark(self, amount: float) -> Colour:
        """The colour, darker by a share (lighter below zero)."""
        return tinted(self.colour, -amount)

    def view(self, lean: float = 0.0, size: float = 1.0, narrow: float = 1.0, faces: bool = True) -> View:
        """The view of this product; with `faces` it is mirrored for half of the products."""
        return View(faces and self.picks[6] < 0.5, lean, size, narrow, 1.0 if self.picks[7] < 0.7 else -1.0)


def corner(x: float, y: float) -> list[tuple[float, float]]:
    """A point of a curve where it has a corner."""
    return [(x, y), (x, y)]


def flipped(points: Points) -> list[tuple[float, float]]:
    """The same on the other side of the middle."""
    return [(1.0 - x, y) for x, y in points]


def moved(points: Points, dx: float, dy: float) -> list[tuple[float, float]]:
    """The same elsewhere."""
    return [(x + dx, y + dy) for x, y in points]


def cloth(canvas: Canvas, look: Look, finish: str = "smooth") -> Field:
    """Cloth of the product's colour, pattern and finish: float32 [side, side, 3]."""
    plain = dyed(canvas, look.pattern, look.colour, look.second, 0.5 + 0.5 * look.vary[7], 1.0 + 0.16 * look.vary[6])
    grain = weave(canvas, finish)
    return plain if grain is None else plain * grain[..., None]


def weave(canvas: Canvas, finish: str) -> Field | None:
    """The texture of a finish as a factor [side, side] of mean 1; none where it is finer than the pixels."""
    period = {"knit": 0.034, "denim": 0.016, "canvas": 0.014, "leather": 0.05}.get(finish, 0.0)
    strength = 0.07 * min(1.0, max(0.0, period * canvas.side / 3.0 - 0.6))
    if not strength:
        return None
    turn = 2 * math.pi / period
    x, y = canvas.x.astype(np.float32), canvas.y.astype(np.float32)
    if finish == "knit":  # rows of stitches that lean to and fro
        grain = 0.8 * np.sin(turn * (y + 0.5 * np.abs((x / period) % 1.0 - 0.5) * period))
    elif finish == "denim":
        grain = np.sin(turn * (x + y))
    elif finish == "canvas":
        grain = np.sin(turn * x) * np.sin(turn * y)
    else:
        grain = 0.6 * np.sin(turn * x + 3.0 * np.sin(0.7 * turn * y)) * np.sin(turn * y + 3.0 * np.sin(0.6 * turn * x))
    return np.asarray(1.0 + strength * grain, np.float32)


def folds(canvas: Canvas, count: float, phase: float, depth: float = 0.07) -> Field:
    """Light on vertical folds that fan out downwards."""
    fan = (canvas.x - 0.5) / (0.35 + 0.65 * canvas.y)
    return (1.0 + depth * canvas.y * np.sin(2 * np.pi * (count * fan + phase))).astype(np.float32)


def barrel(canvas: Canvas, x0: float, x1: float, depth: float = 0.4) -> Field:
    """Light on an upright cylinder between x0 and x1."""
    u = np.clip((canvas.x - x0) / (x1 - x0), 0.0, 1.0)
    u = u if canvas.sun > 0 else 1.0 - u
    return (1.10 - depth * (u - 0.32) ** 2 * 2.2 - 0.25 * depth * np.clip(u - 0.7, 0, 1)).astype(np.float32)


def streak(canvas: Canvas, x0: float, x1: float, y: tuple[float, float], strength: float = 0.5) -> None:
    """The reflection of a window on an upright cylinder of glaze or paint."""
    x = x0 + (0.22 if canvas.sun > 0 else 0.78) * (x1 - x0)
    canvas.shade(canvas.blur(canvas.line(0.033, [(x, y[0]), (x, y[1])]), 0.012), -strength)


def solid(points: Points, dx: float, dy: float) -> list[list[tuple[float, float]]]:
    """The outlines that a shape sweeps when it is moved: the body of which it is the front."""
    return [moved(points, dx * step / 8, dy * step / 8) for step in range(1, 9)]


def buttons(canvas: Canvas, colour: Colour, radius: float, *places: tuple[float, float]) -> None:
    """Round buttons."""
    canvas.paint(canvas.area(*(oval(x, y, radius, radius) for x, y in places)), colour, 0.5, 0.01)
