import numpy as np
import pytest

from ganray.images.components import filled, from_border, near, numbered, reached, window_ends, without_small


def test_parts_are_numbered_over_corners_or_over_sides_alone():
    taken = np.array([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 1]], bool)
    over_corners, over_sides = numbered(taken), numbered(taken, corners=False)
    assert over_corners.max() == 2 and over_corners[0, 0] == over_corners[1, 1] != over_corners[0, 3]
    assert over_sides.max() == 3 and over_sides[0, 0] != over_sides[1, 1]
    assert (over_corners[~taken] == 0).all()


@pytest.mark.parametrize("radius", [0, 2, 50])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_ends_of_windows_are_sums_up_to_them(axis, radius):
    x = np.random.default_rng(0).integers(0, 9, (7, 9, 2))
    before, after = window_ends(x, radius, axis)
    for place in range(x.shape[axis]):
        window = x.take(range(max(0, place - radius), min(x.shape[axis], place + radius + 1)), axis)
        assert np.array_equal(after.take(place, axis) - before.take(place, axis), window.sum(axis))


def test_a_winding_part_is_one_and_a_full_grid_too():
    snake = np.zeros((40, 40), bool)
    snake[::2] = True
    snake[1::4, -1] = snake[3::4, 0] = True
    assert numbered(snake).max() == 1
    assert numbered(np.ones((5, 7), bool)).min() == numbered(np.ones((5, 7), bool)).max() == 1
    assert not numbered(np.zeros((5, 7), bool)).any()


def test_what_is_shut_in_is_not_connected_with_the_border():
    free = np.ones((64, 64), bool)
    for at in range(12, 33):  # a slanting square of thin lines
        free[at, [32 - (at - 12), 32 + (at - 12)]] = False
        free[52 - (at - 12), [32 - (at - 12), 32 + (at - 12)]] = False
    outer = from_border(free, 64)
    assert outer[0, 0] and not outer[32, 32]


def test_near_is_a_square_of_that_radius_however_dense_the_mask():
    mask = np.zeros((600, 300), bool)
    mask[300, 150] = True
    rows, columns = np.nonzero(near(mask, 16))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (284, 316, 134, 166)
    assert near(np.ones((600, 300), bool), 16).all()
    assert not near(np.zeros((600, 300), bool), 16).any()


def test_small_parts_apart_go_and_large_ones_stay():
    mask = np.zeros((400, 400), bool)
    mask[100:300, 100:300] = mask[20:23, 20:23] = mask[350:390, 350:390] = True
    kept, dropped = without_small(mask, 200, 1e-3, 0.02)
    assert dropped == 1
    assert not kept[20:23, 20:23].any() and kept[100:300, 100:300].all() and kept[350:390, 350:390].all()


@pytest.mark.parametrize("corners", [True, False])
def test_each_pixel_has_the_number_of_what_is_flooded_from_it(corners):
    rng = np.random.default_rng(0)
    for share in (0.2, 0.5, 0.62, 1.0):
        mask = rng.random((24, 31)) < share
        numbers = numbered(mask, corners)
        assert ((numbers > 0) == mask).all()
        for number in range(1, int(numbers.max()) + 1):
            part = numbers == number
            seed = np.zeros_like(mask)
            seed[tuple(np.argwhere(part)[0])] = True
            while (grown := mask & (near(seed, 1) if corners else _beside(seed))).sum() > seed.sum():
                seed = grown
            assert (seed == part).all()


def _beside(mask):
    padded = np.pad(mask, 1)
    return mask | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]


def test_numbers_follow_last_pixels_and_rows_do_not_touch_round_the_edge():
    mask = np.zeros((3, 4), bool)
    mask[0, 3] = mask[1, 0] = mask[2, 2] = True
    assert numbered(mask).tolist() == [[0, 0, 0, 1], [2, 0, 0, 0], [0, 0, 3, 0]]
    mask[:, 3] = True
    assert numbered(mask, corners=False).tolist() == [[0, 0, 0, 2], [1, 0, 0, 2], [0, 0, 2, 2]]


def test_holes_are_filled_and_bays_are_not():
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    mask[4, 4] = mask[4, 6] = False
    assert filled(mask)[4, 4] and not filled(mask)[4, 6]
    assert not reached(~mask)[4, 4] and reached(~mask)[4, 6]
