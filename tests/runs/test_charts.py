import math
import re
from xml.etree import ElementTree

import pytest

from ganray.pages import render
from ganray.runs.charts import BOTTOM, HEIGHT, LEFT, POINTS, RIGHT, TOP, WIDTH, Line, chart, extent, series, thinned, ticks


def html_of(*chart_of, **options):
    return render("chart.html", chart=chart(*chart_of, **options))


def svg_of(html):
    return ElementTree.fromstring(re.search(r"<svg.*</svg>", html, re.DOTALL)[0])


def polylines(html):
    return [[tuple(map(float, point.split(","))) for point in line.get("points").split()] for line in svg_of(html).iter("polyline")]


def test_a_line_spans_the_plot():
    (line,) = polylines(html_of("Loss", [Line("D", [(0.0, 0.0), (5.0, 10.0), (10.0, 5.0)])]))
    assert line[0] == (LEFT, HEIGHT - BOTTOM)
    assert line[1] == (LEFT + (WIDTH - LEFT - RIGHT) / 2, TOP)
    assert line[2][0] == WIDTH - RIGHT
    assert line[2][1] == pytest.approx((TOP + HEIGHT - BOTTOM) / 2)


def test_lines_share_their_axes_and_a_floor_its_line_s_colour():
    html = html_of(
        "Distance", [Line("model", [(1, 4.0), (2, 2.0)]), Line("photos", [(1, 1.0), (2, 1.0)], floor=True), Line("other", [(1, 0.0)])]
    )
    strokes = [(line.get("stroke"), line.get("stroke-dasharray")) for line in svg_of(html).iter("polyline")]
    assert strokes[0][0] == strokes[1][0] != strokes[2][0]
    assert [bool(dash) for _, dash in strokes] == [False, True, False]
    assert len(list(svg_of(html).iter("circle"))) == 1  # a single point would be no line


def test_the_legend_tells_the_last_values():
    html = html_of("Waiting", [Line("share", [(0, 0.5), (1, 0.0123)])], percent=True)
    assert "share <b>1.23 %</b>" in html
    assert "1 kimg" in html


def test_nothing_to_draw_is_nothing():
    assert chart("Empty", []) is None
    assert chart("Broken", [Line("D", [(0.0, math.nan), (1.0, math.inf)])]) is None


def test_what_is_not_finite_is_left_out():
    (line,) = polylines(html_of("Loss", [Line("D", [(0, 1.0), (1, math.nan), (2, 3.0)])]))
    assert len(line) == 2


def test_a_long_line_is_thinned_to_means_and_keeps_its_last_value():
    points = [(float(x), float(x % 2)) for x in range(10_001)]
    thin = thinned(points)
    assert len(thin) <= POINTS + 1
    assert all(0.4 < y < 0.6 for _, y in thin[:-2])
    assert thin[-1] == points[-1]


def test_an_outlier_makes_a_positive_axis_logarithmic():
    assert extent([1.0, 2.0, 3.0, 900.0]) == (1.0, 1000.0, True)
    assert extent([-1.0, 2.0, 3.0, 900.0])[2] is False
    assert "(logarithmic)" in html_of("R1", [Line("R1", [(0, 0.01), (1, 0.02), (2, 0.01), (3, 40.0)])])


def test_a_constant_line_lies_inside_its_axis():
    for value in (0.0, 5.0, -2.0):
        low, high, _ = extent([value, value])
        assert low < value < high


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 6.9), (-3.0, 4.0), (0.9, 0.99), (0.0, 12345.0), (1e-5, 2e-5)])
def test_ticks_are_few_round_and_inside(low, high):
    values = ticks(low, high, logarithmic=False)
    assert 2 <= len(values) <= 6
    assert all(low - 1e-9 <= value <= high + 1e-9 for value in values)
    assert all(len(f"{value:.12e}".partition("e")[0].replace(".", "").strip("0-")) <= 3 for value in values)


def test_logarithmic_ticks_are_powers_of_ten():
    assert ticks(0.01, 1000.0, logarithmic=True) == pytest.approx([0.01, 0.1, 1.0, 10.0, 100.0, 1000.0])
    assert len(ticks(1e-9, 1e9, logarithmic=True)) <= 6


def test_names_of_users_are_escaped():
    assert "<script" not in html_of("<script>", [Line("<script>", [(0, 1.0)])], "<script>")


def test_a_series_skips_rows_without_its_key():
    assert series([{"kimg": 1.0, "a": 2.0}, {"kimg": 2.0}], "a") == [(1.0, 2.0)]
