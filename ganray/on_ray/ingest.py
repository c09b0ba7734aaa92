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
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
import ray.data

from ganray.catalog.cleaning import Recipe
from ganray.catalog.joining import primary
from ganray.catalog.manifest import Manifest, build_manifest, check_categories
from ganray.catalog.parts import Part, Receipt, divisions, is_part
from ganray.catalog.reader import Catalog
from ganray.catalog.sample import SAMPLE_KEY, SamplePlan, attributes_csv, draw, photo_key
from ganray.catalog.schema import CATALOG_KEY, CatalogInfo, Counts, catalog_digest, parquet_bytes
from ganray.catalog.shards import Work, prepare_shard
from ganray.catalog.sifting import forget, sift
from ganray.config import IngestConfig
from ganray.errors import CatalogError, ConfigError, ObjectNotFound
from ganray.images.codec import Pixels, encode
from ganray.images.transforms import contact_sheet
from ganray.on_ray.cluster import connect
from ganray.on_ray.failures import ours
from ganray.on_ray.progress import bar
from ganray.storage import Store, open_store

SAMPLE_CHUNK = 128  # products drawn by one task
SHEET_KEY, SHEET_ROWS, SHEET_COLUMNS = "contact_sheet.png", 40, 10


def ingest(config: IngestConfig) -> CatalogInfo:
    """Prepare the catalog that `config` describes and return its `catalog.json`.

    Running it again finishes what is missing, does what changed in the source since, and nothing else.
    Raises ConfigError, CatalogError, StorageError or ClusterError.
    """
    connect(config.ray)
    out = open_store(config.out)
    before = _catalog(out)
    origin = config.source
    if origin.startswith("sample:"):
        config = draw_sample(config, out)
    source = open_store(config.source)
    manifest = build_manifest(source, config, skip=_own_images(source, out))
    work = Work(source, out, Recipe.of(config), config.row_group, len(manifest.shards), divisions(out), looks=config.duplicates == "near")
    mark = _write_manifest(work, manifest, config.duplicates)
    if before is not None and before.fingerprint != mark:
        out.delete(CATALOG_KEY)  # so that a catalog whose shards are being replaced does not look finished
    if config.duplicates == "keep":
        forget(work)
    receipts = _prepare(work, manifest)
    if config.duplicates != "keep" and (changed := sift(work, receipts)):
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


def show(info: CatalogInfo) -> str:
    """The catalog in a few lines: the closed books, what the attributes are, why photos were left out."""
    counts = info.counts
    reasons = ", ".join(f"{reason} {num}" for reason, num in sorted(info.reasons.items(), key=lambda item: -item[1]))
    rows = [
        f"listed {counts.listed} = accepted {counts.accepted} + quarantined {counts.quarantined}" + (f" ({reasons})" if reasons else "")
    ]
    for name, values in info.attributes.items():
        some = ", ".join(f"{value or '(none)'} {info.histograms[name][value]}" for value in values[:SHEET_COLUMNS])
        rows.append(f"{name} ({len(values)}): {some}" + (", ..." if len(values) > SHEET_COLUMNS else ""))
    if info.title:
        rows.append(f"titles: column {info.title}")
    return "\n".join([*rows, f"digest {info.digest}"])


def draw_sample(config: IngestConfig, out: Store) -> IngestConfig:
    """Draw `sample:N` under out/photos (masks under out/truth) unless it lies there; returns the config that ingests it.

    out/sample.json says which sample lies there, and is written first: without it photos/ and truth/ are not ours, an error.
    """
    num = config.source.partition(":")[2]
    if not num.isdigit() or int(num) < 1:
        raise ConfigError(f"source {config.source!r}: {num!r} is no number of products", "Write for example sample:3000")
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


def _draw_chunk(out: Store, plan: SamplePlan, chunk: int) -> str:
    start, stop = chunk * SAMPLE_CHUNK, min(plan.products, (chunk + 1) * SAMPLE_CHUNK)
    for index in range(start, stop):
        item = plan.product(index)
        pixels, mask = draw(item, plan.side)
        out.put(f"photos/{photo_key(item)}", encode(pixels, "png"))
        out.put(f"truth/{photo_key(item)}", encode(np.repeat(mask[..., None], 3, axis=2), "png"))
    return str(stop - start)


def _sample(out: Store) -> SamplePlan | None:
    """The sample that lies under `out`, perhaps unfinished; raises CatalogError when its places are somebody else's."""
    data = _get(out, SAMPLE_KEY)
    plan = None if data is None else SamplePlan.from_json(data)
    if plan is None:
        foreign = SAMPLE_KEY if data is not None else next((info.key for folder in ("photos", "truth") for info in out.list(folder)), None)
        if foreign is not None:
            raise CatalogError(
                f"a sample catalog cannot be drawn under {out.url}: {foreign} is there, and no sample's",
                "Name another place with --out, or your own photos with --source",
            )
    return plan


def _own_images(source: Store, out: Store) -> Callable[[str], bool]:
    """Which keys of `source` are images that ingest wrote itself, where `out` is the source or lies in it."""
    inside = source.prefix_of(out)
    folder = None if inside is None else f"{inside}/" if inside else ""
    if folder is None:
        return lambda key: False
    sample = out.exists(SAMPLE_KEY) and _sample(out) is not None
    folders = (f"{folder}photos/", f"{folder}truth/") if sample else ()
    return lambda key: key == f"{folder}{SHEET_KEY}" or key.startswith(folders)


