"""Scores beside training: what rank 0 offers and when, and what becomes of the best model; real scores in a child process."""

import json
import os
import signal
import time

import pytest
import torch

from ganray.catalog.reader import Catalog
from ganray.config import TrainConfig
from ganray.errors import CollapseError
from ganray.evaluation.run_scores import BEST, SCORES, RunScorer
from ganray.metrics import MERIT
from ganray.model_folder import ModelInfo, load_model
from ganray.models import build_generator
from ganray.runs import score_process
from ganray.runs.local import LocalWorkerGroup
from ganray.runs.mailbox import LocalMailbox
from ganray.runs.messages import Score
from ganray.runs.score_process import ScoreProcess
from ganray.runs.scoring import ScoreClient, ScorerGone, Verdict, score_final_model, scorer_threads, weights_of
from ganray.storage import open_store
from ganray.verbs.train import train
from tests.tools.runs import SCORED, start_scorer_here

GOOD = {
    "kimg": 0.001,
    "coverage": 0.99,
    "coverage_floor": 0.99,
    "frechet": 9.0,
    "frechet_floor": 1.0,
    "neighbour_ratio": 1.0,
    MERIT: 0.0,
}


def scored(**changes) -> TrainConfig:
    return TrainConfig.model_validate({**SCORED, **changes})


class SlowScorer:
    """Answers when `verdict` is set; fails when `gone` is."""

    def __init__(self):
        self.submitted, self.verdict, self.gone = [], None, False

    def submit(self, weights, num_images):
        self.submitted.append(num_images)
        self.verdict = None

    def poll(self):
        if self.gone:
            raise ScorerGone
        return self.verdict


def offer(client, *moments):
    for moment in moments:
        if client.due(moment):
            client.offer({}, moment)


def test_none_is_offered_while_a_score_is_pending():
    scorer = SlowScorer()
    client = ScoreClient(scorer, scored())
    offer(client, 16, 32, 48, 64, 80, 96)  # 16 is not yet the time
    assert scorer.submitted == [32]
    scorer.verdict = Verdict("collapsed", None)
    offer(client, 97)
    assert scorer.submitted == [32, 97]
    assert client.collapse == "collapsed"


def test_a_generator_that_does_not_know_its_labels_yet_is_not_offered():
    scorer = SlowScorer()
    offer(ScoreClient(scorer, scored(condition={"ramp_kimg": 0.064})), 48, 64)
    assert scorer.submitted == [64]


def test_a_scorer_that_died_ends_the_scores_and_not_the_run():
    scorer = SlowScorer()
    client = ScoreClient(scorer, scored())
    offer(client, 32)
    scorer.gone = True
    offer(client, 64)
    scorer.gone = False
    offer(client, 96)
    assert (scorer.submitted, client.collapse) == ([32], "")
    assert not ScoreClient(None, scored()).due(32)


def test_without_a_scorer_the_last_model_stays(tmp_path):
    assert score_final_model(None, TrainConfig(out=str(tmp_path)), open_store(str(tmp_path))) is None


def test_the_scorer_takes_the_threads_that_are_left():
    assert [scorer_threads(scored(), cpus, 2) for cpus in (1, 2, 4, 64)] == [1, 1, 2, 8]
    assert scorer_threads(scored(score={"threads": 3}), 2, 2) == 3


@pytest.fixture
def process(small_catalog, tmp_path):
    """A process that scores, its mailbox, and weights to score."""
    config = scored(catalog=small_catalog, out=str(tmp_path / "model"))
    info = ModelInfo(model=config.model, attributes=Catalog.open(small_catalog).vocabulary(), train=config)
    mailbox = LocalMailbox()
    torch.manual_seed(0)
    process = ScoreProcess(config, info, 1, mailbox)
    yield process, mailbox, weights_of(build_generator(info.model, info.label_sizes))
    process.close()


