"""Catalogs that hardly are any: training goes on, says what it thinks of them, and its numbers stay numbers."""

import json
import math

import numpy as np
import pytest

from ganray.catalog.sample import draw, product
from ganray.engine import Engine
from ganray.images.codec import encode
from ganray.requests import GenerateRequest
from ganray.runs.local import LocalWorkerGroup
from ganray.verbs.train import train
from tests.tools.catalogs import write_items
from tests.tools.runs import start_scorer_here, tiny

SCORES = {"kimg": 0.064, "num": 64, "extractor_kimg": 0.2}


@pytest.fixture
def trained(tmp_path, capsys, monkeypatch):
    """Train on (picture, category, colour); gives an engine of the model, the rows of the log, the scores, and what was said."""
    monkeypatch.setattr(LocalWorkerGroup, "start_scorer", start_scorer_here)

    def trained(items, **changes):
        write_items(str(tmp_path / "catalog"), items, 32)
        out = tmp_path / "model"
        train(tiny(tmp_path / "catalog", out, **{"kimg": 0.128, "augment": {"target": 0.6}, "score": SCORES, **changes}))
        rows = [json.loads(line) for path in out.glob("logs/*/metrics.jsonl") for line in path.read_text().splitlines()]
        scores = out / "scores.jsonl"
        scored = [json.loads(line) for line in scores.read_text().splitlines()] if scores.exists() else []
        return Engine.load(str(out), "cpu", 1), rows, scored, capsys.readouterr().err

    return trained


def pictures(num):
    return [encode(draw(product(0, index), 32)[0], "png") for index in range(num)]


def drawn(engine, **attributes):
    (sample,) = engine.generate([GenerateRequest(id="a", attributes=attributes, seed=1)])
    return sample.pixels


@pytest.mark.slow
def test_pictures_that_are_all_the_same(trained):
    (same,) = pictures(1)
    engine, rows, scores, said = trained([(same, ("bag", "cap")[n % 2], ("red", "blue")[n // 2 % 2]) for n in range(160)])
    assert "are all the same picture" in said
    assert drawn(engine, category="cap").shape == (32, 32, 3)
    assert rows and all(math.isfinite(value) for row in rows for value in row.values())
    assert scores and all(math.isfinite(value) for row in scores for value in row.values())


@pytest.mark.slow
def test_a_class_of_three_and_another_attribute_of_one_value(trained):
    """With a ramp of the condition: the small class is named, and can be asked for; the constant attribute is named and left out."""
    items = [(picture, "cap" if n < 3 else "bag", "red") for n, picture in enumerate(pictures(96))]
    engine, rows, _, said = trained(items, attributes=("category", "colour"), condition={"ramp_kimg": 0.096}, score={})
    assert "few images of category 'cap' 3" in said
    assert "every image has colour 'red'" in said
    assert list(engine.info.attributes) == ["category"]
    assert not np.array_equal(drawn(engine, category="cap"), drawn(engine, category="bag"))
    assert rows[-1]["condition"] == 1


@pytest.mark.slow
def test_a_handful_of_pictures_of_one_class(trained):
    """Conditioning was asked for and there is nothing to tell apart; too few photos for scores, and the last model is what there is."""
    engine, rows, scores, said = trained([(picture, "bag", "red") for picture in pictures(20)], attributes=("category",))
    assert "every image has category 'bag': it tells the model nothing and is left out, and the model is unconditional" in said
    assert "no scores in this run: 20 photos are too few" in said
    assert scores == []
    assert drawn(engine).shape == (32, 32, 3)
    assert rows[-1]["kimg"] == 0.128
