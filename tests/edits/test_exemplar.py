import numpy as np
import pytest

from ganray.edits.exemplar import depths, exemplar


def stripes(height=72, width=96, period=8):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([60 + 120 * ((x + y) % period < period // 2), 40 + x // 2, 200 - 0 * y], -1).astype(np.uint8)


def filled(picture, hole, guide=None, pulls=(0.0,)):
    guide = np.full_like(picture, 128) if guide is None else guide
    filling = exemplar(np.where(hole[..., None], 0, picture).astype(np.uint8), hole, (guide, np.zeros_like(hole)), pulls)
    assert filling is not None
    return np.concatenate([picture, picture[:, ::-1]], 1).reshape(-1, 3)[filling.sources], filling.sources


def box(shape, top, left, height, width):
    hole = np.zeros(shape, bool)
    hole[top : top + height, left : left + width] = True
    return hole


@pytest.mark.parametrize("place", [(24, 36, 24, 24), (0, 0, 20, 24), (50, 70, 22, 26)])
def test_a_pattern_goes_on_through_the_hole(place):
    truth = stripes()
    hole = box(truth.shape[:2], *place)
    result, sources = filled(truth, hole)
    assert np.abs(result[hole][:, 0].astype(int) - truth[hole][:, 0]).mean() < 8  # an average of stripes is off by 60
    rows, columns = np.divmod(sources, 2 * hole.shape[1])
    inside = np.where(columns < hole.shape[1], columns, 2 * hole.shape[1] - 1 - columns)
    assert not hole[rows, inside][hole].any()  # only known pixels are copied
    assert np.array_equal(result[~hole], truth[~hole])


def test_the_mirror_image_lends_what_is_missing():
    rng = np.random.default_rng(0)
    half = rng.integers(0, 256, (6, 6, 3)).astype(np.uint8).repeat(8, 0).repeat(8, 1)
    truth = np.concatenate([half, half[:, ::-1]], 1)
    hole = box(truth.shape[:2], 8, 8, 16, 16)
    result, _ = filled(truth, hole, guide=truth, pulls=(1.0,))
    assert np.abs(result[hole].astype(int) - truth[hole]).mean() < 6


def test_what_is_expected_leads_the_search():
    truth = np.full((64, 64, 3), 220, np.uint8)
    truth[:, :24] = 40
    hole = box((64, 64), 20, 8, 24, 40)
    results = [filled(truth, hole, np.full_like(truth, level), (2.0,))[0][hole].mean() for level in (40, 220)]
    assert results[0] < results[1]


def test_the_same_picture_gives_the_same_sources():
    truth = np.random.default_rng(1).integers(0, 256, (60, 50, 3)).astype(np.uint8)
    hole = box((60, 50), 20, 20, 14, 12)
    state = np.random.get_state()[1].copy()
    first, second = (filled(truth, hole)[1] for _ in range(2))
    assert np.array_equal(first, second) and (np.random.get_state()[1] == state).all()


@pytest.mark.parametrize("size", [(3, 40), (12, 12)])
def test_where_nothing_can_be_copied_it_says_so(size):
    hole = np.ones(size, bool)
    hole[0] = False
    assert exemplar(np.zeros((*size, 3), np.uint8), hole, (np.zeros((*size, 3), np.uint8), np.zeros_like(hole)), (0.0,)) is None


def test_depths_are_counted_from_the_rim():
    assert depths(box((9, 9), 1, 1, 7, 7))[4].tolist() == [0, 1, 2, 3, 4, 3, 2, 1, 0]
    assert depths(np.ones((9, 9), bool), 3).max() == 3
