"""One run of the benchmarks `quality` and `samples`: a model trained for some CPU-minutes on photos in memory, then scored. Needs no Ray.

The clock is the process's CPU time on one thread: a busy machine takes longer, and gives the same pictures. Short trials at every side of
the pictures set the length of the schedules, so that every model ends them when its time is over.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ganray.benchmarks.recipes import recipes_at
from ganray.catalog.reader import Catalog
from ganray.config import EvaluateConfig, TrainConfig
from ganray.copies.methods import AUTO, IMAGENET, chosen_method
from ganray.engine import Engine
from ganray.evaluation.evaluation import examine, requests_for, split_photos
from ganray.evaluation.imagenet import imagenet_distances
from ganray.model_folder import ModelInfo, save_model
from ganray.models import Generator
from ganray.storage import open_store
from ganray.training.context import Decision, LocalContext, Row, State
from ganray.training.loop import fit, gan_step
from ganray.training.staging import Batch
from ganray.training.state import TrainState, create_state

MAX_IMAGES = 100_000  # of a catalog, in memory
TRIAL = 0.05  # share of the time, to measure the model's speed


@dataclass(frozen=True)
class Run:
    """A training: `model` is a key of `recipes_at` for the catalog's side, `minutes` are CPU time; all results are written under `out`.

    `marks` are shares of the time at which the moving average is scored, too, beside its end.
    """

    catalog: str
    model: str
    seed: int
    minutes: float
    extractor: str
    num: int
    out: str
    marks: tuple[float, ...] = ()


def perform(run: Run) -> dict[str, Any]:
    """Train and score; returns the report of `evaluate` with facts of the training, and with marks the `curve` of scores."""
    torch.set_num_threads(1)
    catalog = Catalog.open(run.catalog)
    pixels, labels = catalog.sample(MAX_IMAGES, np.random.default_rng(0))
    config = config_of(run, catalog.info.resolution, grey=is_grey(pixels))
    sizes = tuple(len(values) for values in catalog.vocabulary().values())

    def speed(trial: TrainConfig) -> float:
        """Thousand images a CPU-minute."""
        minutes = TRIAL * run.minutes / (1 + len(config.grow.kimg))
        return train(trial, sizes, batches(pixels, labels, trial), minutes).num_images / 1000 / minutes

    config = fitted(config, (1 - TRIAL) * run.minutes, speed)
    started, snapshots = time.process_time(), Timed(run.minutes, run.marks)
    state = fit(create_state(config, sizes), batches(pixels, labels, config), config, snapshots, gan_step)
    facts = {"cpu_minutes": (time.process_time() - started) / 60, "kimg": state.num_images / 1000, "model": run.model, "seed": run.seed}
    info = ModelInfo(
        model=config.model,
        attributes=catalog.vocabulary(),
        histograms=catalog.info.histograms,
        catalog_url=catalog.url,
        catalog_digest=catalog.info.digest,
        num_images=state.num_images,
        train=config,
    )
    curve, last = [], copy.deepcopy(state.ema.state_dict())
    for minutes, kimg, weights in snapshots.taken:
        state.ema.load_state_dict(weights)
        scores = _scored(run, f"{run.out}/at", state.ema, info)["scores"]
        curve.append({"minutes": minutes, "kimg": kimg, "scores": scores})
    state.ema.load_state_dict(last)
    report = _scored(run, run.out, state.ema, info) | {"training": facts, "curve": curve}
    return report | ({"imagenet": by_imagenet(run, catalog)} if chosen_method(AUTO) == IMAGENET else {})


def _scored(run: Run, out: str, ema: Generator, info: ModelInfo) -> dict[str, Any]:
    save_model(open_store(f"{out}/model"), ema, info)
    scoring = EvaluateConfig(
        model=f"{out}/model", catalog=run.catalog, out=f"{out}/evaluation", extractor=run.extractor, num=run.num
    ).model_copy(update={"copies_by": "fingerprint"})
    (report,) = (message for message in examine(scoring, "cpu", threads=1) if isinstance(message, dict))
    return report


def by_imagenet(run: Run, catalog: Catalog) -> dict[str, float]:
    """The Frechet distance of `run`'s model by ImageNet features and its floor, on the photos and the requests that `evaluate` takes."""
    engine, seed = Engine.load(f"{run.out}/model", "cpu", threads=1), EvaluateConfig().seed
    train, holdout = split_photos(catalog, run.num, seed)
    requests = requests_for(catalog.vocabulary(), engine.info, holdout, seed)
    sample = np.stack([generated.pixels for generated in engine.generate(requests)])
    distance, floor = imagenet_distances(train.pixels, holdout.pixels, sample)
    return {"frechet": distance, "floor": floor}


