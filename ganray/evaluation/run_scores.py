"""Scores of a training run under way: draws, scores, and keeps the best model so far."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ganray.catalog.reader import Catalog
from ganray.config import TrainConfig
from ganray.engine import Engine
from ganray.errors import CheckpointError, GanrayError, ObjectNotFound
from ganray.evaluation.evaluation import (
    EXTRACTOR,
    PIXEL_MEMORY,
    SMALLEST,
    Photos,
    head_labels,
    requests_for,
    scored_attributes,
    split_photos,
)
from ganray.metrics import MERIT, with_current_names
from ganray.metrics.features import DESCRIPTION, Extractor, load_extractor, new_extractor, save_extractor, training
from ganray.metrics.scorer import Scorer
from ganray.metrics.selection import better, collapse, merit
from ganray.model_folder import ModelInfo, load_model, save_model
from ganray.models import Generator, build_generator
from ganray.storage import Store, open_store

BEST, SCORES = "best", "scores.jsonl"
EPOCHS = 40  # of the extractor's training at most: a small catalog is known sooner
Weights = dict[str, NDArray[Any]]
Row = dict[str, float]


class RunScorer:
    """All that is scored in a run, starting from what an earlier part of it has left in the folder.

    `report` gets the row of each score, `say` lines for a person.
    """

    def __init__(
        self, config: TrainConfig, info: ModelInfo, threads: int, report: Callable[[Row], None], say: Callable[[str], None]
    ) -> None:
        torch.set_num_threads(threads)
        self._config, self._info, self._report, self._say = config, info, report, say
        self._store = open_store(config.out)
        self._generator: Generator = build_generator(info.model, info.label_sizes)
        self._engine = Engine(self._generator, info, device="cpu", threads=threads)
        self._rows, self._best = _earlier(self._store) if config.resume else ([], None)
        self._ready: tuple[Scorer, NDArray[np.float32], NDArray[np.int64]] | None = None

    def prepare(self) -> None:
        """Read photos, train or load the extractor, measure the floors. An error ends the scores, not the training."""
        try:
            self._ready = self._prepare()
        except GanrayError as error:
            self._say(f"no scores in this run: {error}")

    def score(self, weights: Weights, num_images: int) -> str:
        """Score a generator's weights after `num_images` images of training; returns why the run has collapsed, empty if it has not."""
        if self._ready is None:
            return ""
        scorer, z, labels = self._ready
        self._generator.load_state_dict({name: torch.from_numpy(value.copy()) for name, value in weights.items()})
        try:
            row = {"kimg": num_images / 1000, **scorer.score(self._engine.render(z, labels))}
        except CheckpointError as error:  # pixels that are not finite: training will say it as well
            self._say(f"no score at {num_images / 1000:g} kimg: {error}")
            return ""
        row[MERIT] = merit(row)
        self._rows = [*(other for other in self._rows if other["kimg"] < row["kimg"]), row]
        self._store.put(SCORES, ("\n".join(json.dumps(each) for each in self._rows) + "\n").encode())
        if better(row, self._best):
            self._best = row
            save_model(self._store.child(BEST), self._generator, self._info.model_copy(update={"num_images": num_images, "metrics": row}))
        self._report(row)
        return collapse(self._rows, self._config.score.stop)

    def best(self) -> Row | None:
        """The scores of the model in `OUT/best`, None before there is one."""
        return self._best

    def _prepare(self) -> tuple[Scorer, NDArray[np.float32], NDArray[np.int64]]:
        catalog = Catalog.open(self._config.catalog)
        num = min(self._config.score.num, catalog.num_images // 2, PIXEL_MEMORY // (9 * catalog.info.resolution**2))
        if num < SMALLEST:
            raise GanrayError(f"{catalog.num_images} photos are too few to score against", f"It takes {2 * SMALLEST}")
        train, holdout = split_photos(catalog, num, self._config.seed)
        extractor, labels = self._extractor(catalog, train), head_labels(catalog, holdout.labels)
        scorer = Scorer(extractor, train.pixels, holdout.pixels, labels, tuple(scored_attributes(catalog, self._info)))
        requests = requests_for(catalog.vocabulary(), self._info, holdout, self._config.seed)
        return scorer, *self._engine.draw([(request, 0) for request in requests])

    def _extractor(self, catalog: Catalog, train: Photos) -> Extractor:
        """The run's own, trained once on half of the photos and kept in its folder. Scores of another extractor are dropped."""
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


def _earlier(store: Store) -> tuple[list[Row], Row | None]:
    """All rows and the best one, of the part of the run that lies in the folder."""
    try:
        rows = [with_current_names(json.loads(line)) for line in store.get(SCORES).decode().splitlines()]
        return rows, with_current_names(load_model(store.child(BEST).url)[1].metrics) or None
    except (ObjectNotFound, CheckpointError):
        return [], None
