import numpy as np
import pytest

from ganray.edits.dye import Shift
from ganray.edits.materials import Colour
from ganray.edits.mixtures import beside_others, with_pattern
from ganray.images.lab import to_lab

WHITE, RED, NAVY, SKIN = to_lab(np.array([[240, 240, 240], [180, 30, 45], [35, 40, 65], [222, 171, 135]], np.uint8))


def colour(lab) -> Colour:
    return Colour(lab, float(lab[0]) - 4, float(lab[0]) + 4, 0.5)


def test_a_mixture_with_a_pattern_moves_by_its_share_of_the_ground():
    """The blurred edge of a red stripe on white that becomes navy is half red, half navy, not pink."""
    edge = (WHITE + RED) / 2
    after = with_pattern(np.stack([WHITE, edge, RED]), Shift(WHITE, NAVY, 90, 96), colour(WHITE), (colour(RED),))
    np.testing.assert_allclose(after[0], NAVY, atol=2)
    np.testing.assert_allclose(after[2], RED, atol=2)
    np.testing.assert_allclose(after[1], (NAVY + RED) / 2, atol=10)
    assert after[1][0] < edge[0] - 20


def test_the_share_of_a_garment_beside_skin():
    steps = np.linspace(0, 1, 11, dtype=np.float32)[:, None]
    share = beside_others((1 - steps) * NAVY + steps * SKIN, colour(NAVY), (colour(SKIN),))
    assert share[0] == 1 and share[-1] == 0 and (np.diff(share) <= 1e-6).all()
    assert share[5] == pytest.approx(0.4, abs=0.25)


def test_without_anything_beside_all_of_it_is_the_garment():
    np.testing.assert_array_equal(beside_others(np.stack([NAVY, SKIN]), colour(NAVY), ()), [1, 1])
