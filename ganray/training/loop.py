"""The training loop: batches in, a trained state out. It counts images, logs rows, and stops where a number is not finite."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from ganray.config import TrainConfig
from ganray.errors import NonFiniteError, TrainingError
from ganray.images.codec import to_float
from ganray.training.context import Context, Decision, Row, State
from ganray.training.draws import step_draws
from ganray.training.editor import EditorState, editor_step
from ganray.training.privacy import private_step
from ganray.training.schedules import crossed, hyper
from ganray.training.step import StepInputs, train_step

S = TypeVar("S", bound=State)


class Batch(NamedTuple):
    """One worker's share of a step: images uint8 [n, H, W, 3], labels int64 [n, A], n = len(context.places(config.batch))."""

    images: Tensor
    labels: Tensor
    key: str = ""  # the step's secret in a private run (poisson.py), where n varies


def fit(state: S, batches: Iterator[Batch], config: TrainConfig, context: Context) -> S:
    """Train until `config.kimg` or until `context.turn` ends the run; the state is changed in place and returned.

    Each step takes exactly one batch. `batches` must start at position `state.num_images` of the data: then fit(2N) and
    fit(N), save, load, fit(N) end bit-equal on CPU. Raises NonFiniteError, and TrainingError for too little data or a wrong batch size.
    """
    window = _Window(state.num_images)
    running = state.num_images < 1000 * config.kimg
    while running:
        before = state.num_images
        metrics = _step(state, window.timed(batches, before), config, context)
        state.num_images += config.batch
        window.add(metrics)
        turn = context.turn()
        running = state.num_images < 1000 * config.kimg and turn < Decision.FINISH
        wants_checkpoint = turn >= Decision.KEEP or crossed(before, state.num_images, config.checkpoint_kimg)
        if wants_checkpoint or not running or crossed(before, state.num_images, config.log_kimg):
            row = window.close(state.num_images, config)
            context.log(state, row)
            if wants_checkpoint or not running:
                context.checkpoint(state, row)
        if turn < Decision.LEAVE and (not running or crossed(before, state.num_images, config.grid_kimg)):
            context.grid(state)
    return state


def _step(state: State, batch: Batch, config: TrainConfig, context: Context) -> dict[str, Tensor]:
    places = context.places(config.batch)
    if not config.privacy.epsilon and len(batch.images) != len(places):
        raise TrainingError(f"a batch has {len(batch.images)} images, not {len(places)}", "Give each worker its share of every batch.")
    real = to_float(batch.images.to(context.device, non_blocking=True), config.model.channels)
    label = batch.labels.to(context.device, non_blocking=True)
    draws = step_draws(config.seed, state.num_images, config.batch, places.start, context.device)
    terms = StepInputs(config, hyper(config, state.num_images), draws, context.average_)
    if isinstance(state, EditorState):
        return editor_step(state, real, terms)
    if config.privacy.epsilon:
        return private_step(state, real, label, terms, batch.key)
    return train_step(state, real, label, terms)


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
