"""Scores beside training, in a process of its own: no worker waits for it, and it takes what the processor has left.

Rank 0 hands over the moving average's weights and goes on; while a score is pending it hands over nothing. The process draws, scores,
keeps the best model so far in `OUT/best` and a line for each score in `OUT/scores.jsonl`, and says when the run has collapsed. Weights are
never changed by it. Which moments are scored depends on the clock of the machine, and so does which of them is published.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Protocol

from ganray.config import TrainConfig
from ganray.errors import CollapseError
from ganray.evaluation.run_scores import BEST, Weights
from ganray.model_folder import load_model, save_model
from ganray.models import Generator, fold_strength
from ganray.runs.messages import Row
from ganray.storage import Store
from ganray.training.schedules import crossed

NICENESS = 15  # of the process: behind training, its data and the driver
MAX_THREADS = 8


@dataclass(frozen=True)
class Verdict:
    """The answer to a score: why the run has collapsed (empty where it has not), and the scores of the best model so far."""

    collapse: str
    best: Row | None


class ScorerGone(Exception):
    """The process that scores has ended, out of memory perhaps: the run goes on without scores."""


class Scorer(Protocol):
    """The port of the process that scores. What it measures it reports to the run's mailbox itself."""

    def submit(self, weights: Weights, num_images: int) -> None:
        """Hand over weights after `num_images` images of training, without waiting."""

    def poll(self) -> Verdict | None:
        """The verdict on what was submitted last; None while it is pending. Raises ScorerGone."""

    def wait(self) -> Verdict:
        """The same, when it is there. Raises ScorerGone."""

    def close(self) -> None:
        """End the process."""


def scorer_threads(config: TrainConfig, node_cpus: int, used: int) -> int:
    """Threads of the process, which reserves no CPU: those of its machine that nothing else uses, at least one."""
    return config.score.threads or max(1, min(MAX_THREADS, node_cpus - used))


class ScoreClient:
    """Rank 0's side: hands over weights when their time has come and the scorer is free, and never waits.

    A generator that does not yet know its labels in full (`condition.ramp_kimg`) is none to publish, and is not offered.
    """

    def __init__(self, scorer: Scorer | None, config: TrainConfig) -> None:
        self._scorer, self._kimg, self._last = scorer, config.score.kimg, 0
        self._first = 1000 * config.condition.ramp_kimg
        self._pending = False
        self.collapse = ""

    def due(self, num_images: int) -> bool:
        """Whether to offer weights now: the last score is there, or was the first, and the time for the next one has come."""
        return self._free() and num_images >= self._first and crossed(self._last, num_images, self._kimg)

    def offer(self, weights: Weights, num_images: int) -> None:
        """Hand over weights, when they are due."""
        assert self._scorer is not None
        self._last, self._pending = num_images, True
        self._scorer.submit(weights, num_images)

    def _free(self) -> bool:
        if self._scorer is not None and self._pending:
            try:
                verdict = self._scorer.poll()
            except ScorerGone:
                self._scorer = None
                return False
            if verdict is None:
                return False
            self.collapse = self.collapse or verdict.collapse
            self._pending = False
        return self._scorer is not None


def weights_of(generator: Generator) -> Weights:
    """A generator's weights as arrays on the host, which may share its memory."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in fold_strength(generator).state_dict().items()}


def score_final_model(scorer: Scorer | None, config: TrainConfig, store: Store) -> CollapseError | None:
    """Score the model that the run ended with, put the best in its place where that is to be published, and end the scorer.

    Gives the error to raise where the run was stopped for a collapse. Where there are no scores, the last model stays.
    """
    if scorer is None:
        return None
    print("train: scoring the last moment of the run", file=sys.stderr, flush=True)
    try:
        generator, info = load_model(config.out)
        scorer.submit(weights_of(generator), info.num_images)
        verdict = scorer.wait()
    except ScorerGone:
        return None  # training has sent its result
    finally:
        scorer.close()
    if verdict.best is None:
        return None
    publish_best = config.score.publish == "best"
    if publish_best:
        save_model(store, *load_model(store.child(BEST).url))
    if not verdict.collapse:
        return None
    where = store.url if publish_best else store.child(BEST).url
    return CollapseError(
        f"{config.out}: {verdict.collapse}; the best model, of {verdict.best['kimg']:g} kimg, is in {where}",
        "Train anew into another --out with --augment.target, --condition.ramp-kimg or a higher --loss.gamma; or go on with --score.stop 0",
    )
