import numpy as np
import pytest

from ganray.edits.smooth import relaxed, smooth_fill


def ramp(height=60, width=80):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([40 + x, 60 + y, 200 - x // 2], -1).astype(np.uint8)


@pytest.mark.parametrize(("rows", "columns"), [(slice(30, 31), slice(20, 21)), (slice(28, 31), slice(0, 80)), (slice(0, 2), slice(0, 2))])
def test_scratches_take_the_colours_beside_them(rows, columns):
    truth, unknown = ramp(), np.zeros((60, 80), bool)
    unknown[rows, columns] = True
    damaged = np.where(unknown[..., None], 0, truth).astype(np.uint8)
    result = relaxed(damaged, unknown, *np.nonzero(unknown), depth=2)
    assert np.abs(result - truth[unknown]).max() <= 2.5


def test_what_has_no_neighbour_takes_the_mean():
    unknown = np.zeros((6, 6), bool)
    unknown[:3] = True
    corner = np.array([0]), np.array([0])
    assert np.abs(relaxed(np.full((6, 6, 3), 90, np.uint8), unknown, *corner, depth=1) - 90).max() < 1


def test_the_network_is_asked_in_a_narrow_and_a_wide_window_and_both_ways():
    class Bright:
        size, halo, calls = 32, 0, 0

        def __call__(self, x):
            self.calls += 1
            return x[:, :3] + 0.4 * x[:, 3:]

    truth, network = ramp(), Bright()
    parts = [np.zeros((60, 80), bool), np.zeros((60, 80), bool)]
    parts[0][10:20, 10:20] = parts[1][30:50, 50:70] = True
    result = smooth_fill(truth, parts[0] | parts[1], parts, network)
    assert network.calls == 2 * (1 + 2)  # the two windows of a small component are one
    assert np.array_equal(result[~(parts[0] | parts[1])], truth[~(parts[0] | parts[1])])
    plain = smooth_fill(truth, parts[0] | parts[1], parts, None)
    assert np.abs(plain.astype(int) - truth).max() < 12 < (result[15, 15].astype(int) - plain[15, 15]).min()
