"""The verb `generate`: shards of requests -> engines -> encode, label and create -> receipts, each image exactly once."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from ganray.bulk import commit
from ganray.bulk.device import drawn_by, load_on, note_of_device
from ganray.bulk.driver import BulkRun, run_job
from ganray.bulk.estimate import SAMPLE, cpu_seconds, estimate_there, format_estimate
from ganray.bulk.gate import gate_digest, measure_photos
from ganray.bulk.generate_shard import AT_ONCE, load_renderer
from ganray.bulk.job import GenerateJob, GenerateOptions, TableCount, count, make_generate_job, open_job, room_of_shard
from ganray.bulk.keep import Packing
from ganray.bulk.page import show_some
from ganray.bulk.segment_policy import Policy, applied
from ganray.config import GateConfig, GenerateConfig
from ganray.config.bulk import AUTO
from ganray.config.keep import ALL
from ganray.copies.methods import METHODS, chosen_method
from ganray.engine import ROWS
from ganray.errors import ConfigError
from ganray.evaluation.evaluation import EXTRACTOR
from ganray.evaluation.truncation import chosen_truncation
from ganray.execution.choice import Demand, choose_executor
from ganray.execution.gpus import GpuDemand, announce_gpus_of_kind, gpus_by_kind, workers_on_gpus
from ganray.execution.labels import with_labels
from ganray.execution.once import run_once
from ganray.execution.port import Executor, Resources, ShardWork, Workers
from ganray.execution.resources import engine_cpus, require_cpus, require_node
from ganray.metrics.features import DESCRIPTION
from ganray.model_folder import ModelInfo, load_model
from ganray.output.device import describe_device
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
FINISHERS_A_GPU = 8
_DESCRIBE = functools.partial(describe_device, "cuda")


def generate(config: GenerateConfig) -> dict[str, Any]:
    """Make every image that is asked for and not there yet; returns the books: images = written + existing + quarantined.

    With `dry_run` nothing is made, and an estimate returned.

    Raises RequestError before any work where the table is wrong, StorageError where another job lies in `config.out`.

    >>> books = ganray.generate(ganray.GenerateConfig(model="model", num=4, out="images", executor="local"))
    >>> books["images"], books["written"]
    (4, 4)
    """
    started = time.time()
    info, store = load_model(config.model)[1], open_store(config.out)
    truncation = resolved_truncation(config, info, store)
    config = config.model_copy(update={"gate": resolved_gate(config), "truncation": "" if truncation is None else truncation})
    policy = Policy.read(config.policy) if config.policy else None
    marks = read_label_options(config.label)
    columns, vocabulary = Columns(tuple(info.attributes), info.pieces.num > 0), Vocabulary(info.attributes, info.histograms, info.pieces)
    source = functools.partial(_requests, config, info, policy, columns)
    counted, packing = _count(config, info, source, vocabulary)
    for note in columns.notes():
        _say(f"{config.requests}: {note}")
    work = 0.0 if config.dry_run else cpu_seconds(counted.images, info.model.resolution)
    executor = choose_executor(config.executor, config.ray, Demand("generate", work, config.engines or 1))
    closed = not config.dry_run and store.exists("job.json")
    workers, writers = plan_engines(config, executor.resources(), functools.partial(drawn_by, store))
    accelerator = "" if config.dry_run or closed or not workers.gpu else run_once(executor, _DESCRIBE, workers)
    options = _options(config, info, "cuda" if workers.gpu else "cpu", accelerator, marks)
    options = dataclasses.replace(options, policy_digest=policy.digest if policy else "", truncation=truncation)
    plan = make_generate_job(counted, vocabulary, packing.applied(options) if packing else options)
    if config.dry_run:
        return _estimate(config, executor, plan, (workers, writers), source())
    store = job_store(store, config.allow_unsafe_store)
    here, plan = plan, open_job(store, plan, source)
    cut = {name: getattr(plan, name) for name in ("shards", "shard_images", "shard_sizes")}
    here = dataclasses.replace(here, created=plan.created, **cut)
    if not closed and (note := note_of_device(plan, here)):
        _say(note)
    run = BulkRun("generate", store, plan, _work(config, here, store, (workers, writers), marks), show_some, price=config.price)
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
    ranked = (commit.RANKED_OUT,) if commit.RANKED_OUT in books else ()
    text = commit.format_books(books, ("written", "existing", "quarantined", *ranked)).replace("ranked_out", "ranked out")
    return text + (f"\ncopies   of photos are sought by {method.title}" if method else "")


def resolved_gate(config: GenerateConfig) -> GateConfig:
    """The gate with the method that `auto` means on the driver, for all workers, and where samples are to be ranked with an extractor.

    Raises ConfigError where the method is not installed, and where there is no extractor to rank by.
    """
    gate = config.gate
    if config.keep != ALL and not gate.extractor:
        own = open_store(config.model).child(EXTRACTOR)
        if not own.exists(DESCRIPTION):
            raise ConfigError(
                f"keep = {config.keep} ranks samples by a feature extractor, and {config.model} holds none",
                f"Name one by --gate.extractor, e.g. the folder {EXTRACTOR} of a ganray evaluate; or use --keep all",
            )
        gate = gate.model_copy(update={"extractor": own.url})
    return gate.model_copy(update={"copies_by": chosen_method(gate.copies_by)}) if gate.extractor else gate


def resolved_truncation(config: GenerateConfig, info: ModelInfo, out: Store) -> float | None:
    """What requests get that name no truncation; None where the command says nothing. A job that has begun with `auto` keeps its number.

    Raises ConfigError where `auto` has no curve of this model to choose from.
    """
    if config.truncation != AUTO:
        return float(config.truncation) if config.truncation else None
    begun = json.loads(out.get("plan.json")).get("truncation") if out.exists("plan.json") else None
    return chosen_truncation(open_store(config.model), info.digest) if begun is None else float(begun)


def _count(
    config: GenerateConfig, info: ModelInfo, source: Callable[[], Iterator[GenerateRequest]], vocabulary: Vocabulary
) -> tuple[TableCount, Packing | None]:
    """Read and check the table once. Where the best samples are to be kept, the shards are cut on the way, in whole requests."""
    if config.keep == ALL:
        return count(source, vocabulary.encode), None
    packing = Packing(config.keep, *room_of_shard(info.model.resolution, config.shard_images))

    def check(request: GenerateRequest) -> None:
        vocabulary.encode(request)
        packing.add(request)

    counted = count(source, check)
    if packing.kept == packing.images:
        why = "every request has count 1" if packing.images == counted.requests else "that is all of every request"
        _say(f"keep = {config.keep}: nothing can be ranked out, {why}")
    return counted, packing


def with_absolute_urls(gate: GateConfig) -> GateConfig:
    """The same places, as another process with another working directory finds them."""
    return gate.model_copy(update={name: absolute_url(getattr(gate, name)) for name in ("extractor", "catalog")})


def plan_engines(config: GenerateConfig, resources: Resources, begun_on: Callable[[], str] = str) -> tuple[Workers, int]:
    """The engines, and writing tasks at a time. `begun_on` gives the GPU of a job that goes on: where there are several kinds, engines go
    where that one is. Raises ClusterError where the engines do not fit."""
    follows = config.engines is None and resources.joined
    num = config.engines or 1
    demand = GpuDemand("generate", config.gpu, num, "engines" if config.engines else "", config.gpu_share)
    begun = begun_on() if len(gpus_by_kind(resources)) > 1 else ""
    on_gpu, labels = announce_gpus_of_kind(demand, resources, config.node_labels, begun)
    config = config.model_copy(update={"node_labels": labels})
    own, share = with_labels(resources, labels), config.gpu_share if on_gpu else 0.0
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
        num = max(1, workers_on_gpus(own, share))
        return Workers(num, 1, share, True, config.node_labels), max(int(resources.cpus) - num, math.ceil(FINISHERS_A_GPU * share * num))
    threads = config.threads or 1  # of one thread, so that they fit beside each other on nodes of any size
    require_node(threads, own, f"generate with {threads} thread(s)")
    require_cpus(threads + SPARE_CPUS, resources, f"generate with an engine of {threads} thread(s)")
    num = max(1, int(min(own.cpus / threads, resources.cpus / (threads * (1 + FINISHERS_A_CPU)))))
    return Workers(num, threads, 0.0, True, config.node_labels), math.ceil(FINISHERS_A_CPU * num * threads)


def _options(config: GenerateConfig, info: ModelInfo, device: str, accelerator: str, marks: LabelOptions) -> GenerateOptions:
    return GenerateOptions(
        model_digest=info.digest,
        resolution=info.model.resolution,
        shard_images=config.shard_images,
        device=device,
        rows=ROWS[device],
        layout=config.layout,
        gate_digest=gate_digest(config.gate, info),
        label_digest=marks.digest,
        copies_by=config.gate.copies_by if config.gate.extractor else "",
        accelerator=accelerator,
    )


def _estimate(
    config: GenerateConfig, executor: Executor, plan: GenerateJob, places: tuple[Workers, int], requests: Iterator[GenerateRequest]
) -> dict[str, Any]:
    """What the job would take. With GPUs it is tried where one is: the machine of this command may have none."""
    tried = list(itertools.islice(requests, SAMPLE))
    task = functools.partial(estimate_there, absolute_url(config.model), tried, plan, places, config.price)
    return run_once(executor, task, places[0]) if places[0].gpu else task()


def _work(
    config: GenerateConfig, here: GenerateJob, store: Store, places: tuple[Workers, int], marks: LabelOptions
) -> ShardWork[Any, commit.Tally]:
    """What engines do with the job as this command has it: on its device, and at the job's own time."""
    workers, writers = places
    load = functools.partial(load_renderer, absolute_url(config.model), here, store, workers.cpus, with_absolute_urls(config.gate))
    return ShardWork(
        start=functools.partial(load_on, here.accelerator, load),
        workers=workers,
        finish=functools.partial(commit.write, store=store, plan=here, marks=marks),
        finishers=writers,
        at_once=AT_ONCE[here.device],
    )


def _say(note: str) -> None:
    print(f"generate: {note}", file=sys.stderr, flush=True)


def _measure_photos(executor: Executor, store: Store, gate: GateConfig, info: ModelInfo) -> None:
    _say("measuring the catalog's photos for the gate")
    for _ in executor.stream(functools.partial(measure_photos, store, gate, info), Workers(1)):
        pass


def _requests(config: GenerateConfig, info: ModelInfo, policy: Policy | None, columns: Columns) -> Iterator[GenerateRequest]:
    """The table's requests as the policy changes them, or `num` spread over the first attribute; their seeds filled in."""
    if not config.requests:
        spread = spread_requests(config.num, info.attributes, config.format)
        yield from (_truncated(config, request).resolved(config.seed) for request in spread)
        return
    store, key = open_object(config.requests)
    with store.open_seekable(key) as file:
        for request in read_requests(file, config.requests, config.format, columns=columns):
            yield applied(policy, _truncated(config, request)).resolved(config.seed)


def _truncated(config: GenerateConfig, request: GenerateRequest) -> GenerateRequest:
    """With the command's truncation, where the request names none."""
    if not config.truncation or "truncation" in request.model_fields_set:
        return request
    return request.model_copy(update={"truncation": float(config.truncation)})
