"""Preparing one shard: fetch the images of a manifest shard, clean them in a child process, write Parquet, leave a receipt.

A shard whose receipt carries the same fingerprint (manifest shard and recipe) is finished and is not done again; done again it would
give the same bytes. Only what is wrong with single records goes to quarantine: a store that fails, be it for a moment, ends the
shard before its receipt is written, and what it refused (`unreadable`) is asked for again by the next run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ganray.catalog.cleaning import Recipe, sandbox
from ganray.catalog.quarantine import REASONS, SCHEMA, quarantine_row
from ganray.catalog.schema import ATTRIBUTE_PREFIX, SCHEMA_VERSION, TITLE, Document, ShardInfo, parquet_bytes, shard_schema
from ganray.errors import AccessDenied, GanrayError, ImageError, InvalidKey, ObjectNotFound, StorageError
from ganray.images.sandbox import Sandbox
from ganray.storage import Store

BATCH_IMAGES = 64
BATCH_BYTES = 32_000_000
SINGLE = (ObjectNotFound, AccessDenied, InvalidKey)  # errors of one object


@dataclass(frozen=True)
class Work:
    """What every shard of an ingest has in common; small enough to travel with each task."""

    source: Store
    out: Store
    recipe: Recipe
    row_group: int


class Receipt(Document):
    """What came of a shard; `shard` is None when nothing was accepted."""

    number: int
    fingerprint: str
    listed: int
    shard: ShardInfo | None
    reasons: dict[str, int]
    histograms: dict[str, dict[str, int]]


def manifest_key(number: int) -> str:
    """Where manifest shard `number` lies under the catalog."""
    return f"source/manifest-{number:05d}.parquet"


def fingerprint(manifest: bytes, recipe: Recipe, row_group: int) -> str:
    """What a shard's bytes depend on."""
    about = json.dumps([SCHEMA_VERSION, row_group, asdict(recipe)], sort_keys=True).encode()
    return hashlib.sha256(about + hashlib.sha256(manifest).digest()).hexdigest()


def prepare_shard(work: Work, number: int) -> Receipt:
    """Prepare shard `number`, or find it prepared. Raises StorageError when a store fails, or gives no object of the shard."""
    manifest = work.out.get(manifest_key(number))
    mark = fingerprint(manifest, work.recipe, work.row_group)
    finished = _finished(work.out, number, mark)
    if finished is not None:
        return finished
    table = pq.read_table(pa.BufferReader(manifest))
    names = [name for name in table.column_names if name.startswith(ATTRIBUTE_PREFIX) or name == TITLE]
    accepted: list[dict[str, Any]] = []
    quarantined: list[dict[str, str]] = []
    for row, result in _cleaned(work, table.to_pylist()):
        if isinstance(result, GanrayError):
            quarantined.append(quarantine_row(work.source.url, row["key"], result, work.recipe))
        else:
            accepted.append({**result, "sku": row["sku"], "source_key": row["key"], **{name: row[name] for name in names}})
    plain = [name.removeprefix(ATTRIBUTE_PREFIX) for name in names if name != TITLE]
    schema = shard_schema(plain, titled=TITLE in names)
    receipt = Receipt(
        number=number,
        fingerprint=mark,
        listed=table.num_rows,
        shard=_write(work, number, pa.Table.from_pylist(accepted, schema)) if accepted else None,
        reasons=dict(sorted(Counter(row["reason"] for row in quarantined).items())),
        histograms={name: dict(sorted(Counter(row[ATTRIBUTE_PREFIX + name] for row in accepted).items())) for name in plain},
    )
    if quarantined:
        work.out.put(quarantine_key(number), parquet_bytes(pa.Table.from_pylist(quarantined, SCHEMA), work.row_group))
    work.out.settle()
    work.out.put(receipt_key(number), receipt.model_dump_json().encode())
    return receipt


def shard_key(number: int) -> str:
    """Where the images of shard `number` lie."""
    return f"shards/part-{number:05d}.parquet"


