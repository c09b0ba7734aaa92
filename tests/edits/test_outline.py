import numpy as np
import pytest

from ganray.edits.outline import ground_behind


def scene(size=(60, 80), product=(10, 30, 40, 20)):
    """Ground with a product in it."""
    ground = np.ones(size, bool)
    top, left, height, width = product
    ground[top : top + height, left : left + width] = False
    return ground


def hole_of(top, left, height, width, size=(60, 80)):
    hole = np.zeros(size, bool)
    hole[top : top + height, left : left + width] = True
    return hole


@pytest.mark.parametrize("hole", [hole_of(20, 25, 12, 30), hole_of(15, 40, 20, 25), hole_of(0, 0, 20, 40)])
def test_straight_edges_go_on_behind_a_hole(hole):
    truth = scene()
    share = ground_behind(truth & ~hole, hole)
    assert ((share > 0.5) == truth)[hole].mean() > 0.93
    assert np.array_equal(share[~hole], truth[~hole])


def test_what_is_hidden_on_one_side_is_seen_on_the_other():
    truth = scene()
    truth[20:30, 20:60] = False  # two arms
    hole = hole_of(12, 10, 30, 20)
    share = ground_behind(truth & ~hole, hole)
    assert ((share > 0.5) == truth)[hole].mean() > 0.97
    truth[20:30, 50:60] = True  # one arm is no mirror image of none
    assert ground_behind(truth & ~hole, hole)[22:28, 10:20].mean() > 0.5


def test_without_product_all_is_ground():
    hole = hole_of(20, 20, 20, 20)
    assert (ground_behind(~hole, hole) > 0.99).all()
