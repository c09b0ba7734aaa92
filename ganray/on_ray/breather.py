"""Keeps Ray Data's scheduling thread from taking the interpreter's lock, or a core, away from those it schedules for."""

from __future__ import annotations

import time
from typing import Any

from ray.data._internal.execution.execution_callback import ExecutionCallback

PAUSE_S = 0.1


class Breather(ExecutionCallback):
    """A callback of Ray Data that lets its scheduling thread sleep a moment each step.

    While all readers rest, nothing in Ray 2.60's loop waits: it spins, and holds the lock of the interpreter in which the networks are
    trained. Training then ran at a quarter of its speed (tests/benchmarks/LOG.md).
    """

    def on_execution_step(self, executor: Any) -> None:
        """Sleep; a window takes longer than that."""
        time.sleep(PAUSE_S)
