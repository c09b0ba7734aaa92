"""How a run is left by a signal to the command: the workers write a checkpoint first, the second signal ends it at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from ray.train.torch import TorchTrainer
from ray.train.v2._internal.callbacks.datasets import DatasetsCallback
from ray.train.v2._internal.callbacks.placement_group_callback import PlacementGroupCleanerCallback

from ganray.errors import Stopped

# Seconds until a run is ended without its checkpoint: somebody who presses Ctrl-C waits, and a machine gives its notice in time.
LIMITS_S = {signal.SIGINT: 15.0, signal.SIGTERM: 60.0}


class Trainer(TorchTrainer):
    """Ray Train's trainer, whose way to end a run is handed out; its own handler of Ctrl-C would end it at once, and stay.

    `alone`: in a cluster that lives no longer than the run, without a dashboard. There Ray Train 2.60 waits 12 s at the end of every run
    for a guard of its workers' resources, which asks the dashboard whether the controller lives, and gets no answer. Data come another way
    than by Ray Train's datasets, whose manager would be one more process to start.
    """

    abort: Callable[[], Any] | None = None
    alone = False

    def _create_default_callbacks(self) -> list[Any]:
        callbacks: list[Any] = super()._create_default_callbacks()  # type: ignore[misc]
        unwanted = (DatasetsCallback, PlacementGroupCleanerCallback) if self.alone else (DatasetsCallback,)
        return [each for each in callbacks if not isinstance(each, unwanted)]

    def _register_sigint_handler(self, controller: Any) -> None:
        self.abort = controller.abort.remote


class Leaving:
    """`with Leaving(board) as leaving`: SIGTERM and Ctrl-C order the workers to leave; `came` is the signal that did."""

    def __init__(self, board: Any) -> None:
        self.came: signal.Signals | None = None
        self.trainer: Trainer | None = None
        self._board, self._timer = board, threading.Timer(0.0, self._end)
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Leaving:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._ask) for number in LIMITS_S}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def error(self, kimg: float | None) -> BaseException:
        """What the command ends with, after a checkpoint of `kimg` thousand images (None: there was no time for one).

        Where no signal came to the command, one came to a worker.
        """
        if self.came is signal.SIGINT:
            return KeyboardInterrupt()
        who = "SIGTERM" if self.came else "SIGTERM to a worker"
        after = "before a checkpoint could be written" if kimg is None else f"at {kimg:g} kimg, after a checkpoint"
        return Stopped(f"{who}: training stopped {after}", "Continue with the same command and --resume")

    def _ask(self, number: int, frame: FrameType | None) -> None:
        first, self.came = self.came is None, signal.Signals(number)
        if not first or self.trainer is None or self.trainer.abort is None:
            return self._end()
        print(f"train: {self.came.name}: leaving after a checkpoint (once more: at once)", file=sys.stderr, flush=True)
        self._board.order.remote("leave")
        self._timer = threading.Timer(LIMITS_S[self.came], self._end)
        self._timer.daemon = True
        self._timer.start()
        return None

    def _end(self) -> None:
        """End the workers; before there are any, the command itself."""
        if self.trainer is not None and self.trainer.abort is not None:
            self.trainer.abort()
        else:
            raise self.error(None)
