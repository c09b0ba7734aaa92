"""The verb `generate`: shards of requests -> engines -> encode, label and create -> receipts, each image exactly once."""

from __future__ import annotations

import dataclasses
import functools
import sys
import time
from collections.abc import Iterator
from typing import Any

from ganray.bulk import commit
from ganray.bulk.driver import BulkRun, run_job
from ganray.bulk.estimate import cpu_seconds, estimate, format_estimate
from ganray.bulk.gate import gate_digest, measure_photos
from ganray.bulk.generate_shard import load_renderer
from ganray.bulk.job import GenerateJob, GenerateOptions, count, make_generate_job, open_job
from ganray.bulk.page import show_some
from ganray.bulk.segment_policy import Policy, applied
from ganray.config import GateConfig, GenerateConfig
from ganray.copies.methods import METHODS, chosen_method
from ganray.engine import ROWS, Engine
from ganray.execution.choice import Demand, choose_executor
from ganray.execution.port import Executor, Resources, ShardWork, Workers
from ganray.execution.resources import engine_cpus, use_gpu
from ganray.model_folder import ModelInfo, load_model
from ganray.output.label_options import LabelOptions, read_label_options
from ganray.request_tables import Columns, read_requests
from ganray.requests import GenerateRequest
from ganray.storage import Store, absolute_url, open_object, open_store
from ganray.storage.conditional import job_store
from ganray.vocabulary import Vocabulary, spread_requests

SPARE_CPUS = 1  # at least one, for encoding and writing


def generate(config: GenerateConfig) -> dict[str, Any]:
    """Make every image that is asked for and not there yet; returns the books: images = written + existing + quarantined.

    With `dry_run` nothing is made, and an estimate returned.

    Raises RequestError before any work where the table is wrong, StorageError where another job lies in `config.out`.

    >>> books = ganray.generate(ganray.GenerateConfig(model="model", num=4, out="images", executor="local"))
    >>> books["images"], books["written"]
    (4, 4)
    """
    started = time.time()
    config = config.model_copy(update={"gate": _resolved(config.gate)})
    info, store = load_model(config.model)[1], open_store(config.out)
    policy = Policy.read(config.policy) if config.policy else None
    marks = read_label_options(config.label)
    columns, vocabulary = Columns(tuple(info.attributes), info.pieces.num > 0), Vocabulary(info.attributes, info.histograms, info.pieces)
    source = functools.partial(_requests, config, info, policy, columns)
    counted = count(source, vocabulary.encode)
    for note in columns.notes():
        print(f"generate: {config.requests}: {note}", file=sys.stderr, flush=True)
    work = 0.0 if config.dry_run else cpu_seconds(counted.images, info.model.resolution)
    executor = choose_executor(config.executor, config.ray, Demand("generate", work, config.engines))
    resources = executor.resources()
    device = "cuda" if use_gpu(config.gpu, resources, config.engines) else "cpu"
    threads, writers = share_cpus(config, resources)
    options = GenerateOptions(
        model_digest=info.digest,
        resolution=info.model.resolution,
        shard_images=config.shard_images,
        device=device,
        rows=ROWS[device],
        layout=config.layout,
        policy_digest=policy.digest if policy else "",
        gate_digest=gate_digest(config.gate, info),
        label_digest=marks.digest,
        copies_by=config.gate.copies_by if config.gate.extractor else "",
    )
    plan = make_generate_job(counted, vocabulary, options)
    if config.dry_run:
        return estimate(Engine.load(config.model, device, threads), source(), plan, config.engines, writers, config.price)
    store = job_store(store, config.allow_unsafe_store)
    plan = open_job(store, plan, source)
    run = BulkRun("generate", store, plan, _work(config, plan, store, (threads, writers), marks), show_some, price=config.price)
    if plan.gate_digest:
        run = dataclasses.replace(run, prepare=functools.partial(_measure_photos, executor, store, with_absolute_urls(config.gate), info))
    books = run_job(run, executor, started)
    del books[commit.UNTOUCHED]
    return books


def show(books: dict[str, Any]) -> str:
    """The closed books, see `commit.format_books`; or an estimate, a line a number."""
    if "tried" in books:
        return format_estimate(books)
    method = METHODS.get(books.get("copies_by", ""))
    return commit.format_books(books) + (f"\ncopies   of photos are sought by {method.title}" if method else "")


def _resolved(gate: GateConfig) -> GateConfig:
    """With the method that `auto` means on the driver, for all workers. Raises ConfigError where it is not installed."""
    return gate.model_copy(update={"copies_by": chosen_method(gate.copies_by)}) if gate.extractor else gate


def with_absolute_urls(gate: GateConfig) -> GateConfig:
    """The same places, as another process with another working directory finds them."""
    return gate.model_copy(update={name: absolute_url(getattr(gate, name)) for name in ("extractor", "catalog")})


def share_cpus(config: GenerateConfig, resources: Resources) -> tuple[int, int]:
    """Threads of each engine, and writing tasks at a time. Raises ClusterError where the engines do not fit."""
    gpu = use_gpu(config.gpu, resources, config.engines)
    threads = 1 if gpu else engine_cpus(config.threads, config.engines, SPARE_CPUS, resources, "generate")
    return threads, max(1, int(resources.cpus) - config.engines * threads)


def _work(
    config: GenerateConfig, plan: GenerateJob, store: Store, cpus: tuple[int, int], marks: LabelOptions
) -> ShardWork[Any, commit.Tally]:
    threads, writers = cpus
    return ShardWork(
        start=functools.partial(load_renderer, absolute_url(config.model), plan, store, threads, with_absolute_urls(config.gate)),
        workers=Workers(config.engines, threads, plan.device == "cuda"),
        finish=functools.partial(commit.write, store=store, plan=plan, marks=marks),
        finishers=writers,
    )


def _measure_photos(executor: Executor, store: Store, gate: GateConfig, info: ModelInfo) -> None:
    print("generate: measuring the catalog's photos for the gate", file=sys.stderr, flush=True)
    for _ in executor.stream(functools.partial(measure_photos, store, gate, info), Workers(1)):
        pass


def _requests(config: GenerateConfig, info: ModelInfo, policy: Policy | None, columns: Columns) -> Iterator[GenerateRequest]:
    """The table's requests as the policy changes them, or `num` spread over the first attribute; their seeds filled in."""
    if not config.requests:
        yield from (request.resolved(config.seed) for request in spread_requests(config.num, info.attributes, config.format))
        return
    store, key = open_object(config.requests)
    with store.open_seekable(key) as file:
        for request in read_requests(file, config.requests, config.format, columns=columns):
            yield applied(policy, request).resolved(config.seed)
