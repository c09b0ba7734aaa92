from __future__ import annotations

import math

import numpy as np
import pytest

from ganray.metrics.scorer import Scorer
from ganray.metrics.selection import better, merit

NUM = 240


@pytest.fixture(scope="module")
def halves(shapes):
    return shapes(NUM, seed=10)[0], *shapes(NUM, seed=11)


@pytest.fixture(scope="module")
def scorer(trained, halves):
    return Scorer(trained, *halves, attributes=("shape", "colour"))


@pytest.fixture(scope="module")
def sound(scorer, shapes):
    """New products of the same kind: what a very good model draws."""
    return scorer.score(shapes(NUM, seed=12)[0])


def test_new_products_score_about_what_photos_do(sound):
    assert set(sound) == {
        "frechet", "frechet_floor", "coverage", "coverage_floor", "density", "density_floor", "accuracy", "accuracy_floor",
        "neighbour_ratio",
    }  # fmt: skip
    assert sound["coverage"] == pytest.approx(sound["coverage_floor"], abs=0.1)
    assert sound["accuracy"] == pytest.approx(sound["accuracy_floor"], abs=0.05)
    assert sound["neighbour_ratio"] == pytest.approx(1, abs=0.2)
    assert merit(sound) > 0.7


def test_equal_samples_give_equal_scores(scorer, shapes):
    """Promised bit for bit: the same batch shape and the same number of threads, on one machine."""
    images, _ = shapes(NUM, seed=13)
    assert scorer.score(images) == scorer.score(images)


def test_a_collapse_shows_in_coverage(scorer, sound, shapes):
    """One picture for each of the twelve combinations asked for, again and again."""
    row = scorer.score(shapes(12, seed=14)[0][np.arange(NUM) % 12])
    assert row["accuracy"] > 0.9
    assert row["coverage"] < 0.5 * sound["coverage"]
    assert better(sound, row)


def test_copies_show_in_the_neighbour_ratio(scorer, sound, halves):
    """Photos handed back, each asked for by its own labels: every other figure is perfect.

    A copy is not promised to be at exactly 0: the features of one picture differ by the rounding of float32 between batch shapes and
    numbers of threads. Measured, of the usual distance: 1e-6 between batch sizes, 2e-6 with and without oneDNN. The bound is 5 times that.
    """
    row = scorer.score(halves[1])
    assert 0 <= row["neighbour_ratio"] < 1e-5
    assert (row["frechet"], row["coverage"]) == pytest.approx((row["frechet_floor"], row["coverage_floor"]))
    assert better(sound, row)


def test_mixed_up_classes_show_in_accuracy(scorer, sound, shapes):
    row = scorer.score(np.roll(shapes(NUM, seed=12)[0], 1, axis=0))  # the same pictures, each for another's labels
    assert row["frechet"] == pytest.approx(sound["frechet"], rel=1e-4)
    assert row["accuracy"] < 0.2
    assert better(sound, row)


def test_an_unconditional_model_is_not_asked_for_classes(trained, halves, shapes):
    row = Scorer(trained, *halves, attributes=()).score(shapes(NUM, seed=12)[0])
    assert "accuracy" not in row
    assert merit(row) > 0.7


def test_photos_that_are_all_equal_give_numbers(trained):
    """A catalog like that is useless, and said so elsewhere; here no figure may become NaN."""
    same = np.full((64, 16, 16, 3), 255, np.uint8)
    row = Scorer(trained, same, same, np.zeros((64, 2), np.int64), attributes=("shape",)).score(same)
    assert all(math.isfinite(value) for value in row.values())
    assert math.isfinite(merit(row))
