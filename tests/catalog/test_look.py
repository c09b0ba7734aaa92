import numpy as np
import pytest

from ganray.catalog.drawing import Canvas, View, box, white
from ganray.catalog.look import CREAM, FINISHES, Look, barrel, buttons, cloth, corner, flipped, folds, moved, solid, streak, weave

LOOK = Look((200.0, 40.0, 60.0), CREAM, "plain", (0.0,) * 8, (0.0, 0.3, 0.6, 0.99, 0.5, 0.5, 0.2, 0.9))


def test_choices_name_one_of_the_options():
    assert [LOOK.pick(place, "abc") for place in range(4)] == ["a", "a", "b", "c"]
    assert LOOK.dark(0.5) == (100.0, 20.0, 30.0)


def test_a_product_faces_a_side_and_is_lit_from_one():
    assert LOOK.view() == View(mirrored=True, sun=-1.0)
    assert not LOOK.view(faces=False).mirrored
    assert Look((0, 0, 0), CREAM, "plain", (0.0,) * 8).view(lean=0.1, size=0.9) == View(mirrored=True, lean=0.1, size=0.9)


def test_outlines_are_moved_flipped_and_swept():
    assert corner(0.1, 0.2) == [(0.1, 0.2)] * 2
    assert flipped([(0.25, 0.1)]) == [(0.75, 0.1)] and moved([(0.25, 0.5)], 0.5, -0.25) == [(0.75, 0.25)]
    canvas = Canvas(64, white(64))
    swept = canvas.area(*solid(box(0.2, 0.2, 0.4, 0.8), 0.4, 0.0))
    assert swept.mean() == pytest.approx(0.55 * 0.6, rel=0.05)


@pytest.mark.parametrize("finish", FINISHES[1:])
def test_a_texture_leaves_the_colour_as_it_is_and_vanishes_in_small_pictures(finish):
    large = weave(Canvas(400, white(400)), finish)
    assert large.std() > 0.01 and large.mean() == pytest.approx(1.0, abs=0.01)
    assert weave(Canvas(32, white(32)), finish) is None
    assert weave(Canvas(400, white(400)), "smooth") is None


def test_cloth_is_of_its_colour_and_pattern():
    canvas = Canvas(64, white(64))
    assert (cloth(canvas, LOOK) == np.array(LOOK.colour, np.float32)).all()
    striped = cloth(canvas, Look(LOOK.colour, CREAM, "striped", (0.0,) * 8))
    assert (striped[:, 0] == striped[:, 63]).all() and len(np.unique(striped[:, 0], axis=0)) > 2


def test_light_comes_from_the_side_of_the_sun():
    left, right, mirrored = (Canvas(64, white(64)) for _ in range(3))
    right.turn(View(sun=-1.0))
    mirrored.turn(View(mirrored=True))
    for canvas, first in ((left, True), (right, False), (mirrored, True)):
        light = np.broadcast_to(barrel(canvas, 0.1, 0.9), (64, 64))
        assert (light[0, 16] > light[0, 47]) == first
        canvas.paint(canvas.area(box(0.1, 0.1, 0.9, 0.9)), (100.0, 100.0, 100.0), relief=0.0)
        streak(canvas, 0.1, 0.9, (0.3, 0.7))
        assert (canvas.pixels[32, :32].sum() > canvas.pixels[32, 32:].sum()) == first
    assert folds(left, 2.0, 0.0).shape == (64, 64)


def test_buttons_are_part_of_the_product():
    canvas = Canvas(64, white(64))
    buttons(canvas, CREAM, 0.1, (0.25, 0.5), (0.75, 0.5))
    assert canvas.mask[32, 16] == canvas.mask[32, 48] == 1.0 and canvas.mask[32, 32] == 0.0
