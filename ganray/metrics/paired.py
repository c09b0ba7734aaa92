"""How near one picture is to another of the same thing, and one mask to another: what edits are measured by, where the truth is known.

Pictures are uint8 (or float of the same range) [H, W] or [H, W, C], masks bool [H, W]. All in float64, on one thread.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganray.images.codec import Pixels
from ganray.images.lab import to_lab

Picture = NDArray[Any]
Mask = NDArray[np.bool_]
Values = NDArray[np.float64]

WINDOW, SIGMA = 11, 1.5  # of SSIM, in pixels
K1, K2 = 0.01, 0.03


def psnr(one: Picture, other: Picture, mask: Mask | None = None, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(peak^2 / mean squared error); inside `mask` [H, W] only, where one is given.

    Infinite for equal pictures. Raises ValueError for pictures of different shapes, and for an empty mask.
    """
    _same(one, other)
    squares = (one.astype(np.float64) - other.astype(np.float64)) ** 2
    if mask is not None:
        if not mask.any():
            raise ValueError("the mask is empty: there is nothing to measure in it")
        squares = squares[mask]
    error = float(squares.mean())
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))


def ssim(one: Picture, other: Picture, peak: float = 255.0) -> float:
    """Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13): mean over all Gaussian windows of 11 px (sigma 1.5) that lie
    inside the picture, and over channels. Raises ValueError for pictures of different shapes or smaller than a window."""
    _same(one, other)
    if min(one.shape[:2]) < WINDOW:
        raise ValueError(f"a picture of {one.shape[1]}x{one.shape[0]} px is smaller than SSIM's window of {WINDOW} px")
    x, y = one.astype(np.float64), other.astype(np.float64)
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    mean_x, mean_y = _smooth(x), _smooth(y)
    var_x, var_y = _smooth(x * x) - mean_x**2, _smooth(y * y) - mean_y**2
    covariance = _smooth(x * y) - mean_x * mean_y
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return float(similarity.mean())


def ssim_lightness(one: Pixels, other: Pixels, mask: Mask | None = None) -> float:
    """SSIM of CIE L alone, of uint8 sRGB [H, W, 3]. With a `mask` [H, W], the other picture's mean L inside it is first brought to the
    one's: what is left is a difference in texture, for edits that make a thing lighter or darker on purpose."""
    x, y = to_lab(one)[..., 0].astype(np.float64), to_lab(other)[..., 0].astype(np.float64)
    if mask is not None:
        y = np.where(mask, y - y[mask].mean() + x[mask].mean(), y)
    return ssim(x, y, peak=100.0)


def delta_e_2000(one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]]) -> Values:
    """CIEDE2000 colour difference of Lab [..., 3], elementwise [...] (Sharma, Wu, Dalal 2005, eq. 2-22; k_L = k_C = k_H = 1).

    About 1 is a difference that one just sees side by side.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(one, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(other, np.float64), -1, 0)
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(mean_c7 / (mean_c7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, (1 + g) * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = c1 * c2 == 0  # no hue, and no difference in it
    turn = np.where(grey, 0.0, (h2 - h1 + 180) % 360 - 180)
    turn = np.where(~grey & (np.abs(h2 - h1) == 180), h2 - h1, turn)
    d_h = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2))
    mean_h = np.where(grey, h1 + h2, _mean_hue(h1, h2))
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1.0
    for weight, times, offset in ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.20, 4, -63)):
        t = t + weight * np.cos(np.radians(times * mean_h + offset))
    s_l = 1 + 0.015 * (mean_l - 50) ** 2 / np.sqrt(20 + (mean_l - 50) ** 2)
    s_c, s_h = 1 + 0.045 * mean_c, 1 + 0.015 * mean_c * t
    r_c = 2 * np.sqrt(mean_c**7 / (mean_c**7 + 25.0**7))
    r_t = -r_c * np.sin(np.radians(60 * np.exp(-(((mean_h - 275) / 25) ** 2))))
    lightness, chroma, hue = (l2 - l1) / s_l, (c2 - c1) / s_c, d_h / s_h
    difference: Values = np.sqrt(np.maximum(lightness**2 + chroma**2 + hue**2 + r_t * chroma * hue, 0))
    return difference


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union of two masks (Jaccard 1912); 1 where both are empty."""
    _same(one, other)
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def boundary_f(found: Mask, truth: Mask, tolerance: int = 2) -> float:
    """F-measure of the masks' boundaries (Martin, Fowlkes, Malik 2004, as in DAVIS, Perazzi et al. 2016): a boundary pixel counts as right
    that lies within `tolerance` px of the other boundary. Where the frame cuts a mask off is no boundary; 1 where neither has one."""
    _same(found, truth)
    one, other = _boundary(found), _boundary(truth)
    if not one.any() or not other.any():
        return float(one.any() == other.any())
    precision = (one & _grown(other, tolerance)).sum() / one.sum()
    recall = (other & _grown(one, tolerance)).sum() / other.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def icc(values: NDArray[np.floating[Any]]) -> float:
    """Intraclass correlation, one-way random, single measures: ICC(1,1) of Shrout and Fleiss 1979, of float [n things, k measures each].

    1: a thing's measures agree as those of different things do not; about 0: they agree no more than chance. Raises ValueError for fewer
    than two things or measures.
    """
    n, k = values.shape
    if n < 2 or k < 2:
        raise ValueError(f"{n} things with {k} measures each have no intraclass correlation: at least 2 and 2 are needed")
    means = values.mean(1, dtype=np.float64)
    between = k * ((means - means.mean()) ** 2).sum() / (n - 1)
    within = ((values - means[:, None]) ** 2).sum() / (n * (k - 1))
    total = between + (k - 1) * within
    return float((between - within) / total) if total else 1.0


def _same(one: Picture, other: Picture) -> None:
    if one.shape != other.shape:
        raise ValueError(f"shapes {one.shape} and {other.shape} do not compare: bring both to one size")


def _smooth(x: Values) -> Values:
    """Under SSIM's Gaussian, only where it fits: [H - 10, W - 10, ...]."""
    taps = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / SIGMA) ** 2)
    taps /= taps.sum()
    rows, columns = (size - WINDOW + 1 for size in x.shape[:2])
    upright = np.sum([tap * x[at : at + rows] for at, tap in enumerate(taps)], axis=0)
    smooth: Values = np.sum([tap * upright[:, at : at + columns] for at, tap in enumerate(taps)], axis=0)
    return smooth


def _mean_hue(h1: Values, h2: Values) -> Values:
    total = h1 + h2
    far = np.abs(h1 - h2) > 180
    return np.where(far, np.where(total < 360, total + 360, total - 360), total) / 2


def _boundary(mask: Mask) -> Mask:
    """Pixels of the mask that have one of their four neighbours outside it."""
    wide = np.pad(mask, 1, mode="edge")
    inner = wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    edge: Mask = mask & ~inner
    return edge


def _grown(mask: Mask, radius: int) -> Mask:
    """What lies within `radius` px of the mask, as the crow flies."""
    height, width = mask.shape
    wide = np.pad(mask, radius)
    result = np.zeros_like(mask)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dy * dy + dx * dx <= radius * radius:
                result |= wide[radius + dy : radius + dy + height, radius + dx : radius + dx + width]
    return result
