"""Figures drawn by code that wear a product, as on studio photos: each a pure function of (seed, index), with the truth about its pixels.

Bodies are tapered capsules between joints at random angles. Nothing of them is meant to look like a person from near; outlines, skin tones,
hair, gaps between arms and body, and parts of very different colours are what a matte has to cope with.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Pixels

Point = NDArray[np.float64]  # (x, y)
Colour = NDArray[np.float32]  # [3], levels
Field = NDArray[np.float32]

SKIN = ((247, 218, 200), (236, 192, 160), (214, 160, 122), (176, 122, 86), (128, 84, 58), (84, 56, 42))
HAIR = ((28, 24, 22), (66, 44, 30), (112, 74, 42), (178, 132, 76), (222, 190, 140), (150, 60, 34), (170, 168, 166))
CLOTH = ((30, 30, 34), (240, 240, 238), (38, 60, 120), (150, 36, 40), (60, 96, 62), (206, 176, 130), (120, 122, 128), (222, 170, 180),
         (226, 190, 70), (88, 60, 44), (70, 130, 180), (110, 70, 130))  # fmt: skip
TOPS, BOTTOMS = ("shirt", "sweater", "vest", "dress", "coat"), ("trousers", "shorts", "skirt", "none")
LIMBS = ("left", "right")


@dataclass(frozen=True)
class Figure:
    """A figure uint8 [S, S, 4] with straight alpha, and masks uint8 [S, S] of its top (shirt, sweater, vest, dress, coat) and its skin."""

    rgba: Pixels
    top: Pixels
    skin: Pixels


@dataclass(frozen=True)
class Wardrobe:
    """The colours [3] of a figure and what it wears; `pattern` is plain, striped or checked."""

    skin: Colour
    hair: Colour
    top: Colour
    second: Colour
    bottom: Colour
    shoes: Colour
    kind: str
    legs: str
    pattern: str


def figure(seed: int, index: int, side: int, colour: Colour | None = None) -> Figure:
    """Figure `index` of a seed, drawn at `side` x `side` pixels; with `colour` its top has that one (float32 [3] levels), and all else
    stays."""
    rng = np.random.Generator(np.random.Philox(key=[seed, index]))
    wardrobe, pose = _wardrobe(rng, colour), _pose(rng)
    easel = _Easel(side, _camera(rng, pose), rng)
    _draw_body(easel, pose, wardrobe)
    _draw_clothes(easel, pose, wardrobe)
    _draw_head(easel, pose, wardrobe, facing=bool(rng.random() < 0.7))
    return easel.finished()


def _pick(rng: np.random.Generator, table: tuple[tuple[int, int, int], ...]) -> Colour:
    return (np.array(table[int(rng.integers(len(table)))], np.float32) + rng.normal(0, 4, 3)).clip(0, 255).astype(np.float32)


def _wardrobe(rng: np.random.Generator, colour: Colour | None) -> Wardrobe:
    skin, hair, top, bottom, shoes, second = (_pick(rng, table) for table in (SKIN, HAIR, CLOTH, CLOTH, CLOTH, CLOTH))
    kind, legs = TOPS[int(rng.integers(len(TOPS)))], BOTTOMS[int(rng.integers(len(BOTTOMS)))]
    pattern = str(rng.choice(("plain", "plain", "plain", "striped", "checked")))
    if np.abs(top - second).max() < 50:
        second = (top + 128) % 256
    bare = legs == "none" and kind not in ("dress", "coat")
    return Wardrobe(skin, hair, top if colour is None else colour, second, bottom, shoes, kind, "shorts" if bare else legs, pattern)


def _pose(rng: np.random.Generator) -> dict[str, Point]:
    """Joints in units of the figure's height, the top of the head at y = 0."""
    sway, turn = rng.uniform(-0.02, 0.02), rng.uniform(0.7, 1.0)  # turned away, shoulders look narrower
    joints: dict[str, Point] = {"head": np.array([sway, 0.075]), "neck": np.array([sway / 2, 0.165]), "hip": np.array([0.0, 0.5])}
    for name, sign in zip(LIMBS, (-1, 1), strict=True):
        shoulder = np.array([sign * 0.095 * turn + sway / 2, 0.19])
        bend, fold = rng.uniform(0.05, 0.9) ** 1.5, rng.uniform(-2.2, 0.4)
        elbow = shoulder + 0.165 * np.array([sign * np.sin(bend), np.cos(bend)])
        wrist = elbow + 0.15 * np.array([sign * np.sin(bend + fold), np.cos(bend + fold)])
        joints |= {f"{name} shoulder": shoulder, f"{name} elbow": elbow, f"{name} wrist": wrist}
        step, knee_bend = rng.uniform(0.0, 0.16), rng.uniform(-0.12, 0.12)
        thigh = np.array([sign * 0.05 * turn, 0.5])
        knee = thigh + 0.23 * np.array([sign * np.sin(step), np.cos(step)])
        ankle = knee + 0.225 * np.array([sign * np.sin(step + knee_bend), np.cos(step + knee_bend)])
        joints |= {f"{name} thigh": thigh, f"{name} knee": knee, f"{name} ankle": ankle}
    return joints


