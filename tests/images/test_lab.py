from __future__ import annotations

import numpy as np

from ganray.images.lab import chroma, from_lab, to_lab, within


def colours() -> np.ndarray:
    """Every third level of each channel, with both ends: 86^3 colours."""
    levels = np.arange(0, 256, 3, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)


def test_there_and_back_is_the_same_byte():
    pixels = colours()
    np.testing.assert_array_equal(from_lab(to_lab(pixels)), pixels)
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    np.testing.assert_array_equal(from_lab(to_lab(grey)), grey)


def test_known_colours():
    """Lab under D65 of the sRGB primaries (Lindbloom's calculator, two digits)."""
    known = {
        (255, 255, 255): (100.0, 0.0, 0.0),
        (0, 0, 0): (0.0, 0.0, 0.0),
        (255, 0, 0): (53.24, 80.09, 67.20),
        (0, 255, 0): (87.73, -86.18, 83.18),
        (0, 0, 255): (32.30, 79.19, -107.86),
        (119, 119, 119): (50.03, 0.0, 0.0),
    }
    lab = to_lab(np.array(list(known), np.uint8))
    np.testing.assert_allclose(lab, np.array(list(known.values())), atol=0.02)
    assert lab.dtype == np.float32


def test_within_keeps_lightness_and_hue():
    rng = np.random.default_rng(0)
    lab = np.stack([rng.uniform(2, 98, 2000), rng.uniform(-120, 120, 2000), rng.uniform(-120, 120, 2000)], -1).astype(np.float32)
    fitting = within(lab)
    np.testing.assert_array_equal(fitting[:, 0], lab[:, 0])
    turned = fitting[:, 1] * lab[:, 2] - fitting[:, 2] * lab[:, 1]
    assert np.abs(turned / np.maximum(chroma(fitting) * chroma(lab), 1)).max() < 1e-3
    # what sRGB has stays what it is, through the bytes
    assert np.abs(to_lab(from_lab(fitting)) - fitting).max() < 2.5
    assert np.abs(to_lab(from_lab(lab)) - lab).max() > 20


def test_within_leaves_what_srgb_has():
    lab = to_lab(colours())
    np.testing.assert_array_equal(from_lab(within(lab)), colours())


def test_within_cuts_lightness_off():
    fitting = within(np.array([[140.0, 3.0, 4.0], [-20.0, 3.0, 4.0]], np.float32))
    np.testing.assert_allclose(from_lab(fitting), [[255, 255, 255], [0, 0, 0]], atol=1)
