import numpy as np
import pytest

from ganray.catalog.drawing import Canvas, box, curve, mirrored, oval, tinted, white


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
