"""One run of the `quality` benchmark: a model trained for some CPU-minutes on photos in memory, then scored. Needs no Ray.

The clock is the process's CPU time on one thread: a busy machine takes longer, and gives the same pictures. A short trial sets the
length of the schedules, so that every model ends them when its time is over.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ganray.catalog.reader import Catalog
from ganray.config import EvaluateConfig, ModelConfig, TrainConfig
from ganray.evaluation.evaluation import examine
from ganray.model_folder import ModelInfo, save_model
from ganray.presets import preset
from ganray.storage import open_store
from ganray.training.context import Decision, LocalContext
from ganray.training.loop import fit, gan_step
from ganray.training.staging import Batch
from ganray.training.state import TrainState, create_state

MAX_IMAGES = 100_000  # of a catalog, in memory
TRIAL = 0.05  # share of the time, to measure the model's speed
# the presets as they are, but for the side: dcgan loses its coarsest stage, mlp its last layer grows
AT_32: dict[str, tuple[str, dict[str, Any]]] = {
    "mlp": ("mlp-28", {}),
    "dcgan": ("dcgan-64", {"widths": (256, 128, 64)}),
    "r3": ("demo-32", {}),
}
RESOLUTION = 32


@dataclass(frozen=True)
class Run:
    """A training: `model` is a key of AT_32, `minutes` are CPU time; all results are written under `out`."""

    catalog: str
    model: str
    seed: int
    minutes: float
    extractor: str
    num: int
    out: str


def perform(run: Run) -> dict[str, Any]:
    """Train and score; returns the report of `evaluate` with facts of the training."""
    torch.set_num_threads(1)
    catalog = Catalog.open(run.catalog)
    pixels, labels = catalog.sample(MAX_IMAGES, np.random.default_rng(0))
    config = config_of(run, grey=is_grey(pixels))
    sizes = tuple(len(values) for values in catalog.vocabulary().values())
    trial = TRIAL * run.minutes
    kimg = (1 - TRIAL) / TRIAL * train(config, sizes, batches(pixels, labels, config), trial).num_images / 1000
    config = config.model_copy(update={"kimg": max(kimg, config.batch / 1000)})
    started = time.process_time()
    state = train(config, sizes, batches(pixels, labels, config), run.minutes)
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
    save_model(open_store(f"{run.out}/model"), state.ema, info)
    scoring = EvaluateConfig(
        model=f"{run.out}/model", catalog=run.catalog, out=f"{run.out}/evaluation", extractor=run.extractor, num=run.num
    ).model_copy(update={"copies_by": "fingerprint"})
    (report,) = (message for message in examine(scoring, "cpu", threads=1) if isinstance(message, dict))
    return report | {"training": facts}


def config_of(run: Run, grey: bool) -> TrainConfig:
    """The preset at 32 px on `run`'s catalog; grey photos are learned in one channel, by all models alike."""
    name, changes = AT_32[run.model]
    base = preset(name)
    model: ModelConfig = base.model.model_copy(update={"resolution": RESOLUTION, "channels": 1 if grey else 3, **changes})
    return base.model_copy(update={"model": model, "seed": run.seed, "catalog": run.catalog, "kimg": 1e6})


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


class Timed(LocalContext):
    """Ends a run by the process's CPU time."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self._end = time.process_time() + 60 * minutes

    def decide(self) -> Decision:
        """See `Context`."""
        return Decision.FINISH if time.process_time() >= self._end else Decision.GO_ON


def named(run: Run, seed: int, model: str) -> Run:
    """The same run with another seed and model, in a folder of its own."""
    return replace(run, seed=seed, model=model, out=f"{run.out}/{model}-{seed}")
