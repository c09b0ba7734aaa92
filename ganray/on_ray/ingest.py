"""Ingest on Ray Data: a prefix of product photos -> a prepared catalog.

The source is listed once, on the driver, into manifest shards. Ray Data runs one task per shard (`catalog/shards.py` is what it does) and
brings back receipts only. `catalog.json` is written last: without it there is no catalog.
"""

from __future__ import annotations

import logging
import pickle
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import ray.data

from ganray.catalog.cleaning import Recipe
from ganray.catalog.duplicate_lists import delete_lists, update_lists
from ganray.catalog.finish import (
    SAMPLE_CHUNK,
    SHEET_KEY,
    _catalog,
    _close_books,
    _contact_sheet,
    _draw_chunk,
    _own_images,
    _sample,
    _sweep,
    _write_manifest,
    show,  # noqa: F401 - what `ganray ingest` prints
)
from ganray.catalog.manifest import Manifest, build_manifest
from ganray.catalog.reader import Catalog
from ganray.catalog.sample import SAMPLE_KEY, SamplePlan, attributes_csv
from ganray.catalog.schema import CATALOG_KEY, CatalogInfo
from ganray.catalog.shard_paths import Receipt, divisions
from ganray.catalog.shards import IngestJob, prepare_shard
from ganray.config import IngestConfig
from ganray.images.codec import encode
from ganray.on_ray.cluster import connect
from ganray.on_ray.errors import find_ganray_error
from ganray.progress import bar
from ganray.storage import Store, open_store


def ingest(config: IngestConfig) -> CatalogInfo:
    """Prepare the catalog that `config` describes and return its `catalog.json`.

    Running it again finishes what is missing, does what changed in the source since, and nothing else.
    Raises CatalogError, StorageError or ClusterError.
    """
    connect(config.ray)
    out = open_store(config.out)
    before = _catalog(out)
    origin = config.source
    if origin.startswith("sample:"):
        config = draw_sample(config, out)
    source = open_store(config.source)
    manifest = build_manifest(source, config, skip=_own_images(source, out))
    work = IngestJob(
        source, out, Recipe.of(config), config.row_group, len(manifest.shards), divisions(out), looks=config.duplicates == "near"
    )
    mark = _write_manifest(work, manifest, config.duplicates)
    if before is not None and before.fingerprint != mark:
        out.delete(CATALOG_KEY)  # so that a catalog whose shards are being replaced does not look finished
    if config.duplicates == "keep":
        delete_lists(work)
    receipts = _prepare(work, manifest)
    if config.duplicates != "keep" and (changed := update_lists(work, receipts)):
        with bar("duplicates", len(changed), "shards") as progress:
            for text in _each(len(changed), partial(_prepare_again, replace(work, again=False), changed)):
                receipt = Receipt.model_validate_json(text)
                receipts[receipt.number] = receipt
                progress.update(1)
    info = _close_books(config, manifest, receipts, mark, origin)
    if before is not None and before == info.model_copy(update={"created": before.created}):
        return before
    out.put(SHEET_KEY, encode(_contact_sheet(Catalog(out, info)), "png"))
    _sweep(work, receipts)
    out.settle()
    out.put(CATALOG_KEY, info.to_json())
    return info


def draw_sample(config: IngestConfig, out: Store) -> IngestConfig:
    """Draw `sample:N` under out/photos (masks under out/truth) unless it lies there; returns the config that ingests it.

    out/sample.json says which sample lies there, and is written first: without it photos/ and truth/ are not ours, an error.
    """
    num = config.source.partition(":")[2]
    side = max(64, 2 * config.resolution)
    plan = SamplePlan(products=int(num), seed=config.seed, side=side, cluttered=config.cluttered)
    if _sample(out) != plan.model_copy(update={"finished": True}):
        out.put(SAMPLE_KEY, plan.to_json())
        with bar("draw", plan.products, "img") as progress:
            for done in _each(-(-plan.products // SAMPLE_CHUNK), partial(_draw_chunk, out, plan)):
                progress.update(int(done))
        for folder in ("photos", "truth"):
            for info in list(out.list(folder)):
                if plan.outgrown(info.key.removeprefix(f"{folder}/")):
                    out.delete(info.key)
        out.put("photos/attributes.csv", attributes_csv(plan.product(index) for index in range(plan.products)))
        out.put(SAMPLE_KEY, plan.model_copy(update={"finished": True}).to_json())
    photos = f"{out.url}/photos"
    attributes = ("category", "colour", "pattern") if config.attributes is None else config.attributes
    return config.model_copy(update={"source": photos, "table": f"{photos}/attributes.csv", "join": "file", "attributes": attributes})


def _prepare(work: IngestJob, manifest: Manifest) -> list[Receipt]:
    receipts = []
    reasons: Counter[str] = Counter()
    with bar("ingest", manifest.listed, "img") as progress:
        for text in _each(len(manifest.shards), partial(_prepare_shard, work)):
            receipt = Receipt.model_validate_json(text)
            receipts.append(receipt)
            reasons.update(receipt.reasons)
            progress.update(receipt.listed, f"{reasons.total()} quarantined" if reasons else "")
    return sorted(receipts, key=lambda receipt: receipt.number)


def _prepare_shard(work: IngestJob, number: int) -> str:
    return prepare_shard(work, number).model_dump_json()


def _prepare_again(work: IngestJob, numbers: list[int], place: int) -> str:
    return prepare_shard(work, numbers[place]).model_dump_json()


def _each(num: int, task: Callable[[int], str]) -> Iterator[str]:
    """Run `task` for 0..num-1, one Ray task each; answers come as they finish. Ray sees numbers, and brings back receipts."""
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    pickle.dumps(task)  # a store that cannot travel says so here, without Ray's traceback
    dataset = ray.data.range(num, override_num_blocks=num).map_batches(partial(_answer, task), batch_size=1)
    dataset.context.enable_progress_bars = False
    try:
        for row in dataset.iter_rows():
            yield str(row["answer"])
    except Exception as error:
        own = find_ganray_error(error)
        if own is None:
            raise
        raise own from error


def _answer(task: Callable[[int], str], batch: dict[str, Any]) -> dict[str, list[str]]:
    return {"answer": [task(int(number)) for number in batch["id"]]}
