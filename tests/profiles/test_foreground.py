import numpy as np
import pytest
from PIL import Image, ImageFilter

from ganray.profiles.foreground import foreground


def test_parts_have_their_boxes_the_largest_first(goods):
    both = goods(box=(0.1, 0.2, 0.5, 0.9), on=goods((180, 30, 30), (0.7, 0.3, 0.9, 0.6)))
    first, second = foreground(both).parts
    assert first.box == pytest.approx((40, 80, 200, 360), abs=3) and second.box == pytest.approx((280, 120, 360, 240), abs=3)
    assert first.area > second.area and first.size[1] > first.size[0]


def test_a_gradient_is_a_plain_background_and_a_scene_is_none(goods):
    light = np.linspace(200, 250, 400)[:, None, None] * np.ones((1, 400, 3))
    (part,) = foreground(goods(on=light)).parts
    assert part.box == pytest.approx((80, 40, 320, 360), abs=4)
    scene = np.random.default_rng(0).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    assert not foreground(goods(on=np.asarray(Image.fromarray(scene).resize((400, 400))))).plain


def test_a_soft_shadow_is_background_and_a_hard_grey_thing_is_not(goods):
    shade = np.full((400, 400, 3), 255, np.uint8)
    shade[340:372, 60:340] = 190
    soft = np.asarray(Image.fromarray(shade).filter(ImageFilter.GaussianBlur(9)))
    assert foreground(goods(box=(0.3, 0.1, 0.7, 0.8), on=soft)).parts[0].box[3] == pytest.approx(320, abs=6)
    assert len(foreground(goods(box=(0.3, 0.1, 0.7, 0.8), on=shade)).parts) == 2


def test_white_at_a_quarter_of_the_edge_is_the_background_of_what_covers_the_rest(goods):
    pixels = goods(box=(-0.6, -0.4, 0.75, 1.4))
    seen = foreground(pixels)
    assert seen.plain and seen.shape[200, 40] and not seen.shape[200, 380]


def test_nothing_is_too_small():
    assert not foreground(np.zeros((1, 1, 3), np.uint8)).plain
    assert foreground(np.full((20, 20, 3), 255, np.uint8)).parts == ()
