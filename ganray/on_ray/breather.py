"""Keeps Ray Data's scheduling thread from taking the interpreter's lock, or a core, away from those it schedules for."""

from __future__ import annotations

import time
from typing import Any

PAUSE_S = 0.1


class Breather:
    """A callback of Ray Data that lets its scheduling thread sleep a moment each step.

    While all readers rest, nothing in Ray 2.60's loop waits: it spins, and holds the lock of the interpreter in which the networks are
    trained. Training then ran at a quarter of its speed (tests/benchmarks/LOG.md).
    """

    def before_execution_starts(self, executor: Any) -> None:
        """Nothing to do."""

    def on_execution_step(self, executor: Any) -> None:
        """Sleep; a window takes much longer than that."""
        time.sleep(PAUSE_S)

    def after_execution_succeeds(self, executor: Any) -> None:
        """Nothing to do."""

    def after_execution_fails(self, executor: Any, error: Exception) -> None:
        """Nothing to do."""
