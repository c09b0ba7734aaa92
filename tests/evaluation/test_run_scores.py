import json
import time

import numpy as np
import pytest
import torch

from ganray.catalog.reader import Catalog
from ganray.config import TrainConfig
from ganray.errors import CollapseError
from ganray.evaluation.run_scores import BEST, SCORES, RunScorer
from ganray.metrics import MERIT
from ganray.model_folder import ModelInfo, load_model
from ganray.models import build_generator
from ganray.on_ray.scoring import ScoreClient, score_final_model, weights_of
from ganray.storage import open_store

TINY = {
    "kimg": 0.192,
    "batch": 16,
    "checkpoint_kimg": 0.064,
    "log_kimg": 0.016,
    "grid_kimg": 0.192,
    "threads": 1,
    "model": {"resolution": 32, "widths": (16, 16, 16), "patch": 2, "z_dim": 8, "embed_dim": 4},
    "data": {"window": 48},
    "score": {"kimg": 0.032, "num": 64, "extractor_kimg": 1.0},
}


@pytest.fixture(scope="module")
def keeping(small_catalog):
    """A keeper of scores in this process, with what it posts."""

    def make(out, resume=False, catalog=small_catalog, **score):
        told = {**TINY, "catalog": catalog, "out": str(out), "resume": resume, "score": {**TINY["score"], **score}}
        config = TrainConfig.model_validate(told)
        posted = []
        info = ModelInfo(model=config.model, attributes=Catalog.open(catalog).vocabulary(), histograms={}, train=config)
        keeper = RunScorer(config, info, 1, lambda kind, item: posted.append((kind, item)))
        keeper.prepare()
        return keeper, posted

    return make


@pytest.fixture(scope="module")
def some_weights(small_catalog):
    torch.manual_seed(0)
    config, catalog = TrainConfig.model_validate(TINY), Catalog.open(small_catalog)
    return weights_of(build_generator(config.model, tuple(len(values) for values in catalog.vocabulary().values())))


def test_a_score_leaves_a_row_and_the_best_model(keeping, some_weights, tmp_path):
    keeper, posted = keeping(tmp_path)
    assert keeper.best() is None
    assert keeper.score(some_weights, 32) == ""
    (row,) = [json.loads(line) for line in (tmp_path / SCORES).read_text().splitlines()]
    assert posted == [("score", row)]
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


def test_a_worse_moment_does_not_replace_a_better_one(keeping, some_weights, tmp_path):
    keeper, _ = keeping(tmp_path)
    keeper.score(some_weights, 32)
    best = keeper.best()
    flat = {name: np.zeros_like(value) for name, value in some_weights.items()}
    keeper.score(flat, 64)
    assert keeper.best() == best
    assert load_model(str(tmp_path / BEST))[1].num_images == 32


def test_a_resumed_run_goes_on_with_rows_best_and_extractor(keeping, some_weights, tmp_path):
    first, _ = keeping(tmp_path)
    for num_images in (32, 64, 96):
        first.score(some_weights, num_images)
    made = (tmp_path / "extractor" / "extractor.safetensors").stat().st_mtime_ns
    second, _ = keeping(tmp_path, resume=True)
    assert second.best() == first.best()
    second.score(some_weights, 64)  # from a checkpoint at 48 images: the moments after it come again
    assert [json.loads(line)["kimg"] for line in (tmp_path / SCORES).read_text().splitlines()] == [0.032, 0.064]
    assert (tmp_path / "extractor" / "extractor.safetensors").stat().st_mtime_ns == made
    anew, _ = keeping(tmp_path)
    assert anew.best() is None


def test_rows_of_another_extractor_do_not_count(keeping, some_weights, tmp_path):
    keeper, _ = keeping(tmp_path)
    keeper.score(some_weights, 32)
    other, _ = keeping(tmp_path, resume=True, num=48)
    assert other.best() is None


def test_a_lasting_fall_of_coverage_is_said(keeping, some_weights, tmp_path):
    keeper, _ = keeping(tmp_path)
    keeper.score(some_weights, 16)
    rows = [json.loads((tmp_path / SCORES).read_text()) | {"kimg": 0.016, "coverage": 0.9}]
    (tmp_path / SCORES).write_text(json.dumps(rows[0]) + "\n")
    resumed, _ = keeping(tmp_path, resume=True)
    flat = {name: np.zeros_like(value) for name, value in some_weights.items()}
    assert [resumed.score(flat, num_images) for num_images in (32, 48)] == ["", ""]
    assert "coverage fell from 0.90 at 0.016 kimg to 0.0" in resumed.score(flat, 64)


def test_too_few_photos_end_the_scores_and_not_the_run(keeping, some_weights, tmp_path, write_small_catalog):
    write_small_catalog(str(tmp_path / "catalog"), 40, 32)
    keeper, posted = keeping(tmp_path / "out", catalog=str(tmp_path / "catalog"))
    assert posted == [("note", "no scores in this run: 40 photos are too few to score against. It takes 64")]
    assert keeper.score(some_weights, 32) == ""
    assert keeper.best() is None


def test_weights_that_are_not_finite_are_no_score(keeping, some_weights, tmp_path):
    keeper, posted = keeping(tmp_path)
    keeper.score({name: np.full_like(value, np.nan) for name, value in some_weights.items()}, 32)
    ((kind, text),) = posted
    assert kind == "note"
    assert "no score at 0.032 kimg" in text
    assert not (tmp_path / SCORES).exists()


