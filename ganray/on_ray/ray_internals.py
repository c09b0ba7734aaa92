"""Everything of Ray's that is not public API, in one file: each hook has a test that says it is still called."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from importlib import import_module
from types import FrameType
from typing import Any

import ray
from ray.data._internal.execution.execution_callback import ExecutionCallback
from ray.data.context import EXECUTION_CALLBACKS_ENV_VAR
from ray.train._internal.utils import get_address_and_port
from ray.train.backend import Backend, BackendConfig
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback
from ray.train.v2._internal.execution.callback import ControllerCallback, WorkerCallback
from ray.train.v2._internal.execution.controller.state import ResizingState, TrainControllerState
from ray.train.v2._internal.util import TrainingFramework
from ray.train.v2.api.config import ScalingConfig  # `ray.train.ScalingConfig`, with its own types
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from ganray.execution.interface import interface_of
from ganray.runs.mailbox import Command, Mailbox
from ganray.storage.retry import PATIENCE_S

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


def _in_worker(function: str, **arguments: Any) -> Any:
    """Call a function of Ray's own set-up of torch, which is imported in the worker that needs it."""
    return getattr(import_module("ray.train.torch.config"), function)(**arguments)


def _set_environment(**variables: str) -> None:
    os.environ.update(variables)


def _use_interface_of_node() -> None:
    """Gloo takes the address that the hostname resolves to: the loopback where it does not, or where a system lists it there (Debian's
    127.0.1.1). Workers of other nodes would not reach it."""
    if interface := interface_of(ray.util.get_node_ip_address()):
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)


class ProcessGroupBackend(Backend):
    """What `ray.train.torch.TorchConfig` does, without torch in the controller.

    The controller only says who begins and where. Importing torch for that costs it as many CPU seconds as a worker's whole start, at the
    start of every run.
    """

    share_cuda_visible_devices = True
    timeout_s = PATIENCE_S + 120  # a rank may wait for a store for so long; a GPU that hangs should end the group soon after
    shutdown_s = 30

    def on_start(self, worker_group: Any, backend_config: BackendConfig) -> None:
        """Join the workers to a process group: NCCL between GPUs, Gloo between CPUs."""
        address, port = worker_group.execute_single(0, get_address_and_port)
        worker_group.execute(_set_environment, MASTER_ADDR=address, MASTER_PORT=str(port))
        worker_group.execute(_in_worker, function="_set_torch_distributed_env_vars")
        worker_group.execute(_use_interface_of_node)
        group = {
            "backend": "nccl" if worker_group.get_resources_per_worker().get("GPU", 0) > 0 else "gloo",
            "world_size": len(worker_group),
            "init_method": "env://",
            "timeout_s": self.timeout_s,
        }
        name = "_setup_torch_process_group"
        ray.get(
            [
                worker_group.execute_single_async(rank, _in_worker, function=name, world_rank=rank, **group)
                for rank in range(len(worker_group))
            ]
        )

    def on_shutdown(self, worker_group: Any, backend_config: BackendConfig) -> None:
        """Leave the group; a worker that hangs is not waited for."""
        several = len(worker_group) > 1
        left = worker_group.execute_async(_in_worker, function="_shutdown_torch", destroy_process_group=several)
        ray.wait(left, num_returns=len(left), timeout=self.shutdown_s)


class ProcessGroup(BackendConfig):
    """Ray Train's name for the choice of `ProcessGroupBackend`."""

    @property
    def backend_cls(self) -> type[Backend]:
        """See `BackendConfig`."""
        return ProcessGroupBackend

    @property
    def framework(self) -> TrainingFramework:
        """See `BackendConfig`; told by Ray's dashboard."""
        return TrainingFramework.TORCH


class Trainer(DataParallelTrainer):
    """Ray Train's trainer. `on_start` gets the function that ends a run; Ray Train's own handler of Ctrl-C would end it at once, and stay.

    `alone`: in a cluster that lives no longer than the run, without a dashboard. There Ray Train 2.60 waits 12 s at the end of every run
    for a guard of its workers' resources, which asks the dashboard whether the controller lives, and gets no answer. Data come another way
    than by Ray Train's datasets, whose manager would be one more process to start.
    """

    on_start: Callable[[Callable[[], Any]], None] = staticmethod(lambda abort: None)
    alone = False

    def __init__(self, worker: Callable[[dict[str, Any]], None], **settings: Any) -> None:
        super().__init__(worker, backend_config=ProcessGroup(), **settings)

    def _create_default_callbacks(self) -> list[Any]:
        callbacks: list[Any] = super()._create_default_callbacks()
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
