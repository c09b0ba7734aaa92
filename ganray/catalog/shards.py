"""Preparing one shard: fetch the images of a manifest shard, clean them in a child process, write Parquet, leave a receipt.

A shard whose receipt carries the same fingerprint (manifest shard, source and recipe) is finished and is not done again; done again it
would give the same bytes. Of a shard that changed, only photos that are new or changed are fetched (`reuse.py`). Only what is wrong with
single records goes to quarantine: a store that fails, be it for a moment, ends the shard before its receipt is written, and what it
refused (`unreadable`), or what the decoder did not live to answer, is asked for again by the next run.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ganray.catalog import fingerprints as looks
from ganray.catalog.cleaning import DECODER, Recipe, sandbox
from ganray.catalog.quarantine import MOMENTARY, REASONS, SCHEMA, UNREAD, quarantine_row
from ganray.catalog.reuse import MADE, take_over
from ganray.catalog.schema import ATTRIBUTE_PREFIX, SCHEMA_VERSION, TITLE, ShardInfo, parquet_bytes, shard_schema
from ganray.catalog.shard_paths import Receipt, ShardPaths, Written, read_receipt, written
from ganray.errors import AccessDenied, GanrayError, ImageError, InvalidKey, ObjectNotFound, StorageError
from ganray.images.codec import decode_prepared
from ganray.images.sandbox import Sandbox
from ganray.storage import Store

BATCH_IMAGES = 64
BATCH_BYTES = 32_000_000
SINGLE = (ObjectNotFound, AccessDenied, InvalidKey)  # errors of one object
INDEX = pa.schema(
    [("key", pa.string()), ("size", pa.int64()), ("etag", pa.string()), ("sha256", pa.binary()), ("look", pa.binary(looks.BYTES))]
)

Cleaned = dict[str, Any] | GanrayError


@dataclass(frozen=True)
class IngestJob:
    """What every shard of an ingest has in common; small enough to travel with each task.

    The catalog has `parts` shards; `earlier` are the numbers of shards into which it was divided before. `looks`: whether near duplicates
    are sought; `again`: whether failures of the moment are tried again.
    """

    source: Store
    out: Store
    recipe: Recipe
    row_group: int
    parts: int
    earlier: tuple[int, ...] = ()
    looks: bool = False
    again: bool = True

    @property
    def recipe_mark(self) -> str:
        """What the prepared bytes of a photo depend on beside the photo."""
        about = [SCHEMA_VERSION, self.source.url, asdict(self.recipe)]
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

    def fingerprint(self, manifest: bytes) -> str:
        """What a shard's bytes depend on."""
        about = f"{self.recipe_mark} {self.row_group} {self.looks} {hashlib.sha256(manifest).hexdigest()}"
        return hashlib.sha256(about.encode()).hexdigest()


def prepare_shard(work: IngestJob, number: int) -> Receipt:
    """Prepare shard `number`, or find it prepared. Raises StorageError when a store fails, or gives no object of the shard."""
    part = ShardPaths(number, work.parts)
    manifest = work.out.get(part.manifest)
    mark = work.fingerprint(manifest)
    left_out, duplicates = _duplicates(work.out, part)
    finished = _finished(work, part, mark, left_out)
    if finished is not None:
        return finished
    table = pq.read_table(pa.BufferReader(manifest))
    names = [name for name in table.column_names if name.startswith(ATTRIBUTE_PREFIX) or name == TITLE]
    plain = [*(name.removeprefix(ATTRIBUTE_PREFIX) for name in names if name != TITLE), *work.recipe.automatic]
    schema = shard_schema(plain, titled=TITLE in names)
    accepted: list[dict[str, Any]] = []
    aside: list[dict[str, Any]] = []
    quarantined: list[dict[str, str]] = []
    index: list[dict[str, Any]] = []
    for row, result in _made(work, part, table.to_pylist()):
        if isinstance(result, GanrayError):
            quarantined.append(quarantine_row(work.source.url, row["key"], result, work.recipe))
            index.append(row)
        else:
            line = {**result, "sku": row["sku"], "source_key": row["key"], **{name: row[name] for name in names}}
            (aside if row["key"] in duplicates else accepted).append(line)
            index.append({**row, "sha256": bytes.fromhex(line["sha256"]), "look": _look(line, work.recipe) if work.looks else None})
    objects = {part.index: parquet_bytes(pa.Table.from_pylist(index, INDEX), max(1, len(index)))}
    for key, rows, kind in ((part.quarantine, quarantined, SCHEMA), (part.aside, aside, schema), (part.shard, accepted, schema)):
        if rows:
            objects[key] = parquet_bytes(pa.Table.from_pylist(rows, kind), work.row_group)
    told = [written(key, data) for key, data in objects.items()]
    reasons = Counter(row["reason"] for row in quarantined) + Counter(duplicates[row["source_key"]] for row in aside)
    receipt = Receipt(
        number=number,
        fingerprint=mark,
        recipe=work.recipe_mark,
        decoder=DECODER,
        left_out=left_out,
        listed=table.num_rows,
        shard=_shard(told.pop(), len(accepted), work.row_group) if accepted else None,
        objects=tuple(told),
        reasons=dict(sorted(reasons.items())),
        histograms={name: dict(sorted(Counter(row[ATTRIBUTE_PREFIX + name] for row in accepted).items())) for name in plain},
    )
    work.out.delete(part.receipt)
    for key, data in objects.items():
        work.out.put(key, data)
    work.out.settle()
    work.out.put(part.receipt, receipt.model_dump_json().encode())
    return receipt


