"""What each worker of a run does, wherever it is: create or restore the state, train, publish."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial

from ganray.errors import GanrayError
from ganray.runs.job import Job
from ganray.runs.learners import OpenBatches, learner_of
from ganray.runs.messages import Failed, Result, Started
from ganray.runs.ranks import Ranks
from ganray.runs.run_context import RunContext
from ganray.storage.retry import retry_while_unavailable
from ganray.training.determinism import library_settings
from ganray.training.loop import fit


def run_worker(job: Job, ranks: Ranks, open_batches: OpenBatches, find_error: Callable[[BaseException], GanrayError | None]) -> None:
    """Train until the run ends, and send the result or the error. `find_error` gives the error of ours behind one of another library.

    Raises what ends the worker, so that no rank waits for this one in a collective.
    """
    context = RunContext(job, ranks)
    try:
        with library_settings(job.config, ranks.device):
            _train(job, ranks, context, open_batches)
    except Exception as error:
        context.flush_after(error)
        if known := find_error(error):
            job.mailbox.deliver(Failed(known))
        raise
    finally:
        context.close()


def own_error(error: BaseException) -> GanrayError | None:
    """`find_error` where nothing wraps errors."""
    return error if isinstance(error, GanrayError) else None


def _train(job: Job, ranks: Ranks, context: RunContext, open_batches: OpenBatches) -> None:
    job = replace(job, config=context.with_micro_batches(job.config))
    config, learner = job.config, learner_of(job.config)
    state = learner.create(job, ranks.device)
    if state.note:
        context.say(state.note)
    context.restore(state)
    context.send(Started(state.num_images / 1000))
    if config.min_workers:
        context.say(f"{ranks.world_size} of {config.workers} workers")
    started, first = time.monotonic(), state.num_images
    with closing(learner.batches(job, state.num_images, open_batches)) as batches:
        fit(state, batches, config, context, learner.step)
    if context.should_exit(state) or ranks.rank != 0:
        return
    result = Result(state.num_images / 1000, (time.monotonic() - started) / 60, state.num_images - first)
    retry_while_unavailable(partial(learner.publish, job, state), "the model", context.say)
    job.mailbox.deliver(result)