def _write_manifest(work: Work, manifest: Manifest, duplicates: str) -> str:
    """Write the manifest shards; returns the fingerprint of the whole ingest."""
    marks = sha256(duplicates.encode())
    for number, table in enumerate(manifest.shards):
        data = parquet_bytes(table, max(1, len(table)))
        work.out.put(Part(number, work.parts).manifest, data)
        marks.update(work.fingerprint(data).encode())
    return marks.hexdigest()


def _prepare(work: Work, manifest: Manifest) -> list[Receipt]:
    receipts = []
    reasons: Counter[str] = Counter()
    with bar("ingest", manifest.listed, "img") as progress:
        for text in _each(len(manifest.shards), partial(_prepare_shard, work)):
            receipt = Receipt.model_validate_json(text)
            receipts.append(receipt)
            reasons.update(receipt.reasons)
            progress.update(receipt.listed, f"{reasons.total()} quarantined" if reasons else "")
    return sorted(receipts, key=lambda receipt: receipt.number)


def _prepare_shard(work: Work, number: int) -> str:
    return prepare_shard(work, number).model_dump_json()


def _prepare_again(work: Work, numbers: list[int], place: int) -> str:
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
        own = ours(error)
        if own is None:
            raise
        raise own from error


def _answer(task: Callable[[int], str], batch: dict[str, Any]) -> dict[str, list[str]]:
    return {"answer": [task(int(number)) for number in batch["id"]]}


def _close_books(config: IngestConfig, manifest: Manifest, receipts: list[Receipt], mark: str, origin: str) -> CatalogInfo:
    """Add the receipts up; raises CatalogError when nothing, or too little of a category, came through."""
    shards = tuple(receipt.shard for receipt in receipts if receipt.shard is not None)
    reasons = sum((Counter(receipt.reasons) for receipt in receipts), Counter[str]())
    counts = Counts(listed=manifest.listed, accepted=sum(shard.rows for shard in shards), quarantined=reasons.total())
    if counts.listed != counts.accepted + counts.quarantined:
        raise CatalogError(f"the books of {config.out} do not close: {counts}", "Run the same command again")
    if not shards:
        why = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
        raise CatalogError(f"none of the {counts.listed:,} images of {config.source} can be used: {why}", f"See {config.out}/quarantine")
    names = (*manifest.attributes, *dict.fromkeys(config.auto_attributes))
    histograms = {name: sum((Counter(receipt.histograms[name]) for receipt in receipts), Counter[str]()) for name in names}
    name = primary(manifest.attributes)
    if name is not None:
        check_categories(histograms[name] | Counter(dict.fromkeys(manifest.values(name), 0)), name, config)
    vocabulary = {name: tuple(sorted(values)) for name, values in histograms.items()}
    return CatalogInfo(
        resolution=config.resolution,
        format=config.format,
        counts=counts,
        reasons=dict(sorted(reasons.items())),
        attributes=vocabulary,
        histograms={name: dict(sorted(values.items())) for name, values in histograms.items()},
        title=config.title,
        shards=shards,
        digest=catalog_digest(config.resolution, config.format, shards, vocabulary),
        fingerprint=mark,
        source=origin,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _contact_sheet(catalog: Catalog) -> Pixels:
    """A row per category, of the first images that come."""
    name = primary(tuple(catalog.info.attributes))
    values = sorted(catalog.info.attributes[name])[:SHEET_ROWS] if name else [""]
    rows: dict[str, list[Pixels]] = {value: [] for value in values}
    for images, labels in catalog.iter_images([name] if name else []):
        for image, value in zip(
            images, (catalog.info.attributes[name][label] for label in labels[:, 0]) if name else [""] * len(images), strict=True
        ):
            if len(rows.get(value, ())) < SHEET_COLUMNS and value in rows:
                rows[value].append(image)
        if all(len(row) == SHEET_COLUMNS for row in rows.values()):
            break
    return contact_sheet([(value or "(none)", row) for value, row in rows.items()])


def _catalog(out: Store) -> CatalogInfo | None:
    """The catalog that lies under `out`; None when there is none, or one of another version. Raises CatalogError for a foreign file."""
    data = _get(out, CATALOG_KEY)
    if data is None:
        return None
    try:
        return CatalogInfo.from_json(data, out.url_of(CATALOG_KEY))
    except CatalogError as error:
        if b'"schema_version"' in data and b'"fingerprint"' in data:
            out.delete(CATALOG_KEY)
            return None
        raise CatalogError(f"{out.url_of(CATALOG_KEY)} is there, and no catalog of ganray", "Name another place with --out") from error


def _get(store: Store, key: str) -> bytes | None:
    try:
        return store.get(key)
    except ObjectNotFound:
        return None


def _sweep(work: Work, receipts: list[Receipt]) -> None:
    """Remove the parts that an earlier ingest with other options left; nothing of another name is touched."""
    keep = {key for receipt in receipts for key in receipt.keys}
    keep |= {key for receipt in receipts for part in [Part(receipt.number, work.parts)] for key in (part.manifest, part.receipt)}
    keep |= {Part(receipt.number, work.parts).duplicates for receipt in receipts if receipt.left_out}
    for folder in ("source", "receipts", "shards", "quarantine", "index", "aside"):
        for info in list(work.out.list(folder)):
            if info.key not in keep and is_part(info.key):
                work.out.delete(info.key)
