"""Small line charts: values for `pages/templates/chart.html`, which draws them as inline SVG without script or library."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 8, 22  # margins of the plot, for the numbers at its axes
POINTS = 240  # of a line: a longer one is averaged in steps
WIDE_RANGE = 50.0  # a positive line whose greatest value is this many times its median is drawn on a logarithmic axis
COLOURS = ("#2457c5", "#d1571b", "#2c8a57", "#8b4bb8", "#8a7a1c")
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Line:
    """One line: (x, y) with ascending x; a `floor` is drawn thin and dashed, in the colour of the line before it."""

    name: str
    points: Points
    floor: bool = False


@dataclass(frozen=True)
class Level:
    """A value at the axis: its height in the drawing, and how it is written."""

    y: str
    text: str


@dataclass(frozen=True)
class Curve:
    """A line as it is drawn, with its last value: `points` as SVG has them, and a `dot` (x, y) where there is a single one."""

    name: str
    colour: str
    floor: bool
    points: str
    dot: tuple[str, ...]
    value: str


@dataclass(frozen=True)
class Chart:
    """One chart with its legend; `first` and `last` stand under the ends of the plot, `left` and `right` are its borders."""

    title: str
    meaning: str
    logarithmic: bool
    levels: Sequence[Level]
    curves: Sequence[Curve]
    first: str
    last: str
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def chart(title: str, lines: Sequence[Line], meaning: str = "", percent: bool = False) -> Chart | None:
    """The chart of these lines. Values that are not finite are left out; None where none are left."""
    drawn = [Line(line.name, thinned(finite(line.points)), line.floor) for line in lines]
    drawn = [line for line in drawn if line.points]
    if not drawn:
        return None
    low, high, logarithmic = extent([y for line in drawn for _, y in line.points])
    places = [x for line in drawn for x, _ in line.points]
    first, last = min(places), max(places)
    number = share if percent else short

    def place(x: float, y: float) -> str:
        across = (x - first) / (last - first) if last > first else 0.5
        y, bottom, top = (math.log10(value) for value in (y, low, high)) if logarithmic else (y, low, high)
        up = (y - bottom) / (top - bottom)
        return f"{LEFT + across * (WIDTH - LEFT - RIGHT):.1f},{HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM):.1f}"

    levels = [Level(place(first, y).partition(",")[2], number(y)) for y in ticks(low, high, logarithmic)]
    curves = []
    for line, colour in zip(drawn, _colours(drawn), strict=True):
        points = [place(*point) for point in line.points]
        dot = tuple(points[0].split(",")) if len(points) == 1 else ()
        curves.append(Curve(line.name, colour, line.floor, " ".join(points), dot, number(line.points[-1][1])))
    return Chart(title, meaning, logarithmic, levels, curves, short(first), f"{short(last)} kimg")


def finite(points: Points) -> Points:
    """Those that can be drawn."""
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]


def thinned(points: Points) -> Points:
    """At most POINTS + 1: means of equal steps, and the last value as it is."""
    step = math.ceil(len(points) / POINTS)
    if step <= 1:
        return points
    parts = (points[start : start + step] for start in range(0, len(points), step))
    return [*((part[-1][0], sum(y for _, y in part) / len(part)) for part in parts), points[-1]]


def extent(values: Sequence[float]) -> tuple[float, float, bool]:
    """The lowest and highest of an axis, and whether it is logarithmic."""
    low, high = min(values), max(values)
    if low > 0 and high > WIDE_RANGE * sorted(values)[len(values) // 2]:
        return 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)), True
    if low == high:
        return low - (abs(low) or 1.0), high + (abs(high) or 1.0), False
    if 0 < low < high / 2:  # near enough to be shown
        low = 0.0
    return low, high, False


def ticks(low: float, high: float, logarithmic: bool) -> list[float]:
    """Three to seven round values from `low` to `high`."""
    if logarithmic:
        first, last = round(math.log10(low)), round(math.log10(high))
        return [10.0**power for power in range(first, last + 1, max(1, math.ceil((last - first) / 5)))]
    step = 10 ** math.floor(math.log10((high - low) / 2))
    step *= next(factor for factor in (5, 2, 1) if factor * step <= (high - low) / 2)
    return [float(f"{k * step:.6g}") for k in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """Three significant digits, without an exponent where a person reads it without."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def share(value: float) -> str:
    """In percent."""
    return f"{100 * value:.3g} %"


def series(rows: Sequence[Mapping[str, float]], key: str) -> Points:
    """(kimg, value) of every row that has the key."""
    return [(row["kimg"], row[key]) for row in rows if key in row]


def _colours(lines: Sequence[Line]) -> list[str]:
    colours: list[str] = []
    for line in lines:
        own = len([other for other in lines[: len(colours)] if not other.floor])
        colours.append(colours[-1] if line.floor and colours else COLOURS[own % len(COLOURS)])
    return colours
