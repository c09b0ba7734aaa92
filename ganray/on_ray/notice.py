"""The notice that a worker's process is to end soon (SIGTERM): a checkpoint first, then the end."""

from __future__ import annotations

import signal
import threading
from types import FrameType

from ray.train.v2._internal.execution.callback import WorkerCallback

given = threading.Event()  # of this process


class Gone(Exception):
    """This worker ends as it was told to, and Ray Train goes on without it; no defect."""


class Notice(WorkerCallback):
    """A callback of Ray Train, since only a process's main thread can set handlers, and training runs in another one.

    Ray's own handler ends the process at once. The main thread comes by with every poll of the controller (0.2 s).
    """

    def after_init_train_context(self) -> None:
        """Note the first SIGTERM; the second one has Ray's answer."""
        at_once = signal.getsignal(signal.SIGTERM)

        def note(number: int, frame: FrameType | None) -> None:
            if given.is_set() and callable(at_once):
                at_once(number, frame)
            given.set()

        signal.signal(signal.SIGTERM, note)
