"""Everything of Ray's that is not public API, in one file: each hook has a test that says it is still called."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import ray
from ray.data._internal.execution.execution_callback import ExecutionCallback
from ray.data.context import EXECUTION_CALLBACKS_ENV_VAR
from ray.train.torch import TorchTrainer
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import ControllerCallback, WorkerCallback
from ray.train.v2._internal.execution.controller.state import ResizingState, TrainControllerState
from ray.train.v2.api.config import ScalingConfig  # `ray.train.ScalingConfig`, with its own types

from ganray.runs.mailbox import Command, Mailbox

PAUSE_S = 0.1


class IdleLoopThrottle(ExecutionCallback):
    """A callback of Ray Data that lets its scheduling thread sleep a moment each step.

    While all readers rest, nothing in Ray 2.60's loop waits: it spins, and holds the lock of the interpreter in which the networks are
    trained. Training then ran at a quarter of its speed (tests/benchmarks/LOG.md).
    """

    def on_execution_step(self, executor: Any) -> None:
        """Sleep; a window takes longer than that."""
        time.sleep(PAUSE_S)


def throttle_idle_loops() -> None:
    """Let every execution of Ray Data in this process be throttled.

    By Ray Data's environment variable: what a dataset's context names is imported by its workers too, here with Ray Train and torch.
    """
    name = f"{IdleLoopThrottle.__module__}.{IdleLoopThrottle.__name__}"
    known = [each for each in os.environ.get(EXECUTION_CALLBACKS_ENV_VAR, "").split(",") if each]
    if name not in known:
        os.environ[EXECUTION_CALLBACKS_ENV_VAR] = ",".join([*known, name])


class Trainer(TorchTrainer):
    """Ray Train's trainer. `on_start` gets the function that ends a run; Ray Train's own handler of Ctrl-C would end it at once, and stay.

    `alone`: in a cluster that lives no longer than the run, without a dashboard. There Ray Train 2.60 waits 12 s at the end of every run
    for a guard of its workers' resources, which asks the dashboard whether the controller lives, and gets no answer. Data come another way
    than by Ray Train's datasets, whose manager would be one more process to start.
    """

    on_start: Callable[[Callable[[], Any]], None] = staticmethod(lambda abort: None)
    alone = False

    def _create_default_callbacks(self) -> list[Any]:
        callbacks: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
        unwanted = (DatasetsCallback, PlacementGroupCleanerCallback) if self.alone else (DatasetsCallback,)
        return [each for each in callbacks if not isinstance(each, unwanted)]

    def _register_sigint_handler(self, controller: Any) -> None:
        self.on_start(controller.abort.remote)


termination_requested = threading.Event()  # of this process


class TerminationNotice(WorkerCallback):
    """A callback of Ray Train, since only a process's main thread can set handlers, and training runs in another one.

    Ray's own handler ends the process at once. The main thread comes by with every poll of the controller (0.2 s).
    """

    def after_init_train_context(self) -> None:
        """Note the first SIGTERM; the second one has Ray's answer."""
        at_once = signal.getsignal(signal.SIGTERM)

        def note(number: int, frame: FrameType | None) -> None:
            if termination_requested.is_set() and callable(at_once):
                at_once(number, frame)
            termination_requested.set()

        signal.signal(signal.SIGTERM, note)


LOOK_S = 30.0  # between looks at what the cluster has
LIMIT_S = 90.0  # for the checkpoint; after that the workers are ended without it
POLL_S = 0.2


class CheckpointBeforeResize(ControllerCallback):
    """A callback of Ray Train, whose controller would end the workers where they stand and lose what they did since their checkpoint."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    def after_controller_state_update(self, previous_state: TrainControllerState, current_state: TrainControllerState) -> None:
        """Wait for the workers, which the controller may then replace."""
        if not isinstance(current_state, ResizingState):
            return
        self._mailbox.command(Command.RESIZE)
        limit = time.monotonic() + LIMIT_S
        while not self._mailbox.acknowledged() and time.monotonic() < limit:
            time.sleep(POLL_S)
        self._mailbox.command(Command.NONE)


def scaling(workers: int, min_workers: int, gpu: bool, threads: int) -> ScalingConfig:
    """Ray Train's form of it: a fixed number, or one between two."""
    elastic = 0 < min_workers < workers
    return ScalingConfig(
        num_workers=(min_workers, workers) if elastic else workers,
        use_gpu=gpu,
        resources_per_worker={"CPU": threads} | ({"GPU": 1} if gpu else {}),
        elastic_resize_monitor_interval_s=LOOK_S,
    )


def serve_controller() -> Any:
    """The controller actor of the Serve that runs in this cluster, which tells more than `ray.serve.status`; None where none runs."""
    from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE

    try:
        return ray.get_actor(SERVE_CONTROLLER_NAME, namespace=SERVE_NAMESPACE)
    except ValueError:
        return None