def _camera(rng: np.random.Generator, pose: dict[str, Point]) -> tuple[float, Point]:
    """(pixels a unit as a share of the side, the point at the frame's centre): the whole figure, or a part that is cut off at the frame."""
    view = rng.random()
    if view < 0.55:
        return float(rng.uniform(0.8, 0.93)), np.array([0.0, 0.5])
    if view < 0.8:  # to the knees
        return float(rng.uniform(1.15, 1.35)), np.array([0.0, 0.36])
    return float(rng.uniform(1.15, 1.3)), np.array([0.0, rng.uniform(0.5, 0.56)])  # without a head


@dataclass(frozen=True)
class _Shape:
    """Coverage [h, w] of the pixels `at` of the frame, and the place of each across the shape, -1 to 1 at its edges."""

    at: tuple[slice, slice]
    cover: Field
    across: Field


class _Easel:
    """Layers from back to front. Each is an alpha [S, S] with colours; shading is across a limb, plus folds."""

    def __init__(self, side: int, camera: tuple[float, Point], rng: np.random.Generator) -> None:
        self.side = side
        self._scale, self._centre = camera[0] * side, camera[1]
        middle = np.arange(side, dtype=np.float32) + 0.5 - side / 2
        self.x, self.y = (middle / self._scale + self._centre[0])[None], (middle / self._scale + self._centre[1])[:, None]
        waves = rng.uniform(-1, 1, (4, 4))
        self._folds = sum(np.sin(40 * (a * self.x + b * self.y) + 6 * c) * (0.5 + 0.5 * d) for a, b, c, d in waves) / 4
        self._phase = float(rng.uniform(0, 1))
        self._colours = np.zeros((side, side, 3), np.float32)
        self._alpha, self._top, self._skin = (np.zeros((side, side), np.float32) for _ in range(3))

    def capsule(self, start: Point, end: Point, radii: tuple[float, float]) -> _Shape:
        """A tapered capsule."""
        at, x, y = self._near(np.minimum(start, end) - max(radii), np.maximum(start, end) + max(radii))
        along = end - start
        length = float(np.hypot(*along)) or 1e-6
        along = along / length
        forward = (x - start[0]) * along[0] + (y - start[1]) * along[1]
        share = np.clip(forward / length, 0, 1)
        across = (x - start[0]) * along[1] - (y - start[1]) * along[0]
        radius = radii[0] + (radii[1] - radii[0]) * share
        return self._shape(at, np.hypot(across, forward - share * length) - radius, across / radius)

    def trapezoid(self, top: Point, bottom: Point, halves: tuple[float, float]) -> _Shape:
        """A hanging piece of cloth between two heights."""
        reach = np.array([max(halves), 0.0])
        at, x, y = self._near(np.minimum(top, bottom) - reach, np.maximum(top, bottom) + reach)
        share = np.clip((y - top[1]) / (bottom[1] - top[1]), 0, 1)
        across = x - (top[0] + share * (bottom[0] - top[0]))
        half = halves[0] + (halves[1] - halves[0]) * share
        return self._shape(at, np.maximum(np.abs(across) - half, np.maximum(top[1] - y, y - bottom[1])), across / half)

    def _near(self, low: Point, high: Point) -> tuple[tuple[slice, slice], Field, Field]:
        """The pixels of a box and their positions."""
        first, last = ((each - self._centre) * self._scale + self.side / 2 for each in (low, high))
        columns, rows = (
            slice(max(0, int(a) - 2), max(0, min(self.side, int(b) + 3))) for a, b in zip(first.tolist(), last.tolist(), strict=True)
        )
        return (rows, columns), self.x[:, columns], self.y[rows]

    def _shape(self, at: tuple[slice, slice], distance: Field, across: Field) -> _Shape:
        cover = np.clip(0.5 - distance * self._scale, 0, 1).astype(np.float32)
        return _Shape(at, cover, np.broadcast_to(across, cover.shape).clip(-1, 1).astype(np.float32))

    def lay(self, shape: _Shape, colour: Colour | Field, part: str = "") -> None:
        """Put a shape before what is there; `part` is top or skin."""
        at, cover = shape.at, shape.cover
        light = 1 - 0.28 * shape.across**2 + 0.09 * self._folds[at] - 0.06 * shape.across
        own = np.clip((colour if colour.ndim == 1 else colour[at]) * light[..., None], 0, 255)
        behind = self._alpha[at] * (1 - cover)
        total = cover + behind
        mixed = own * cover[..., None] + behind[..., None] * self._colours[at]
        self._colours[at] = np.where(total[..., None] > 0, mixed / np.maximum(total, 1e-6)[..., None], 0)
        self._alpha[at] = total
        for name, mask in (("top", self._top), ("skin", self._skin)):
            mask[at] = mask[at] * (1 - cover) + (cover if part == name else 0)

    def cloth(self, wardrobe: Wardrobe) -> Colour | Field:
        """The colour of the top: [3], or [S, S, 3] with a pattern."""
        if wardrobe.pattern == "plain":
            return wardrobe.top
        bands = np.sin(2 * np.pi * (self.y * 22 + self._phase)) > 0.2
        if wardrobe.pattern == "checked":
            bands = bands ^ (np.sin(2 * np.pi * (self.x * 22 + self._phase)) > 0.2)
        return np.where(np.broadcast_to(bands, (self.side, self.side))[..., None], wardrobe.second, wardrobe.top).astype(np.float32)

    def finished(self) -> Figure:
        """The figure."""
        levels = np.dstack([self._colours, 255 * self._alpha])
        rgba, top, skin = (np.rint(each).astype(np.uint8) for each in (levels, 255 * self._top, 255 * self._skin))
        return Figure(rgba, top, skin)


