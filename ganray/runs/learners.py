"""One table: what a run can learn. A GAN, a GAN with differential privacy, and an editor differ in these functions and nowhere else."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

import torch

from ganray.config import TrainConfig
from ganray.errors import ConfigError
from ganray.evaluation.run_scores import Weights
from ganray.runs.editor_grids import draw_edits
from ganray.runs.ending import Ending, RunOutcome, finish_editor, finish_model, finish_private_model
from ganray.runs.job import Job
from ganray.runs.known_mattes import Cutouts, RunTasks, gather_cutouts
from ganray.runs.privacy import private_stream
from ganray.runs.publish import describe, publish_editor, publish_model, publish_private_model
from ganray.runs.sample_grids import draw_grid
from ganray.runs.scoring import weights_of
from ganray.training.context import State
from ganray.training.editor import EditorState, create_editor_state, smallest_photo
from ganray.training.loop import Step, edits_step, gan_step, private_gan_step
from ganray.training.staging import Batch
from ganray.training.state import TrainState, create_state

S = TypeVar("S", bound=State)
Batches = Generator[Batch, None, None]
OpenBatches = Callable[[int], Batches]  # of this worker's share of the run, from the position `num_images` on


@dataclass(frozen=True)
class Learner(Generic[S]):
    """A row of the table.

    `check` raises ConfigError for what cannot work; `cutouts` gathers on the driver what a worker needs beside the catalog. On a worker,
    `create` makes the state at the start of a run, `batches` the stream from a position on, `step` changes the state, `draw` copies what a
    grid needs and returns the function that draws it, `publish` writes the result into the run's folder. `weights` are those of the
    generator that is scored; a learner without one is not `scored`. `finish` writes the card on the driver.
    """

    name: str
    create: Callable[[Job, torch.device], S]
    step: Step[S]
    draw: Callable[[Job, S, torch.device], Callable[[], bytes]]
    publish: Callable[[Job, S], None]
    finish: Callable[[TrainConfig, RunOutcome], Ending]
    batches: Callable[[Job, int, OpenBatches], Batches]
    check: Callable[[TrainConfig], None] = lambda config: None
    cutouts: Callable[[TrainConfig, RunTasks], Cutouts | None] = lambda config, run_tasks: None
    weights: Callable[[S], Weights] = lambda state: {}
    scored: bool = False


def learner_of(config: TrainConfig) -> Learner[Any]:
    """The row of a run."""
    if config.editor.tasks:
        return LEARNERS["editor"]
    return LEARNERS["private-gan" if config.privacy.epsilon else "gan"]


def _create_gan(job: Job, device: torch.device) -> TrainState:
    return create_state(job.config, job.info.label_sizes, device)


def _create_editor(job: Job, device: torch.device) -> EditorState:
    return create_editor_state(job.config, torch.from_numpy(job.cutouts), device)


def _draw_gan(job: Job, state: TrainState, device: torch.device) -> Callable[[], bytes]:
    return partial(draw_grid, copy.deepcopy(state.ema), describe(job, state.num_images), device)


def _draw_editor(job: Job, state: EditorState, device: torch.device) -> Callable[[], bytes]:
    return partial(draw_edits, copy.deepcopy(state.ema), job.source, state.cutouts)


def _catalog_batches(job: Job, num_images: int, open_batches: OpenBatches) -> Batches:
    return open_batches(num_images)


def _private_batches(job: Job, num_images: int, open_batches: OpenBatches) -> Batches:
    assert job.private is not None
    return private_stream(job.source, job.config, job.private, num_images)


def _generator_weights(state: TrainState) -> Weights:
    return weights_of(state.ema)


def _check_photos(config: TrainConfig) -> None:
    smallest = smallest_photo(config.editor.tasks)
    if config.model.resolution < smallest:
        raise ConfigError(
            f"train: photos of {config.model.resolution} px are too small for {', '.join(config.editor.tasks)}",
            f"Ingest with --resolution {smallest} or more, 512 at best",
        )


GAN = Learner(
    "gan",
    _create_gan,
    gan_step,
    _draw_gan,
    publish_model,
    finish_model,
    _catalog_batches,
    weights=_generator_weights,
    scored=True,
)
LEARNERS: dict[str, Learner[Any]] = {
    "gan": GAN,
    "private-gan": replace(
        GAN,
        name="private-gan",
        step=private_gan_step,
        publish=publish_private_model,
        finish=finish_private_model,
        batches=_private_batches,
        scored=False,  # scores compare with photos
    ),
    "editor": Learner(
        "editor",
        _create_editor,
        edits_step,
        _draw_editor,
        publish_editor,
        finish_editor,
        _catalog_batches,
        check=_check_photos,
        cutouts=gather_cutouts,
    ),
}
