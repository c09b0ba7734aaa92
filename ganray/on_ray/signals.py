"""How a run is left by a signal to the command: the workers write a checkpoint first, the second signal ends it at once."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType, TracebackType
from typing import Any

from ganray.errors import Stopped
from ganray.on_ray.ray_internals import Trainer

# Seconds until a run is ended without its checkpoint: somebody who presses Ctrl-C waits, and a machine gives its notice in time.
LIMITS_S = {signal.SIGINT: 15.0, signal.SIGTERM: 60.0}


class GracefulStop:
    """`with Leaving(board) as leaving`: SIGTERM and Ctrl-C order the workers to leave; `came` is the signal that did."""

    def __init__(self, board: Any) -> None:
        self.came: signal.Signals | None = None
        self.trainer: Trainer | None = None
        self._board, self._timer = board, threading.Timer(0.0, self._end)
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> GracefulStop:
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
