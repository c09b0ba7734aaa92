"""Whether two small pictures are one photo: moved, cropped, turned a little, mirrored, brighter or darker, encoded again.

One picture is laid over the other by the affine map, gain and offset that explain it best (Gauss-Newton steps of Lucas and Kanade 1981,
with the pictures' own derivatives, first at half the resolution). Then four things must agree: what is left unexplained, the fine detail,
the colours, and the brightness of the product before a white ground. Another product in the same pose has other detail or other colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]  # float32 pictures, float64 in the solver
Flags = NDArray[np.bool_]

STEPS = 5, 4  # at half and at full resolution
MAX_SLOPE, MAX_MOVE = 0.2, 0.3  # of the map, in units of half a side: beyond that it is another picture
MAX_ODD = 0.1  # how far the map may be from turning and scaling alone
MIN_OVERLAP = 0.6  # share of the picture
MIN_GAIN = 0.7  # of contrast, in both directions
MAX_COARSE = 0.05  # unexplained share of the variance at half the resolution: what is worse has no second look
DIGITS = 3  # to which figures are rounded before they are compared


class Pictures(NamedTuple):
    """Luma float32 [n, G, G] and chroma float32 [n, C, C, 2], both in levels of 255."""

    luma: Floats
    chroma: Floats

    def at(self, places: NDArray[np.intp]) -> Pictures:
        """Some of them."""
        return Pictures(self.luma[places], self.chroma[places])

    def mirrored(self) -> Pictures:
        """Left and right exchanged."""
        return Pictures(self.luma[:, :, ::-1], self.chroma[:, :, ::-1])


class Evidence(NamedTuple):
    """What speaks for one photo, each float64 [n]: the unexplained share of variance, the correlation of fine detail, the largest and
    the root mean square difference of chroma (levels), that of the product's brightness before white ground (levels), gain, and overlap."""

    unexplained: Floats
    detail: Floats
    tint: Floats
    colour: Floats
    product: Floats
    gain: Floats
    overlap: Floats


@dataclass
class _Fit:
    """The state of the registration of n pairs: `maps` [n, 2, 3] give the place in the first picture of each place of the second."""

    maps: Floats
    model: Floats  # [n, G, G]: the first picture as it should look
    weights: Floats  # [n, G, G]: 1 where both pictures are seen
    gain: Floats
    unexplained: Floats


def evidence(first: Pictures, second: Pictures) -> Evidence:
    """The evidence for each pair; those not worth a second look have only a coarse `unexplained`, and nan for the rest."""
    if not len(first.luma):
        return Evidence(*np.zeros((len(Evidence._fields), 0)))
    a, b = first.luma.astype(np.float64), second.luma.astype(np.float64)
    coarse = _register(_smooth(_halved(a)), _smooth(_halved(b)), _identity(len(a)), STEPS[0])
    worth = np.flatnonzero(coarse.unexplained <= MAX_COARSE)
    figures = np.full((len(Evidence._fields), len(a)), np.nan)
    figures[0] = coarse.unexplained
    if len(worth):
        x, y = _smooth(a[worth]), _smooth(b[worth])
        fit = _register(x, y, coarse.maps[worth], STEPS[1])
        tint, colour = _chroma(first.chroma[worth], second.chroma[worth], fit)
        values = (fit.unexplained, _detail(fit, y), tint, colour, _product(x, y, fit), fit.gain, fit.weights.mean((1, 2)))
        figures[:, worth] = np.stack(values)
        figures[6, worth] = np.where(_plausible(fit.maps), figures[6, worth], 0)
    return Evidence(*figures.round(DIGITS))


def _register(a: Floats, b: Floats, maps: Floats, steps: int) -> _Fit:
    """Improve the maps by Gauss-Newton steps; pictures float64 [n, G, G]."""
    num, side = a.shape[:2]
    down, across = (slope * side / 2 for slope in np.gradient(a, axis=(1, 2)))
    layers = np.stack([a, down, across], -1)
    y, x = _places(side)
    for step in range(steps + 1):
        (value, right_y, right_x), inside = _sampled(layers, maps)
        weights = inside.astype(np.float64)
        weights[:, [0, -1]] = weights[:, :, [0, -1]] = 0  # a crop removes the edge
        terms = [value, np.ones_like(value)]
        if step < steps:
            terms += [right_y * y, right_y * x, right_y, right_x * y, right_x * x, right_x]
        matrix, target = np.stack([term.reshape(num, -1) for term in terms], 2), b.reshape(num, -1, 1)
        weighted = (matrix * weights.reshape(num, -1, 1)).transpose(0, 2, 1)
        solved = np.linalg.solve(weighted @ matrix + 1e-3 * np.eye(len(terms)), weighted @ target)
        if step < steps:
            gain = solved[:, :1, 0]
            move = (solved[:, 2:, 0] / np.where(np.abs(gain) < 0.2, 0.2, gain)).reshape(num, 2, 3)
            maps = maps + np.clip(move, -0.12, 0.12)
            limit = np.array([MAX_SLOPE, MAX_SLOPE, MAX_MOVE])
            maps = np.clip(maps, _identity(num) - limit, _identity(num) + limit)
    model = (matrix @ solved).reshape(b.shape)
    left = (weights * (b - model) ** 2).sum((1, 2))
    variance = (weights * (b - _mean(b, weights)) ** 2).sum((1, 2))
    noise = 0.5 * weights.sum((1, 2))  # of rounding: a flat picture has no variance to explain
    return _Fit(maps, model, weights, solved[:, 0, 0], np.maximum(left - noise, 0) / np.maximum(variance, noise + 1e-9))


