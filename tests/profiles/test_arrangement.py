import numpy as np
import pytest

from ganray.profiles.arrangement import cut_off, leaving, several
from ganray.profiles.evidence import CERTAIN, CLEAR, LIKELY, UNKNOWN
from ganray.profiles.foreground import foreground


def beside(goods, colour):
    return foreground(goods(colour, (0.55, 0.2, 0.95, 0.8), on=goods((180, 30, 30), (0.05, 0.2, 0.45, 0.8))))


def test_products_of_other_colours_are_several_and_a_pair_may_be_one(goods):
    assert several(beside(goods, (30, 130, 60))).strength == CERTAIN
    assert several(beside(goods, (180, 30, 30))).strength == LIKELY
    assert several(foreground(goods())).strength == CLEAR


def test_small_parts_are_accessories(goods):
    assert several(foreground(goods((30, 130, 60), (0.8, 0.8, 0.9, 0.9), on=goods(box=(0.1, 0.1, 0.7, 0.9))))).strength == CLEAR


def test_a_bottle_with_a_white_label_is_one(goods):
    bottle = goods((40, 110, 60), (0.3, 0.05, 0.7, 0.95))
    label = np.where(np.indices((400, 400))[0] // 130 == 1, 1, 0)[..., None] * (bottle.min(2, keepdims=True) < 250)
    assert several(foreground(np.where(label, np.uint8(251), bottle))).strength == CLEAR


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_half_a_product_is_cut_off_at_any_side(goods, turns):
    pixels = np.ascontiguousarray(np.rot90(goods((40, 160, 60), (0.2, -0.4, 0.8, 0.4)), turns))
    seen = foreground(pixels)
    assert cut_off(seen).strength == CERTAIN
    assert list(leaving(seen, seen.parts[0])) == [("top", "left", "bottom", "right")[turns]]


def test_touching_the_frame_cords_and_shadows_are_no_cut(goods):
    assert cut_off(foreground(goods(box=(0.1, 0.0, 0.9, 0.9)))).strength == CLEAR
    lamp = goods(box=(0.2, 0.4, 0.8, 0.9))
    lamp[:170, 198:202] = 20
    assert cut_off(foreground(lamp)).strength == CLEAR


def test_people_may_leave_the_frame_at_the_bottom(goods):
    pixels = goods((40, 60, 160), (0.25, 0.2, 0.75, 1.8))
    pixels = goods((224, 172, 138), (0.42, 0.06, 0.58, 0.3), on=pixels)
    assert cut_off(foreground(pixels)).strength == LIKELY


def test_on_a_scene_nothing_is_known():
    scene = np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8)
    assert several(foreground(scene)).strength == cut_off(foreground(scene)).strength == UNKNOWN
