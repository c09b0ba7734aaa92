"""The verb `generate`: shards of requests -> engines -> encode, label and create -> receipts, each image exactly once."""

from __future__ import annotations

import dataclasses
import functools
import math
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
from ganray.execution.labels import with_labels
from ganray.execution.port import Executor, Resources, ShardWork, Workers
from ganray.execution.resources import engine_cpus, require_cpus, require_node, use_gpu
from ganray.model_folder import ModelInfo, load_model
from ganray.output.label_options import LabelOptions, read_label_options
from ganray.request_tables import Columns, read_requests
from ganray.requests import GenerateRequest
from ganray.storage import Store, absolute_url, open_object, open_store
from ganray.storage.conditional import job_store
from ganray.vocabulary import Vocabulary, spread_requests

SPARE_CPUS = 1  # at least one, for encoding and writing
# CPUs that encode and write, for each that an engine has: forward 0.6 ms an image of 32 px, encoding to writing 0.25 ms, PNG more
# (tests/benchmarks/LOG.md). More are asked for where they lag and there is room.
FINISHERS_A_CPU = 0.5
FINISHERS_A_GPU = 4


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
    executor = choose_executor(config.executor, config.ray, Demand("generate", work, config.engines or 1))
    resources = executor.resources()
    workers, writers = plan_engines(config, resources)
    device = "cuda" if workers.gpu else "cpu"
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
        return estimate(Engine.load(config.model, device, workers.cpus), source(), plan, workers.num, writers, config.price)
    store = job_store(store, config.allow_unsafe_store)
    plan = open_job(store, plan, source)
    run = BulkRun("generate", store, plan, _work(config, plan, store, (workers, writers), marks), show_some, price=config.price)
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


def plan_engines(config: GenerateConfig, resources: Resources) -> tuple[Workers, int]:
    """The engines, and writing tasks at a time. Raises ClusterError where the engines do not fit."""
    own = with_labels(resources, config.node_labels)
    follows = config.engines is None and resources.joined
    num = config.engines or 1
    share = config.gpu_share if use_gpu(config.gpu, own, num * config.gpu_share) else 0.0
    if follows:
        return _engines_that_follow(config, share, own, resources)
    elsewhere = resources.cpus - own.cpus >= SPARE_CPUS
    threads = 1 if share else engine_cpus(config.threads, num, 0 if elsewhere else SPARE_CPUS, own, "generate")
    left = int(resources.cpus) - num * threads
    if left < 1 and resources.joined and not share:  # a cluster that has yet to grow
        left = math.ceil(FINISHERS_A_CPU * num * threads)
    return Workers(num, threads, share, labels=config.node_labels), max(1, left)


def _engines_that_follow(config: GenerateConfig, share: float, own: Resources, resources: Resources) -> tuple[Workers, int]:
    """As many as there is room for at the start beside the writing tasks: these set the proportion of the two also later."""
    if share:
        num = max(1, int(own.gpus / share))
        return Workers(num, 1, share, True, config.node_labels), max(int(resources.cpus) - num, math.ceil(FINISHERS_A_GPU * share * num))
    threads = config.threads or 1  # of one thread, so that they fit beside each other on nodes of any size
    require_node(threads, own, f"generate with {threads} thread(s)")
    require_cpus(threads + SPARE_CPUS, resources, f"generate with an engine of {threads} thread(s)")
    num = max(1, int(min(own.cpus / threads, resources.cpus / (threads * (1 + FINISHERS_A_CPU)))))
    return Workers(num, threads, 0.0, True, config.node_labels), math.ceil(FINISHERS_A_CPU * num * threads)


def _work(
    config: GenerateConfig, plan: GenerateJob, store: Store, places: tuple[Workers, int], marks: LabelOptions
) -> ShardWork[Any, commit.Tally]:
    workers, writers = places
    return ShardWork(
        start=functools.partial(load_renderer, absolute_url(config.model), plan, store, workers.cpus, with_absolute_urls(config.gate)),
        workers=workers,
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
