"""Bulk generation through Ray Data: shards of requests -> engine actors -> encode, label and create -> receipts.

A shard is one block all the way: pixels cross a process border once, as uint8, and only counts come back to the driver. What makes a
job safe to cut off and run again is in `bulk.py`; here is only who computes what, where.
"""

from __future__ import annotations

import functools
import math
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray
import ray.data

from ganray.bulk import commit
from ganray.bulk.estimate import estimate, format_estimate
from ganray.bulk.gate import Judge, gate_digest, measure_photos
from ganray.bulk.job import GenerateJob, images_of, make_generate_job, open_job, read_shard
from ganray.bulk.page import show_some
from ganray.bulk.segment_policy import Policy, applied
from ganray.config import GateConfig, GenerateConfig
from ganray.engine import ROWS, Engine
from ganray.errors import CheckpointError
from ganray.execution.port import Resources
from ganray.execution.resources import engine_cpus, use_gpu
from ganray.model_folder import ModelInfo, load_model
from ganray.on_ray.cluster import connect
from ganray.on_ray.errors import defer_error, find_ganray_error
from ganray.on_ray.job_reporter import Reporter
from ganray.on_ray.shards import tallies
from ganray.on_ray.warm_workers import warm_up
from ganray.output.label_options import LabelOptions, read_label_options
from ganray.progress import bar
from ganray.request_tables import read_requests
from ganray.requests import GenerateRequest
from ganray.storage import Store, absolute_url, open_object, open_store
from ganray.vocabulary import Vocabulary, spread_requests

SPARE_CPUS = 1  # at least one, for encoding and writing


def generate(config: GenerateConfig) -> dict[str, Any]:
    """Make every image that is asked for and not there yet; returns the books: images = written + existing + quarantined.

    With `dry_run` nothing is made, and an estimate returned.

    Raises RequestError before any work where the table is wrong, StorageError where another job lies in `config.out`.
    """
    started = time.time()
    info, store = load_model(config.model)[1], open_store(config.out)
    resources = connect(config.ray)
    device = "cuda" if use_gpu(config.gpu, resources, config.engines) else "cpu"
    threads, writers = share_cpus(config, resources)
    policy = Policy.read(config.policy) if config.policy else None
    marks = read_label_options(config.label)
    source = functools.partial(_requests, config, info, policy)
    plan = make_generate_job(
        source,
        Vocabulary(info.attributes, info.histograms, info.pieces),
        digest=info.digest,
        resolution=info.model.resolution,
        shard_images=config.shard_images,
        device=device,
        rows=ROWS[device],
        layout=config.layout,
        policy_digest=policy.digest if policy else "",
        gate_digest=gate_digest(config.gate, info),
        label_digest=marks.digest,
    )
    if config.dry_run:
        engine = Engine.load(config.model, device, threads)
        return estimate(engine, source(), plan, config.engines, writers, config.price)
    plan = open_job(store, plan, source)
    reporter, ready = None, started
    if not store.exists("job.json"):
        todo = sorted(set(range(plan.shards)) - commit.finished(store))
        if plan.gate_digest and todo:
            _measure_photos(store, with_absolute_urls(config.gate), info)
        reporter = Reporter(store, plan, plan.images - images_of(plan, todo), config.price)
        ready = _make(config, plan, store, todo, reporter, (threads, writers), marks)
    books = commit.close_job(store, plan, show_some)
    written = reporter.status.written if reporter else 0
    return {
        "requests": plan.requests,
        "images": plan.images,
        "written": written,
        "existing": books["images"] - written,
        "quarantined": books["quarantined"],
        "seconds": time.time() - started,
        "startup_seconds": ready - started,
        "manifest": store.url_of("manifest.parquet"),
    }


def show(books: dict[str, Any]) -> str:
    """The closed books, see `bulk.told`; or an estimate, a line a number."""
    if "tried" in books:
        return format_estimate(books)
    return commit.format_books(books)


def _make(
    config: GenerateConfig, plan: GenerateJob, store: Store, todo: list[int], reporter: Reporter, cpus: tuple[int, int], marks: LabelOptions
) -> float:
    """All shards that are not finished, and the closed books; gives the time when the first engine was ready."""
    ready = math.inf
    with bar("generate", plan.images, "img") as progress, reporter.told():
        progress.update(reporter.status.before)
        for tally in _stream(config, plan, store, todo, *cpus, marks):
            progress.update(tally.images, reporter.add(tally))
            ready = min(ready, tally.ready)
        commit.close_job(store, plan, show_some)
    return ready if todo else time.time()


def with_absolute_urls(gate: GateConfig) -> GateConfig:
    """The same places, as another process with another working directory finds them."""
    return gate.model_copy(update={name: absolute_url(getattr(gate, name)) for name in ("extractor", "catalog")})


def _measure_photos(store: Store, gate: GateConfig, info: ModelInfo) -> None:
    print("generate: measuring the catalog's photos for the gate", file=sys.stderr, flush=True)
    try:
        ray.get(ray.remote(measure_photos).options(num_cpus=1).remote(store, gate, info))
    except Exception as error:
        known = find_ganray_error(error)
        raise (known or error) from error


