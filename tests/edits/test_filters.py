import numpy as np
import pytest

from ganray.edits.filters import box_mean, enlarged, fitted, guided, highest_around, main_parts, sampled, scaled
from ganray.images.components import numbered, reached


def test_a_box_mean_is_the_mean_of_what_is_there():
    x = np.random.default_rng(0).random((7, 9, 2)).astype(np.float32)
    mean = box_mean(x, 2)
    assert mean[0, 0] == pytest.approx(x[:3, :3].mean((0, 1)), rel=1e-5)
    assert mean[4, 5] == pytest.approx(x[2:7, 3:8].mean((0, 1)), rel=1e-5)
    assert box_mean(x[..., 0], 50) == pytest.approx(np.full((7, 9), x[..., 0].mean()), rel=1e-5)


def test_the_highest_around_is_that_of_the_square():
    x = np.random.default_rng(0).integers(0, 256, (20, 9)).astype(np.uint8)
    highest = highest_around(x, 3)
    assert highest.shape == x.shape and highest.dtype == np.uint8
    for row, column in np.ndindex(x.shape):
        assert highest[row, column] == x[max(0, row - 3) : row + 4, max(0, column - 3) : column + 4].max()


def test_the_guided_filter_takes_its_edge_from_the_guide():
    guide = np.zeros((32, 32, 3), np.float32)
    guide[:, 16:] = 1.0
    rough = np.zeros((32, 32), np.float32)
    rough[:, 18:] = 1.0  # two pixels off
    a, b, _ = guided(rough, guide, 4, 1e-4)
    refined = (a * guide).sum(-1) + b
    assert (refined[:, 15] < 0.35).all() and (refined[:, 16] > 0.45).all()
    assert refined[:, 16].mean() - refined[:, 15].mean() > 0.4


def test_parts_go_round_corners_and_not_through_walls():
    free = np.array([list(row) for row in ("..#..", "#.#.#", "..#..", ".###.", ".....")]) == "."
    assert np.array_equal(numbered(free, corners=False) > 0, free) and numbered(free, corners=False).max() == 1
    closed = free.copy()
    closed[4, 2] = False
    parts = numbered(closed, corners=False)
    assert parts.max() == 2 and not (parts[:, 3:] == parts[0, 0]).any()


def test_what_a_border_reaches():
    free = np.ones((9, 9), bool)
    free[2:7, 2:7] = False
    free[3:6, 3:6] = True  # an island within a ring
    connected = reached(free)
    assert not connected[3:6, 3:6].any() and connected[0].all() and connected.sum() == 81 - 25


def test_main_parts_keep_a_pair_and_drop_specks():
    mask = np.zeros((40, 60), bool)
    mask[5:25, 5:25] = mask[8:26, 32:50] = True
    mask[35, 55] = mask[30:32, 3:5] = True
    kept = main_parts(mask, 0.1)
    assert kept[5:25, 5:25].all() and kept[8:26, 32:50].all() and kept.sum() == 400 + 18 * 18
    assert not main_parts(np.zeros((5, 5), bool), 0.1).any()


def test_scaled_keeps_what_has_that_size_already():
    x = np.random.default_rng(1).random((6, 8, 3)).astype(np.float32)
    assert scaled(x, 8, 6) is x and scaled(x, 16, 12).shape == (12, 16, 3) and scaled(x[..., 0], 4, 3).shape == (3, 4)


def test_sampled_is_scaled_at_some_places():
    small = np.random.default_rng(2).random((7, 9, 3)).astype(np.float32)
    wide = scaled(small, 40, 31)
    rows, columns = np.nonzero(np.random.default_rng(3).random((31, 40)) < 0.3)
    assert sampled(small, (31, 40), rows, columns) == pytest.approx(wide[rows, columns], abs=1e-5)
    assert sampled(small[..., 0], (31, 40), rows, columns) == pytest.approx(wide[rows, columns, 0], abs=1e-5)
    assert np.abs(enlarged(small[..., 0], 40, 31) / 255 - wide[..., 0]).max() < 0.006


def test_a_size_that_fits():
    assert fitted((1000, 500), 320) == (160, 320) and fitted((30, 20), 320) == (20, 30) and fitted((4000, 1), 320) == (1, 320)
