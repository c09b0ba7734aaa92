import math
from math import comb

import numpy as np
import pytest

from ganray.metrics import recognition as metrics_recognition
from ganray.metrics.features import extract
from ganray.metrics.recognition import AS_PHOTOS, FEW, UNKNOWN, VERDICTS, WORSE, Z, judge, largest_difference, recognition, wilson


def chance(num, share):
    return [comb(num, hits) * share**hits * (1 - share) ** (num - hits) for hits in range(num + 1)]


@pytest.mark.parametrize(("share", "num"), [(0.3, 50), (0.9, 10), (0.5, 5)])
def test_wilson_s_bounds_are_where_the_score_test_just_rejects(share, num):
    for bound in wilson(share, num):
        assert abs(share - bound) / math.sqrt(bound * (1 - bound) / num) == pytest.approx(Z)


def test_bounds_of_nothing_and_of_all_are_shares():
    assert (wilson(0.0, 10)[0], wilson(1.0, 10)[1]) == (0.0, 1.0)


def test_newcombe_s_example(monkeypatch):
    """56 of 70 and 48 of 80, two-sided 95 %: .0524 to .3339 (table II, case a, method 10). Here it is put together from Wilson's bounds."""
    monkeypatch.setattr(metrics_recognition, "Z", 1.96)
    (low, high), (other_low, other_high) = wilson(0.8, 70), wilson(0.6, 80)
    assert 0.2 - math.hypot(0.8 - low, other_high - 0.6) == pytest.approx(0.0524, abs=5e-5)
    assert 0.2 + math.hypot(high - 0.8, 0.6 - other_low) == pytest.approx(0.3339, abs=5e-5)
    assert largest_difference(0.6, 0.6, 80) == pytest.approx(math.hypot(other_high - 0.6, 0.6 - other_low))


@pytest.mark.parametrize("num", [5, 10, 20, 50, 100])
def test_one_value_in_twenty_of_a_perfect_model_is_called_worse(num):
    for share in (0.2, 0.5, 0.8, 0.95):
        weights = chance(num, share)
        wrong = sum(
            one * other
            for hits, one in enumerate(weights)
            for of_photos, other in enumerate(weights)
            if judge(hits / num, of_photos / num, num, 0.0) == WORSE
        )
        assert wrong < 0.062, share


def test_verdicts():
    assert judge(0.41, 0.88, 50, 0.02) == WORSE
    assert judge(0.86, 0.88, 50, 0.02) == AS_PHOTOS
    assert judge(0.99, 0.88, 50, 0.02) == AS_PHOTOS
    assert judge(0.75, 0.75, 8, 0.02) == FEW  # of 8, not even a third fewer would show
    assert judge(0.0, 1.0, 4, 0.0) == FEW
    assert judge(0.0, 1.0, 8, 0.0) == WORSE
    assert judge(0.0, 0.1, 50, 0.1) == UNKNOWN  # as often as other photos are taken for it
    assert judge(0.0, 0.1, 500, 0.02) == WORSE


def test_values_stand_beside_those_of_photos_the_worst_first(trained, shapes):
    photos, labels = shapes(240, seed=1)
    sample, _ = shapes(240, seed=2)
    discs = labels[:, 0] == 1
    sample[discs] = np.roll(sample, 1, axis=0)[discs]  # crosses in place of discs
    report = recognition(trained, extract(trained, photos), extract(trained, sample), labels, {"shape"})
    values = report["shape"]["values"]
    assert next(iter(values)) == "disc"
    assert values["disc"]["verdict"] == WORSE
    assert values["disc"]["generated"] < 0.2 < 0.9 < values["disc"]["photos"]
    assert {values[name]["verdict"] for name in ("cross", "square")} == {AS_PHOTOS}
    assert {row["num"] for row in values.values()} == {80}
    assert report["shape"]["generated"] == pytest.approx(np.mean([row["generated"] for row in values.values()]), abs=1e-5)
    assert report["colour"]["generated"] is None  # nothing was asked for
    assert {row["verdict"] for row in report["colour"]["values"].values()} == {None}
    assert list(report["colour"]["values"]) == list(trained.heads["colour"])


def test_a_value_without_photos_or_with_all_of_them_has_no_verdict_that_counts(trained, shapes):
    photos, labels = shapes(120, seed=3)
    crosses = labels[:, 0] == 0
    features = extract(trained, photos[crosses])
    values = recognition(trained, features, features, labels[crosses], {"shape"})["shape"]["values"]
    assert values["disc"] == {"num": 0, "generated": None, "photos": None, "verdict": FEW}
    assert values["cross"]["verdict"] == UNKNOWN  # there is nothing to tell it from
    assert all(row["verdict"] in VERDICTS for row in values.values())
