"""Scores beside training, in a process of its own: no worker waits for it, and it takes what the processor has left.

Rank 0 hands over the moving average's weights and goes on; while a score is under way it hands over nothing. The actor draws, scores,
keeps the best model so far in `OUT/best`, a line for each score in `OUT/scores.jsonl`, and says when the run has collapsed. Weights are
never changed by it. Which moments are scored depends on the clock of the machine, and so does which of them is published.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import ray

from ganray.config import TrainConfig
from ganray.errors import CollapseError
from ganray.evaluation.run_scores import BEST, RunScorer, Weights
from ganray.execution.port import Resources
from ganray.model_folder import ModelInfo, load_model, save_model
from ganray.models import Generator, fold_strength
from ganray.storage import Store
from ganray.training.schedules import crossed
from ganray.training.state import TrainState

NICENESS = 15  # of the actor: behind training, its data and the driver
MOST_THREADS = 8


class _Actor(RunScorer):
    """The keeper as Ray runs it: niced, and its news on the board."""

    def __init__(self, config: TrainConfig, info: ModelInfo, threads: int, board: Any) -> None:
        os.nice(NICENESS)
        super().__init__(config, info, threads, lambda kind, item: ray.get(board.post.remote(kind, item)))


def make_scorer(config: TrainConfig, info: ModelInfo, resources: Resources, taken: int, board: Any) -> Any:
    """A handle of the actor, already preparing; None where the run is not to be scored.

    It reserves no CPU. Training takes `taken` of a machine's CPUs: it computes on as many threads as there are others, at least one.
    """
    if not config.score.kimg:
        return None
    threads = config.score.threads or max(1, min(MOST_THREADS, int(resources.node_cpus) - taken))
    keeper: Any = ray.remote(_Actor).options(num_cpus=0).remote(config, info, threads, board)
    keeper.prepare.remote()
    return keeper


class ScoreClient:
    """Rank 0's side: hands over weights when their time has come and the keeper is free, and never waits.

    A generator that does not yet know its labels in full (`condition.ramp_kimg`) is none to publish, and is not offered.
    """

    def __init__(self, keeper: Any, config: TrainConfig) -> None:
        self._keeper, self._kimg, self._last = keeper, config.score.kimg, 0
        self._first = 1000 * config.condition.ramp_kimg
        self._pending: Any = None
        self.verdict = ""

    def offer(self, state: TrainState) -> None:
        """Look for the answer to the last offer; where there is one, or was none, and the time has come, make the next."""
        if self._keeper is None or not self._free() or state.num_images < self._first:
            return
        if not crossed(self._last, state.num_images, self._kimg):
            return
        self._last = state.num_images
        self._pending = self._keeper.score.remote(weights_of(state.ema), state.num_images)

    def _free(self) -> bool:
        if self._pending is not None:
            ready, _ = ray.wait([self._pending], timeout=0)
            if not ready:
                return False
            try:
                self.verdict = self.verdict or ray.get(self._pending)
            except ray.exceptions.RayError:  # the actor is gone, out of memory perhaps: the run goes on without scores
                self._keeper = None
            self._pending = None
        return self._keeper is not None


def weights_of(generator: Generator) -> Weights:
    """A generator's weights as arrays on the host."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in fold_strength(generator).state_dict().items()}


def score_final_model(keeper: Any, config: TrainConfig, store: Store) -> CollapseError | None:
    """Score the model that the run ended with, put the best in its place where that is to be published, and end the keeper.

    Gives the error to raise where the run was stopped for a collapse. Where there are no scores, the last model stays.
    """
    if keeper is None:
        return None
    print("train: scoring the last moment of the run", file=sys.stderr, flush=True)
    try:
        generator, info = load_model(config.out)
        verdict = ray.get(keeper.score.remote(weights_of(generator), info.num_images))
        row = ray.get(keeper.best.remote())
    except ray.exceptions.RayError:  # the actor is gone; training said what there was to say
        return None
    finally:
        ray.kill(keeper)
    if row is None:
        return None
    published = config.score.publish == "best"
    if published:
        save_model(store, *load_model(store.child(BEST).url))
    if not verdict:
        return None
    return CollapseError(
        f"{config.out}: {verdict}; the best model, of {row['kimg']:g} kimg, is in {store.url if published else store.child(BEST).url}",
        "Train anew into another --out with --augment.target, --condition.ramp-kimg or a higher --loss.gamma; or go on with --score.stop 0",
    )