class Renderer:
    """The actor that holds an engine: a shard's number in, its pixels and facts out as one table."""

    def __init__(self, model: str, plan: GenerateJob, store: Store, threads: int, gate: GateConfig) -> None:
        self._plan, self._store = plan, store
        self._loaded = defer_error(functools.partial(_load, model, plan, store, threads, gate))
        self._ready = time.time()

    def __call__(self, batch: dict[str, npt.NDArray[np.int64]]) -> pa.Table:
        """Render one shard; see `bulk.write` for the columns."""
        (shard,) = batch["shard"].tolist()
        engine, judge = self._loaded()
        samples = read_shard(self._store, self._plan, shard)
        drawn = judge.draw(samples) if judge else None
        if drawn is None:
            z, labels = engine.draw(samples)
            pixels = engine.render(z, labels)
        else:
            pixels, labels = drawn.pixels, drawn.labels
        seeds = [request.seed for request, _ in samples] if drawn is None else drawn.seeds
        columns: dict[str, Any] = {
            "shard": pa.array([shard] * len(samples), pa.int64()),
            "ready": pa.array([self._ready] * len(samples), pa.float64()),
            "id": [request.id for request, _ in samples],
            "index": pa.array([index for _, index in samples], pa.int32()),
            "seed": pa.array(seeds, pa.int64()),
            "format": [request.format for request, _ in samples],
            "side": pa.array([request.side for request, _ in samples], pa.int32()),
            "quality": pa.array([request.quality for request, _ in samples], pa.int32()),
            "truncation": pa.array([request.truncation for request, _ in samples], pa.float64()),
        }
        for column, (name, values) in enumerate(engine.vocabulary.values.items()):
            columns[f"attr:{name}"] = pa.array([*values, None], pa.string()).take(pa.array(labels[:, column]))  # null: left to the title
        if self._plan.policy_digest:
            columns["segment"] = [request.segment for request, _ in samples]
        if drawn is not None:
            columns["tries"] = pa.array(drawn.tries, pa.int32())
            columns["score"] = pa.array([verdict.score for verdict in drawn.verdicts], pa.float64())
            columns["refused"] = [verdict.reason for verdict in drawn.verdicts]
        if engine.vocabulary.pieces.num:
            columns["title"] = [request.title for request, _ in samples]
        kind = pa.binary(pixels[0].size)
        columns["pixels"] = pa.FixedSizeBinaryArray.from_buffers(kind, len(pixels), [None, pa.py_buffer(pixels)])
        return pa.table(columns)


def _load(model: str, plan: GenerateJob, store: Store, threads: int, gate: GateConfig) -> tuple[Engine, Judge | None]:
    """The engine of the job's model, and the judge of a gated job. Raises CheckpointError where another model lies there by now."""
    engine = Engine.load(model, plan.device, threads)
    if engine.info.digest != plan.model_digest:
        raise CheckpointError(f"{model} was replaced while the job ran", "Run the same command again with the model of the job")
    return engine, Judge(store, gate, engine) if plan.gate_digest else None


def share_cpus(config: GenerateConfig, resources: Resources) -> tuple[int, int]:
    """Threads of each engine, and writing tasks at a time. Raises ClusterError where the engines do not fit."""
    gpu = use_gpu(config.gpu, resources, config.engines)
    threads = 1 if gpu else engine_cpus(config.threads, config.engines, SPARE_CPUS, resources, "generate")
    return threads, max(1, int(resources.cpus) - config.engines * threads)


def _stream(
    config: GenerateConfig, plan: GenerateJob, store: Store, todo: list[int], threads: int, writers: int, marks: LabelOptions
) -> Iterator[commit.Tally]:
    def work(shards: ray.data.Dataset) -> ray.data.Dataset:
        warm_up(min(writers, len(todo)))
        return shards.map_batches(
            Renderer,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=min(config.engines, len(todo))),
            num_cpus=threads,
            num_gpus=1 if plan.device == "cuda" else 0,
            fn_constructor_args=(absolute_url(config.model), plan, store, threads, with_absolute_urls(config.gate)),
        ).map_batches(
            functools.partial(commit.write, store=store, plan=plan, marks=marks),
            batch_size=None,
            batch_format="pyarrow",
            compute=ray.data.TaskPoolStrategy(size=min(writers, len(todo))),
        )

    return tallies(todo, work)


def _requests(config: GenerateConfig, info: ModelInfo, policy: Policy | None) -> Iterator[GenerateRequest]:
    """The table's requests as the policy changes them, or `num` spread over the first attribute; their seeds filled in."""
    if not config.requests:
        yield from (request.resolved(config.seed) for request in spread_requests(config.num, info.attributes, config.format))
        return
    store, key = open_object(config.requests)
    with store.open_seekable(key) as file:
        for request in read_requests(file, config.requests, config.format):
            yield applied(policy, request).resolved(config.seed)
