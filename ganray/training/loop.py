"""The training loop: batches in, a trained state out. It counts images, logs rows, and stops where a number is not finite."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TypeVar

import torch
from torch import Tensor

from ganray.config import TrainConfig
from ganray.errors import NonFiniteError, TrainingError
from ganray.images.codec import to_float
from ganray.training.context import Context, Decision, Row, State
from ganray.training.determinism import is_deterministic
from ganray.training.draws import DrawsOf
from ganray.training.editor import EditorState, editor_step
from ganray.training.privacy import private_step
from ganray.training.schedules import crossed, hyper
from ganray.training.staging import Batch, staged
from ganray.training.state import TrainState
from ganray.training.step import StepInputs, train_step

S = TypeVar("S", bound=State)


# (state, images in [-1, 1], their batch, inputs of the step) -> metrics; the state is changed in place
Step = Callable[[S, Tensor, Batch, StepInputs], dict[str, Tensor]]


def gan_step(state: TrainState, real: Tensor, batch: Batch, inputs: StepInputs) -> dict[str, Tensor]:
    """The step of a GAN."""
    return train_step(state, real, batch.labels, inputs)


def private_gan_step(state: TrainState, real: Tensor, batch: Batch, inputs: StepInputs) -> dict[str, Tensor]:
    """The step of a GAN with differential privacy; `batch.key` is its secret."""
    return private_step(state, real, batch.labels, inputs, batch.key)


def edits_step(state: EditorState, real: Tensor, batch: Batch, inputs: StepInputs) -> dict[str, Tensor]:
    """The step of an editor, which needs no labels."""
    return editor_step(state, real, inputs)


def fit(state: S, batches: Iterator[Batch], config: TrainConfig, context: Context, step: Step[S]) -> S:
    """Train until `config.kimg` or until `context.decide` ends the run; the state is changed in place and returned.

    `step` is one of the three above. Each takes exactly one batch. `batches` must start at position `state.num_images` of the data: then
    fit(2N) and fit(N), save, load, fit(N) end bit-equal on CPU. Raises NonFiniteError, and TrainingError for too little data or a wrong
    batch size.
    """
    batches = staged(batches, context.device, math.ceil((1000 * config.kimg - state.num_images) / config.batch))
    window = _Window(state.num_images)
    running = state.num_images < 1000 * config.kimg
    while running:
        before = state.num_images
        real, batch, inputs = _prepare(window.timed(batches, before), before, config, context)
        metrics = step(state, real, batch, inputs)
        state.num_images += config.batch
        window.add(metrics)
        decision = context.decide()
        running = state.num_images < 1000 * config.kimg and decision < Decision.FINISH
        wants_checkpoint = decision >= Decision.CHECKPOINT or crossed(before, state.num_images, config.checkpoint_kimg)
        if wants_checkpoint or not running or crossed(before, state.num_images, config.log_kimg):
            row = window.close(state.num_images, config)
            context.log(state, row)
            if wants_checkpoint or not running:
                context.checkpoint(state, row)
        if decision < Decision.HAND_OVER and (not running or crossed(before, state.num_images, config.grid_kimg)):
            context.grid(state)
    return state


def _prepare(batch: Batch, num_images: int, config: TrainConfig, context: Context) -> tuple[Tensor, Batch, StepInputs]:
    """What a step takes: the images as floats and the labels on the device, schedules and random draws of the moment."""
    places = context.places(config.batch)
    if not batch.key and len(batch.images) != len(places):
        raise TrainingError(f"a batch has {len(batch.images)} images, not {len(places)}", "Give each worker its share of every batch.")
    real = to_float(batch.images.to(context.device, non_blocking=True), config.model.channels)
    batch = batch._replace(labels=batch.labels.to(context.device, non_blocking=True))
    draws = DrawsOf(config.seed, config.batch, places.start, context.device, is_deterministic(config, context.device)).step(num_images)
    return real, batch, StepInputs(config, hyper(config, num_images), draws, context.average)


class _Window:
    """Sums since the last row, kept on the device; the host synchronises only when it reads them."""

    def __init__(self, num_images: int) -> None:
        self._reset(num_images)

    def _reset(self, num_images: int) -> None:
        self.first, self.names, self.steps, self.waited = num_images, [""], 0, 0.0
        self.sums: Tensor | None = None
        self.started = time.perf_counter()

    def timed(self, batches: Iterator[Batch], num_images: int) -> Batch:
        started = time.perf_counter()
        batch = next(batches, None)
        self.waited += time.perf_counter() - started
        if batch is None:
            raise TrainingError(f"the data ended after {num_images} images", "Supply batches until the end of the run.")
        return batch

    def add(self, metrics: dict[str, Tensor]) -> None:
        values = torch.stack(list(metrics.values()))
        self.names, self.steps = list(metrics), self.steps + 1
        self.sums = values if self.sums is None else self.sums + values

    def close(self, num_images: int, config: TrainConfig) -> Row:
        """Means since the last row. One value that is not finite makes its sum not finite, so none goes unnoticed."""
        assert self.sums is not None
        means = dict(zip(self.names, (self.sums / self.steps).tolist(), strict=True))
        non_finite = [name for name, value in means.items() if not math.isfinite(value)]
        if non_finite:
            raise NonFiniteError(
                f"{', '.join(non_finite)} became non-finite between {self.first} and {num_images} images",
                "Resume from the last checkpoint with a lower optimizer.lr or a higher loss.gamma.",
            )
        seconds = time.perf_counter() - self.started
        speed = {"img_per_s": (num_images - self.first) / seconds, "data_wait": self.waited / seconds}
        self._reset(num_images)
        return {"kimg": num_images / 1000, **means, **asdict(hyper(config, num_images)) | means, **speed}
