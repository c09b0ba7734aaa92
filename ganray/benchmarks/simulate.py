"""`simulate`: CPU seconds per million records, and peak RSS, of what one process does for a whole catalog or job, at 100 million and 1.

No pictures and no cluster: catalog, requests, images are virtual, the code that lists, plans, records and closes is the product's own. Each
step at each size is a process of its own. A step that would take longer than minutes stops at a tenth, `images` says so: what one record
costs is what counts. `counting_store.py` says what is left out.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from ganray.benchmarks.counting_store import CountingStore
from ganray.benchmarks.listing_server import listing_server
from ganray.bulk import commit
from ganray.bulk.duplicate_ids import DuplicateIds
from ganray.bulk.job import GenerateJob, GenerateOptions, TableCount, count, images_of, make_generate_job, open_job
from ganray.bulk.layouts import LAYOUTS
from ganray.catalog.cleaning import DECODER, Recipe
from ganray.catalog.finish import describe_catalog, write_manifest
from ganray.catalog.manifest import Manifest, build_manifest
from ganray.catalog.order import Order, Share
from ganray.catalog.schema import CatalogInfo, ShardInfo, TableRemarks
from ganray.catalog.shard_paths import Receipt, num_parts
from ganray.catalog.shards import IngestJob
from ganray.config import BenchmarkConfig, DataConfig, IngestConfig
from ganray.errors import GanrayError
from ganray.execution.local import LocalExecutor
from ganray.execution.port import ShardWork, Workers
from ganray.requests import GenerateRequest
from ganray.storage import open_store
from ganray.vocabulary import Vocabulary

IMAGES, SMALLER = 100_000_000, 128  # the largest size, and the part of it to compare with: as many photos a part of a catalog
SHARD, SIDE = 512, 32
MAX_MIB = 2048.0
VALUES = {"category": tuple(f"category-{number}" for number in range(12)), "colour": tuple(f"colour-{number}" for number in range(12))}
RUN = "import sys; from ganray.benchmarks.simulate import run_here; run_here(sys.argv[1], int(sys.argv[2]))"
Seconds = dict[str, float]  # by what was timed


class Step(NamedTuple):
    """What is run at some number of records, and the part of IMAGES that it is run at."""

    run: Callable[[int], Seconds]
    part: int = 1


def measure(config: BenchmarkConfig) -> Iterator[dict[str, Any]]:
    """Two rows a step: seconds per million records with the ratio of both sizes, and the larger one's peak RSS over 2 GiB."""
    largest = config.images or IMAGES
    for name, step in STEPS.items():
        num = largest // step.part
        small, large = run_apart(name, largest // SMALLER), run_apart(name, num)
        for what in large["seconds"]:
            value, baseline = (1e6 * run["seconds"][what] / run["images"] for run in (large, small))
            facts = {"what": what, "images": num, "peak_mib": round(large["mib"]), "peak_mib_small": round(small["mib"])}
            yield {"name": "simulate", "value": value, "baseline": baseline, "ratio": value / baseline, "unit": "s/M", **facts}
        rss = {"value": large["mib"], "baseline": MAX_MIB, "ratio": large["mib"] / MAX_MIB, "unit": "MiB", "at_most": 1.0}
        yield {"name": "simulate", **rss, "what": f"{name}, peak RSS", "images": num}


def run_apart(name: str, num: int) -> dict[str, Any]:
    """Seconds and peak RSS of a step in a process of its own. Raises GanrayError where it fails."""
    done = subprocess.run([sys.executable, "-c", RUN, name, str(num)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise GanrayError(f"simulate: {name} of {num:,} failed: {done.stderr[-2000:]}", "Run it alone to see why")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run_here(name: str, num: int) -> None:
    """Run a step in this process, and print what it took. The peak is VmHWM: getrusage counts the process that started this one, too."""
    began = time.perf_counter()
    seconds = STEPS[name].run(num)
    wall = time.perf_counter() - began
    (peak,) = re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    print(json.dumps({"name": name, "images": num, "seconds": seconds, "wall": wall, "mib": int(peak) / 1024}), flush=True)


class Clock:
    """CPU seconds of this process, all its threads: what else the machine does does not count."""

    def __init__(self) -> None:
        self._began = time.process_time()

    def __call__(self) -> float:
        """Those since the last look."""
        began, self._began = self._began, time.process_time()
        return self._began - began


def list_bucket(num: int) -> Seconds:
    """List a bucket through the S3 client, spool, sort and write the parts of the manifest: what an ingest does before its first photo."""
    config = IngestConfig(source="s3://bucket/photos", out="unused")
    with listing_server(num) as environment:
        os.environ.update(environment)
        clock, source = Clock(), open_store(config.source)
        manifest = build_manifest(source, config)
        listing = clock()
    assert manifest.listed == num
    out = CountingStore(0)
    write_manifest(IngestJob(source, out, Recipe.of(config), config.row_group, len(manifest.shards)), manifest, config.duplicates)
    assert out.written["source"][0] == len(manifest.shards)
    return {"listing": listing, "manifest parts": clock()}


def describe_and_order(num: int) -> Seconds:
    """Add up the receipts of an ingest, write and read catalog.json, and find the place of a training in the middle of its second epoch."""
    config, of = IngestConfig(source="unused", out="unused"), num_parts(num, IngestConfig().shard_images)
    clock = Clock()
    receipts = [Receipt.model_validate_json(_part(number, of, num).model_dump_json()) for number in range(of)]
    manifest = Manifest(tuple(VALUES), [], num, 0, Counter(), Counter(), TableRemarks())
    info = CatalogInfo.from_json(describe_catalog(config, manifest, receipts, "", "").to_json(), "catalog.json")
    assert info.counts.accepted == num
    closing, lanes, batch = clock(), 8, 512
    order = Order([shard.row_groups for shard in info.shards], 0, DataConfig().window // lanes)
    consumed = num * 3 // 2 // lanes
    lane, skip, window = next(order.seek(Share.of_rank(1, 4, lanes, batch), consumed))
    assert (lane in range(2, 4), window.epoch, 0 <= skip < window.rows) == (True, 1, True)
    return {"catalog.json": closing, "training order": clock()}


def _part(number: int, of: int, num: int) -> Receipt:
    rows = (number + 1) * num // of - number * num // of
    groups = tuple(min(128, rows - start) for start in range(0, rows, 128))
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    key = f"shards/part-{number:05d}-of-{of:05d}.parquet"
    histograms = {name: {value: rows // 12 + (place < rows % 12) for place, value in enumerate(values)} for name, values in VALUES.items()}
    return Receipt(
        number=number,
        fingerprint=digest,
        recipe=digest,
        decoder=DECODER,
        left_out="",
        listed=rows,
        shard=ShardInfo(key=key, rows=rows, row_groups=groups, bytes=rows * 3000, sha256=digest),
        objects=(),
        reasons={},
        histograms=histograms,
    )


def plan_job(num: int) -> Seconds:
    """Check a table of requests, one image each, and cut it into shards. The table's own parsing is not in it."""
    source, vocabulary = functools.partial(_requests, num), Vocabulary(VALUES)
    clock = Clock()
    counted = count(source, vocabulary.encode)
    counting = clock()
    store = CountingStore(-(-num // SHARD))
    plan = open_job(store, make_generate_job(counted, vocabulary, _options()), source)
    assert store.written["requests"][0] == plan.shards
    return {"requests checked": counting, "requests cut into shards": clock()}


def find_duplicates(num: int) -> Seconds:
    """Take the ids of as many requests, two of which are the same."""
    clock, ids = Clock(), DuplicateIds()
    for number in range(num):
        ids.add(f"SKU-{number:010d}")
    ids.add(f"SKU-{num // 2:010d}")
    assert ids.twice() == {DuplicateIds.hash(f"SKU-{num // 2:010d}")}
    return {"duplicate ids": clock()}


def write_receipts(num: int) -> Seconds:
    """Make the receipt of every shard, as a worker does, and create it."""
    plan = simulated_job(num)
    store, clock = CountingStore(plan.shards), Clock()
    for shard in range(plan.shards):
        commit.create_receipt(store, shard, receipt_of(plan, shard))
    return {"receipts written": clock()}


def resume_and_close(num: int) -> Seconds:
    """Run a job again that has half of its receipts: the driver finds what is left, has it done, and closes the job."""
    from ganray.bulk.driver import BulkRun, run_job

    plan = simulated_job(num)
    store = CountingStore(plan.shards, lambda shard: commit.parquet_bytes(receipt_of(plan, shard)))
    store.make_pool()
    store.finish(range(plan.shards // 2))
    clock, half = Clock(), list[float]()

    def do(shard: int) -> commit.Tally:
        store.create(f"receipts/{shard:05d}.parquet", b"")
        images = images_of(plan, [shard])
        if shard == plan.shards - 1:
            half.append(clock())
        return commit.Tally(images, 0, 0, 0.0)

    work: ShardWork[Any, commit.Tally] = ShardWork(lambda: do, Workers(1))
    books = run_job(BulkRun("generate", store, plan, work, lambda store, plan, manifest: None), LocalExecutor(), time.time())
    assert (books["images"], store.exists("job.json")) == (num, True)
    return {"half a job found and taken up": half[0], "receipts read, job closed": clock()}


def simulated_job(images: int, shard_images: int = SHARD) -> GenerateJob:
    """A job of one image a request."""
    plan = make_generate_job(TableCount("0" * 64, images, images), Vocabulary(VALUES), replace(_options(), shard_images=shard_images))
    return replace(plan, created="2026-01-01T00:00:00+00:00")


def receipt_of(plan: GenerateJob, shard: int, refuse_every: int = 0) -> pa.Table:
    """The receipt of a shard of such a job as the job's writer makes it; one image in `refuse_every` is quarantined."""
    numbers = range(shard * plan.shard_images, shard * plan.shard_images + images_of(plan, [shard]))
    ids, num = [f"SKU-{number:010d}" for number in numbers], len(numbers)
    rendered = pa.table(
        {
            "id": ids,
            "index": pa.array([0] * num, pa.int32()),
            "seed": pa.array([number * 2_654_435_761 % 2**53 for number in numbers], pa.int64()),
            "format": ["png"] * num,
            "side": pa.array([0] * num, pa.int32()),
            "quality": pa.array([None] * num, pa.int32()),
            "truncation": pa.array([0.0] * num, pa.float64()),
            **{f"attr:{name}": [values[number % len(values)] for number in numbers] for name, values in VALUES.items()},
        }
    )
    receipts = []
    for number, id in zip(numbers, ids, strict=True):
        if refuse_every and number % refuse_every == 0:
            receipts.append(commit.ImageReceipt(reason="label_unverified", message="the label does not read back"))
        else:
            place = LAYOUTS[plan.layout].place(shard, id, 0, "png")
            receipts.append(commit.ImageReceipt(*place, bytes=2000 + number % 977, sha256=hashlib.sha256(id.encode()).hexdigest()))
    return commit.receipt_table(rendered, receipts, SIDE, plan)


def _options() -> GenerateOptions:
    return GenerateOptions(model_digest="0" * 64, resolution=SIDE, device="cpu", rows=64)


def _requests(num: int) -> Iterator[GenerateRequest]:
    for number in range(num):
        attributes = {name: values[number % len(values)] for name, values in VALUES.items()}
        yield GenerateRequest(id=f"SKU-{number:010d}", attributes=attributes).resolved()


STEPS: dict[str, Step] = {
    "list": Step(list_bucket, part=10),
    "order": Step(describe_and_order),
    "plan": Step(plan_job, part=10),
    "ids": Step(find_duplicates),
    "receipts": Step(write_receipts, part=10),
    "close": Step(resume_and_close),
}
