"""The port of the training loop: nine members. `LocalContext` keeps rows only; that of a whole run is `runs/run_context.py`."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import torch

from ganray.training.editor import EditorState
from ganray.training.gradients import Average
from ganray.training.state import TrainState

Row = dict[str, float]
State = TrainState | EditorState


class Decision(IntEnum):
    """What to do after a step; a higher value includes the lower ones."""

    GO_ON = 0
    CHECKPOINT = 1  # write a checkpoint and go on
    FINISH = 2  # write a checkpoint and end the run as finished
    HAND_OVER = 3  # write a checkpoint and exit: another process resumes


class Context(Protocol):
    """The port of `fit`. Every method is called at the same points on every rank."""

    rank: int
    world_size: int
    device: torch.device

    def places(self, batch: int) -> range:
        """The positions of this worker's images in a batch of `batch` images."""

    @property
    def average(self) -> Average | None:
        """Means over the workers, see `Average`; None where there is one worker."""

    def log(self, state: State, row: Row) -> None:
        """Record the means since the last row: losses, penalties, schedules, img_per_s, data_wait (share of time waiting for data)."""

    def grid(self, state: State) -> None:
        """Draw sample images of the moving average; must be cheap."""

    def checkpoint(self, state: State, row: Row) -> None:
        """Save the state, which is finite. Called every `checkpoint_kimg`, when `decide` asks for it, and at the end."""

    def decide(self) -> Decision:
        """What to do after this step: every rank must get the same answer."""


class LocalContext:
    """One process; keeps nothing but the rows."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.rank, self.world_size, self.device = 0, 1, torch.device(device)
        self.rows: list[Row] = []

    def places(self, batch: int) -> range:
        """See `Context`: all positions."""
        return range(batch)

    @property
    def average(self) -> Average | None:
        """See `Context`: one worker."""
        return None

    def log(self, state: State, row: Row) -> None:
        """See `Context`."""
        self.rows.append(row)

    def grid(self, state: State) -> None:
        """See `Context`."""

    def checkpoint(self, state: State, row: Row) -> None:
        """See `Context`."""

    def decide(self) -> Decision:
        """See `Context`: always go on."""
        return Decision.GO_ON
