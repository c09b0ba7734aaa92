from types import SimpleNamespace

from ganray.benchmarks.quality_run import Run
from ganray.benchmarks.samples import curves, lines, row


def report(distance, coverage=0.5):
    figures = {"frechet": distance, "coverage": coverage, "accuracy": 0.9}
    point = {"minutes": 1.0, "kimg": 3.0, "scores": figures | {"frechet": 2 * distance}}
    return {
        "scores": figures,
        "floors": figures | {"frechet": 1.0},
        "curve": [point],
        "training": {"kimg": 9.0, "cpu_minutes": 3.0},
    }


REPORTS = {
    "dcgan": [report(x) for x in (11.0, 5.0, 90.0)],
    "r3": [report(x) for x in (6.0, 2.0, 5.0)],
    "lunch": [report(x, 0.9) for x in (2.0, 3.0, 9.0)],
}


def test_the_recommended_recipe_stands_over_the_one_before_and_over_dcgan():
    made = row(SimpleNamespace(url="bucket/photos"), REPORTS)
    assert (made["recipe"], made["value"], made["baseline"], made["ratio"], made["over_dcgan"]) == ("lunch", 2.0, 4.0, 0.5, 0.2)
    assert made["coverage"] == "0.9 (0.9 - 0.9)"


def test_a_curve_has_a_column_a_mark():
    text = curves(REPORTS).splitlines()
    assert text[0] == "| model | 1.0 min | end |"
    assert text[-1] == "| lunch | 6 / 0.90 / 0.90 | 3 / 0.90 / 0.90 |"


def test_a_line_a_run():
    (text,) = lines([Run("bucket/photos", "r3", 2, 3.0, "", 64, "out")], {"out": report(4.0)})
    assert text == "photos  r3 seed 2: 9.0 kimg in 3.0 CPU-min, distance 4, coverage 0.50, accuracy 0.90\n"
