from __future__ import annotations

import numpy as np
import pytest

from ganray.edits.dye import Shift, curve, dominant_colour, dye_share, likeness, redyed, shift_to
from ganray.images.lab import chroma, to_lab

RED, NAVY = to_lab(np.array([[180, 30, 45], [35, 40, 65]], np.uint8))


def test_dominant_colour_is_no_mean():
    lab = to_lab(np.array([[180, 20, 30]] * 60 + [[20, 60, 200]] * 40, np.uint8))
    np.testing.assert_allclose(dominant_colour(lab), lab[0], atol=0.1)
    like = likeness(lab, lab[0])
    assert like[0] == 1 and like[-1] == 0


@pytest.mark.parametrize(("start", "end"), [(15.0, 96.0), (92.0, 5.0), (50.0, 55.0), (3.0, 60.0)])
def test_lightness_moves_monotonously(start, end):
    lightness = np.linspace(0, 100, 401, dtype=np.float32)
    grey = [np.array([value, 0, 0], np.float32) for value in (start, end)]
    moved = curve(lightness, Shift(*grey, max(0, start - 15), min(100, start + 15)))
    assert (np.diff(moved) >= -1e-4).all()
    assert moved.min() >= 0 and moved.max() <= 100
    assert np.interp(start, lightness, moved) == pytest.approx(end, abs=0.3)


def test_tints_of_a_dye_become_tints_of_the_other_and_white_and_black_stay():
    white, black = to_lab(np.array([[245, 245, 245], [20, 20, 20]], np.uint8))
    pink = (RED + white) / 2
    shift = Shift(RED, NAVY, float(RED[0]) - 5, float(RED[0]) + 5)
    after = redyed(np.stack([RED, pink, white, black]), shift)
    np.testing.assert_allclose(after[0], NAVY, atol=1)
    np.testing.assert_allclose(after[1], (NAVY + white) / 2, atol=8)
    np.testing.assert_allclose(after[2:], [white, black], atol=3)
    np.testing.assert_allclose(dye_share(np.stack([RED, pink, white]), RED), [1, 0.5, 0], atol=0.05)


def test_other_hues_stay():
    blue, green, yellow = to_lab(np.array([[40, 70, 190], [40, 140, 60], [230, 210, 40]], np.uint8))
    after = redyed(np.stack([blue, green, yellow]), Shift(RED, NAVY, 35, 45))
    np.testing.assert_allclose(after, [blue, green, yellow], atol=0.5)


@pytest.mark.parametrize(("start", "target"), [(RED, NAVY), (to_lab(np.array([240, 240, 240], np.uint8)), RED), (NAVY, RED)])
def test_the_median_becomes_the_target(start, target):
    folds = np.random.default_rng(0).uniform(0.85, 1.1, (500, 1)).astype(np.float32)
    sample = (start * folds).astype(np.float32)
    after = redyed(sample, shift_to(target, sample))
    np.testing.assert_allclose(np.median(after, 0), target, atol=2)
    assert np.ptp(after[:, 0]) > 2, "the folds are still there"


def test_a_grey_cloth_has_no_dye():
    grey = np.array([60, 1, 1], np.float32)
    assert dye_share(np.array([[60, 30, 30]], np.float32), grey) == 0 and chroma(grey) < 2
