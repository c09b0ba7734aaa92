"""What the training loop asks of the world around it: eight members, implemented by a laptop here and by Ray Train at the rim."""

from __future__ import annotations

from enum import IntEnum
from typing import Protocol

import torch
from torch import Tensor

from ganray.training.editor import EditorState
from ganray.training.state import TrainState

Row = dict[str, float]
State = TrainState | EditorState


class Decision(IntEnum):
    """What is to be done after a step, the stronger the higher."""

    GO_ON = 0
    KEEP = 1  # a checkpoint, and go on
    FINISH = 2  # a checkpoint, and end as if the run were over
    LEAVE = 3  # a checkpoint, and end: somebody else goes on


class Context(Protocol):
    """The port of `fit`. Every method is called at the same points on every rank."""

    rank: int
    world_size: int
    device: torch.device

    def places(self, batch: int) -> range:
        """The places of this worker's images in a batch of that many."""

    def average_(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its mean over the workers, each counting by its share of the batch, in place."""

    def log(self, state: State, row: Row) -> None:
        """Take the means since the last row: losses, penalties, schedules, img_per_s, data_wait (share of time without data)."""

    def grid(self, state: State) -> None:
        """Show what the moving average draws now; must be cheap."""

    def checkpoint(self, state: State, row: Row) -> None:
        """Keep the state; it is finite. Called every `checkpoint_kimg`, when it is somebody's `turn`, and at the end."""

    def turn(self) -> Decision:
        """What to do now, asked after every step: every rank must get the same answer."""


class LocalContext:
    """One process, nothing kept but the rows."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.rank, self.world_size, self.device = 0, 1, torch.device(device)
        self.rows: list[Row] = []

    def places(self, batch: int) -> range:
        """See `Context`: all of them."""
        return range(batch)

    def average_(self, tensors: list[Tensor]) -> None:
        """See `Context`: the mean over one worker."""

    def log(self, state: State, row: Row) -> None:
        """See `Context`."""
        self.rows.append(row)

    def grid(self, state: State) -> None:
        """See `Context`."""

    def checkpoint(self, state: State, row: Row) -> None:
        """See `Context`."""

    def turn(self) -> Decision:
        """See `Context`: go on to the end."""
        return Decision.GO_ON
