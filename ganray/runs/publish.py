"""Writes what a run has learned into its folder as a model or an editor."""

from __future__ import annotations

from ganray.model_folder import EditorInfo, ModelInfo, save_editor, save_model
from ganray.runs.job import Job
from ganray.storage import open_store
from ganray.training.accountant import record
from ganray.training.editor import EditorState
from ganray.training.state import TrainState


def publish_model(job: Job, state: TrainState) -> None:
    """Write the moving average of G as the run's model."""
    save_model(open_store(job.config.out), state.ema, describe(job, state.num_images))


def publish_private_model(job: Job, state: TrainState) -> None:
    """The same, with the privacy that its steps have spent."""
    assert job.private is not None
    spent = record(job.config, job.private.photos, state.num_images)
    save_model(open_store(job.config.out), state.ema, describe(job, state.num_images).model_copy(update={"privacy": spent}))


def publish_editor(job: Job, state: EditorState) -> None:
    """Write the moving average of the networks as the run's editor."""
    save_editor(open_store(job.config.out), state.ema, describe_editor(job, state.num_images))


def describe(job: Job, num_images: int) -> ModelInfo:
    """The model's description after `num_images` images."""
    return job.info.model_copy(update={"num_images": num_images, "train": job.config})


def describe_editor(job: Job, num_images: int) -> EditorInfo:
    """The editor's description after `num_images` images."""
    return EditorInfo(
        editor=job.config.editor,
        catalog_url=job.source.url,
        catalog_digest=job.info.catalog_digest,
        num_images=num_images,
        train=job.config,
    )
