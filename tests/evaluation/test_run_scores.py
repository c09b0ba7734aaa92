import json
import shutil

import numpy as np
import pytest
import torch

from ganray.catalog.reader import Catalog
from ganray.config import TrainConfig
from ganray.evaluation.evaluation import EXTRACTOR
from ganray.evaluation.run_scores import BEST, SCORES, RunScorer
from ganray.metrics import MERIT
from ganray.model_folder import ModelInfo, load_model
from ganray.models import build_generator
from ganray.runs.scoring import weights_of
from tests.tools.catalogs import write_catalog
from tests.tools.runs import SCORED


@pytest.fixture(scope="module")
def scoring(small_catalog, tmp_path_factory):
    """A scorer in this process, with what it reports and says. The extractor is there unless `untrained`: every run trains the same."""

    def make(out, resume=False, catalog=small_catalog, untrained=False, **score):
        if not untrained:
            shutil.copytree(extractor, out / EXTRACTOR, dirs_exist_ok=True)
        settings = {**SCORED, "catalog": catalog, "out": str(out), "resume": resume, "score": {**SCORED["score"], **score}}
        config = TrainConfig.model_validate(settings)
        messages = []
        info = ModelInfo(model=config.model, attributes=Catalog.open(catalog).vocabulary(), histograms={}, train=config)
        scorer = RunScorer(config, info, 1, messages.append, messages.append)
        scorer.prepare()
        return scorer, messages

    out = tmp_path_factory.mktemp("scored")
    extractor = out / EXTRACTOR
    make(out, untrained=True)
    return make


@pytest.fixture(scope="module")
def some_weights(small_catalog):
    torch.manual_seed(0)
    config, catalog = TrainConfig.model_validate(SCORED), Catalog.open(small_catalog)
    return weights_of(build_generator(config.model, tuple(len(values) for values in catalog.vocabulary().values())))


def test_a_score_leaves_a_row_and_the_best_model(scoring, some_weights, tmp_path):
    scorer, messages = scoring(tmp_path, untrained=True)
    assert scorer.best() is None
    assert scorer.score(some_weights, 32) == ""
    (row,) = [json.loads(line) for line in (tmp_path / SCORES).read_text().splitlines()]
    assert messages == [row]
    assert row["kimg"] == 0.032
    assert {
        "frechet",
        "coverage",
        "density",
        "accuracy",
        "neighbour_ratio",
        "frechet_floor",
        "coverage_floor",
        "accuracy_floor",
        MERIT,
    } < set(row)
    generator, info = load_model(str(tmp_path / BEST))
    assert (info.num_images, info.metrics) == (32, row)
    assert all(np.array_equal(some_weights[name], value) for name, value in generator.state_dict().items())
    assert (tmp_path / "extractor" / "extractor.json").exists()


def test_a_worse_moment_does_not_replace_a_better_one(scoring, some_weights, tmp_path):
    scorer, _ = scoring(tmp_path)
    scorer.score(some_weights, 32)
    best = scorer.best()
    flat = {name: np.zeros_like(value) for name, value in some_weights.items()}
    scorer.score(flat, 64)
    assert scorer.best() == best
    assert load_model(str(tmp_path / BEST))[1].num_images == 32


def test_a_resumed_run_goes_on_with_rows_best_and_extractor(scoring, some_weights, tmp_path):
    first, _ = scoring(tmp_path, untrained=True)
    for num_images in (32, 64, 96):
        first.score(some_weights, num_images)
    made = (tmp_path / "extractor" / "extractor.safetensors").stat().st_mtime_ns
    second, _ = scoring(tmp_path, resume=True, untrained=True)
    assert second.best() == first.best()
    second.score(some_weights, 64)  # from a checkpoint at 48 images: the moments after it come again
    assert [json.loads(line)["kimg"] for line in (tmp_path / SCORES).read_text().splitlines()] == [0.032, 0.064]
    assert (tmp_path / "extractor" / "extractor.safetensors").stat().st_mtime_ns == made
    anew, _ = scoring(tmp_path, untrained=True)
    assert anew.best() is None


def test_rows_of_another_extractor_do_not_count(scoring, some_weights, tmp_path):
    scorer, _ = scoring(tmp_path)
    scorer.score(some_weights, 32)
    other, _ = scoring(tmp_path, resume=True, untrained=True, num=48)
    assert other.best() is None


def test_a_lasting_fall_of_coverage_is_said(scoring, some_weights, tmp_path):
    scorer, _ = scoring(tmp_path)
    scorer.score(some_weights, 16)
    rows = [json.loads((tmp_path / SCORES).read_text()) | {"kimg": 0.016, "coverage": 0.9}]
    (tmp_path / SCORES).write_text(json.dumps(rows[0]) + "\n")
    resumed, _ = scoring(tmp_path, resume=True)
    flat = {name: np.zeros_like(value) for name, value in some_weights.items()}
    assert [resumed.score(flat, num_images) for num_images in (32, 48)] == ["", ""]
    assert "coverage fell from 0.90 at 0.016 kimg to 0.0" in resumed.score(flat, 64)


def test_too_few_photos_end_the_scores_and_not_the_run(scoring, some_weights, tmp_path):
    write_catalog(str(tmp_path / "catalog"), 40, 32)
    scorer, messages = scoring(tmp_path / "out", catalog=str(tmp_path / "catalog"))
    assert messages == ["no scores in this run: 40 photos are too few to score against. It takes 64"]
    assert scorer.score(some_weights, 32) == ""
    assert scorer.best() is None


def test_weights_that_are_not_finite_are_no_score(scoring, some_weights, tmp_path):
    scorer, messages = scoring(tmp_path)
    scorer.score({name: np.full_like(value, np.nan) for name, value in some_weights.items()}, 32)
    (text,) = messages
    assert "no score at 0.032 kimg" in text
    assert not (tmp_path / SCORES).exists()
