"""How a signal stops a run: the workers write a checkpoint first, the second signal ends it at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from ganray.errors import Stopped
from ganray.runs.mailbox import Command, Mailbox

# Seconds until a run is ended without its checkpoint: somebody who presses Ctrl-C waits, and a machine gives its notice in time.
LIMITS_S = {signal.SIGINT: 15.0, signal.SIGTERM: 60.0}


class GracefulStop:
    """`with GracefulStop(mailbox) as stop`: SIGTERM and Ctrl-C command the workers to stop; `received` is the signal that did.

    `abort` ends the workers at once; None while there are none. Outside of a process's main thread no signals are handled.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self.received: signal.Signals | None = None
        self.abort: Callable[[], Any] | None = None
        self._mailbox, self._timer = mailbox, threading.Timer(0.0, self._end)
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> GracefulStop:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._handle) for number in LIMITS_S}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._timer.cancel()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def error(self, kimg: float | None) -> BaseException:
        """What the command ends with, after a checkpoint of `kimg` thousand images (None: there was no time for one).

        Where the command received no signal, a worker did.
        """
        if self.received is signal.SIGINT:
            return KeyboardInterrupt()
        who = "SIGTERM" if self.received else "SIGTERM to a worker"
        after = "before a checkpoint could be written" if kimg is None else f"at {kimg:g} kimg, after a checkpoint"
        return Stopped(f"{who}: training stopped {after}", "Continue with the same command and --resume")

    def _handle(self, number: int, frame: FrameType | None) -> None:
        first, self.received = self.received is None, signal.Signals(number)
        if not first or self.abort is None:
            return self._end()
        print(f"train: {self.received.name}: stopping after a checkpoint (once more: at once)", file=sys.stderr, flush=True)
        self._mailbox.command(Command.STOP)
        self._timer = threading.Timer(LIMITS_S[self.received], self._end)
        self._timer.daemon = True
        self._timer.start()
        return None

    def _end(self) -> None:
        """End the workers; before there are any, the command itself."""
        if self.abort is not None:
            self.abort()
        else:
            raise self.error(None)
