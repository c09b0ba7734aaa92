"""The verb `train`: a prepared catalog in, a model folder out. One worker may train in this process; Ray Train runs any number."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import Any

from ganray.config import TrainConfig
from ganray.runs.choice import load_group
from ganray.runs.driver import run_training
from ganray.runs.group import WorkerGroup
from ganray.runs.resolve import resolve_run


def train(config: TrainConfig, make_group: Callable[[TrainConfig], WorkerGroup] | None = None) -> dict[str, Any]:
    """Train until `kimg` or `minutes`; returns what the model folder holds. `make_group` replaces the choice of `config.executor`.

    Raises ConfigError, CatalogError, CheckpointError or StorageError before anything starts, Stopped or KeyboardInterrupt after a signal,
    and whatever else stops the training.

    >>> ganray.train(ganray.TrainConfig(catalog="nowhere", out="trained", executor="local"))
    Traceback (most recent call last):
    ganray.errors.CatalogError: ...
    """
    run = resolve_run(config)
    make_group = make_group or load_group(config)
    with closing(make_group(run.config)) as group:
        return run_training(run, group)
