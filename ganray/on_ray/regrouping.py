"""A run that may be smaller for a while (`min_workers`): before Ray Train changes the number of workers, they leave a checkpoint."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.train.v2._internal.execution.callback import ControllerCallback
from ray.train.v2._internal.execution.controller.state import ResizingState, TrainControllerState
from ray.train.v2.api.config import ScalingConfig  # `ray.train.ScalingConfig`, with its own types

LOOK_S = 30.0  # between looks at what the cluster has
LIMIT_S = 90.0  # for the checkpoint; after that the workers are ended without it
POLL_S = 0.2


class Regrouping(ControllerCallback):
    """A callback of Ray Train, whose controller would end the workers where they stand and lose what they did since their checkpoint."""

    def __init__(self, board: Any) -> None:
        self._board = board

    def after_controller_state_update(self, previous_state: TrainControllerState, current_state: TrainControllerState) -> None:
        """Wait for the workers, which the controller may then replace."""
        if not isinstance(current_state, ResizingState):
            return
        ray.get(self._board.order.remote("regroup"))
        limit = time.monotonic() + LIMIT_S
        while not ray.get(self._board.rested.remote()) and time.monotonic() < limit:
            time.sleep(POLL_S)
        ray.get(self._board.order.remote(""))


def scaling(workers: int, min_workers: int, gpu: bool, threads: int) -> ScalingConfig:
    """Ray Train's form of it: a fixed number, or one between two."""
    elastic = 0 < min_workers < workers
    return ScalingConfig(
        num_workers=(min_workers, workers) if elastic else workers,
        use_gpu=gpu,
        resources_per_worker={"CPU": threads} | ({"GPU": 1} if gpu else {}),
        elastic_resize_monitor_interval_s=LOOK_S,
    )
