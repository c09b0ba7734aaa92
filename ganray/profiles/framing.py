"""Borders drawn around a picture, and pictures put together of several."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ganray.images.channels import largest
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, Evidence, strongest
from ganray.profiles.foreground import Floats

MARGIN, MIDDLE = 0.15, 0.08  # shares of a side: how far inside a line may lie, and how much of its ends is not looked at
UNIFORM, SAME = 0.95, 14.0  # share of a line that has its colour within so many levels
INSIDE = 0.8  # share of the pixels inside a border that have another colour
THIN, THICK = 0.045, 0.12  # of a side: a thin border is certain, a thick one may be a background
LINE = 0.035  # of a side: a thicker line may be a frame that is for sale
PALE, TINT = 200.0, 12.0  # levels: a light grey border is a background
STEP = 10.0  # levels across a seam
SEAM, CLEAN_SEAM, AROUND = 0.9, 0.97, 0.55  # shares of a picture's height that a seam takes, and from which a column is like one
NEAR, FEW = 12, 8  # columns to each side, and how many of them may be like a seam: both edges of a gap are, stripes are more
ALIVE = 12.0  # levels of standard deviation of a panel that is a picture of its own


class Line(NamedTuple):
    """A straight line along a side of the frame: its colour [3], where it starts and how thick it is, as shares; `inset` has background on
    both sides."""

    colour: Floats
    start: float
    thickness: float
    inset: bool


def border(small: Floats) -> tuple[Evidence, float]:
    """Whether a border was drawn around a picture [h, w, 3], and the share of each side that has to be cut off to be inside it."""
    sides = [_line(turned) for turned in (small, small[::-1], small.swapaxes(0, 1), small.swapaxes(0, 1)[::-1])]
    lines = [line for line in sides if line is not None]
    if len(lines) < 4 or any(line.inset != lines[0].inset for line in lines):
        return Evidence(CLEAR, "none"), 0.0
    colours = np.stack([line.colour for line in lines])
    if float(np.ptp(colours, axis=0).max()) > 3 * SAME:
        return Evidence(CLEAR, "none"), 0.0
    colour, thickness = np.median(colours, 0), max(line.thickness for line in lines)
    inner = max(line.start + line.thickness for line in lines)
    found = f"a border of about {tuple(np.rint(colour).astype(int).tolist())}, up to {100 * thickness:.1f} % of a side"
    if not lines[0].inset and float(colour.min()) >= PALE and float(colour.max() - colour.min()) <= TINT:
        return Evidence(CLEAR, "none"), 0.0
    certain = thickness <= (LINE if lines[0].inset else THIN)
    return Evidence(CERTAIN if certain else LIKELY, found), inner + 0.006


def _line(small: Floats) -> Line | None:
    """The line along the top of a picture [h, w, 3]; None if there is none."""
    height, width = small.shape[:2]
    rows = small[: max(4, round((MARGIN + 0.02) * height)), round(MIDDLE * width) : width - round(MIDDLE * width)]
    median = np.median(rows, 1)
    uniform = (largest(np.abs(rows - median[:, None])) <= SAME).mean(1) >= UNIFORM
    if not uniform[0]:
        return None
    like_first = largest(np.abs(rows - median[0])) <= SAME
    outer = int(np.argmin(np.append(uniform & (like_first.mean(1) >= UNIFORM), False)))
    if outer >= len(rows) - 2:
        return None
    line = slice(outer, min(len(rows), outer + max(3, round(LINE * 3 * height))))
    different = np.append((~like_first).mean(1)[line] >= UNIFORM, False)
    peak = outer + int(np.argmax(np.abs(median[line] - median[0]).max(1)))
    within = int(np.argmin(different[1:] if not different[0] else different)) + int(not different[0])
    back = outer + within
    if uniform[peak] and not different[-2] and back + 1 < len(rows) and like_first[min(back + 1, len(rows) - 1)].mean() >= 0.25:
        return Line(median[peak], outer / height, max(1, within) / height, True)
    if outer <= THICK * height and (~like_first)[outer + 1].mean() >= INSIDE:
        return Line(median[0], 0.0, outer / height, False)
    return None


def collage(small: Floats) -> Evidence:
    """Whether a picture [h, w, 3] is put together of several, by the straight seams between them."""
    return strongest(_seams(small, "from top to bottom"), _seams(small.swapaxes(0, 1), "from side to side"))


def _seams(small: Floats, how: str) -> Evidence:
    """Columns in which nearly every row changes."""
    width = small.shape[1]
    first, last = round(0.1 * width), round(0.9 * width)
    share = (largest(np.abs(small[:, 2:] - small[:, :-2])) >= STEP).mean(0)  # of column 1, 2, ...
    if last - first < 16:
        return Evidence(CLEAR, "no seams")
    beside = np.convolve(share >= AROUND, np.ones(2 * NEAR + 1), "same")
    seams = np.flatnonzero((share >= SEAM) & (beside <= FEW))
    seams = seams[(seams >= first) & (seams < last)]
    if not len(seams):
        return Evidence(CLEAR, "no seams")
    at = int(seams[np.argmax(share[seams])]) + 1
    alive = min(float(panel.std(axis=(0, 1)).max()) for panel in (small[:, : at - 2], small[:, at + 3 :])) >= ALIVE
    certain = share[at - 1] >= CLEAN_SEAM and alive
    return Evidence(CERTAIN if certain else LIKELY, f"a straight seam {how} at {100 * at / width:.0f} %")
