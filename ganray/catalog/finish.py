"""What the driver of an ingest does before and after the shards: manifest, counts, contact sheet, catalog.json, clean-up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256

from ganray.catalog.joining import primary
from ganray.catalog.manifest import Manifest, check_categories
from ganray.catalog.reader import Catalog
from ganray.catalog.schema import CATALOG_KEY, CatalogInfo, Counts, catalog_digest, parquet_bytes
from ganray.catalog.shard_paths import Receipt, ShardPaths, is_part
from ganray.catalog.shards import IngestJob
from ganray.config import IngestConfig
from ganray.errors import CatalogError, ObjectNotFound
from ganray.images.codec import Pixels
from ganray.images.transforms import contact_sheet
from ganray.storage import Store

SHEET_ROWS, SHEET_COLUMNS = 40, 10


def write_manifest(job: IngestJob, manifest: Manifest, duplicates: str) -> str:
    """Write the manifest shards; returns the fingerprint of the whole ingest."""
    digest = sha256(duplicates.encode())
    for number, table in enumerate(manifest.shards):
        data = parquet_bytes(table, max(1, len(table)))
        job.out.put(ShardPaths(number, job.parts).manifest, data)
        digest.update(job.fingerprint(data).encode())
    return digest.hexdigest()


def describe_catalog(config: IngestConfig, manifest: Manifest, receipts: list[Receipt], fingerprint: str, origin: str) -> CatalogInfo:
    """Add up the receipts of all shards. Raises CatalogError if no photo, or too few of every category, can be used."""
    shards = tuple(receipt.shard for receipt in receipts if receipt.shard is not None)
    reasons = sum((Counter(receipt.reasons) for receipt in receipts), Counter[str]())
    counts = Counts(listed=manifest.listed, accepted=sum(shard.rows for shard in shards), quarantined=reasons.total())
    if counts.listed != counts.accepted + counts.quarantined:
        raise CatalogError(f"the counts of {config.out} do not add up: {counts}", "Run the same command again")
    if not shards:
        causes = ", ".join(f"{reason} ({count})" for reason, count in reasons.most_common())
        raise CatalogError(f"none of the {counts.listed:,} images of {config.source} can be used: {causes}", f"See {config.out}/quarantine")
    names = (*manifest.attributes, *dict.fromkeys(config.auto_attributes))
    histograms = {name: sum((Counter(receipt.histograms[name]) for receipt in receipts), Counter[str]()) for name in names}
    name = primary(manifest.attributes)
    if name is not None:
        check_categories(histograms[name], name, config)
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
        fingerprint=fingerprint,
        source=origin,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def draw_contact_sheet(catalog: Catalog) -> Pixels:
    """A row per category with its first images: uint8 [H, W, 3]."""
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


def find_catalog(out: Store) -> CatalogInfo | None:
    """The catalog under `out`; None if there is none, or one of another version. Raises CatalogError for a file of another origin."""
    try:
        data = out.get(CATALOG_KEY)
    except ObjectNotFound:
        return None
    try:
        return CatalogInfo.from_json(data, out.url_of(CATALOG_KEY))
    except CatalogError as error:
        if b'"schema_version"' in data and b'"fingerprint"' in data:
            out.delete(CATALOG_KEY)
            return None
        raise CatalogError(f"{out.url_of(CATALOG_KEY)} exists and is not a catalog of ganray", "Name another folder with --out") from error


def sweep(job: IngestJob, receipts: list[Receipt]) -> None:
    """Delete the parts that an earlier ingest with other options left; files with other names stay."""
    keep = {key for receipt in receipts for key in receipt.keys}
    keep |= {key for receipt in receipts for part in [ShardPaths(receipt.number, job.parts)] for key in (part.manifest, part.receipt)}
    keep |= {ShardPaths(receipt.number, job.parts).duplicates for receipt in receipts if receipt.left_out}
    for folder in ("source", "receipts", "shards", "quarantine", "index", "aside"):
        for info in list(job.out.list(folder)):
            if info.key not in keep and is_part(info.key):
                job.out.delete(info.key)