def _draw_body(easel: _Easel, pose: dict[str, Point], wardrobe: Wardrobe) -> None:
    for name in LIMBS:
        thigh, knee, ankle = (pose[f"{name} {joint}"] for joint in ("thigh", "knee", "ankle"))
        easel.lay(easel.capsule(thigh, knee, (0.055, 0.038)), wardrobe.skin, "skin")
        easel.lay(easel.capsule(knee, ankle, (0.038, 0.024)), wardrobe.skin, "skin")
        toe = ankle + np.array([0.03 if name == "right" else -0.03, 0.026])
        easel.lay(easel.capsule(ankle + np.array([0, 0.014]), toe, (0.026, 0.018)), wardrobe.shoes)
    easel.lay(easel.capsule(pose["head"], pose["neck"] + np.array([0, 0.03]), (0.03, 0.04)), wardrobe.skin, "skin")
    easel.lay(easel.capsule(pose["neck"] + np.array([0, 0.05]), pose["hip"], (0.08, 0.075)), wardrobe.skin, "skin")
    _draw_arms(easel, pose, wardrobe.skin, "skin", 1.0, (0.031, 0.026, 0.018))
    for name in LIMBS:
        wrist, elbow = pose[f"{name} wrist"], pose[f"{name} elbow"]
        easel.lay(easel.capsule(wrist, wrist + 0.3 * (wrist - elbow), (0.02, 0.014)), wardrobe.skin, "skin")


