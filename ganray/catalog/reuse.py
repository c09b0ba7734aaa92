"""What an earlier ingest made of photos that have not changed since: it is taken over, and neither fetched nor decoded again.

A photo is known by its key, size and etag, and what was made of it by the fingerprint of the recipe. Whatever an earlier receipt names is
read whole and checked against its digest there; what does not fit is done again, as if it had never been there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ganray.catalog.quarantine import MOMENTARY, UNREAD
from ganray.catalog.schema import ShardInfo
from ganray.catalog.shard_paths import Receipt, ShardPaths, Written, read_receipt
from ganray.errors import ImageError, ObjectCorrupt, ObjectNotFound
from ganray.storage import Store

Photo = tuple[str, int, str]  # key, size, etag: one version of it
MADE = ("image", "sha256", "width", "height")  # what depends on the photo and the recipe alone, beside automatic attributes


def take_over(
    out: Store, parts: Iterable[ShardPaths], wanted: set[Photo], recipe: str, made: tuple[str, ...], decoder: str, again: bool = True
) -> dict[Photo, dict[str, Any] | ImageError]:
    """What lies in earlier `parts` of the `wanted` photos: the columns `made` and the look, or the error that cleaning ended in.

    A photo that failed is taken over where the failure was no matter of the moment (unless `again` is false), nor of another decoder.
    """
    found: dict[Photo, dict[str, Any] | ImageError] = {}
    for part in parts:
        receipt = read_receipt(out, part)
        if receipt is not None and receipt.recipe == recipe:
            try:
                found |= _of_part(out, part, receipt, wanted, made, decoder, again)
            except (ObjectNotFound, ObjectCorrupt, pa.ArrowException):
                continue
    return found


def _of_part(
    out: Store, part: ShardPaths, receipt: Receipt, wanted: set[Photo], made: tuple[str, ...], decoder: str, again: bool
) -> dict[Photo, dict[str, Any] | ImageError]:
    objects = {written.key: written for written in receipt.objects}
    index = _read(out, objects[part.index]).to_pylist()
    photos = {row["key"]: photo for row in index if (photo := (row["key"], row["size"], row["etag"])) in wanted}
    looks = {row["key"]: row["look"] for row in index}
    found: dict[Photo, dict[str, Any] | ImageError] = {}
    for images in (receipt.shard, objects.get(part.aside)):
        if photos and images is not None:
            table = _read(out, images)
            rows = [place for place, key in enumerate(table.column("source_key").to_pylist()) if key in photos]
            for row in table.select(["source_key", *made]).take(pa.array(rows, pa.int64())).to_pylist():
                key = row.pop("source_key")
                found[photos[key]] = {**row, "look": looks[key]}
    if photos and part.quarantine in objects:
        for row in _read(out, objects[part.quarantine]).to_pylist():
            lasting = row["reason"] in UNREAD or receipt.decoder == decoder
            momentary = again and row["reason"] in {*MOMENTARY, "invalid_key"}  # asking for a key is cheap
            if row["source_key"] in photos and lasting and not momentary:
                found[photos[row["source_key"]]] = ImageError(row["reason"], row["message"])
    return found


def _read(out: Store, written: Written | ShardInfo) -> pa.Table:
    return pq.read_table(pa.BufferReader(out.get_verified(written.key, written.bytes, written.sha256)))
