"""Sets spoiled by code must rank as in the literature: distances see a blur, coverage sees repetition, neighbours see copies."""

import numpy as np
import pytest

from ganray.errors import EvaluationError
from ganray.metrics import FIGURES, MERIT, METRICS, NEIGHBOURS, RUN_FIGURES, compare, score, score_neighbours, with_current_names
from ganray.metrics.features import accuracies, extract
from ganray.metrics.neighbours import Nearest

NUM = 300


def blurred(images):
    padded = np.pad(images.astype(np.float64), ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    side = images.shape[1]
    return (sum(padded[:, y : y + side, x : x + side] for y in range(5) for x in range(5)) / 25).astype(np.uint8)


def noisy(images):
    return (images + np.random.default_rng(0).normal(0.0, 30.0, images.shape)).clip(0, 255).astype(np.uint8)


def one_each(images, labels):
    """The first image of a combination in place of all of that combination: every category, no variety."""
    _, first, places = np.unique(labels, axis=0, return_index=True, return_inverse=True)
    return images[first][places.reshape(-1)]


def scores_of(train, holdout, sample):
    """(scores, floors) of every figure; the catalog to look through is `train`."""
    near = [Nearest(part) for part in (holdout, sample)]
    for part in near:
        part.look(train)
    both = zip(score(train, holdout, sample), score_neighbours(*(part.distances for part in near)), strict=True)
    return [figures | more for figures, more in both]


@pytest.fixture(scope="module")
def table(trained, shapes):
    """Scores of sets made by code: set -> metric -> value."""
    train, (holdout, _), (new, labels) = shapes(NUM, seed=0)[0], shapes(NUM, seed=1), shapes(NUM, seed=2)
    sets = {
        "photos": holdout,
        "perfect": new,
        "blurred": blurred(new),
        "noisy": noisy(new),
        "one each": one_each(new, labels),
        "one": np.repeat(new[:1], NUM, axis=0),
        "copies": train[np.arange(NUM) % 30],
        "some copies": np.concatenate([train[: NUM // 5], new[NUM // 5 :]]),
    }
    seen = {name: extract(trained, images) for name, images in sets.items()}
    return {name: scores_of(extract(trained, train), seen["photos"], features)[0] for name, features in seen.items()}


def test_floors_are_the_scores_of_held_out_photos(trained, shapes, table):
    train, holdout = (extract(trained, shapes(NUM, seed=seed)[0]) for seed in (0, 1))
    scores, floors = scores_of(train, holdout, holdout)
    assert scores == floors  # the same features in, the same figures out
    assert floors == pytest.approx(table["photos"], rel=1e-5)  # extracted again: the sixth digit may round the other way
    assert floors["neighbour_ratio"] == 1.0
    assert floors["copied_share"] == pytest.approx(0.01, abs=0.01)


def test_a_perfect_model_scores_about_the_floor(table):
    perfect, floor = table["perfect"], table["photos"]
    assert perfect["frechet"] == pytest.approx(floor["frechet"], rel=0.35)
    assert perfect["kernel"] == pytest.approx(floor["kernel"], abs=0.02)
    assert perfect["coverage"] == pytest.approx(floor["coverage"], abs=0.05)
    assert perfect["density"] == pytest.approx(floor["density"], abs=0.15)
    assert perfect["neighbour_ratio"] == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("spoiled", ["blurred", "noisy", "one"])
def test_distances_see_every_fault(table, spoiled):
    assert table[spoiled]["frechet"] > 3.0 * table["perfect"]["frechet"]
    assert table[spoiled]["kernel"] > 0.03


def test_coverage_collapses_with_the_variety(table):
    coverage = {name: values["coverage"] for name, values in table.items()}
    assert coverage["perfect"] > 0.85
    assert coverage["one each"] < 0.35
    assert coverage["one"] < 0.05
    assert coverage["copies"] < 0.6


def test_copies_are_at_no_distance(table):
    assert table["copies"]["neighbour_ratio"] < 1e-3
    assert table["copies"]["copied_share"] == 1.0
    assert table["some copies"]["copied_share"] == pytest.approx(0.21, abs=0.03)
    assert table["perfect"]["copied_share"] < 0.08


def test_accuracy_sees_what_distance_cannot(trained, shapes):
    images, labels = shapes(NUM, seed=2)
    features = extract(trained, images)
    assert accuracies(trained, features, labels)["shape"] > 0.9
    assert accuracies(trained, features, np.roll(labels, 1, axis=0))["shape"] < 0.1  # perfect photos of something else


def test_sets_of_different_sizes_are_refused(trained, shapes):
    features = extract(trained, shapes(40, seed=0)[0])
    with pytest.raises(EvaluationError, match="40 training photos, 40 held-out photos and 30 samples"):
        score(features, features, features[:30])


@pytest.mark.parametrize("name", [*METRICS, *NEIGHBOURS])
def test_every_metric_explains_itself(name, trained, shapes):
    measure, features = {**METRICS, **NEIGHBOURS}[name], [extract(trained, shapes(40, seed=seed)[0]) for seed in range(2)]
    assert isinstance(measure(*(features if name in METRICS else [part[:, 0].abs() for part in features])), float)
    assert FIGURES[name].title
    assert FIGURES[name].meaning.endswith(".")


def report(extractor="a", num=100, searched=3000, frechet=1.0):
    return {"extractor": {"digest": extractor}, "num": num, "searched": searched, "scores": {"frechet": frechet}}


def test_reports_compare_only_within_one_extractor_number_and_search():
    assert compare(report(), report(frechet=3.0)) == {"frechet": 2.0}
    with pytest.raises(EvaluationError, match="extractor: a and b"):
        compare(report(), report(extractor="b"))
    with pytest.raises(EvaluationError, match="number of images: 100 and 50"):
        compare(report(), report(num=50))
    with pytest.raises(EvaluationError, match="photos searched for copies: 3000 and 100"):
        compare(report(), report(searched=100))


def test_scores_of_earlier_runs_have_the_names_of_today():
    assert with_current_names({"kimg": 1.0, "fd": 3.0, "fd_floor": 1.0, "nn_ratio": 0.9}) == {
        "kimg": 1.0,
        "frechet": 3.0,
        "frechet_floor": 1.0,
        "neighbour_ratio": 0.9,
    }


def test_every_score_is_described_once():
    assert set(FIGURES) == {*METRICS, *NEIGHBOURS, "accuracy"}
    assert all(RUN_FIGURES[name] is FIGURES[name] for name in RUN_FIGURES if name != MERIT)
    assert len({figure.title for figure in FIGURES.values()}) == len(FIGURES)
