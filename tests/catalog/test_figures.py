import numpy as np
import pytest

from ganray.catalog.figures import figure


@pytest.mark.parametrize("index", range(6))
def test_a_figure_wears_a_top_and_shows_skin(index):
    drawn = figure(3, index, 160)
    alpha = drawn.rgba[..., 3]
    assert 0.05 < (alpha > 127).mean() < 0.6 and np.array_equal(figure(3, index, 160).rgba, drawn.rgba)
    assert (drawn.top > 127).sum() > 0.1 * (alpha > 127).sum() and (drawn.skin > 127).sum() > 30
    assert not ((drawn.top > 127) & (drawn.skin > 127)).any() and not (drawn.top > alpha).any()


def test_figures_differ():
    assert len({figure(3, index, 48).rgba.tobytes() for index in range(8)}) == 8


def test_another_colour_changes_the_top_alone():
    for index in range(6):
        first, second = (figure(3, index, 120, np.array(colour, np.float32)) for colour in ((200, 30, 40), (30, 60, 160)))
        differ = (first.rgba.astype(int) - second.rgba != 0).any(2)
        assert (differ & (first.top == 0)).sum() <= 2  # where a trace of it rounds to 0
        assert differ[first.top > 250].mean() > 0.4  # a pattern's second colour stays
        assert np.array_equal(first.top, second.top) and np.array_equal(first.rgba[..., 3], second.rgba[..., 3])


def test_a_larger_drawing_is_the_same_one():
    small, large = figure(3, 1, 60).rgba.astype(float), figure(3, 1, 240).rgba.astype(float)
    assert np.abs(large.reshape(60, 4, 60, 4, 4).mean((1, 3))[..., 3] - small[..., 3]).mean() < 6
