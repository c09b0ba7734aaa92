"""`penalty`: time of a `demo-32` step with R1 and R2 by finite differences on a quarter of the batch, over the same step without."""

from __future__ import annotations

import multiprocessing
import statistics
import time
from itertools import pairwise
from typing import Any

import torch

from ganray.config import BenchmarkConfig, TrainConfig
from ganray.presets import preset
from ganray.training.draws import step_draws
from ganray.training.schedules import hyper
from ganray.training.state import TrainState, create_state
from ganray.training.step import StepInputs, train_step

PRESET, LABELS = "demo-32", (12, 9, 3)
STEPS, WARM, BLOCK = 150, 10, 10  # steps a repeat and side, before the first of them, and before the sides take turns


def measure(config: BenchmarkConfig) -> list[dict[str, Any]]:
    """One row, in ms a step: the median over all steps of each side, in turn, in a process of its own with one thread."""
    steps = max(BLOCK, (config.images or STEPS * preset(PRESET).batch) // preset(PRESET).batch)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        bare, ours = pool.apply(times, (steps, config.repeats))
    facts = {"preset": PRESET, "batch": preset(PRESET).batch, "fraction": preset(PRESET).loss.fraction, "steps": steps * config.repeats}
    return [{"name": "penalty", "value": ours, "baseline": bare, "ratio": ours / bare, "unit": "ms", **facts}]


def times(steps: int, repeats: int) -> tuple[float, float]:
    """Milliseconds a step without penalty and with it, on random images: their content does not change the time."""
    torch.set_num_threads(1)
    base = preset(PRESET)
    sides = [base.model_copy(update={"loss": base.loss.model_copy(update={"penalty": penalty})}) for penalty in ("none", "finite")]
    states = [create_state(side, LABELS) for side in sides]
    for side, state in zip(sides, states, strict=True):
        block(state, side, WARM)
    taken: list[list[float]] = [[], []]
    for turn in range(max(1, steps * repeats // BLOCK)):
        for place in (0, 1) if turn % 2 else (1, 0):
            taken[place] += block(states[place], sides[place], BLOCK)
    bare, ours = (1000 * statistics.median(part) for part in taken)
    return bare, ours


def block(state: TrainState, config: TrainConfig, steps: int) -> list[float]:
    """Seconds of each of `steps` steps."""
    side, clock = config.model.resolution, [time.perf_counter()]
    real = torch.rand(config.batch, config.model.channels, side, side) * 2 - 1
    label = torch.stack([torch.randint(size, (config.batch,)) for size in LABELS], dim=1)
    for _ in range(steps):
        draws = step_draws(config.seed, state.num_images, config.batch)
        train_step(state, real, label, StepInputs(config, hyper(config, state.num_images), draws, None))
        state.num_images += config.batch
        clock.append(time.perf_counter())
    return [after - before for before, after in pairwise(clock)]
