"""The verb `ingest`: a prefix of product photos -> a prepared catalog.

The driver lists the source once and divides it into shards. An executor prepares them (`catalog/shards.py` is what a worker does); only
receipts come back. `catalog.json` is written last: without it there is no catalog.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from ganray.catalog.cleaning import Recipe
from ganray.catalog.duplicate_lists import delete_lists, update_lists
from ganray.catalog.finish import describe_catalog, draw_contact_sheet, find_catalog, sweep, write_manifest
from ganray.catalog.manifest import Manifest, build_manifest
from ganray.catalog.reader import Catalog
from ganray.catalog.remarks import collect_remarks, lines
from ganray.catalog.sample import SAMPLE_KEY, SamplePlan
from ganray.catalog.sample_photos import SHEET_KEY, draw_chunk, find_sample, finish_sample, num_chunks, own_objects
from ganray.catalog.schema import CATALOG_KEY, CatalogInfo
from ganray.catalog.shard_paths import Receipt, divisions
from ganray.catalog.shards import IngestJob, ShardWorker
from ganray.config import IngestConfig
from ganray.copies.methods import IMAGENET, chosen_method
from ganray.execution.choice import Demand, choose_executor
from ganray.execution.labels import with_labels
from ganray.execution.port import Executor, ShardWork, Workers
from ganray.execution.resources import cores
from ganray.images.codec import encode
from ganray.progress import bar
from ganray.storage import Store, open_store
from ganray.storage.retry import start_patiently

# CPU seconds on one core, measured on photos of 64 to 4,000 px (tests/benchmarks/LOG.md, "what ingest and evaluate
# are estimated at").
PHOTO_SECONDS = 0.6e-3  # of each photo: reading, checks, digests, pipes
BYTE_SECONDS = 15e-9  # of each byte of a photo: decoding
PIXEL_SECONDS = 0.2e-6  # of each pixel of a prepared image: resampling, encoding
EMBED_SECONDS = 20e-3  # of each photo, where an embedding finds near duplicates
DRAW_SECONDS = 8e-3  # of each product of 64 px that is drawn
METRIC = "ganray_ingest"  # the name of the live numbers
SHOWN_VALUES = 10  # of an attribute, in the result of the command


def ingest(config: IngestConfig) -> CatalogInfo:
    """Prepare the catalog that `config` describes and return its `catalog.json`.

    Running it again finishes what is missing, does what changed in the source since, and nothing else.
    Raises CatalogError, StorageError or ClusterError.

    >>> info = ganray.ingest(ganray.IngestConfig(source="photos", out="prepared", resolution=16, min_images=1, executor="local"))
    >>> info.counts.accepted, info.resolution
    (1, 16)
    """
    out = open_store(config.out)
    before = find_catalog(out)
    origin, executor = config.source, None
    if plan := sample_plan(config):
        executor = _choose(config, sample_seconds(plan, out) + photo_seconds(config, plan.products, 0))
        config = draw_sample(config, plan, out, executor)
    source = open_store(config.source)
    manifest = build_manifest(source, config, skip=own_objects(source, out))
    copies_by = chosen_method(config.copies_by) if config.duplicates == "near" else ""
    job = IngestJob(source, out, Recipe.of(config), config.row_group, len(manifest.shards), divisions(out), copies_by)
    fingerprint = write_manifest(job, manifest, config.duplicates)
    changed = before is None or before.fingerprint != fingerprint
    if executor is None:
        seconds = photo_seconds(config, manifest.listed, manifest.bytes) + (copies_by == IMAGENET) * EMBED_SECONDS * manifest.listed
        executor = _choose(config, seconds if changed else 0.0)
    workers = _workers(executor, config.node_labels)
    if before is not None and changed:
        out.delete(CATALOG_KEY)  # so that a catalog whose shards are being replaced does not look finished
    receipts = _prepare(job, manifest, config.duplicates, executor, workers)
    info = describe_catalog(config, manifest, receipts, fingerprint, origin)
    info = info.model_copy(update={"remarks": collect_remarks(job, manifest, receipts, info, config.min_images)})
    if before is not None and before == info.model_copy(update={"created": before.created}):
        return before
    out.put(SHEET_KEY, encode(draw_contact_sheet(Catalog(out, info)), "png"))
    sweep(job, receipts)
    out.settle()
    out.put(CATALOG_KEY, info.to_json())
    return info


def show(info: CatalogInfo) -> str:
    """The catalog in a few lines: counts, reasons of rejected photos, attributes, remarks."""
    counts = info.counts
    reasons = ", ".join(f"{reason} {num}" for reason, num in sorted(info.reasons.items(), key=lambda item: -item[1]))
    rows = [
        f"listed {counts.listed} = accepted {counts.accepted} + quarantined {counts.quarantined}" + (f" ({reasons})" if reasons else "")
    ]
    for name, values in info.attributes.items():
        shown = ", ".join(f"{value or '(none)'} {info.histograms[name][value]}" for value in values[:SHOWN_VALUES])
        rows.append(f"{name} ({len(values)}): {shown}" + (", ..." if len(values) > SHOWN_VALUES else ""))
    if info.title:
        rows.append(f"titles: column {info.title}")
    return "\n".join([*rows, *lines(info), f"digest {info.digest}"])


def sample_plan(config: IngestConfig) -> SamplePlan | None:
    """The sample that `config` asks for; None if its source is a prefix of photos."""
    scheme, _, num = config.source.partition(":")
    if scheme != "sample":
        return None
    side = max(64, 2 * config.resolution)
    return SamplePlan(products=int(num), seed=config.seed, side=side, cluttered=config.cluttered, variety=config.variety)


def draw_sample(config: IngestConfig, plan: SamplePlan, out: Store, executor: Executor) -> IngestConfig:
    """Draw a sample under out/photos (masks under out/truth) unless it is there; returns the config that ingests it.

    out/sample.json describes the sample, and is written first. Raises CatalogError if there are photos/ or truth/ without it.
    """
    if not _is_drawn(plan, out):
        out.put(SAMPLE_KEY, plan.to_json())
        with bar("draw", plan.products, "img") as progress:
            work: ShardWork[int, int] = ShardWork(partial(_drawing, out, plan), _workers(executor, config.node_labels))
            for num in executor.map_shards(work, range(num_chunks(plan))):
                progress.update(num)
        finish_sample(out, plan)
    photos = f"{out.url}/photos"
    attributes = ("category", "colour", "pattern") if config.attributes is None else config.attributes
    return config.model_copy(update={"source": photos, "table": f"{photos}/attributes.csv", "join": "file", "attributes": attributes})


def sample_seconds(plan: SamplePlan, out: Store) -> float:
    """CPU seconds to draw a sample, 0 if it is drawn; in full for each core, as drawing holds the interpreter's lock."""
    return 0.0 if _is_drawn(plan, out) else cores() * plan.products * DRAW_SECONDS * (plan.side / 64) ** 2


