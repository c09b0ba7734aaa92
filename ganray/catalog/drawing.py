"""A small software painter: antialiased shapes, soft relief lit from the upper left, fabric patterns, shadows, clutter.

Coordinates are in [0, 1] with y down, so that a drawing is the same at any resolution. Masks are float32 [side, side] coverage in [0, 1].
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from ganray.images.codec import Pixels

Field = NDArray[np.float32]
Colour = tuple[float, float, float]
Points = Sequence[tuple[float, float]]
Place = tuple[slice, slice]  # rows, columns

SMALL = 64  # up to this side, drawings are painted as a whole
PATTERNS = ("plain", "striped", "dotted")


def curve(points: Points, closed: bool = True, steps: int = 8) -> list[tuple[float, float]]:
    """A Catmull-Rom spline through the points; a repeated point is a corner."""
    p = np.asarray(points, np.float64)
    near = np.concatenate([p[-1:], p, p[:2]]) if closed else np.concatenate([p[:1], p, p[-1:]])
    windows = np.stack([near[:-3], near[1:-2], near[2:-1], near[3:]], axis=1)
    path = (_spline(steps) @ windows[(windows[:, 1] != windows[:, 2]).any(axis=1)]).reshape(-1, 2)
    flat = path if closed else np.concatenate([path, p[-1:]])
    return [(x, y) for x, y in flat.tolist()]


@functools.cache
def _spline(steps: int) -> NDArray[np.float64]:
    """[steps, 4]: the weights of four neighbours for points between the middle two."""
    t = np.arange(steps)[:, None] / steps
    return 0.5 * np.hstack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2])


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


@dataclass(frozen=True)
class View:
    """How a drawing stands in the frame: mirrored, turned clockwise by `lean` radians, `size` times as large and `narrow` times as wide
    about the centre; the light comes from the upper left, or right with `sun` -1."""

    mirrored: bool = False
    lean: float = 0.0
    size: float = 1.0
    narrow: float = 1.0
    sun: float = 1.0

    def matrix(self) -> NDArray[np.float64]:
        """[2, 2], from the drawing's coordinates about the centre to the frame's."""
        cos, sin = math.cos(self.lean), math.sin(self.lean)
        wide = -self.narrow if self.mirrored else self.narrow
        return self.size * np.array([[cos * wide, -sin], [sin * wide, cos]])


class Canvas:
    """A product that is painted before a ground, and its mask: the share of the ground that it hides, exact to a level.

    `x` [1, side] or [side, side] and `y` are the drawing's coordinates of every pixel; `sun` is 1 where the light comes from smaller x.
    """

    def __init__(self, side: int, background: Field) -> None:
        self.side = side
        self.ground = background
        self._painted: Field = np.zeros((side, side, 3), np.float32)  # colours times mask
        self.mask: Field = np.zeros((side, side), np.float32)
        self._fine = 4 if side <= 96 else 2
        self._whole = (slice(0, side), slice(0, side))
        self.turn(View())

    @property
    def pixels(self) -> Field:
        """The image, float32 [side, side, 3]."""
        image: Field = self._painted + (1.0 - self.mask)[..., None] * self.ground
        return image

    def turn(self, view: View) -> None:
        """Draw what follows in this view."""
        middle = (np.arange(self.side, dtype=np.float32) + 0.5) / self.side
        self.x, self.y = middle[None, :], middle[:, None]
        self._sun, self.sun = view.sun, -view.sun if view.mirrored else view.sun
        self._view = None if view == View() else view.matrix()
        if self._view is not None:
            (a, b), (c, d) = np.linalg.inv(self._view).astype(np.float32).tolist()
            x, y = self.x - 0.5, self.y - 0.5
            self.x, self.y = 0.5 + (a * x + b * y if view.lean else a * x), 0.5 + (c * x + d * y if view.lean else d * y)

    def area(self, *outlines: Points) -> Field:
        """Coverage of the union of filled outlines."""
        paths = [self._scaled(outline) for outline in outlines]
        sheet, origin, place = self._sheet(paths, 1.0)
        draw = ImageDraw.Draw(sheet)
        for path in paths:
            draw.polygon((path - origin).ravel().tolist(), fill=255)
        return self._reduce(sheet, place)

    def line(self, width: float, *paths: Points) -> Field:
        """Coverage of the union of strokes with round ends."""
        thick = width * self.side * self._fine
        if self._view is not None:
            thick *= abs(float(np.linalg.det(self._view))) ** 0.5
        scaled = [self._scaled(path) for path in paths]
        sheet, origin, place = self._sheet(scaled, thick / 2 + 2)
        draw = ImageDraw.Draw(sheet)
        for path in scaled:
            points = (path - origin).tolist()
            draw.line([(x, y) for x, y in points], fill=255, width=max(1, round(thick)), joint="curve")
            for x, y in (points[0], points[-1]):
                draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=255)
        return self._reduce(sheet, place)

    def tube(self, width: float, *paths: Points) -> Field:
        """Coverage of strokes along curves, smooth at every point of them, with round ends."""
        if self._view is not None:
            width *= abs(float(np.linalg.det(self._view))) ** 0.5
        half = width * self.side * self._fine / 2
        scaled = [self._scaled(path) for path in paths]
        sheet, origin, place = self._sheet(scaled, half + 2)
        draw = ImageDraw.Draw(sheet)
        for path in (path - origin for path in scaled):
            along = np.gradient(path, axis=0)
            across = half * along[:, ::-1] * (-1, 1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
            strips = np.hstack([path[:-1] + across[:-1], path[1:] + across[1:], path[1:] - across[1:], path[:-1] - across[:-1]])
            for strip in np.rint(strips).tolist():
                draw.polygon(strip, fill=255)
            for x, y in (path[0].tolist(), path[-1].tolist()):
                draw.ellipse((x - half, y - half, x + half, y + half), fill=255)
        return self._reduce(sheet, place)

    def blur(self, mask: Field, radius: float) -> Field:
        """A Gaussian blur of a mask, `radius` as a share of the side."""
        blurred = np.zeros_like(mask)
        place = self._place(mask, _reach(radius * self.side))
        if place is not None:
            blurred[place] = self._blurred(mask[place], radius)
        return blurred

    def paint(self, mask: Field, colour: Colour | Field, relief: float = 0.25, softness: float = 0.05, light: Field | float = 1.0) -> Field:
        """Paint a shape over the image and return its mask.

        `relief` is how strongly the rim is lit, `softness` the width of the rim (share of the side), `light` a factor.
        """
        place = self._place(mask)
        if place is None:
            return mask
        cover, lit = mask[place], _cut(np.asarray(light, np.float32), place)
        if relief:
            lit = lit * self._rim(mask, place, relief, softness)
        shaded = _cut(np.asarray(colour, np.float32), place) * lit[..., None]
        np.minimum(np.maximum(shaded, 0.0, out=shaded), 255.0, out=shaded)
        under = self._painted[place]
        under += cover[..., None] * (shaded - under)
        self.mask[place] += cover * (1.0 - self.mask[place])
        return mask

    def _rim(self, mask: Field, place: Place, relief: float, softness: float) -> Field:
        """The light on a shape that is round at its rim, within a box."""
        near = self._place(mask, _reach(softness * self.side)) or place
        rows, columns = (slice(p.start - n.start, p.stop - n.start) for p, n in zip(place, near, strict=True))
        height = self._blurred(mask[near], softness)
        steep = 1.25 * relief * softness * self.side
        rim: Field = (
            1.0 + 0.5 * self._sun * steep * _differences(height.T).T[rows, columns] + 0.8 * steep * _differences(height)[rows, columns]
        )
        return rim * (1.0 - 0.5 * relief * (1.0 - height[rows, columns]))

    def shade(self, mask: Field, strength: float) -> None:
        """Darken (or, below zero, lighten) what is painted under a mask; the ground stays as it is."""
        place = self._place(mask)
        if place is not None:
            under, share = self._painted[place], (abs(strength) * mask[place])[..., None]
            under -= share * under
            if strength < 0:
                under += 255.0 * share * self.mask[place][..., None]

    def cast(self, shape: Field, onto: Field, strength: float = 0.45, reach: float = 0.02) -> None:
        """The shadow around a shape that lies on something."""
        self.shade(self.blur(shape, reach) * (1.0 - shape) * onto, strength)

    def shadow(self, cx: float, cy: float, rx: float, ry: float = 0.035, strength: float = 0.28) -> None:
        """A soft contact shadow on the ground; not part of the product."""
        distance = ((self.x - cx) / rx) ** 2 + ((self.y - cy) / ry) ** 2
        self.ground *= (1.0 - strength * np.exp(-1.2 * distance).astype(np.float32))[..., None]

    def finished(self) -> tuple[Pixels, Pixels]:
        """Uint8 [side, side, 3] and the mask as uint8 [side, side]."""
        return np.round(self.pixels).clip(0, 255).astype(np.uint8), np.round(self.mask * 255.0).astype(np.uint8)

    def _place(self, mask: Field, margin: int = 0) -> Place | None:
        """The box of what is not zero, with a margin; none of an empty mask. A small picture is cheaper to paint than to search."""
        if self.side <= SMALL:
            return self._whole
        rows = np.flatnonzero(mask.any(axis=1))
        if not len(rows):
            return None
        columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
        top, left = max(0, int(rows[0]) - margin), max(0, int(columns[0]) - margin)
        return slice(top, int(rows[-1]) + 1 + margin), slice(left, int(columns[-1]) + 1 + margin)

    def _blurred(self, mask: Field, radius: float) -> Field:
        image = Image.fromarray((mask * 255.0).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius * self.side))
        return np.asarray(image, np.float32) / 255.0

    def _scaled(self, points: Points) -> NDArray[np.float64]:
        size = self.side * self._fine
        flat = np.asarray(points, np.float64)
        if self._view is not None:
            flat = (flat - 0.5) @ self._view.T + 0.5
        return flat * size - 0.5

    def _sheet(self, paths: Sequence[NDArray[np.float64]], margin: float) -> tuple[Image.Image, NDArray[np.int64], Place]:
        """An empty sheet that holds the paths, its origin in fine pixels, and its place in the frame."""
        if self.side <= SMALL:
            return Image.new("L", (self.side * self._fine, self.side * self._fine)), np.zeros(2, int), self._whole
        every = np.concatenate(paths)
        low = np.floor((every.min(axis=0) - margin) / self._fine).astype(int).clip(0, self.side - 1)
        high = np.ceil((every.max(axis=0) + margin + 1) / self._fine).astype(int).clip(low + 1, self.side)
        (x0, y0), (x1, y1) = low.tolist(), high.tolist()
        return Image.new("L", ((x1 - x0) * self._fine, (y1 - y0) * self._fine)), low * self._fine, (slice(y0, y1), slice(x0, x1))

    def _reduce(self, sheet: Image.Image, place: Place) -> Field:
        cover = np.zeros((self.side, self.side), np.float32)
        cover[place] = np.asarray(sheet.reduce(self._fine), np.float32) / 255.0
        return cover


def _reach(radius: float) -> int:
    """How many pixels a blur of that radius in pixels reaches."""
    return math.ceil(3 * radius) + 4


def _differences(height: Field) -> Field:
    """Twice the slope from row to row, by central differences."""
    slope = np.empty_like(height)
    np.subtract(height[2:], height[:-2], out=slope[1:-1])
    slope[0], slope[-1] = 2 * (height[1] - height[0]), 2 * (height[-1] - height[-2])
    return slope


def _cut(field: Field, place: Place) -> Field:
    """The part of a field [H or 1, W or 1, ...]; anything of fewer dimensions is the same everywhere."""
    if field.ndim < 2:
        return field
    rows, columns = (part if length > 1 else slice(None) for part, length in zip(place, field.shape[:2], strict=True))
    return field[rows, columns]


def tinted(colour: Colour, amount: float) -> Colour:
    """Towards white (amount > 0) or black (< 0)."""
    target = 255.0 if amount > 0 else 0.0
    red, green, blue = (part + abs(amount) * (target - part) for part in colour)
    return red, green, blue


def dyed(canvas: Canvas, pattern: str, colour: Colour, second: Colour, phase: float, scale: float = 1.0) -> Field:
    """Cloth of `colour` with `second` in a pattern: float32 [side, side, 3]; `phase` in [0, 1) shifts it, `scale` makes it larger."""
    soft = 1.5 / canvas.side
    first = np.asarray(colour, np.float32)
    if pattern == "striped":
        period = 0.17 * scale
        wave = np.abs((canvas.y / period + phase) % 1.0 - 0.5) * period
        ink = np.clip((wave - 0.27 * period) / soft + 0.5, 0.0, 1.0)
    elif pattern == "dotted":
        period = 0.19 * scale
        row = np.floor(canvas.y / period + phase)
        across = ((canvas.x - 0.5) / period + 0.5 * (row % 2)) % 1.0 - 0.5
        down = (canvas.y / period + phase) % 1.0 - 0.5
        ink = np.clip((0.27 * period - period * np.hypot(across, down)) / soft + 0.5, 0.0, 1.0)
    else:
        return np.broadcast_to(first, (*np.broadcast_shapes(canvas.x.shape, canvas.y.shape), 3))
    cloth = first + ink.astype(np.float32)[..., None] * (np.asarray(second, np.float32) - first)
    return np.broadcast_to(cloth, (*np.broadcast_shapes(canvas.x.shape, canvas.y.shape), 3))


def white(side: int) -> Field:
    """The background of a packshot."""
    return np.full((side, side, 3), 255.0, np.float32)


def clutter(side: int, rng: np.random.Generator) -> Field:
    """A table top and some blurred objects: float32 [side, side, 3]."""
    canvas = Canvas(side, np.empty((side, side, 3), np.float32))
    wall, table = (rng.uniform(low, high, 3) for low, high in ((140, 230), (90, 200)))
    horizon = rng.uniform(0.3, 0.7)
    edge = np.clip((canvas.y - horizon) * side / 2 + 0.5, 0, 1) + 0.0 * canvas.x
    canvas.ground[:] = wall + edge[..., None] * (table - wall)
    for _ in range(int(rng.integers(5, 10))):
        (cx, cy), (rx, ry) = rng.uniform(0, 1, 2), rng.uniform(0.05, 0.25, 2)
        outline = oval(cx, cy, rx, ry) if rng.random() < 0.5 else box(cx - rx, cy - ry, cx + rx, cy + ry)
        red, green, blue = (0.5 * rng.uniform(30, 240) + 0.5 * rng.uniform(30, 240, 3)).tolist()
        canvas.paint(canvas.blur(canvas.area(outline), 0.02), (red, green, blue), relief=0.2)
    return canvas.pixels
