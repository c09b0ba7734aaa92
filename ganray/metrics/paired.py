"""Distances between two images of the same object, and between two masks, for edits whose true result is known.

Images are uint8 (or float of the same range) [H, W] or [H, W, C], masks bool [H, W]. All in float64, on one thread.
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


def psnr(first: Picture, second: Picture, mask: Mask | None = None, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio in dB, 10 log10(peak^2 / mean squared error); inside `mask` [H, W] only, if given.

    Infinite for equal images. Raises ValueError for images of different shapes and for an empty mask.
    """
    _same(first, second)
    squares = (first.astype(np.float64) - second.astype(np.float64)) ** 2
    if mask is not None:
        if not mask.any():
            raise ValueError("the mask is empty: give one with at least one pixel")
        squares = squares[mask]
    error = float(squares.mean())
    return float("inf") if error == 0 else float(10 * np.log10(peak**2 / error))


def ssim(first: Picture, second: Picture, peak: float = 255.0) -> float:
    """Structural similarity (Wang, Bovik, Sheikh, Simoncelli 2004, eq. 13): mean over all Gaussian windows of 11 px (sigma 1.5) that lie
    inside the image, and over channels. Raises ValueError for images of different shapes or smaller than a window."""
    _same(first, second)
    if min(first.shape[:2]) < WINDOW:
        raise ValueError(f"a picture of {first.shape[1]}x{first.shape[0]} px is smaller than SSIM's window of {WINDOW} px")
    x, y = first.astype(np.float64), second.astype(np.float64)
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    mean_x, mean_y = _smooth(x), _smooth(y)
    var_x, var_y = _smooth(x * x) - mean_x**2, _smooth(y * y) - mean_y**2
    covariance = _smooth(x * y) - mean_x * mean_y
    similarity = (2 * mean_x * mean_y + c1) * (2 * covariance + c2) / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))
    return float(similarity.mean())


def ssim_lightness(first: Pixels, second: Pixels, mask: Mask | None = None) -> float:
    """SSIM of CIE L alone, of uint8 sRGB [H, W, 3]. With a `mask` [H, W], the second image's mean L inside it is first set to
    that of the first: what remains is a difference in texture, for edits that change lightness on purpose."""
    x, y = to_lab(first)[..., 0].astype(np.float64), to_lab(second)[..., 0].astype(np.float64)
    if mask is not None:
        y = np.where(mask, y - y[mask].mean() + x[mask].mean(), y)
    return ssim(x, y, peak=100.0)


def delta_e_2000(first: NDArray[np.floating[Any]], second: NDArray[np.floating[Any]]) -> Values:
    """CIEDE2000 colour difference of Lab [..., 3], elementwise [...] (Sharma, Wu, Dalal 2005, eq. 2-22; k_L = k_C = k_H = 1).

    About 1 is a difference that is just visible side by side.
    """
    l1, a1, b1 = np.moveaxis(np.asarray(first, np.float64), -1, 0)
    l2, a2, b2 = np.moveaxis(np.asarray(second, np.float64), -1, 0)
    mean_c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(mean_c7 / (mean_c7 + 25.0**7)))
    c1, c2 = np.hypot((1 + g) * a1, b1), np.hypot((1 + g) * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, (1 + g) * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    grey = c1 * c2 == 0  # grey has no hue, so no difference in hue
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


def iou(first: Mask, second: Mask) -> float:
    """Intersection over union of two masks (Jaccard 1912); 1 where both are empty."""
    _same(first, second)
    union = int((first | second).sum())
    return int((first & second).sum()) / union if union else 1.0


def boundary_f(mask: Mask, truth: Mask, tolerance: int = 2) -> float:
    """F-measure of the masks' boundaries (Martin, Fowlkes, Malik 2004, as in DAVIS, Perazzi et al. 2016): a pixel counts as correct
    within `tolerance` px of the other boundary. The image's border is not a boundary; 1 where neither mask has one."""
    _same(mask, truth)
    mask_edge, truth_edge = _boundary(mask), _boundary(truth)
    if not mask_edge.any() or not truth_edge.any():
        return float(mask_edge.any() == truth_edge.any())
    precision = (mask_edge & _grown(truth_edge, tolerance)).sum() / mask_edge.sum()
    recall = (truth_edge & _grown(mask_edge, tolerance)).sum() / truth_edge.sum()
    return float(2 * precision * recall / (precision + recall)) if precision + recall else 0.0


def icc(values: NDArray[np.floating[Any]]) -> float:
    """Intraclass correlation, one-way random, single measures: ICC(1,1) of Shrout and Fleiss 1979, of float [n objects, k measures].

    1: measures of one object agree, those of different objects differ; about 0: no agreement beyond chance. Raises ValueError for fewer
    than two objects or measures.
    """
    n, k = values.shape
    if n < 2 or k < 2:
        raise ValueError(f"the intraclass correlation needs at least 2 objects and 2 measures, not {n} and {k}")
    means = values.mean(1, dtype=np.float64)
    between = k * ((means - means.mean()) ** 2).sum() / (n - 1)
    within = ((values - means[:, None]) ** 2).sum() / (n * (k - 1))
    total = between + (k - 1) * within
    return float((between - within) / total) if total else 1.0


def _same(first: Picture, second: Picture) -> None:
    if first.shape != second.shape:
        raise ValueError(f"shapes {first.shape} and {second.shape} differ: bring both to one size")


def _smooth(x: Values) -> Values:
    """Filtered by SSIM's Gaussian where the window fits: [H - 10, W - 10, ...]."""
    taps = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / SIGMA) ** 2)
    taps /= taps.sum()
    rows, columns = (size - WINDOW + 1 for size in x.shape[:2])
    vertical = np.sum([tap * x[at : at + rows] for at, tap in enumerate(taps)], axis=0)
    smooth: Values = np.sum([tap * vertical[:, at : at + columns] for at, tap in enumerate(taps)], axis=0)
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
    """The mask dilated by a disc of `radius` px."""
    height, width = mask.shape
    wide = np.pad(mask, radius)
    result = np.zeros_like(mask)
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            if dy * dy + dx * dx <= radius * radius:
                result |= wide[radius + dy : radius + dy + height, radius + dx : radius + dx + width]
    return result