def test_a_process_scores_and_is_never_waited_for(process, tmp_path):
    """And Ctrl-C, which a terminal sends to it too, does not end it."""
    process, mailbox, weights = process
    started = time.monotonic()
    process.submit(weights, 32)
    assert process.poll() is None
    assert time.monotonic() - started < 1.0  # it takes longer than that to start
    own, child = os.getpriority(os.PRIO_PROCESS, 0), process._child.pid
    while os.getpriority(os.PRIO_PROCESS, child) < min(19, own + score_process.NICENESS):
        assert time.monotonic() - started < 120.0
        time.sleep(0.05)
    verdict = process.wait()
    assert os.geteuid() or os.getpriority(os.PRIO_PROCESS, child) == own  # while it is waited for
    os.kill(process._child.pid, signal.SIGINT)
    process.submit(weights, 64)
    assert process.wait() == process.poll()
    assert [message.row["kimg"] for message in mailbox.drain() if isinstance(message, Score)] == [0.032, 0.064]
    assert (verdict.collapse, verdict.best["kimg"]) == ("", 0.032)
    assert load_model(str(tmp_path / "model" / BEST))[1].num_images == 32


def test_a_process_that_is_killed_is_gone(process):
    process, _, weights = process
    process.submit(weights, 32)
    process._child.kill()
    with pytest.raises(ScorerGone):
        process.wait()
    with pytest.raises(ScorerGone):
        process.poll()
    process.submit(weights, 64)  # is not waited for either


@pytest.mark.slow
def test_a_run_publishes_the_best_of_its_moments(small_catalog, tmp_path, monkeypatch):
    """Scored in this process, and so every moment that is due."""
    out = tmp_path / "model"
    monkeypatch.setattr(LocalWorkerGroup, "start_scorer", start_scorer_here)
    result = train(scored(catalog=small_catalog, out=str(out)))
    rows = [json.loads(line) for line in (out / SCORES).read_text().splitlines()]
    assert [row["kimg"] for row in rows] == [0.032, 0.064, 0.096, 0.128, 0.16, 0.192]
    best = max(rows, key=lambda row: row[MERIT])
    _, info = load_model(str(out))
    assert info.metrics == best
    assert info.num_images == round(1000 * best["kimg"])
    assert info.digest == load_model(str(out / BEST))[1].digest
    assert f"of {best['kimg']:g} kimg" in result["best"]
    assert "Scores at" in (out / "README.md").read_text()


@pytest.mark.slow
def test_a_collapsed_run_ends_with_its_best_model_and_says_so(small_catalog, tmp_path, monkeypatch):
    """The run's history is one of good coverage; what a young generator draws is far below it. It waits for the process that scores."""
    out = tmp_path / "model"
    config = scored(catalog=small_catalog, out=str(out), kimg=50.0)
    info = ModelInfo(model=config.model, attributes=Catalog.open(small_catalog).vocabulary(), train=config)
    first = RunScorer(config, info, 1, lambda row: None, print)  # the extractor must be there: with a new one, earlier rows do not count
    first.prepare()
    torch.manual_seed(0)
    first.score(weights_of(build_generator(info.model, info.label_sizes)), 0)
    original = LocalWorkerGroup.start_scorer

    def start_scorer(group, *rest):
        (out / SCORES).write_text(json.dumps(GOOD) + "\n")
        return original(group, *rest)

    monkeypatch.setattr(LocalWorkerGroup, "start_scorer", start_scorer)
    monkeypatch.setattr(score_process, "NICENESS", 0)
    monkeypatch.setattr(ScoreProcess, "poll", ScoreProcess.wait)  # else it trains for the seconds that the process takes to start
    with pytest.raises(CollapseError, match=r"coverage fell from 0.99 at 0.001 kimg .* the best model, of .* kimg, is in .*--score.stop 0"):
        train(config.model_copy(update={"resume": True}))
    assert (out / "README.md").exists()
    assert load_model(str(out))[1].metrics == load_model(str(out / BEST))[1].metrics