def _detail(fit: _Fit, b: Floats) -> Floats:
    """Correlation of what a smoothing removes from both; 1 where there is nothing but rounding."""
    fine = [picture - _smooth(_smooth(picture)) for picture in (fit.model, b)]
    products = [(fit.weights * fine[i] * fine[j]).sum((1, 2)) for i, j in ((0, 1), (0, 0), (1, 1))]
    noise = 0.05 * fit.weights.sum((1, 2))
    result: Floats = (products[0] + noise) / np.sqrt((products[1] + noise) * (products[2] + noise))
    return result


def _chroma(a: Floats, b: Floats, fit: _Fit) -> tuple[Floats, Floats]:
    """The largest difference in any quarter by quarter of the side, and the root mean square one, in levels.

    Darkening a picture also makes its colours weaker, by the same factor.
    """
    gain = fit.gain.clip(MIN_GAIN, 1 / MIN_GAIN)[:, None, None, None]
    moved, inside = _sampled(a.astype(np.float64) - 128, fit.maps)
    difference = np.stack(moved, -1) * gain + 128 - b
    weights = inside[..., None].astype(np.float64)
    num, side = b.shape[:2]
    cells = (weights * difference).reshape(num, 4, side // 4, 4, side // 4, 2).sum((2, 4))
    counts = weights.reshape(num, 4, side // 4, 4, side // 4, 1).sum((2, 4))
    largest = np.abs(cells / np.maximum(counts, 1)).max((1, 2, 3))
    mean = (weights * difference**2).sum((1, 2, 3)) / np.maximum(2 * weights.sum((1, 2, 3)), 1)
    return largest, np.sqrt(mean)


def _product(a: Floats, b: Floats, fit: _Fit) -> Floats:
    """Where both pictures stand on white: the difference of the mean level of what is not white, before gain and offset; else 0."""
    (moved,), _ = _sampled(a[..., None], fit.maps)
    white = [picture > 248 for picture in (moved, b)]
    both, dark = (fit.weights * layer for layer in (white[0] & white[1], ~white[0] & ~white[1]))
    difference = np.abs((dark * (moved - b)).sum((1, 2))) / np.maximum(dark.sum((1, 2)), 1)
    result: Floats = np.where(both.sum((1, 2)) >= 0.1 * fit.weights.sum((1, 2)), difference, 0)
    return result


def _plausible(maps: Floats) -> Flags:
    """Whether a map is about a turn, a scale and a move."""
    odd = np.maximum(np.abs(maps[:, 0, 0] - maps[:, 1, 1]), np.abs(maps[:, 0, 1] + maps[:, 1, 0]))
    corners = np.abs(maps - _identity(len(maps))).sum(2).max(1)
    result: Flags = (odd <= MAX_ODD) & (corners < MAX_MOVE + MAX_SLOPE)
    return result


def _sampled(layers: Floats, maps: Floats) -> tuple[list[Floats], Flags]:
    """Layers [n, G, G, c] at the mapped places, bilinear: c fields [n, G, G], and where these lie inside."""
    num, side = layers.shape[:2]
    y, x = _places(side)
    rows, columns = (maps[:, axis, 0, None, None] * y + maps[:, axis, 1, None, None] * x + maps[:, axis, 2, None, None] for axis in (0, 1))
    rows, columns = ((places + 1) / 2 * side - 0.5 for places in (rows, columns))
    inside = (rows > -0.5) & (rows < side - 0.5) & (columns > -0.5) & (columns < side - 0.5)
    rows, columns = (np.clip(places, 0, side - 1) for places in (rows, columns))
    top, left = (np.minimum(places.astype(np.intp), side - 2) for places in (rows, columns))
    down, across = (rows - top)[..., None], (columns - left)[..., None]
    flat, start = layers.reshape(num * side * side, layers.shape[3]), np.arange(num)[:, None, None] * side * side + top * side + left
    upper = flat[start] * (1 - across) + flat[start + 1] * across
    lower = flat[start + side] * (1 - across) + flat[start + side + 1] * across
    values = upper * (1 - down) + lower * down
    return list(np.moveaxis(values, -1, 0)), inside


def _places(side: int) -> tuple[Floats, Floats]:
    """Middles of the cells of a picture, in units of half a side from its centre: two fields [side, side], down and across."""
    middle = (np.arange(side) + 0.5) / side * 2 - 1
    y, x = np.meshgrid(middle, middle, indexing="ij")
    return y, x


def _identity(num: int) -> Floats:
    return np.repeat(np.eye(2, 3)[None], num, 0)


def _mean(x: Floats, weights: Floats) -> Floats:
    mean: Floats = (x * weights).sum((1, 2)) / np.maximum(weights.sum((1, 2)), 1)
    return mean[:, None, None]


def _halved(x: Floats) -> Floats:
    num, side, _ = x.shape
    half: Floats = x.reshape(num, side // 2, 2, side // 2, 2).mean((2, 4))
    return half


def _smooth(grids: Floats) -> Floats:
    """Binomial 1-2-1 filter along both axes, so that derivatives describe a move well."""
    wide = np.pad(grids, ((0, 0), (1, 1), (1, 1)), mode="edge")
    tall = (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]) / 4
    smooth: Floats = (tall[:, :, :-2] + 2 * tall[:, :, 1:-1] + tall[:, :, 2:]) / 4
    return smooth
