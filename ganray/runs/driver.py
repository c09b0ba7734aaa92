"""A training run from the driver's side: start the workers, record what they send, score and publish the result."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import Any

from ganray.errors import StorageError
from ganray.runs.ending import summary
from ganray.runs.group import WorkerGroup
from ganray.runs.job import Job
from ganray.runs.learners import learner_of
from ganray.runs.recorder import METRIC, LiveNumbers, Recorder
from ganray.runs.resolve import ResolvedRun
from ganray.runs.scoring import score_final_model
from ganray.runs.signals import GracefulStop
from ganray.runs.source_model import begin
from ganray.storage import open_store


def run_training(run: ResolvedRun, group: WorkerGroup) -> dict[str, Any]:
    """Train `run` on the workers of `group`; returns what the model folder holds.

    Raises Stopped or KeyboardInterrupt after a signal, CollapseError, and whatever else stops the training.
    """
    config, store, learner = run.config, open_store(run.config.out), learner_of(run.config)
    with ExitStack() as stack:
        scorer = group.start_scorer(config, run.info) if config.score.kimg and learner.scored else None
        if scorer is not None:
            stack.callback(scorer.close)
        if run.begins_with:
            begin(config, run.info, run.begins_with)
        cutouts = learner.cutouts(config, group.run_tasks)
        job = Job(config, run.info, run.source, group.threads, group.mailbox, scorer, run.private, cutouts)
        stop = stack.enter_context(GracefulStop(group.mailbox))
        numbers = LiveNumbers(config, partial(group.publish, METRIC, tags={"job": store.url}))
        with Recorder(group.mailbox, store, config, numbers) as recorder:
            _fit(group, job, stop, recorder)
            collapsed = score_final_model(scorer, config, store) if recorder.outcome.result else None
        outcome = recorder.outcome
        if outcome.result is None and (stop.received or outcome.handed_over_kimg is not None):
            raise stop.error(outcome.handed_over_kimg)
    if outcome.error is not None:
        raise outcome.error
    if outcome.result is None:
        raise StorageError(f"{config.out}: the run ended without a model", "Run the same command with --resume")
    ending = learner.finish(config, outcome)
    if collapsed is not None:
        raise collapsed
    return summary(config, outcome.result, ending)


def _fit(group: WorkerGroup, job: Job, stop: GracefulStop, recorder: Recorder) -> None:
    """`group.fit()`. Where a message or a signal explains how it ended, its exception is not raised."""
    try:
        group.fit(job, stop)
    except KeyboardInterrupt:
        if stop.received is None:
            raise
    except Exception:
        recorder.drain()
        if recorder.outcome.error is None and stop.received is None:
            raise
    finally:
        stop.abort = None
    recorder.drain()
