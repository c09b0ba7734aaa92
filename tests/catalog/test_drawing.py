import numpy as np
import pytest

from ganray.catalog.drawing import Canvas, View, box, curve, mirrored, oval, tinted, white


@pytest.mark.parametrize("side", [32, 200])
def test_areas_have_their_size_and_place(side):
    canvas = Canvas(side, white(side))
    assert canvas.area(box(0.25, 0.25, 0.75, 0.5)).mean() == pytest.approx(0.125, rel=0.06)
    assert canvas.area(oval(0.5, 0.5, 0.4, 0.2)).mean() == pytest.approx(np.pi * 0.08, rel=0.05)
    column = canvas.line(0.1, [(0.5, 0.2), (0.5, 0.8)])
    assert column.mean() == pytest.approx(0.06 + np.pi * 0.05**2, rel=0.15)
    assert (column[:, : int(0.4 * side)] == 0).all()


def test_a_curve_passes_its_points_and_a_doubled_one_is_a_corner():
    points = [(0.1, 0.1), (0.1, 0.1), (0.9, 0.2), (0.8, 0.8), (0.2, 0.9)]
    path = np.array(curve(points))
    for point in points:
        assert np.abs(path - point).sum(axis=1).min() < 1e-9
    at = int(np.abs(path - points[0]).sum(axis=1).argmin())
    before, after = path[at] - path[at - 1], path[(at + 1) % len(path)] - path[at]
    assert abs(before @ after) < 0.9 * np.linalg.norm(before) * np.linalg.norm(after)
    assert curve(points, closed=False)[-1] == points[-1]


def test_mirrored_is_symmetric():
    assert mirrored([(0.2, 0.1), (0.1, 0.9)]) == [(0.2, 0.1), (0.1, 0.9), (0.9, 0.9), (0.8, 0.1)]


def test_paint_and_shade():
    canvas = Canvas(40, white(40))
    mask = canvas.area(box(0.25, 0.25, 0.75, 0.75))
    canvas.paint(mask, (200.0, 100.0, 0.0), relief=0.0)
    pixels, product = canvas.finished()
    assert pixels[20, 20].tolist() == [200, 100, 0]
    assert pixels[0, 0].tolist() == [255, 255, 255]
    assert product[20, 20] == 255
    canvas.shadow(0.5, 0.9, 0.3)
    canvas.shade(mask, 0.5)
    pixels, same = canvas.finished()
    assert pixels[20, 20].tolist() == [100, 50, 0]
    assert pixels[36, 20, 0] < 230
    assert (same == product).all()  # shadows are no product


def test_relief_is_lit_from_the_upper_left():
    canvas = Canvas(64, white(64))
    canvas.paint(canvas.area(oval(0.5, 0.5, 0.4, 0.4)), (100.0, 100.0, 100.0), relief=0.4)
    assert canvas.pixels[14, 20, 0] > canvas.pixels[32, 32, 0] > canvas.pixels[50, 44, 0]


def test_tinted():
    assert tinted((100, 0, 255), 0.5) == (177.5, 127.5, 255)
    assert tinted((100, 0, 255), -0.5) == (50, 0, 127.5)


def test_a_view_mirrors_turns_and_scales_about_the_centre():
    shape = [(0.1, 0.2), (0.6, 0.3), (0.2, 0.8)]
    canvas, other = Canvas(128, white(128)), Canvas(128, white(128))
    plain = canvas.area(shape)
    other.turn(View(mirrored=True))
    assert np.abs(other.area(shape)[:, ::-1] - plain).mean() < 0.01
    other.turn(View(lean=np.pi / 2))
    assert np.abs(np.rot90(other.area(shape)) - plain).mean() < 0.01
    other.turn(View(size=0.5, narrow=0.8))
    assert other.area(shape).mean() == pytest.approx(0.2 * plain.mean(), rel=0.03)
    assert other.line(0.1, [(0.2, 0.5), (0.8, 0.5)]).mean() < 0.5 * canvas.line(0.1, [(0.2, 0.5), (0.8, 0.5)]).mean()


def test_coordinates_follow_the_view():
    canvas = Canvas(100, white(100))
    canvas.turn(View(mirrored=True, lean=0.3, size=0.9))
    spot = canvas.area(oval(0.3, 0.6, 0.03, 0.03))
    row, column = np.unravel_index(int(spot.argmax()), spot.shape)
    near = np.hypot(canvas.x - 0.3, canvas.y - 0.6)
    assert near[row, column] < 0.04 and near.min() < 0.02


@pytest.mark.parametrize("side", [32, 200])
def test_a_tube_is_smooth_where_it_bends(side):
    canvas = Canvas(side, white(side))
    ring = canvas.tube(0.1, oval(0.5, 0.5, 0.3, 0.3))
    assert ring.mean() == pytest.approx(2 * np.pi * 0.3 * 0.1, rel=0.06)
    assert ring[side // 2, side // 2] == 0


def test_the_mask_is_the_share_of_the_ground_that_is_hidden():
    grounds = [Canvas(80, np.full((80, 80, 3), level, np.float32)) for level in (255.0, 0.0)]
    for canvas in grounds:
        canvas.turn(View(lean=0.2))
        body = canvas.paint(canvas.area(box(0.2, 0.2, 0.51, 0.8)), (100.0, 60.0, 20.0), relief=0.3)
        canvas.paint(canvas.area(box(0.495, 0.2, 0.8, 0.8, 0.1)), (20.0, 60.0, 120.0), relief=0.3)  # both cover half of some pixels
        patch = canvas.area(oval(0.4, 0.4, 0.1, 0.1))
        canvas.cast(patch, body)
        canvas.paint(patch, (200.0, 200.0, 0.0))
    (white_ground, mask), (black_ground, same) = (canvas.finished() for canvas in grounds)
    hidden = 255 - (white_ground.astype(int) - black_ground)
    assert (mask == same).all() and np.abs(hidden - mask[..., None]).max() <= 1


@pytest.mark.parametrize("side", [48, 120])
def test_painting_a_part_of_the_picture_touches_nothing_else(side):
    canvas = Canvas(side, white(side))
    assert canvas.paint(np.zeros((side, side), np.float32), (0.0, 0.0, 0.0)).sum() == 0
    canvas.shade(np.zeros((side, side), np.float32), 0.5)
    assert (canvas.pixels == 255).all() and not canvas.blur(np.zeros((side, side), np.float32), 0.1).any()
    shape = canvas.paint(canvas.area(box(0.1, 0.1, 0.3, 0.3)), (10.0, 20.0, 30.0), relief=0.4)
    assert (canvas.pixels[shape == 0] == 255).all() and (canvas.mask == shape).all()
