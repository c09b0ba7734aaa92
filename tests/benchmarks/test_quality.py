from ganray.benchmarks.quality import row
from ganray.benchmarks.quality_runs import table


def report(distance, coverage, floor=1.0):
    figures = {"frechet": distance, "coverage": coverage, "kernel": 0.1, "density": 1.0, "accuracy": 0.9, "neighbour_ratio": 1.0}
    return {"scores": figures, "floors": figures | {"frechet": floor}, "training": {"kimg": 9.0, "cpu_minutes": 3.0}}


class Named:
    url, num_images = "somewhere/photos", 100

    class info:
        digest = "sha256:0123456789"


def test_the_ratio_is_of_median_distances_above_the_floor():
    reports = {
        "mlp": [report(30.0, 0.2)] * 3,
        "dcgan": [report(x, 0.3) for x in (5.0, 11.0, 90.0)],
        "r3": [report(x, 0.6) for x in (2.0, 6.0, 3.0)],
    }
    made = row(Named, reports)
    assert (made["value"], made["baseline"], made["ratio"]) == (2.0, 10.0, 0.2)
    assert made["leads"]
    assert not row(Named, reports | {"mlp": [report(30.0, 0.7)] * 3})["leads"]
    text = table(Named, reports)
    assert "| r3 | 9 | 3.0 | 3 (2 - 6) |" in text and text.splitlines()[-2].endswith("| - |")
    assert "| held-out photos | - | - | 1 |" in text


def test_distances_by_imagenet_stand_beside_where_all_runs_have_them():
    seen = [report(x, 0.6) | {"imagenet": {"frechet": 100 * x, "floor": 40.0}} for x in (2.0, 6.0, 3.0)]
    first, floor = table(Named, {"r3": seen}).splitlines()[-2:]
    assert first.endswith("| 300 (200 - 600) |") and floor.endswith("| 40 |")
    assert table(Named, {"r3": [*seen[:2], report(1.0, 0.6)]}).splitlines()[-2].endswith("| - |")
