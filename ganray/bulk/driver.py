"""The one driver of bulk jobs: what is not finished goes to an executor, tallies come back, and the books are closed.

What makes a job safe to cut off and run again is in `commit.py`; what a shard is, in `generate_shard.py` and `edit_shard.py`; where shards
are done, in `ganray.execution`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic

from ganray.bulk import commit
from ganray.bulk.job import W, images_of
from ganray.bulk.manifest import Manifest, manifest_key
from ganray.bulk.reporter import Reporter
from ganray.execution.port import Executor, ShardWork
from ganray.progress import bar
from ganray.storage import Store
from ganray.storage.retry import Patient, patiently, start_patiently


@dataclass(frozen=True)
class BulkRun(Generic[W]):
    """A job that lies open in `store` (`job.open_job`), and what this command brings to it.

    `prepare` is called before the first shard, where there is one to do; `show` makes the page (`commit.close_job`); `price` is of an hour
    of the whole cluster.
    """

    verb: str
    store: Store
    plan: W
    work: ShardWork[Any, commit.Tally]
    show: Callable[[Store, W, Manifest], None]
    prepare: Callable[[], None] | None = None
    price: float = 0.0


def run_job(run: BulkRun[W], executor: Executor, started: float) -> dict[str, Any]:
    """Do what is not finished, and close the books; returns them: images = written + existing + quarantined (+ untouched, or ranked_out).

    `started` is when the command began (seconds since 1970). Raises StorageError, and what the work raises.
    """
    written, ready = 0, time.time()
    if not run.store.exists("job.json"):
        written, ready = _do_shards(run, executor)
    books = commit.close_job(run.store, run.plan, run.show)
    return {
        "requests": run.plan.requests,
        "images": run.plan.images,
        "written": written,
        "existing": books["images"] - written,
        "quarantined": books["quarantined"],
        "untouched": books.get(commit.UNTOUCHED, 0),
        **({commit.RANKED_OUT: books[commit.RANKED_OUT]} if commit.RANKED_OUT in books else {}),
        commit.DOUBTFUL_IMAGES: books.get(commit.DOUBTFUL_IMAGES, 0),
        "seconds": time.time() - started,
        "startup_seconds": ready - started,
        "manifest": run.store.url_of(manifest_key(run.plan)),
    }


def _do_shards(run: BulkRun[W], executor: Executor) -> tuple[int, float]:
    """All shards that are not finished, and the closed books; gives the images written, and when the first engine was ready."""
    todo = sorted(set(range(run.plan.shards)) - commit.finished(run.store))
    if todo and run.prepare is not None:
        run.prepare()
    before = run.plan.images - images_of(run.plan, todo)
    reporter = Reporter(run.store, run.plan.images, before, run.price, _publisher(run, executor))
    ready = math.inf
    with bar(run.verb, run.plan.images, "img") as progress, reporter.reporting():
        progress.update(before)
        for tally in executor.map_shards(_patient(run.work, run.verb), todo):
            progress.update(tally.images, reporter.add(tally))
            ready = min(ready, tally.ready)
        patiently(f"{run.verb}: closing the books", commit.close_job, run.store, run.plan, run.show)
    return reporter.status.written, ready if todo else time.time()


def _patient(work: ShardWork[Any, Any], verb: str) -> ShardWork[Any, Any]:
    """Work that waits for a store which cannot be reached. A shard that is begun again finds what it has written."""
    finish = None if work.finish is None else Patient(work.finish, verb)
    return replace(work, start=partial(start_patiently, work.start, verb), finish=finish)


def _publisher(run: BulkRun[W], executor: Executor) -> Callable[[dict[str, float]], None]:
    return lambda numbers: executor.publish(f"ganray_{run.verb}", numbers, {"job": run.store.url})
