"""What workers, data readers and the scorer tell the driver of a run. This module imports almost nothing: it is pickled everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from ganray.errors import GanrayError

Row = dict[str, float]


@dataclass(frozen=True)
class Started:
    """The workers begin, at so many thousand images."""

    kimg: float


@dataclass(frozen=True)
class Log:
    """Means since the last row; `row["kimg"]` is the moment."""

    row: Row


@dataclass(frozen=True)
class Grid:
    """A labelled PNG of samples at a moment of the run."""

    kimg: float
    png: bytes


@dataclass(frozen=True)
class Score:
    """The scores of a moment of the run."""

    row: Row


@dataclass(frozen=True)
class Checkpointed:
    """A copy of the state was taken for a checkpoint."""

    row: Row


@dataclass(frozen=True)
class CheckpointWritten:
    """A checkpoint of `kimg` thousand images lies whole in the store: a run that is lost now goes on from there."""

    kimg: float


@dataclass(frozen=True)
class Note:
    """A line for a person."""

    text: str


@dataclass(frozen=True)
class HandedOver:
    """The run has stopped after a checkpoint of `kimg` thousand images, and has no model yet: another command resumes it."""

    kimg: float


@dataclass(frozen=True)
class Result:
    """The run has ended with a model: its clock, and what this part of the run took."""

    kimg: float
    minutes: float
    images: int


@dataclass(frozen=True)
class Failed:
    """An error of ours ends the run; workers that are restarted have nothing to do."""

    error: GanrayError


Message = Started | Log | Grid | Score | Checkpointed | CheckpointWritten | Note | HandedOver | Result | Failed
