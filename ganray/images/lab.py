"""sRGB <-> CIE Lab under D65 (IEC 61966-2-1, CIE 15): L 0..100, a and b about -110..110; a round trip gives the same bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ganray.images.channels import all_of
from ganray.images.codec import Pixels

Lab = NDArray[np.float32]  # [..., 3]: L, a, b

SLACK = 2e-4  # of linear light: less than one level, more than the rounding error of float32
_EPSILON, _KAPPA = 216 / 24389, 24389 / 27
_LINEAR = np.array([v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.arange(256) / 255], np.float32)
_XYZ = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
_XYZ = (_XYZ / _XYZ.sum(axis=1, keepdims=True)).astype(np.float32)  # relative to white = (1, 1, 1)
_RGB = np.linalg.inv(_XYZ.astype(np.float64)).astype(np.float32)


def to_lab(pixels: Pixels) -> Lab:
    """Uint8 sRGB [..., 3] -> Lab float32 [..., 3]."""
    xyz = _LINEAR[pixels] @ _XYZ.T
    f = np.where(xyz > _EPSILON, np.cbrt(xyz), (_KAPPA * xyz + 16) / 116)
    x, y, z = np.moveaxis(f, -1, 0)
    lab: Lab = np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)
    return lab


def from_lab(lab: Lab) -> Pixels:
    """Lab float32 [..., 3] -> uint8 sRGB [..., 3]; colours outside sRGB are clipped per channel, see `within`."""
    light = np.clip(_light(lab), 0, 1)
    encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, np.float32(1 / 2.4)) - 0.055)
    pixels: Pixels = np.rint(255 * encoded).astype(np.uint8)
    return pixels


def within(lab: Lab, halvings: int = 6) -> Lab:
    """The same lightness (cut to 0..100) and hue, with the largest chroma up to the given one that sRGB has: float32 [..., 3]."""
    lightness = np.clip(lab[..., :1], 0, 100)
    lab = np.concatenate([lightness, lab[..., 1:]], -1)
    outside = ~_displayable(lab)
    if not outside.any():
        return lab
    far = lab[outside]
    low, high = np.zeros(len(far), np.float32), np.ones(len(far), np.float32)
    for _ in range(halvings):
        share: NDArray[np.float32] = (0.5 * (low + high)).astype(np.float32)
        fits = _displayable(far * _chroma_scale(share))
        low, high = np.where(fits, share, low), np.where(fits, high, share)
    lab[outside] = far * _chroma_scale(low)
    return lab


def chroma(lab: Lab) -> NDArray[np.float32]:
    """Distance from grey, float32 [...]."""
    distance: NDArray[np.float32] = np.hypot(lab[..., 1], lab[..., 2])
    return distance


def _chroma_scale(share: NDArray[np.float32]) -> Lab:
    return np.stack([np.ones_like(share), share, share], -1)


def _displayable(lab: Lab) -> NDArray[np.bool_]:
    light = _light(lab)
    return all_of((light > -SLACK) & (light < 1 + SLACK))


def _light(lab: Lab) -> NDArray[np.float32]:
    """Linear sRGB float32 [..., 3], outside 0..1 for colours that sRGB does not have."""
    y = (lab[..., 0] + 16) / 116
    f = np.stack([y + lab[..., 1] / 500, y, y - lab[..., 2] / 200], -1)
    xyz = np.where(f**3 > _EPSILON, f**3, (116 * f - 16) / _KAPPA)
    light: NDArray[np.float32] = xyz.astype(np.float32) @ _RGB.T
    return light
