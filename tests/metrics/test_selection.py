from __future__ import annotations

import math

import pytest

from ganray.metrics.selection import better, collapse, merit, shares

FLOORS = {"frechet_floor": 0.33, "coverage_floor": 0.96, "accuracy_floor": 0.98}
# Sets of 1,500 images against a catalog, with an extractor trained on it. All distances but those of noise and blur are alike.
MEASURED = {
    "held-out photos": {"frechet": 0.33, "coverage": 0.96, "accuracy": 0.98, "neighbour_ratio": 1.0},
    "moving average": {"frechet": 8.95, "coverage": 0.17, "accuracy": 1.00, "neighbour_ratio": 1.19},
    "half of z": {"frechet": 9.22, "coverage": 0.08, "accuracy": 1.00, "neighbour_ratio": 1.19},
    "raw generator": {"frechet": 16.39, "coverage": 0.04, "accuracy": 0.89, "neighbour_ratio": 1.85},
    "one z for all": {"frechet": 11.52, "coverage": 0.02, "accuracy": 1.00, "neighbour_ratio": 1.36},
    "50 photos copied": {"frechet": 9.35, "coverage": 0.16, "accuracy": 0.11, "neighbour_ratio": 0.00},
}


def row(**changes: float) -> dict[str, float]:
    return {"kimg": 10.0, "frechet": 4.0, "coverage": 0.6, "density": 0.9, "accuracy": 0.95, "neighbour_ratio": 1.2, **FLOORS, **changes}


def course(*coverages: float) -> list[dict[str, float]]:
    return [row(kimg=10.0 * (place + 1), coverage=value) for place, value in enumerate(coverages)]


def test_photos_have_full_merit():
    assert merit(row(**MEASURED["held-out photos"])) == 1
    assert set(shares(row())) == {"closeness", "variety", "obedience", "novelty"}


def test_measured_sets_come_in_the_order_of_a_person_who_looks():
    order = sorted(MEASURED, key=lambda name: merit(row(**MEASURED[name])), reverse=True)
    assert order == ["held-out photos", "moving average", "half of z", "raw generator", "one z for all", "50 photos copied"]


def test_a_collapse_that_comes_closer_is_not_better():
    assert not better(row(frechet=3.0, coverage=0.2), row())
    assert better(row(frechet=3.0), row())


def test_copies_of_photos_are_not_better_though_every_other_figure_is_perfect():
    copied = row(frechet=FLOORS["frechet_floor"], coverage=0.96, accuracy=0.98, neighbour_ratio=0.02)
    assert not better(copied, row())
    assert merit(copied) == pytest.approx(0.02)


def test_fine_pictures_of_the_wrong_class_are_not_better():
    assert not better(row(frechet=2.0, coverage=0.65, accuracy=0.3), row())


def test_without_attributes_obedience_is_not_asked():
    free = {name: value for name, value in row().items() if not name.startswith("accuracy")}
    assert shares(free)["obedience"] == 1


def test_the_first_is_the_best_so_far_and_an_equal_one_does_not_replace_it():
    assert better(row(coverage=0.0), None)
    assert not better(row(), row())


def test_degenerate_photos_give_numbers():
    same = row(frechet=0.0, frechet_floor=0.0, coverage=1.0, coverage_floor=1.0, neighbour_ratio=0.0)
    assert merit(same) == 0
    assert math.isfinite(merit(row(frechet=0.0, frechet_floor=0.0, coverage_floor=0.0, accuracy_floor=0.0)))


def test_a_lasting_fall_of_coverage_is_a_collapse():
    message = collapse(course(0.2, 0.5, 0.62, 0.55, 0.3, 0.25, 0.21), 0.5)
    assert "coverage fell from 0.62 at 30 kimg to 0.21 at 70 kimg, 3 times in a row below 0.5 of it" in message


@pytest.mark.parametrize(
    "coverages",
    [
        (),
        (0.6, 0.2, 0.2),  # twice only
        (0.6, 0.2, 0.35, 0.2),  # it came back in between
        (0.1, 0.2, 0.3, 0.4),  # it rises
        (0.03, 0.01, 0.01, 0.01),  # it never had any
        (0.6, 0.5, 0.4, 0.35, 0.31),  # it sinks, but is there
    ],
)
def test_anything_less_is_none(coverages):
    assert collapse(course(*coverages), 0.5) == ""


def test_at_zero_it_never_stops():
    assert collapse(course(0.9, 0.0, 0.0, 0.0), 0.0) == ""
