"""Bulk editing through Ray Data: shards of requests -> actors that read, decode, edit, encode, label and create -> receipts.

Pixels stay in the process that edits them; only counts come back to the driver. What makes a job safe to cut off and run again is in
`bulk.py`, as for generation; here is only who computes what, where.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import ray.data

from ganray.bulk import commit
from ganray.bulk.edit_estimate import estimate
from ganray.bulk.edit_job import EditJob, check_stamp, make_edit_job, requests_of
from ganray.bulk.edit_page import show_pairs
from ganray.bulk.edit_shard import ShardEditor
from ganray.bulk.estimate import format_estimate
from ganray.bulk.job import images_of, open_job
from ganray.bulk.profile_filter import check_profile
from ganray.config import EditConfig
from ganray.edit_engine import EditEngine
from ganray.errors import CheckpointError
from ganray.execution.port import Resources
from ganray.execution.resources import require_cpus
from ganray.images.codec import Limits
from ganray.images.untrusted import SafeDecoder
from ganray.on_ray.cluster import connect
from ganray.on_ray.errors import defer_error
from ganray.on_ray.job_reporter import Reporter
from ganray.on_ray.shards import tallies
from ganray.output.label_options import LabelOptions, read_label_options
from ganray.progress import bar
from ganray.storage import Store, absolute_url, open_store


def edit(config: EditConfig) -> dict[str, Any]:
    """Make every edited picture that is asked for and not there yet; returns the books: images = written + existing + quarantined (+
    untouched, where only photos that fail a profile are edited).

    Raises RequestError before any work where the table or the chain is wrong, StorageError where another job lies in `config.out`.
    """
    started = time.time()
    if config.failing:
        check_profile(config.failing)
    store = open_store(config.out)
    marks, digest = read_label_options(config.label), EditEngine.load(config.model, threads=1).digest
    with requests_of(config, store) as source:
        plan = make_edit_job(config, source, digest, marks.digest)
        if marks.stamp:
            check_stamp(plan.chain)
        resources = connect(config.ray)
        require_cpus(config.workers, resources, f"edit with {config.workers} worker(s)")
        if config.dry_run:
            editor = _load(absolute_url(config.model), plan, store, marks)
            return estimate(editor, source(), plan, config.workers or _cores(resources), config.price)
        plan = open_job(store, plan, source)
    written, ready = _make(config, plan, store, resources, marks) if not store.exists("job.json") else (0, time.time())
    books = commit.close_job(store, plan, show_pairs)
    return {
        "requests": plan.requests,
        "images": plan.images,
        "written": written,
        "existing": books["images"] - written,
        "quarantined": books["quarantined"],
        "untouched": books.get(commit.UNTOUCHED, 0),
        "seconds": time.time() - started,
        "startup_seconds": ready - started,
        "manifest": store.url_of("manifest.parquet"),
    }


def show(books: dict[str, Any]) -> str:
    """The closed books, see `bulk.told`; or an estimate, a line a number."""
    if "manifest" not in books:
        return format_estimate(books)
    return commit.format_books(books, ("written", "existing", "quarantined", *(["untouched"] if books["untouched"] else [])))


class Editor:
    """The actor that holds an engine: a shard's number in, its tally out."""

    def __init__(self, model: str, plan: EditJob, store: Store, marks: LabelOptions) -> None:
        self._loaded = defer_error(functools.partial(_load, model, plan, store, marks))

    def __call__(self, batch: dict[str, npt.NDArray[np.int64]]) -> dict[str, npt.NDArray[Any]]:
        """Edit one shard; its Tally as a one-row batch."""
        (shard,) = batch["shard"].tolist()
        return {name: np.array([value]) for name, value in self._loaded()(shard)._asdict().items()}


def _load(model: str, plan: EditJob, store: Store, marks: LabelOptions) -> ShardEditor:
    """Raises CheckpointError where another model lies there by now."""
    limits = Limits(max_bytes=plan.max_bytes, max_pixels=plan.max_pixels)
    engine = EditEngine.load(model, threads=1, device="cpu", decode=SafeDecoder(1, limits))
    if engine.digest != plan.model_digest:
        raise CheckpointError(f"{model} was replaced while the job ran", "Run the same command again with the model of the job")
    return ShardEditor(engine, open_store(plan.source) if plan.source else None, store, plan, marks)


def _make(config: EditConfig, plan: EditJob, store: Store, resources: Resources, marks: LabelOptions) -> tuple[int, float]:
    """All shards that are not finished, and the closed books; gives the number of images written, and when the first engine was ready."""
    ready = math.inf
    todo = sorted(set(range(plan.shards)) - commit.finished(store))
    reporter = Reporter(store, plan, plan.images - images_of(plan, todo), config.price, "edit")
    with bar("edit", plan.images, "img") as progress, reporter.told():
        progress.update(reporter.status.before)
        for tally in _stream(config, plan, store, todo, resources, marks):
            progress.update(tally.images, reporter.add(tally))
            ready = min(ready, tally.ready)
        commit.close_job(store, plan, show_pairs)
    return reporter.status.written, ready if todo else time.time()


def _stream(
    config: EditConfig, plan: EditJob, store: Store, todo: list[int], resources: Resources, marks: LabelOptions
) -> Iterator[commit.Tally]:
    model = absolute_url(config.model)

    def work(shards: ray.data.Dataset) -> ray.data.Dataset:
        workers = ray.data.ActorPoolStrategy(size=min(len(todo), config.workers or _cores(resources)))
        return shards.map_batches(Editor, batch_size=1, compute=workers, num_cpus=1, fn_constructor_args=(model, plan, store, marks))

    return tallies(todo, work)


def _cores(resources: Resources) -> int:
    """A cluster that was started here has a logical CPU beyond the cores, see cluster.py."""
    return max(1, math.floor(resources.cpus) - (0 if resources.joined else 1))
