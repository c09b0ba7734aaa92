"""Reuse the results of an earlier ingest for photos that have not changed: they are neither fetched nor decoded again.

A photo is identified by its key, size and etag, and its result by the digest of the recipe. The objects of an earlier receipt are read
completely and verified against their digests; on a mismatch their photos are prepared again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ganray.catalog.quarantine import MOMENTARY, UNREAD
from ganray.catalog.schema import ShardInfo
from ganray.catalog.shard_paths import Receipt, ShardPaths, Written, read_receipt
from ganray.errors import ImageError, ObjectCorrupt, ObjectNotFound
from ganray.storage import Store

Photo = tuple[str, int, str]  # key, size, etag: identify a version
DERIVED_COLUMNS = (
    "image",
    "sha256",
    "width",
    "height",
)  # columns that depend only on the photo and the recipe; automatic attributes do as well


@dataclass(frozen=True)
class ReuseRules:
    """Which earlier results are valid: those of the same `recipe` (its digest), with these `columns`.

    A failure is reused unless it comes from another `decoder`, or is transient and `retry` is true.
    """

    recipe: str
    columns: tuple[str, ...]
    decoder: str
    retry: bool = True


def reuse_results(
    out: Store, parts: Iterable[ShardPaths], wanted: set[Photo], rules: ReuseRules
) -> dict[Photo, dict[str, Any] | ImageError]:
    """The results for the `wanted` photos in earlier `parts`: the columns and the record `look`, or the error of cleaning."""
    results: dict[Photo, dict[str, Any] | ImageError] = {}
    for part in parts:
        receipt = read_receipt(out, part)
        if receipt is not None and receipt.recipe == rules.recipe:
            try:
                results |= _results_of_part(out, part, receipt, wanted, rules)
            except (ObjectNotFound, ObjectCorrupt, pa.ArrowException):
                continue
    return results


def _results_of_part(
    out: Store, part: ShardPaths, receipt: Receipt, wanted: set[Photo], rules: ReuseRules
) -> dict[Photo, dict[str, Any] | ImageError]:
    objects = {written.key: written for written in receipt.objects}
    index = _read(out, objects[part.index]).to_pylist()
    photos = {row["key"]: photo for row in index if (photo := (row["key"], row["size"], row["etag"])) in wanted}
    looks = {row["key"]: row["look"] for row in index}
    results: dict[Photo, dict[str, Any] | ImageError] = {}
    for images in (receipt.shard, objects.get(part.aside)):
        if photos and images is not None:
            table = _read(out, images)
            rows = [place for place, key in enumerate(table.column("source_key").to_pylist()) if key in photos]
            for row in table.select(["source_key", *rules.columns]).take(pa.array(rows, pa.int64())).to_pylist():
                key = row.pop("source_key")
                results[photos[key]] = {**row, "look": looks[key]}
    if photos and part.quarantine in objects:
        for row in _read(out, objects[part.quarantine]).to_pylist():
            same_decoder = row["reason"] in UNREAD or receipt.decoder == rules.decoder
            transient = rules.retry and row["reason"] in {*MOMENTARY, "invalid_key"}  # a request for a key is cheap
            if row["source_key"] in photos and same_decoder and not transient:
                results[photos[row["source_key"]]] = ImageError(row["reason"], row["message"])
    return results


def _read(out: Store, written: Written | ShardInfo) -> pa.Table:
    return pq.read_table(pa.BufferReader(out.get_verified(written.key, written.bytes, written.sha256)))
