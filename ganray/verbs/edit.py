"""The verb `edit`: shards of requests -> workers that read, decode, edit, encode, label and create -> receipts, each result exactly once.

Pixels stay with the worker that edits them; only tallies come back.
"""

from __future__ import annotations

import functools
import time
from typing import Any

from ganray.bulk import commit
from ganray.bulk.driver import BulkRun, run_job
from ganray.bulk.edit_estimate import cpu_seconds, estimate
from ganray.bulk.edit_job import check_stamp, make_edit_job, requests_of
from ganray.bulk.edit_page import show_pairs
from ganray.bulk.edit_shard import load_editor
from ganray.bulk.estimate import format_estimate
from ganray.bulk.job import open_job
from ganray.bulk.profile_filter import check_profile
from ganray.config import EditConfig
from ganray.edit_engine import EditEngine
from ganray.execution.choice import Demand, choose_executor
from ganray.execution.gpus import announce_cpus_alone
from ganray.execution.labels import with_labels
from ganray.execution.port import ShardWork, Workers
from ganray.execution.resources import require_cpus, work_cores
from ganray.output.label_options import read_label_options
from ganray.storage import absolute_url, open_store
from ganray.storage.conditional import job_store


def edit(config: EditConfig) -> dict[str, Any]:
    """Make every edited picture that is asked for and not there yet; returns the books: images = written + existing + quarantined (+
    untouched, where only photos that fail a profile are edited).

    With `dry_run` nothing is made, and an estimate returned.

    Raises RequestError before any work where the table or the chain is wrong, StorageError where another job lies in `config.out`.

    >>> books = ganray.edit(ganray.EditConfig(source="photos", edits="white", out="ready", executor="local"))
    >>> books["written"], books["quarantined"]
    (1, 0)
    """
    started = time.time()
    if config.failing:
        check_profile(config.failing)
    store = open_store(config.out)
    marks = read_label_options(config.label)
    engine = EditEngine.load(config.model, threads=1, device="cpu", networks=config.networks)  # held: local workers share its own networks
    with requests_of(config, store) as source:
        plan = make_edit_job(config, source, engine.digest, marks.digest)
        if marks.stamp:
            check_stamp(plan.chain)
        work = 0.0 if config.dry_run else cpu_seconds(plan.images, bool(engine.digest))
        executor = choose_executor(config.executor, config.ray, Demand("edit", work))
        resources = with_labels(executor.resources(), config.node_labels)
        announce_cpus_alone("edit", resources)
        require_cpus(config.workers, resources, f"edit with {config.workers} worker(s)")
        workers = config.workers or work_cores(resources)
        load = functools.partial(load_editor, absolute_url(config.model), absolute_url(config.networks))
        if config.dry_run:
            return estimate(load(plan, store, marks), source(), plan, workers, config.price)
        store = job_store(store, config.allow_unsafe_store)
        plan = open_job(store, plan, source)
    places = Workers(workers, follows=resources.joined and not config.workers, labels=config.node_labels)
    editing: ShardWork[Any, commit.Tally] = ShardWork(functools.partial(load, plan, store, marks), places)
    return run_job(BulkRun("edit", store, plan, editing, show_pairs, price=config.price), executor, started)


def show(books: dict[str, Any]) -> str:
    """The closed books, see `commit.format_books`; or an estimate, a line a number."""
    if "manifest" not in books:
        return format_estimate(books)
    return commit.format_books(books, ("written", "existing", "quarantined", *(["untouched"] if books["untouched"] else [])))