def _duplicates(out: Store, part: ShardPaths) -> tuple[str, dict[str, str]]:
    """The digest of the list of photos that the shard is to leave out, and key -> reason; empty where there is none."""
    try:
        data = out.get(part.duplicates)
    except ObjectNotFound:
        return "", {}
    table = pq.read_table(pa.BufferReader(data), columns=["source_key", "reason"])
    return _sha256(data), dict(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _look(line: dict[str, Any], recipe: Recipe) -> bytes:
    known: bytes | None = line.get("look")
    size = (line["width"], line["height"]) if recipe.square == "pad" else None
    return looks.fingerprint(decode_prepared(line["image"]), size) if known is None else known


def _finished(work: IngestJob, part: ShardPaths, mark: str, left_out: str) -> Receipt | None:
    """The receipt of a part that there is nothing to do about."""
    receipt = read_receipt(work.out, part)
    if receipt is None or (receipt.fingerprint, receipt.left_out) != (mark, left_out) or not receipt.whole(work.out):
        return None
    if work.again and MOMENTARY & receipt.reasons.keys():
        return None
    return receipt if receipt.decoder == DECODER or receipt.reasons.keys() <= UNREAD else None


def _shard(told: Written, rows: int, row_group: int) -> ShardInfo:
    groups = tuple(min(row_group, rows - start) for start in range(0, rows, row_group))
    return ShardInfo(rows=rows, row_groups=groups, **told.model_dump())


def _made(work: IngestJob, part: ShardPaths, rows: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], Cleaned]]:
    """Each row, in order, with what an earlier ingest or this one made of it."""
    made: dict[str, Cleaned] = {row["key"]: refused for row in rows if (refused := _refusal(row, work.recipe)) is not None}
    wanted = {(row["key"], row["size"], row["etag"]) for row in rows if row["key"] not in made}
    made_of = (*MADE, *(ATTRIBUTE_PREFIX + name for name in work.recipe.automatic))
    before = [shared for of in (work.parts, *work.earlier) for shared in part.sharing(of)]
    for photo, result in take_over(work.out, dict.fromkeys(before), wanted, work.recipe_mark, made_of, DECODER, work.again).items():
        made[photo[0]] = result
    known = next((key for key, result in made.items() if isinstance(result, dict)), "")
    for row, fresh in _cleaned(work, [row for row in rows if row["key"] not in made], known):
        made[row["key"]] = fresh
    return ((row, made.pop(row["key"])) for row in rows)


def _cleaned(work: IngestJob, rows: list[dict[str, Any]], readable: str) -> Iterator[tuple[dict[str, Any], Cleaned]]:
    """Each row with its cleaned columns, or with the error it ended in; `readable` is a key that the store gave, if any is known."""
    fetched = zip(rows, (data for _, data in work.source.get_many(row["key"] for row in rows)), strict=True)
    broken: StorageError | None = None
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
                cut = len(data) != row["size"] and f"{len(data):,} bytes came, {row['size']:,} are listed: {result}"
                yield row, ImageError("unreadable", cut) if cut else result  # cut on its way, or replaced since: of the moment
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
