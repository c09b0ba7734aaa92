"""What the owner of the photos should know of a catalog: the remarks of `catalog.json`, and the lines of the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ganray.catalog.joining import primary
from ganray.catalog.manifest import Manifest, named
from ganray.catalog.schema import ATTRIBUTE_PREFIX, CatalogInfo, Copies, Remarks, Scarce
from ganray.catalog.shard_paths import Receipt, ShardPaths
from ganray.catalog.shards import IngestJob
from ganray.copies.methods import METHODS
from ganray.tables.spelling import fold

SHOWN = 10  # of each kind, in the summary


def collect_remarks(job: IngestJob, manifest: Manifest, receipts: list[Receipt], info: CatalogInfo, min_images: int) -> Remarks:
    """The remarks of a catalog whose shards are all prepared."""
    name = primary(manifest.attributes)
    scarce, copies = dict[str, Scarce](), Counter[tuple[str, str]]()
    if name is not None:
        left = info.histograms[name]
        few = {value: left.get(value, 0) for value in manifest.usable if left.get(value, 0) < min_images}
        causes = _causes(job, manifest, receipts, name, set(few)) if few else {}
        for value, accepted in sorted(few.items()):
            reasons = dict(sorted(causes.get(value, Counter()).items()))
            scarce[value] = Scarce(listed=manifest.usable[value], accepted=accepted, reasons=reasons)
        copies = _copies(job, manifest, receipts, name)
    return Remarks(
        scarce=scarce,
        copies=tuple(Copies(category=category, kept_in=other, photos=num) for (category, other), num in sorted(copies.items())),
        alike={name: groups for name, values in info.attributes.items() if (groups := values_alike(values))},
        passed_over=dict(sorted(manifest.passed_over.items())),
        copies_by=job.copies_by,
        table=manifest.table,
    )


def values_alike(values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Groups of values that a request could mean by one word: they differ by case alone."""
    groups: dict[str, list[str]] = {}
    for value in values:
        groups.setdefault(fold(value), []).append(value)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def lines(info: CatalogInfo) -> Iterator[str]:
    """The remarks as lines of the summary."""
    remarks, name = info.remarks, primary(tuple(info.attributes)) or "category"
    for value, scarce in list(remarks.scarce.items())[:SHOWN]:
        left = f"has few images: {scarce.accepted:,}" if scarce.accepted else "is gone: none"
        reasons = f" ({named(Counter(scarce.reasons))})" if scarce.reasons else ""
        yield f"warning: {name} {value or '(none)'} {left} of {scarce.listed:,} can be used{reasons}"
    yield from _more(remarks.scarce, f"{name} with few images")
    for attribute, groups in remarks.alike.items():
        for group in groups[:SHOWN]:
            shown = ", ".join(f"{value} {info.histograms[attribute][value]}" for value in group)
            yield f"warning: values of {attribute} differ only by case: {shown}"
    for copies in remarks.copies[:SHOWN]:
        kept = copies.kept_in or "(none)"
        yield f"warning: {copies.photos:,} photos of {name} {copies.category or '(none)'} are left out: the same photos are kept in {kept}"
    if remarks.copies_by:
        yield f"near duplicates: {info.reasons.get('near_duplicate', 0):,}, sought by {METHODS[remarks.copies_by].title}"
    if remarks.passed_over:
        yield f"passed over, not named as images: {named(Counter(remarks.passed_over))}"
    table = remarks.table
    if table.rows_without_image:
        yield f"table: {table.rows_without_image:,} rows without an image"
    if table.lost_digits:
        yield f"table: {table.lost_digits:,} numbers of the join column have lost digits (4.00638E+12): write the column as text"
    if table.missing:
        yield f"table: words for no value (N/A) read as empty: {named(Counter(table.missing))}"


def _more(values: Mapping[str, object], what: str) -> Iterator[str]:
    if len(values) > SHOWN:
        yield f"warning: {len(values) - SHOWN:,} more {what}: see remarks in catalog.json"


def _causes(job: IngestJob, manifest: Manifest, receipts: list[Receipt], name: str, values: set[str]) -> dict[str, Counter[str]]:
    """Value -> the reasons for which its photos are not in the catalog."""
    causes: dict[str, Counter[str]] = {}
    wanted = pa.array(sorted(values), pa.string())
    for receipt, table in zip(receipts, manifest.shards, strict=True):
        column = table.column(ATTRIBUTE_PREFIX + name)
        some = table.filter(pc.and_(pc.equal(table.column("reason"), ""), pc.is_in(column, value_set=wanted)))
        if not some.num_rows or not receipt.reasons:
            continue
        categories = dict(zip(some.column("key").to_pylist(), some.column(ATTRIBUTE_PREFIX + name).to_pylist(), strict=True))
        for key, reason in _left_out(job, receipt, "reason"):
            if key in categories:
                causes.setdefault(categories[key], Counter())[reason] += 1
    return causes


def _copies(job: IngestJob, manifest: Manifest, receipts: list[Receipt], name: str) -> Counter[tuple[str, str]]:
    """(category of a photo that is left out as a duplicate, category of the one that is kept) -> photos, where these differ."""
    pairs = [pair for receipt in receipts if receipt.left_out for pair in _duplicates(job, receipt, "kept")]
    wanted = pa.array({key for pair in pairs for key in pair}, pa.string())
    categories: dict[str, str] = {}
    for table in manifest.shards if pairs else ():
        some = table.filter(pc.is_in(table.column("key"), value_set=wanted))
        categories |= dict(zip(some.column("key").to_pylist(), some.column(ATTRIBUTE_PREFIX + name).to_pylist(), strict=True))
    found = Counter((categories[key], categories[kept]) for key, kept in pairs)
    return Counter({(first, second): num for (first, second), num in found.items() if first != second})


def _left_out(job: IngestJob, receipt: Receipt, column: str) -> Iterator[tuple[str, str]]:
    """(key, reason) of the photos of a shard that are not in the catalog."""
    part = ShardPaths(receipt.number, job.parts)
    if part.quarantine in receipt.keys:
        yield from _rows(job.out.get(part.quarantine), column)
    if receipt.left_out:
        yield from _duplicates(job, receipt, column)


def _duplicates(job: IngestJob, receipt: Receipt, column: str) -> Iterator[tuple[str, str]]:
    yield from _rows(job.out.get(ShardPaths(receipt.number, job.parts).duplicates), column)


def _rows(data: bytes, column: str) -> Iterator[tuple[str, str]]:
    table = pq.read_table(pa.BufferReader(data), columns=["source_key", column])
    yield from zip(table.column("source_key").to_pylist(), table.column(column).to_pylist(), strict=True)
