"""The driver's side of an ingest: sample photos, manifest, closing the counts, contact sheet, and clean-up of what is no longer needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256

import numpy as np

from ganray.catalog.joining import primary
from ganray.catalog.manifest import Manifest, check_categories
from ganray.catalog.reader import Catalog
from ganray.catalog.sample import SAMPLE_KEY, SamplePlan, draw, photo_key
from ganray.catalog.schema import CATALOG_KEY, CatalogInfo, Counts, catalog_digest, parquet_bytes
from ganray.catalog.shard_paths import Receipt, ShardPaths, is_part
from ganray.catalog.shards import IngestJob
from ganray.config import IngestConfig
from ganray.errors import CatalogError, ObjectNotFound
from ganray.images.codec import Pixels, encode
from ganray.images.transforms import contact_sheet
from ganray.storage import Store

SAMPLE_CHUNK = 128  # products drawn by one task
SHEET_KEY, SHEET_ROWS, SHEET_COLUMNS = "contact_sheet.png", 40, 10


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


def _write_manifest(work: IngestJob, manifest: Manifest, duplicates: str) -> str:
    """Write the manifest shards; returns the fingerprint of the whole ingest."""
    marks = sha256(duplicates.encode())
    for number, table in enumerate(manifest.shards):
        data = parquet_bytes(table, max(1, len(table)))
        work.out.put(ShardPaths(number, work.parts).manifest, data)
        marks.update(work.fingerprint(data).encode())
    return marks.hexdigest()


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


def _sweep(work: IngestJob, receipts: list[Receipt]) -> None:
    """Remove the parts that an earlier ingest with other options left; nothing of another name is touched."""
    keep = {key for receipt in receipts for key in receipt.keys}
    keep |= {key for receipt in receipts for part in [ShardPaths(receipt.number, work.parts)] for key in (part.manifest, part.receipt)}
    keep |= {ShardPaths(receipt.number, work.parts).duplicates for receipt in receipts if receipt.left_out}
    for folder in ("source", "receipts", "shards", "quarantine", "index", "aside"):
        for info in list(work.out.list(folder)):
            if info.key not in keep and is_part(info.key):
                work.out.delete(info.key)