def _draw_arms(
    easel: _Easel, pose: dict[str, Point], colour: Colour | Field, part: str, share: float, radii: tuple[float, float, float]
) -> None:
    """Both arms, or sleeves down to a share of their length."""
    for name in LIMBS:
        shoulder, elbow, wrist = (pose[f"{name} {joint}"] for joint in ("shoulder", "elbow", "wrist"))
        upper, lower = min(1.0, 2 * share), max(0.0, 2 * share - 1)
        easel.lay(easel.capsule(shoulder, shoulder + upper * (elbow - shoulder), radii[:2]), colour, part)
        if lower:
            easel.lay(easel.capsule(elbow, elbow + lower * (wrist - elbow), radii[1:]), colour, part)


def _draw_clothes(easel: _Easel, pose: dict[str, Point], wardrobe: Wardrobe) -> None:
    hip, neck = pose["hip"], pose["neck"]
    below = {"trousers": 1.0, "shorts": 0.55}.get(wardrobe.legs, 0.0)
    for name in LIMBS if below else ():
        thigh, knee, ankle = (pose[f"{name} {joint}"] for joint in ("thigh", "knee", "ankle"))
        easel.lay(easel.capsule(thigh, thigh + min(1.0, 1.3 * below) * (knee - thigh), (0.066, 0.052)), wardrobe.bottom)
        if below == 1.0:
            easel.lay(easel.capsule(knee, knee + 0.93 * (ankle - knee), (0.05, 0.036)), wardrobe.bottom)
    if below:
        easel.lay(easel.capsule(hip - np.array([0.03, 0.02]), hip + np.array([0.03, -0.02]), (0.075, 0.075)), wardrobe.bottom)
    if wardrobe.legs == "skirt":
        easel.lay(easel.trapezoid(hip - np.array([0, 0.07]), hip + np.array([0, 0.17]), (0.075, 0.13)), wardrobe.bottom)
    colour = easel.cloth(wardrobe)
    length = {"dress": 0.24, "coat": 0.16}.get(wardrobe.kind, 0.0)
    if length:
        easel.lay(easel.trapezoid(hip - np.array([0, 0.08]), hip + np.array([0, length]), (0.08, 0.14)), colour, "top")
    easel.lay(easel.capsule(neck + np.array([0, 0.055]), hip - np.array([0, 0.03]), (0.088, 0.082)), colour, "top")
    shoulders = [pose[f"{name} shoulder"] + np.array([0, 0.005]) for name in LIMBS]
    easel.lay(easel.capsule(shoulders[0], shoulders[1], (0.034, 0.034)), colour, "top")
    sleeves = {"shirt": 0.35, "dress": 0.25, "sweater": 0.96, "coat": 0.97}.get(wardrobe.kind, 0.0)
    if sleeves:
        _draw_arms(easel, pose, colour, "top", sleeves, (0.042, 0.036, 0.029))


def _draw_head(easel: _Easel, pose: dict[str, Point], wardrobe: Wardrobe, facing: bool) -> None:
    head = pose["head"]
    easel.lay(easel.capsule(head - np.array([0, 0.018]), head + np.array([0, 0.02]), (0.062, 0.058)), wardrobe.hair)
    if not facing:
        return
    easel.lay(easel.capsule(head + np.array([0, 0.002]), head + np.array([0, 0.034]), (0.047, 0.04)), wardrobe.skin, "skin")
    dark = wardrobe.skin * 0.35
    for x in (-0.019, 0.019):
        easel.lay(easel.capsule(head + np.array([x - 0.005, 0.012]), head + np.array([x + 0.005, 0.012]), (0.004, 0.004)), dark)
    easel.lay(easel.capsule(head + np.array([-0.012, 0.046]), head + np.array([0.012, 0.046]), (0.003, 0.003)), dark)
