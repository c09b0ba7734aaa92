import json

import numpy as np
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.engine import Engine
from ganray.errors import ConfigError
from ganray.evaluation.truncation import (
    KEY,
    Subject,
    choose,
    chosen_truncation,
    describe_curve,
    format_curve,
    measure_curve,
    truncations_of,
    write_curve,
)
from ganray.requests import GenerateRequest
from ganray.storage import open_store
from tests.tools.models import ATTRIBUTES, SMALLEST

REPORT = {
    "software": "0",
    "model": {"digest": "m"},
    "catalog": {"digest": "c"},
    "extractor": {"digest": "e"},
    "num": 10_000,
    "seed": 0,
}


def row(truncation, accuracy, coverage, frechet=1.0):
    return {"truncation": truncation, "accuracy": accuracy, "coverage": coverage, "frechet": frechet}


def test_values_are_measured_once_from_the_weakest():
    assert truncations_of((0.5, 2, 0, 2.0)) == [0.0, 2.0, 0.5]
    assert truncations_of(()) == [0.0]


def test_the_weakest_that_is_as_accurate_as_the_best_and_keeps_nine_tenths_of_the_coverage_is_chosen():
    rows = [row(0, 0.7, 0.8), row(2, 0.75, 0.75), row(1, 0.8, 0.72), row(0.7, 0.801, 0.72), row(0.5, 0.9, 0.71)]
    assert choose(rows, 10_000) == 1  # .004 is one standard error
    assert choose(rows, 10**7) == 0.7
    assert choose(rows, 10) == 0  # what may be chance is no gain
    assert choose(rows[:1], 100) == 0
    without = [{name: value for name, value in each.items() if name != "accuracy"} for each in (row(0, 0, 1.0, 3.0), row(2, 0, 1.0, 2.0))]
    assert choose(without, 100) == 2


def test_each_truncation_draws_the_same_requests(tmp_path):
    make_model(str(tmp_path), SMALLEST, ATTRIBUTES)
    engine = Engine.load(str(tmp_path), "cpu", 1)
    requests = [GenerateRequest(id=str(number), seed=number, attributes={"category": "mug"}) for number in range(4)]
    drawn = []

    def score(pixels):
        drawn.append(pixels)
        return {"coverage": 1.0, "frechet": 1.23456789, "more": 0.0}

    rows = list(measure_curve(Subject(engine, requests, score), (0.5, 2.0)))
    assert rows == [{"truncation": value, "coverage": 1.0, "frechet": 1.23457} for value in (0.0, 2.0, 0.5)]
    for pixels, value in zip(drawn, (0.0, 2.0, 0.5), strict=True):
        asked = [request.model_copy(update={"truncation": value}) for request in requests]
        assert np.array_equal(pixels, np.stack([sample.pixels for sample in engine.generate(asked)]))


def test_the_curve_is_beside_the_model_and_no_part_of_it(tmp_path):
    store, digest = open_store(str(tmp_path)), make_model(str(tmp_path), SMALLEST, ATTRIBUTES).digest
    report = REPORT | {"model": {"digest": digest}}
    written = describe_curve([row(0, 0.7, 0.8), row(1, 0.8, 0.8)], report)
    write_curve(store, written)
    assert json.loads(store.get(KEY)) == written
    assert Engine.load(str(tmp_path), "cpu", 1).info.digest == digest
    assert chosen_truncation(store, digest) == 1.0
    lines = format_curve(written).splitlines()
    assert lines[0].split() == ["truncation", "accuracy", "coverage", "frechet"]
    assert [line.endswith("<- auto") for line in lines[1:]] == [False, True]


@pytest.mark.parametrize(("found", "said"), [(None, "has no curve"), (b"{", "is no curve"), (b"{}", "is no curve"), (b"[]", "is no curve")])
def test_without_a_curve_the_remedy_is_one_line(tmp_path, found, said):
    store = open_store(str(tmp_path))
    if found is not None:
        store.put(KEY, found)
    with pytest.raises(ConfigError, match=f"truncation = auto: .*{said}.*Measure one: ganray evaluate --model .* --truncations"):
        chosen_truncation(store, "m")


def test_the_curve_of_another_model_is_refused(tmp_path):
    store = open_store(str(tmp_path))
    write_curve(store, describe_curve([row(0, 0.7, 0.8)], REPORT))
    with pytest.raises(ConfigError, match="another model"):
        chosen_truncation(store, "n")