def quarantine_key(number: int) -> str:
    """Where the rejects of shard `number` lie, if it has any."""
    return f"quarantine/part-{number:05d}.parquet"


def receipt_key(number: int) -> str:
    """Where the receipt of shard `number` lies; written last."""
    return f"receipts/part-{number:05d}.json"


def is_part(key: str) -> bool:
    """Whether an object of this key is one that an ingest writes by number."""
    number = int("".join(re.findall(r"-(\d{5,})\.", key)[-1:]) or -1)
    return number >= 0 and key in {name(number) for name in (manifest_key, shard_key, quarantine_key, receipt_key)}


def _finished(out: Store, number: int, mark: str) -> Receipt | None:
    try:
        receipt = Receipt.model_validate_json(out.get(receipt_key(number)))
        whole = receipt.shard is None or out.head(receipt.shard.key).size == receipt.shard.bytes
        if receipt.reasons:
            out.head(quarantine_key(number))
    except (ObjectNotFound, ValueError):
        return None
    return receipt if whole and receipt.fingerprint == mark and "unreadable" not in receipt.reasons else None


def _write(work: Work, number: int, table: pa.Table) -> ShardInfo:
    data = parquet_bytes(table, work.row_group)
    groups = [min(work.row_group, table.num_rows - start) for start in range(0, table.num_rows, work.row_group)]
    work.out.put(shard_key(number), data)
    return ShardInfo(key=shard_key(number), rows=table.num_rows, row_groups=tuple(groups), bytes=len(data), sha256=_sha256(data))


def _cleaned(work: Work, rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], dict[str, Any] | GanrayError]]:
    """Each row with its cleaned columns, or with the error it ended in."""
    wanted = []
    for row in rows:
        refused = _refusal(row, work.recipe)
        if refused is None:
            wanted.append(row)
        else:
            yield row, refused
    fetched = zip(wanted, (data for _, data in work.source.get_many(row["key"] for row in wanted)), strict=True)
    broken: StorageError | None = None
    readable = ""
    for batch in _batches(fetched):
        good = []
        for row, data in batch:
            if isinstance(data, SINGLE):
                broken = broken if isinstance(data, InvalidKey) else data
                yield row, data
            elif isinstance(data, StorageError):
                raise data
            else:
                good.append((row, data))
                readable = row["key"]
        for (row, data), result in zip(good, _child(work.recipe).map([data for _, data in good]), strict=True):
            if isinstance(result, ImageError):
                yield row, result
            else:
                yield row, {"image": result[0], "sha256": _sha256(data), **result[1]}
    if broken is not None:
        _still_gives(work.source, readable, broken)


def _still_gives(source: Store, key: str, broken: StorageError) -> None:
    """Raise unless the store gives what it gave before: credentials that end in the middle of a shard are no matter of single records."""
    if not key:
        raise broken
    try:
        source.get_range(key, 0, 1)
    except ObjectNotFound:
        return


def _refusal(row: dict[str, Any], recipe: Recipe) -> ImageError | None:
    """What is known without reading the object."""
    if row["reason"]:
        return ImageError(row["reason"], REASONS[row["reason"]])
    if row["size"] > recipe.limits.max_bytes:
        return ImageError(
            "too_many_bytes", f"{row['size']:,} bytes, the cap is {recipe.limits.max_bytes:,}", "Raise max_bytes to accept it"
        )
    return None


def _batches(
    fetched: Iterable[tuple[dict[str, Any], bytes | StorageError]],
) -> Iterator[list[tuple[dict[str, Any], bytes | StorageError]]]:
    batch, size = [], 0
    for row, data in fetched:
        batch.append((row, data))
        size += 0 if isinstance(data, StorageError) else len(data)
        if len(batch) == BATCH_IMAGES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@lru_cache(maxsize=1)
def _child(recipe: Recipe) -> Sandbox:
    """This process's decoder, kept between shards."""
    return sandbox(recipe)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