def fitted(config: TrainConfig, minutes: float, speed: Callable[[TrainConfig], float]) -> TrainConfig:
    """The recipe, as long as takes `minutes` at the `speed` (thousand images a minute) of each side, of which it keeps the shares."""
    shares = [kimg / config.kimg for kimg in config.grow.kimg]
    shares.append(1 - sum(shares))
    sides = [config.grow.model_copy(update={"kimg": (1e6,) * (len(shares) - 1 - number)}) for number in range(len(shares))]
    cost = sum(share / speed(config.model_copy(update={"kimg": 1e8, "grow": side})) for share, side in zip(shares, sides, strict=True))
    kimg = max(minutes / cost, config.batch / 1000)
    grow = config.grow.model_copy(update={"kimg": tuple(share * kimg for share in shares[:-1])})
    return config.model_copy(update={"kimg": kimg, "grow": grow})


def config_of(run: Run, resolution: int, grey: bool) -> TrainConfig:
    """`run`'s recipe on its catalog; grey photos are learned in one channel, by all models alike."""
    base = recipes_at(resolution, run.catalog)[run.model].config()
    model = base.model.model_copy(update={"channels": 1 if grey else 3})
    return base.model_copy(update={"model": model, "seed": run.seed, "catalog": run.catalog})


def is_grey(pixels: np.ndarray) -> bool:
    """Whether no image of uint8 [n, R, R, 3] has a colour."""
    return bool((pixels == pixels[..., :1]).all())


def batches(pixels: np.ndarray, labels: np.ndarray, config: TrainConfig) -> Iterator[Batch]:
    """Shuffled anew each epoch, without end."""
    rng = np.random.default_rng([config.seed, 1])
    size = min(config.batch, len(pixels))
    while True:
        order = rng.permutation(len(pixels))
        for start in range(0, len(order) - size + 1, size):
            chosen = order[start : start + size]
            yield Batch(torch.from_numpy(pixels[chosen]), torch.from_numpy(labels[chosen]))


def train(config: TrainConfig, sizes: tuple[int, ...], source: Iterator[Batch], minutes: float) -> TrainState:
    """A run from the start, ended after `minutes` of CPU time."""
    state = create_state(config, sizes)
    return fit(state, source, config, Timed(minutes), gan_step)


class Snapshot(NamedTuple):
    """The moving average after some CPU-minutes."""

    minutes: float
    kimg: float
    weights: dict[str, Tensor]


class Timed(LocalContext):
    """Ends a run by the process's CPU time, and keeps the moving average at shares of it."""

    def __init__(self, minutes: float, marks: tuple[float, ...] = ()) -> None:
        super().__init__()
        self._start, self._minutes, self._marks = time.process_time(), minutes, sorted(marks)
        self.taken: list[Snapshot] = []

    def decide(self) -> Decision:
        """See `Context`."""
        if self._is_due():
            return Decision.CHECKPOINT
        return Decision.FINISH if self._passed() >= self._minutes else Decision.GO_ON

    def checkpoint(self, state: State, row: Row) -> None:
        """See `Context`."""
        if self._is_due():
            self._marks.pop(0)
            self.taken.append(Snapshot(self._passed(), state.num_images / 1000, copy.deepcopy(state.ema.state_dict())))

    def _passed(self) -> float:
        return (time.process_time() - self._start) / 60

    def _is_due(self) -> bool:
        return bool(self._marks) and self._passed() >= self._marks[0] * self._minutes


def named(run: Run, seed: int, model: str) -> Run:
    """The same run with another seed and model, in a folder of its own."""
    return replace(run, seed=seed, model=model, out=f"{run.out}/{model}-{seed}")
