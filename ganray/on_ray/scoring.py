"""Scores beside training in an actor of Ray: `runs/scoring.py` says how."""

from __future__ import annotations

import os
from typing import Any

import ray

from ganray.config import TrainConfig
from ganray.evaluation.run_scores import RunScorer, Weights
from ganray.model_folder import ModelInfo
from ganray.runs.mailbox import Mailbox
from ganray.runs.messages import Note, Score
from ganray.runs.scoring import NICENESS, ScorerGone, Verdict


class _Actor:
    """A `RunScorer` with low priority, whose messages go to the run's mailbox."""

    def __init__(self, config: TrainConfig, info: ModelInfo, threads: int, mailbox: Mailbox) -> None:
        os.nice(NICENESS)
        self._scorer = RunScorer(config, info, threads, lambda row: mailbox.deliver(Score(row)), lambda text: mailbox.deliver(Note(text)))

    def prepare(self) -> None:
        self._scorer.prepare()

    def score(self, weights: Weights, num_images: int) -> Verdict:
        collapse = self._scorer.score(weights, num_images)
        return Verdict(collapse, self._scorer.best())


class RayScorer:
    """A `Scorer`: a client of the actor. Copies in other processes submit and wait for themselves."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._pending: Any = None

    @staticmethod
    def start(config: TrainConfig, info: ModelInfo, threads: int, mailbox: Mailbox) -> RayScorer:
        """Start the actor, which begins to prepare; it reserves no CPU."""
        actor: Any = ray.remote(_Actor).options(num_cpus=0).remote(config, info, threads, mailbox)
        actor.prepare.remote()
        return RayScorer(actor)

    def submit(self, weights: Weights, num_images: int) -> None:
        """See `Scorer`."""
        self._pending = self._actor.score.remote(weights, num_images)

    def poll(self) -> Verdict | None:
        """See `Scorer`."""
        ready, _ = ray.wait([self._pending], timeout=0)
        return self.wait() if ready else None

    def wait(self) -> Verdict:
        """See `Scorer`."""
        try:
            verdict: Verdict = ray.get(self._pending)
        except ray.exceptions.RayError as error:
            raise ScorerGone from error
        return verdict

    def close(self) -> None:
        """See `Scorer`."""
        ray.kill(self._actor)
