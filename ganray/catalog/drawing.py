"""A small software painter: antialiased shapes, soft relief lit from the upper left, fabric patterns, shadows, clutter.

Coordinates are in [0, 1] with y down, so that a drawing is the same at any resolution. Masks are float32 [side, side] coverage in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from ganray.images.codec import Pixels

Field = NDArray[np.float32]
Colour = tuple[float, float, float]
Points = Sequence[tuple[float, float]]

PATTERNS = ("plain", "striped", "dotted")


def curve(points: Points, closed: bool = True, steps: int = 8) -> list[tuple[float, float]]:
    """A Catmull-Rom spline through the points; a repeated point is a corner."""
    p = np.asarray(points, np.float64)
    neighbours = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    neighbours = np.stack([neighbours[i : len(neighbours) - 3 + i] for i in range(4)])
    a, b, c, d = neighbours[:, (neighbours[1] != neighbours[2]).any(axis=1), None]
    t = (np.arange(steps) / steps)[None, :, None]
    path = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat = path.reshape(-1, 2) if closed else np.concatenate([path.reshape(-1, 2), p[-1:]])
    return [(x, y) for x, y in flat.tolist()]


def mirrored(left: Points) -> list[tuple[float, float]]:
    """A symmetric outline from its left half, given from top to bottom."""
    return [*left, *((1.0 - x, y) for x, y in reversed(left))]


def oval(cx: float, cy: float, rx: float, ry: float, turns: tuple[float, float] = (0.0, 1.0)) -> list[tuple[float, float]]:
    """Points of an ellipse, clockwise from the right; `turns` cuts an arc, (0, 0.5) being the lower half."""
    angle = np.linspace(*turns, 49) * 2 * math.pi
    return list(zip((cx + rx * np.cos(angle)).tolist(), (cy + ry * np.sin(angle)).tolist(), strict=True))


def box(x0: float, y0: float, x1: float, y1: float, radius: float = 0.0) -> list[tuple[float, float]]:
    """A rectangle with rounded corners."""
    if radius <= 0.0:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    right, left, low, high = x1 - radius, x0 + radius, y1 - radius, y0 + radius
    corners = ((right, high, 0.75), (right, low, 0.0), (left, low, 0.25), (left, high, 0.5))
    return [point for cx, cy, start in corners for point in oval(cx, cy, radius, radius, (start, start + 0.25))[::8]]


class Canvas:
    """An image that is painted on, and the mask of the product in it."""

    def __init__(self, side: int, background: Field) -> None:
        self.side = side
        self.pixels = background
        self.mask: Field = np.zeros((side, side), np.float32)
        self._fine = 4 if side <= 96 else 2
        middle = (np.arange(side, dtype=np.float32) + 0.5) / side
        self.x, self.y = middle[None, :], middle[:, None]

    def area(self, *outlines: Points) -> Field:
        """Coverage of the union of filled outlines."""
        sheet, draw = self._sheet()
        for outline in outlines:
            draw.polygon(self._scaled(outline), fill=255)
        return self._reduce(sheet)

    def line(self, width: float, *paths: Points) -> Field:
        """Coverage of the union of strokes with round ends."""
        sheet, draw = self._sheet()
        thick = width * self.side * self._fine
        for path in paths:
            points = self._scaled(path)
            draw.line(points, fill=255, width=max(1, round(thick)), joint="curve")
            for x, y in (points[0], points[-1]):
                draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=255)
        return self._reduce(sheet)

    def blur(self, mask: Field, radius: float) -> Field:
        """A Gaussian blur of a mask, `radius` as a share of the side."""
        image = Image.fromarray((mask * 255.0).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius * self.side))
        return np.asarray(image, np.float32) / 255.0

    def paint(self, mask: Field, colour: Colour | Field, relief: float = 0.25, softness: float = 0.05, light: Field | float = 1.0) -> Field:
        """Paint a shape over the image and return its mask.

        `relief` is how strongly the rim is lit, `softness` the width of the rim (share of the side), `light` a factor.
        """
        lit: Field = np.asarray(light, np.float32)
        if relief:
            height = self.blur(mask, softness)
            down, right = np.gradient(height)
            rim = 1.0 + relief * 2.5 * softness * self.side * (0.5 * right + 0.8 * down)
            lit = lit * rim * (1.0 - 0.5 * relief * (1.0 - height))
        shaded = np.clip(np.asarray(colour, np.float32) * lit[..., None], 0.0, 255.0)
        self.pixels += mask[..., None] * (shaded - self.pixels)
        np.maximum(self.mask, mask, out=self.mask)
        return mask

    def shade(self, mask: Field, strength: float) -> None:
        """Darken (or, below zero, lighten) the pixels under a mask."""
        target = 0.0 if strength > 0 else 255.0
        self.pixels += (abs(strength) * mask)[..., None] * (target - self.pixels)

    def shadow(self, cx: float, cy: float, rx: float, ry: float = 0.035, strength: float = 0.28) -> None:
        """A soft contact shadow on the ground; not part of the product."""
        distance = ((self.x - cx) / rx) ** 2 + ((self.y - cy) / ry) ** 2
        self.shade(np.exp(-1.2 * distance).astype(np.float32), strength)

    def finished(self) -> tuple[Pixels, Pixels]:
        """Uint8 [side, side, 3] and the mask as uint8 [side, side]."""
        return np.round(self.pixels).clip(0, 255).astype(np.uint8), np.round(self.mask * 255.0).astype(np.uint8)

    def _sheet(self) -> tuple[Image.Image, ImageDraw.ImageDraw]:
        sheet = Image.new("L", (self.side * self._fine, self.side * self._fine))
        return sheet, ImageDraw.Draw(sheet)

    def _scaled(self, points: Points) -> list[tuple[float, float]]:
        size = self.side * self._fine
        return [(x * size - 0.5, y * size - 0.5) for x, y in points]

    def _reduce(self, sheet: Image.Image) -> Field:
        return np.asarray(sheet.reduce(self._fine), np.float32) / 255.0


def tinted(colour: Colour, amount: float) -> Colour:
    """Towards white (amount > 0) or black (< 0)."""
    target = 255.0 if amount > 0 else 0.0
    red, green, blue = (part + abs(amount) * (target - part) for part in colour)
    return red, green, blue


def dyed(canvas: Canvas, pattern: str, colour: Colour, second: Colour, phase: float) -> Field:
    """Cloth of `colour` with `second` in a pattern: float32 [side, side, 3]; `phase` in [0, 1) shifts it."""
    soft = 1.5 / canvas.side
    if pattern == "striped":
        period = 0.17
        wave = np.abs((canvas.y / period + phase) % 1.0 - 0.5) * period + 0.0 * canvas.x
        ink = np.clip((wave - 0.27 * period) / soft + 0.5, 0.0, 1.0)
    elif pattern == "dotted":
        period = 0.19
        row = np.floor(canvas.y / period + phase)
        across = ((canvas.x - 0.5) / period + 0.5 * (row % 2)) % 1.0 - 0.5
        down = (canvas.y / period + phase) % 1.0 - 0.5
        ink = np.clip((0.27 * period - period * np.hypot(across, down)) / soft + 0.5, 0.0, 1.0)
    else:
        ink = np.zeros((canvas.side, canvas.side))
    cloth: Field = (np.asarray(colour) + ink[..., None] * (np.asarray(second) - np.asarray(colour))).astype(np.float32)
    return cloth


def white(side: int) -> Field:
    """The background of a packshot."""
    return np.full((side, side, 3), 255.0, np.float32)


def clutter(side: int, rng: np.random.Generator) -> Field:
    """A table top and some blurred objects: float32 [side, side, 3]."""
    canvas = Canvas(side, np.empty((side, side, 3), np.float32))
    wall, table = (rng.uniform(low, high, 3) for low, high in ((140, 230), (90, 200)))
    horizon = rng.uniform(0.3, 0.7)
    edge = np.clip((canvas.y - horizon) * side / 2 + 0.5, 0, 1) + 0.0 * canvas.x
    canvas.pixels[:] = wall + edge[..., None] * (table - wall)
    for _ in range(int(rng.integers(5, 10))):
        (cx, cy), (rx, ry) = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.25, 2)
        outline = oval(cx, cy, rx, ry) if rng.random() < 0.5 else box(cx - rx, cy - ry, cx + rx, cy + ry)
        red, green, blue = (0.5 * rng.uniform(30, 240) + 0.5 * rng.uniform(30, 240, 3)).tolist()
        canvas.paint(canvas.blur(canvas.area(outline), 0.02), (red, green, blue), relief=0.2)
    return canvas.pixels
