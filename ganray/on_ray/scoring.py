"""Scores beside training, in a process of its own: no worker waits for it, and it takes what the processor has left.

Rank 0 hands over the moving average's weights and goes on; while a score is under way it hands over nothing. The actor draws, scores,
keeps the best model so far in `OUT/best`, a line for each score in `OUT/scores.jsonl`, and says when the run has collapsed. Weights are
never changed by it. Which moments are scored depends on the clock of the machine, and so does which of them is published.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import ray
import torch
from numpy.typing import NDArray

from ganray.catalog.reader import Catalog
from ganray.checkpoint import ModelInfo, load_model, save_model
from ganray.config import TrainConfig
from ganray.engine import Engine
from ganray.errors import CheckpointError, CollapseError, GanrayError, ObjectNotFound
from ganray.metrics.best import better, collapse, merit
from ganray.metrics.features import DESCRIPTION, Extractor, load_extractor, new_extractor, save_extractor, training
from ganray.metrics.scorer import Scorer
from ganray.models import Generator, build_generator, fold_strength
from ganray.on_ray.cluster import Resources
from ganray.on_ray.evaluate import EXTRACTOR, PIXEL_MEMORY, SMALLEST, Photos, ask, draw, head_labels, told
from ganray.storage import Store, open_store
from ganray.training.schedules import crossed
from ganray.training.state import TrainState

BEST, SCORES = "best", "scores.jsonl"
NICENESS = 15  # of the actor: behind training, its data and the driver
MOST_THREADS = 8
EPOCHS = 40  # of the extractor's training at most: a small catalog is known sooner
MERIT = "merit"
Weights = dict[str, NDArray[Any]]
Row = dict[str, float]


class ScoreKeeper:
    """The actor: all that is scored in a run, from what an earlier part of it has left in the folder on.

    `post` takes (kind, item): a row of each score, and notes for a person.
    """

    def __init__(self, config: TrainConfig, info: ModelInfo, threads: int, post: Callable[[str, Any], None]) -> None:
        torch.set_num_threads(threads)
        self._config, self._info, self._post = config, info, post
        self._store = open_store(config.out)
        self._generator: Generator = build_generator(info.model, info.label_sizes)
        self._engine = Engine(self._generator, info, device="cpu", threads=threads)
        self._rows, self._best = _earlier(self._store) if config.resume else ([], None)
        self._ready: tuple[Scorer, NDArray[np.float32], NDArray[np.int64]] | None = None

    def prepare(self) -> None:
        """Read photos, train or load the extractor, measure the floors. Whatever is in the way ends the scores, not the training."""
        try:
            self._ready = self._prepare()
        except GanrayError as error:
            self._post("note", f"no scores in this run: {error}")

    def score(self, weights: Weights, num_images: int) -> str:
        """Score a generator's weights after `num_images` images of training; gives what is to be said if the run has collapsed."""
        if self._ready is None:
            return ""
        scorer, z, labels = self._ready
        self._generator.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
        try:
            row = {"kimg": num_images / 1000, **scorer.score(self._engine.render(z, labels))}
        except CheckpointError as error:  # pixels that are not finite: training will say it as well
            self._post("note", f"no score at {num_images / 1000:g} kimg: {error}")
            return ""
        row[MERIT] = merit(row)
        self._rows = [*(other for other in self._rows if other["kimg"] < row["kimg"]), row]
        self._store.put(SCORES, ("\n".join(json.dumps(each) for each in self._rows) + "\n").encode())
        if better(row, self._best):
            self._best = row
            save_model(self._store.child(BEST), self._generator, self._info.model_copy(update={"num_images": num_images, "metrics": row}))
        self._post("score", row)
        return collapse(self._rows, self._config.score.stop)

    def best(self) -> Row | None:
        """The scores of the model in `OUT/best`, None before there is one."""
        return self._best

    def _prepare(self) -> tuple[Scorer, NDArray[np.float32], NDArray[np.int64]]:
        catalog = Catalog.open(self._config.catalog)
        num = min(self._config.score.num, catalog.num_images // 2, PIXEL_MEMORY // (9 * catalog.info.resolution**2))
        if num < SMALLEST:
            raise GanrayError(f"{catalog.num_images} photos are too few to score against", f"It takes {2 * SMALLEST}")
        train, holdout = draw(catalog, num, self._config.seed)
        extractor, labels = self._extractor(catalog, train), head_labels(catalog, holdout.labels)
        scorer = Scorer(extractor, train.pixels, holdout.pixels, labels, tuple(told(catalog, self._info)))
        requests = ask(catalog.vocabulary(), self._info, holdout, self._config.seed)
        return scorer, *self._engine.draw([(request, 0) for request in requests])

    def _extractor(self, catalog: Catalog, train: Photos) -> Extractor:
        """The run's own, trained once on half of the photos and kept in the run's folder. Scores of another one count no longer."""
        store, seed = self._store.child(EXTRACTOR), self._config.seed
        kimg = min(self._config.score.extractor_kimg, EPOCHS * len(train.pixels) / 1000)
        facts = {"catalog_digest": catalog.info.digest, "num": len(train.pixels), "kimg": kimg, "seed": seed}
        try:
            if json.loads(store.get(DESCRIPTION))["facts"] == facts:
                return load_extractor(store)
        except (ObjectNotFound, CheckpointError, ValueError, KeyError):
            pass  # none yet, or one that was cut off
        extractor = new_extractor(catalog.info.resolution, catalog.vocabulary(), seed)
        for _ in training(extractor, train.pixels, head_labels(catalog, train.labels), kimg, seed):
            pass
        save_extractor(store, extractor, facts)
        self._rows, self._best = [], None
        return extractor


class _Actor(ScoreKeeper):
    """The keeper as Ray runs it: niced, and its news on the board."""

    def __init__(self, config: TrainConfig, info: ModelInfo, threads: int, board: Any) -> None:
        os.nice(NICENESS)
        super().__init__(config, info, threads, lambda kind, item: ray.get(board.post.remote(kind, item)))


def make_keeper(config: TrainConfig, info: ModelInfo, resources: Resources, taken: int, board: Any) -> Any:
    """A handle of the actor, already preparing; None where the run is not to be scored.

    It reserves no CPU. Training takes `taken` of a machine's CPUs: it computes on as many threads as there are others, at least one.
    """
    if not config.score.kimg:
        return None
    threads = config.score.threads or max(1, min(MOST_THREADS, int(resources.node_cpus) - taken))
    keeper: Any = ray.remote(_Actor).options(num_cpus=0).remote(config, info, threads, board)
    keeper.prepare.remote()
    return keeper


class Offers:
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


def conclude(keeper: Any, config: TrainConfig, store: Store) -> CollapseError | None:
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


def _earlier(store: Store) -> tuple[list[Row], Row | None]:
    """All rows and the best one, of the part of the run that lies in the folder."""
    try:
        rows = [json.loads(line) for line in store.get(SCORES).decode().splitlines()]
        return rows, load_model(store.child(BEST).url)[1].metrics or None
    except (ObjectNotFound, CheckpointError):
        return [], None
