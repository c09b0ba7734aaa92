import numpy as np
import pytest

from ganray.edits.exemplar import exemplar
from ganray.edits.transfer import Copies, covered, reduced, reduction


def test_a_reduced_picture_is_the_mean_of_what_is_known():
    picture = np.arange(5 * 7 * 3).reshape(5, 7, 3).astype(np.uint8)
    hole = np.zeros((5, 7), bool)
    hole[0, 0] = hole[2:4, 2:4] = True
    small = reduced(picture, hole, 2)
    assert small.shape == (3, 4, 3) and covered(hole, 2).tolist() == [[True, False, False, False], [False, True, False, False], [False] * 4]
    assert small[0, 0].tolist() == np.rint(picture[[0, 1, 1], [1, 0, 1]].mean(0)).tolist()
    assert reduced(picture, hole, 1) is picture


@pytest.mark.parametrize(("size", "share", "factor"), [((533, 400), 0.25, 1), ((4000, 6000), 0.05, 9), ((800, 800), 0.9, 3)])
def test_large_pictures_are_reduced(size, share, factor):
    hole = np.zeros(size, bool)
    hole[: round(share * size[0])] = True
    assert reduction(hole) == factor


@pytest.mark.parametrize("mirror", [False, True])
def test_full_pixels_move_as_the_reduced_ones(mirror):
    picture = np.random.default_rng(0).integers(0, 256, (24, 36, 3)).astype(np.uint8)
    hole = np.zeros((24, 36), bool)
    hole[6:12, 6:12] = True
    sources = np.zeros((8, 12), int)
    for row in (2, 3):
        for column in (2, 3):
            sources[row, column] = (row + 3) * 24 + column + (16 if mirror else 2)
    rows, columns = np.nonzero(hole)
    colours = Copies(sources, covered(hole, 3), 3).of(picture, hole, rows, columns)
    expected = picture[rows + 9, 17 - (columns - 6) if mirror else columns + 6]
    assert np.array_equal(np.rint(colours), expected)


def test_texture_of_a_large_picture_is_copied_and_not_enlarged():
    y, x = np.mgrid[0:360, 0:480]
    grain = np.random.default_rng(0).integers(-20, 21, (360, 480))
    truth = np.repeat((120 + grain + 40 * ((x // 60 + y // 60) % 2))[..., None], 3, 2).astype(np.uint8)
    hole = np.zeros((360, 480), bool)
    hole[120:240, 160:300] = True
    small, small_hole = reduced(truth, hole, 4), covered(hole, 4)
    filling = exemplar(small, small_hole, (small, np.zeros_like(small_hole)), (0.0,))
    colours = Copies(filling.sources, small_hole, 4).of(truth, hole, *np.nonzero(hole))
    detail = np.zeros(hole.shape, np.float32)
    detail[hole] = colours[:, 0]
    inner = detail[122:238, 162:298]
    assert np.abs(np.diff(inner, axis=1)).mean() > 0.7 * np.abs(np.diff(truth[..., 0].astype(int), axis=1)).mean()
