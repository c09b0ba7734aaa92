import numpy as np
import pytest

from ganray.images.components import numbered
from ganray.profiles.labelling import filled, labelled, reached


@pytest.mark.parametrize("corners", [True, False])
def test_components_are_those_of_the_cells_method(corners):
    rng = np.random.default_rng(0)
    for share in (0.2, 0.5, 0.62, 1.0):
        mask = rng.random((40, 57)) < share
        labels, num = labelled(mask, corners)
        wanted = numbered(mask, corners)
        assert num == wanted.max() and ((labels > 0) == mask).all()
        pairs = {(one, other) for one, other in zip(labels[mask].tolist(), wanted[mask].tolist(), strict=True)}
        assert len(pairs) == num


def test_numbers_follow_first_pixels_and_rows_do_not_touch_round_the_edge():
    mask = np.zeros((3, 4), bool)
    mask[0, 3] = mask[1, 0] = mask[2, 2] = True
    assert labelled(mask)[0].tolist() == [[0, 0, 0, 1], [2, 0, 0, 0], [0, 0, 3, 0]]
    assert labelled(np.zeros((2, 2), bool))[1] == 0


def test_holes_are_filled_and_bays_are_not():
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    mask[4, 4] = mask[4, 6] = False
    assert filled(mask)[4, 4] and not filled(mask)[4, 6]
    assert not reached(~mask)[4, 4] and reached(~mask)[4, 6]