class Slow:
    """An actor in the keeper's place that answers as soon as a file is there, and after a minute without it."""

    def __init__(self, file):
        self.file = file

    def score(self, weights, num_images):
        deadline = time.monotonic() + 60
        while not self.file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return f"collapsed at {num_images}"


class State:
    def __init__(self, num_images):
        self.num_images = num_images
        self.ema = build_generator(TrainConfig.model_validate(TINY).model, (2, 2))


@pytest.mark.ray
def test_an_offer_never_waits_and_none_is_made_while_one_is_under_way(cluster, tmp_path):
    import ray

    offers = ScoreClient(ray.remote(Slow).options(num_cpus=0).remote(tmp_path / "answer"), TrainConfig.model_validate(TINY))
    offers.offer(State(16))  # not yet time
    for num_images in (32, 48, 64, 80, 96):
        offers.offer(State(num_images))
    assert offers.verdict == ""  # had an offer waited, the answer would be here
    (tmp_path / "answer").touch()
    deadline = time.monotonic() + 30
    while not offers.verdict and time.monotonic() < deadline:
        time.sleep(0.1)
        offers.offer(State(97))
    assert offers.verdict == "collapsed at 32"


@pytest.mark.ray
def test_a_generator_that_does_not_know_its_labels_yet_is_not_offered(cluster, tmp_path):
    import ray

    (tmp_path / "answer").touch()
    keeper = ray.remote(Slow).options(num_cpus=0).remote(tmp_path / "answer")
    offers = ScoreClient(keeper, TrainConfig.model_validate({**TINY, "condition": {"ramp_kimg": 0.064}}))
    deadline = time.monotonic() + 30
    offers.offer(State(48))
    while not offers.verdict and time.monotonic() < deadline:
        offers.offer(State(64))
        time.sleep(0.1)
    assert offers.verdict == "collapsed at 64"


@pytest.mark.ray
def test_a_keeper_that_died_ends_the_scores_and_not_the_run(cluster, tmp_path):
    import ray

    keeper = ray.remote(Slow).options(num_cpus=0).remote(tmp_path / "answer")
    offers = ScoreClient(keeper, TrainConfig.model_validate(TINY))
    offers.offer(State(32))
    ray.kill(keeper)
    deadline = time.monotonic() + 30
    while offers._keeper is not None and time.monotonic() < deadline:
        time.sleep(0.1)
        offers.offer(State(64))
    assert offers._keeper is None
    assert offers.verdict == ""


@pytest.mark.ray
@pytest.mark.slow
def test_a_run_publishes_the_best_of_its_moments(cluster, small_catalog, tmp_path):
    from ganray.on_ray.train import train

    out = tmp_path / "model"
    result = train(TrainConfig.model_validate({**TINY, "catalog": small_catalog, "out": str(out)}))
    rows = [json.loads(line) for line in (out / SCORES).read_text().splitlines()]
    assert rows[-1]["kimg"] == 0.192  # the last moment is always scored
    best = max(rows, key=lambda row: row[MERIT])
    _, info = load_model(str(out))
    assert info.metrics == best
    assert info.num_images == round(1000 * best["kimg"])
    assert info.digest == load_model(str(out / BEST))[1].digest
    assert f"of {best['kimg']:g} kimg" in result["best"]
    assert "Scores at" in (out / "README.md").read_text()


@pytest.mark.ray
@pytest.mark.slow
def test_a_collapsed_run_ends_with_its_best_model_and_says_so(cluster, small_catalog, tmp_path, monkeypatch):
    """The run's history is one of good coverage; what a young generator draws is far below it."""
    from ganray.on_ray import train as module

    out = tmp_path / "model"
    told = {**TINY, "catalog": small_catalog, "out": str(out), "kimg": 50.0}
    original = module.make_keeper

    def make_keeper(config, *rest):
        good = {
            "kimg": 0.001,
            "coverage": 0.99,
            "coverage_floor": 0.99,
            "frechet": 9.0,
            "frechet_floor": 1.0,
            "neighbour_ratio": 1.0,
            MERIT: 0.0,
        }
        (out / SCORES).write_text(json.dumps(good) + "\n")
        return original(config, *rest)

    module_train = module.train
    keeper = RunScorer  # the extractor must be there beforehand: with a new one, earlier rows do not count
    config = TrainConfig.model_validate(told)
    info = ModelInfo(model=config.model, attributes=Catalog.open(small_catalog).vocabulary(), train=config)
    first = keeper(config, info, 1, lambda kind, item: None)
    first.prepare()
    torch.manual_seed(0)
    first.score(weights_of(build_generator(info.model, info.label_sizes)), 0)
    monkeypatch.setattr(module, "make_keeper", make_keeper)
    with pytest.raises(CollapseError, match=r"coverage fell from 0.99 at 0.001 kimg .* the best model, of .* kimg, is in .*--score.stop 0"):
        module_train(TrainConfig.model_validate({**told, "resume": True}))
    assert (out / "README.md").exists()
    assert load_model(str(out))[1].metrics == load_model(str(out / BEST))[1].metrics


def test_without_a_keeper_the_last_model_stays(tmp_path):
    assert score_final_model(None, TrainConfig(out=str(tmp_path)), open_store(str(tmp_path))) is None
