from __future__ import annotations

import numpy as np
import pytest

from ganray.metrics.paired import boundary_f, delta_e_2000, icc, iou, psnr, ssim, ssim_lightness

# Sharma, Wu, Dalal 2005, table 1: L a b, L a b, CIEDE2000
SHARMA = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000
50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.4900 -0.0010 50 -2.4900 0.0009 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0010 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0011 7.2195
50 2.4900 -0.0010 50 -2.4900 0.0012 7.2195
50 -0.0010 2.4900 50 0.0009 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0010 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0011 -2.4900 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000
50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000
50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""


def test_colour_difference_of_the_published_pairs():
    table = np.array([line.split() for line in SHARMA.strip().splitlines()], float)
    assert len(table) == 34
    for one, other in ((table[:, :3], table[:, 3:6]), (table[:, 3:6], table[:, :3])):
        np.testing.assert_allclose(delta_e_2000(one, other), table[:, 6], atol=5e-5)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_psnr_is_of_the_mean_square():
    one = np.full((8, 8, 3), 100, np.uint8)
    other = one.copy()
    other[:4] += 10
    assert psnr(one, one) == float("inf")
    assert psnr(one, other) == pytest.approx(10 * np.log10(255**2 / 50))
    mask = np.zeros((8, 8), bool)
    mask[:4] = True
    assert psnr(one, other, mask) == pytest.approx(20 * np.log10(25.5))
    assert psnr(one, other, ~mask) == float("inf")
    assert psnr(np.uint8([[0]]), np.uint8([[255]])) == pytest.approx(0)  # no wrapping of bytes


def test_psnr_refuses_what_does_not_compare():
    with pytest.raises(ValueError, match="differ: bring both"):
        psnr(noise(4, 4), noise(4, 5))
    with pytest.raises(ValueError, match="empty"):
        psnr(noise(4, 4), noise(4, 4), np.zeros((4, 4), bool))


def test_ssim_is_the_formula_window_by_window():
    x, y = noise(14, 16).astype(float), noise(14, 16, seed=1) * 0.3 + noise(14, 16) * 0.7
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    values = []
    for top in range(4):
        for left in range(6):
            a, b = x[top : top + 11, left : left + 11], y[top : top + 11, left : left + 11]
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            var_a, var_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            both = (window * (a - mean_a) * (b - mean_b)).sum()
            c1, c2 = 2.55**2, 7.65**2
            values.append((2 * mean_a * mean_b + c1) * (2 * both + c2) / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)))
    assert ssim(x, y) == pytest.approx(np.mean(values), abs=1e-9)
    assert ssim(np.stack([x, y], -1), np.stack([y, y], -1)) == pytest.approx((np.mean(values) + 1) / 2, abs=1e-9)


def test_ssim_of_equal_and_of_too_small():
    assert ssim(noise(20, 20, 3), noise(20, 20, 3)) == pytest.approx(1)
    assert ssim(noise(40, 40), noise(40, 40, seed=1)) < 0.1
    with pytest.raises(ValueError, match="window"):
        ssim(noise(10, 40), noise(10, 40))


def test_lightness_alone_and_without_its_mean():
    one = np.repeat(noise(30, 30, 1) // 4 + 90, 3, 2)
    mask = np.zeros((30, 30), bool)
    mask[5:25, 5:25] = True
    darker = np.where(mask[..., None], one - 40, one).astype(np.uint8)
    assert ssim_lightness(one, one) == pytest.approx(1)
    assert ssim_lightness(one, darker) < ssim_lightness(one, darker, mask) - 0.05
    assert ssim_lightness(one, darker, mask) > 0.97


def test_iou():
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert iou(one, other) == 1.0
    one[:2], other[1:3] = True, True
    assert iou(one, other) == pytest.approx(1 / 3)


def square(top: int, left: int, side: int = 10) -> np.ndarray:
    mask = np.zeros((30, 30), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_boundary_within_tolerance():
    assert boundary_f(square(8, 8), square(8, 8), 0) == 1.0
    assert boundary_f(square(8, 10), square(8, 8), 2) == 1.0
    assert 0.3 < boundary_f(square(8, 11), square(8, 8), 2) < 0.9
    assert boundary_f(square(20, 20), square(0, 0, 5), 2) == 0.0
    assert boundary_f(square(8, 9), square(8, 8), 0) < boundary_f(square(8, 9), square(8, 8), 1) == 1.0


def test_the_frame_is_no_boundary():
    half = np.zeros((30, 30), bool)
    half[:, :15] = True
    nothing = np.zeros((30, 30), bool)
    assert boundary_f(half, half, 0) == 1.0
    assert boundary_f(nothing, nothing) == boundary_f(~nothing, nothing) == 1.0
    assert boundary_f(half, nothing) == 0.0


def test_intraclass_correlation():
    """The six targets of four judges of Shrout and Fleiss 1979, table 2: ICC(1,1) = .17."""
    judged = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    assert icc(judged) == pytest.approx(0.17, abs=0.005)
    assert icc(np.repeat(np.arange(5.0)[:, None], 3, 1)) == 1.0
    assert icc(np.tile(np.arange(5.0), (4, 1))) < 0
    with pytest.raises(ValueError, match="at least 2"):
        icc(np.zeros((1, 4)))
