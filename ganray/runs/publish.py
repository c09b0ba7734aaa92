"""Writes what a run has learned into its folder as a model or an editor."""

from __future__ import annotations

from ganray.model_folder import EditorInfo, ModelInfo, save_editor, save_model
from ganray.runs.job import Job
from ganray.storage import open_store
from ganray.training.accountant import record
from ganray.training.context import State
from ganray.training.editor import EditorState
from ganray.training.state import TrainState


def publish(job: Job, state: State) -> None:
    """Write what was learned into the run's folder."""
    store = open_store(job.config.out)
    if isinstance(state, EditorState):
        save_editor(store, state.ema, describe_editor(job, state))
        return
    info = describe(job, state)
    if job.private:
        info = info.model_copy(update={"privacy": record(job.config, job.private.photos, state.num_images)})
    save_model(store, state.ema, info)


def describe(job: Job, state: TrainState) -> ModelInfo:
    """The model's description as of now."""
    return ModelInfo(
        model=job.config.model,
        attributes=job.vocabulary,
        histograms=job.histograms,
        titles=job.titles,
        catalog_url=job.source.url,
        catalog_digest=job.catalog_digest,
        num_images=state.num_images,
        train=job.config,
    )


def describe_editor(job: Job, state: EditorState) -> EditorInfo:
    """The editor's description as of now."""
    return EditorInfo(
        editor=job.config.editor,
        catalog_url=job.source.url,
        catalog_digest=job.catalog_digest,
        num_images=state.num_images,
        train=job.config,
    )