def photo_seconds(config: IngestConfig, num: int, num_bytes: int) -> float:
    """CPU seconds to prepare `num` photos of `num_bytes` in all."""
    return num * (PHOTO_SECONDS + PIXEL_SECONDS * config.resolution**2) + BYTE_SECONDS * num_bytes


def _choose(config: IngestConfig, seconds: float) -> Executor:
    return choose_executor(config.executor, config.ray, Demand("ingest", seconds))


def _workers(executor: Executor, labels: Mapping[str, str]) -> Workers:
    resources = with_labels(executor.resources(), labels)
    return Workers(max(1, int(resources.cpus)), follows=resources.joined, labels=labels)


def _is_drawn(plan: SamplePlan, out: Store) -> bool:
    return find_sample(out) == plan.model_copy(update={"finished": True})


def _drawing(out: Store, plan: SamplePlan) -> Callable[[int], int]:
    return partial(draw_chunk, out, plan)


def _prepare(job: IngestJob, manifest: Manifest, duplicates: str, executor: Executor, workers: Workers) -> list[Receipt]:
    """Prepare all shards, and again those with new duplicates; receipts in the order of the shards."""
    if duplicates == "keep":
        delete_lists(job)
    receipts = _prepare_shards(job, range(job.parts), "ingest", manifest.listed, executor, workers)
    if duplicates != "keep" and (changed := update_lists(job, [receipts[number] for number in range(job.parts)])):
        listed = sum(receipts[number].listed for number in changed)
        receipts |= _prepare_shards(replace(job, again=False), changed, "duplicates", listed, executor, workers)
    return [receipts[number] for number in range(job.parts)]


def _prepare_shards(
    job: IngestJob, numbers: Sequence[int], title: str, num_photos: int, executor: Executor, workers: Workers
) -> dict[int, Receipt]:
    work: ShardWork[Receipt, Receipt] = ShardWork(partial(start_patiently, partial(ShardWorker, job), title), workers)
    receipts = {}
    reasons: Counter[str] = Counter()
    publish = partial(executor.publish, METRIC, tags={"job": job.out.url, "step": title})
    with bar(title, num_photos, "img") as progress, _live_numbers(publish, num_photos) as live:
        for receipt in executor.map_shards(work, numbers):
            receipts[receipt.number] = receipt
            reasons.update(receipt.reasons)
            progress.update(receipt.listed, f"{reasons.total()} quarantined" if reasons else "")
            live(receipt.listed, reasons.total())
    return receipts


@contextmanager
def _live_numbers(publish: Callable[[dict[str, float]], None], num_photos: int) -> Iterator[Callable[[int, int], None]]:
    """A function that counts the photos of a shard and publishes them; how the step ended is published at the end."""
    numbers = {"images": float(num_photos), "before": 0.0, "done": 0.0, "quarantined": 0.0}
    numbers |= {"running": 1.0, "failed": 0.0, "updated": time.time()}
    publish(dict(numbers))

    def count(listed: int, quarantined: int) -> None:
        """`quarantined` is of the whole step."""
        numbers.update(done=numbers["done"] + listed, quarantined=float(quarantined), updated=time.time())
        publish(dict(numbers))

    try:
        yield count
    except BaseException as error:
        numbers["failed"] = float(isinstance(error, Exception))
        raise
    finally:
        publish(numbers | {"running": 0.0})
