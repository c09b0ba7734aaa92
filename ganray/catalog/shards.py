"""Prepare one shard: fetch the images of a manifest shard, clean them in a child process, write Parquet, write a receipt.

A shard is finished if its receipt has the same fingerprint (manifest shard, source and recipe); preparing it again would give the same
bytes. If a shard changed, only new or changed photos are fetched (`reuse.py`). Only problems of single records go to quarantine: a failure
of the store, even a transient one, ends the shard before its receipt is written. The next run retries refused objects (`unreadable`) and
images that ended the decoder.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ganray.catalog.cleaning import DECODER, Recipe, sandbox
from ganray.catalog.quarantine import MOMENTARY, REASONS, SCHEMA, UNREAD, quarantine_row
from ganray.catalog.reuse import DERIVED_COLUMNS, ReuseRules, reuse_results
from ganray.catalog.schema import ATTRIBUTE_PREFIX, SCHEMA_VERSION, TITLE, ShardInfo, parquet_bytes, shard_schema
from ganray.catalog.shard_paths import Receipt, ShardPaths, Written, read_receipt, written
from ganray.copies.methods import FINGERPRINT, METHODS
from ganray.errors import AccessDenied, GanrayError, ImageError, InvalidKey, ObjectNotFound, ObjectUnavailable, StorageError
from ganray.images.codec import decode_prepared
from ganray.images.sandbox import Result, Sandbox
from ganray.storage import Store

BATCH_IMAGES = 64
BATCH_BYTES = 32_000_000
SINGLE = (ObjectNotFound, AccessDenied, InvalidKey, ObjectUnavailable)  # errors of a single object
CERTAIN = (InvalidKey, ObjectUnavailable)  # of these, those that no other cause can have
SAMPLED = 8  # objects that are asked for where a whole shard was refused

Cleaned = dict[str, Any] | GanrayError
Clean = Callable[[Sequence[bytes]], Iterator[Result | ImageError]]  # cleans a batch of photos, as `Sandbox.map` does


@dataclass(frozen=True)
class IngestJob:
    """The common parameters of all shards of an ingest; small enough to send with each task.

    The catalog has `parts` shards; `earlier` are previous numbers of shards. `copies_by`: the method of copies/methods.py by which near
    duplicates are searched, empty if they are not; `again`: whether transient failures are retried.
    """

    source: Store
    out: Store
    recipe: Recipe
    row_group: int
    parts: int
    earlier: tuple[int, ...] = ()
    copies_by: str = ""
    again: bool = True

    @property
    def recipe_digest(self) -> str:
        """A digest of the inputs of a prepared photo other than the photo."""
        inputs = [SCHEMA_VERSION, self.source.url, asdict(self.recipe)]
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()

    def fingerprint(self, manifest: bytes) -> str:
        """A digest of all inputs of a shard."""
        looks = {"": "False", FINGERPRINT: "True"}.get(self.copies_by, self.copies_by)  # as catalogs before `imagenet` have it
        inputs = f"{self.recipe_digest} {self.row_group} {looks} {hashlib.sha256(manifest).hexdigest()}"
        return hashlib.sha256(inputs.encode()).hexdigest()


class ShardWorker:
    """Prepares shards of a job, one after the other, with one decoder process; for a single thread.

    The decoder starts with the first photo that must be decoded, and ends with the worker.
    """

    def __init__(self, job: IngestJob) -> None:
        self._job = job
        self._decoder: Sandbox | None = None

    def __call__(self, number: int) -> Receipt:
        """Prepare shard `number`; see `prepare_shard`."""
        return prepare_shard(self._job, number, self._clean)

    def _clean(self, batch: Sequence[bytes]) -> Iterator[Result | ImageError]:
        if self._decoder is None:
            self._decoder = sandbox(self._job.recipe)
        return self._decoder.map(batch)


def prepare_shard(work: IngestJob, number: int, clean: Clean) -> Receipt:
    """Prepare shard `number`, unless it is finished. Raises StorageError when a store fails or refuses all objects of the shard."""
    part = ShardPaths(number, work.parts)
    manifest = work.out.get(part.manifest)
    fingerprint = work.fingerprint(manifest)
    left_out, duplicates = _duplicates(work.out, part)
    finished = _finished(work, part, fingerprint, left_out)
    if finished is not None:
        return finished
    table = pq.read_table(pa.BufferReader(manifest))
    names = [name for name in table.column_names if name.startswith(ATTRIBUTE_PREFIX) or name == TITLE]
    attribute_names = [*(name.removeprefix(ATTRIBUTE_PREFIX) for name in names if name != TITLE), *work.recipe.automatic]
    schema = shard_schema(attribute_names, titled=TITLE in names)
    accepted: list[dict[str, Any]] = []
    aside: list[dict[str, Any]] = []
    quarantined: list[dict[str, str]] = []
    index: list[dict[str, Any]] = []
    for row, result in _results(work, part, table.to_pylist(), clean):
        if isinstance(result, GanrayError):
            quarantined.append(quarantine_row(work.source.url, row["key"], result, work.recipe))
            index.append(row)
        else:
            line = {**result, "sku": row["sku"], "source_key": row["key"], **{name: row[name] for name in names}}
            (aside if row["key"] in duplicates else accepted).append(line)
            index.append({**row, "sha256": bytes.fromhex(line["sha256"]), "look": _look(line, work) if work.copies_by else None})
    objects = {part.index: parquet_bytes(pa.Table.from_pylist(index, _index_schema(work.copies_by)), max(1, len(index)))}
    for key, rows, kind in ((part.quarantine, quarantined, SCHEMA), (part.aside, aside, schema), (part.shard, accepted, schema)):
        if rows:
            objects[key] = parquet_bytes(pa.Table.from_pylist(rows, kind), work.row_group)
    objects_written = [written(key, data) for key, data in objects.items()]
    reasons = Counter(row["reason"] for row in quarantined) + Counter(duplicates[row["source_key"]] for row in aside)
    receipt = Receipt(
        number=number,
        fingerprint=fingerprint,
        recipe=work.recipe_digest,
        decoder=DECODER,
        left_out=left_out,
        listed=table.num_rows,
        shard=_shard(objects_written.pop(), len(accepted), work.row_group) if accepted else None,
        objects=tuple(objects_written),
        reasons=dict(sorted(reasons.items())),
        histograms={name: dict(sorted(Counter(row[ATTRIBUTE_PREFIX + name] for row in accepted).items())) for name in attribute_names},
    )
    work.out.delete(part.receipt)
    for key, data in objects.items():
        work.out.put(key, data)
    work.out.settle()
    work.out.put(part.receipt, receipt.model_dump_json().encode())
    return receipt


def _duplicates(out: Store, part: ShardPaths) -> tuple[str, dict[str, str]]:
    """The digest of the list of duplicates of a shard, and key -> reason; empty if there is none."""
    try:
        data = out.get(part.duplicates)
    except ObjectNotFound:
        return "", {}
    table = pq.read_table(pa.BufferReader(data), columns=["source_key", "reason"])
    return _sha256(data), dict(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _look(line: dict[str, Any], work: IngestJob) -> bytes:
    """The record of a photo by the job's method: the known one, if it is of this method."""
    known: bytes | None = line.get("look")
    method = METHODS[work.copies_by]
    if known is not None and len(known) == method.bytes:
        return known
    size = (line["width"], line["height"]) if work.recipe.square == "pad" else None
    return method.records([(decode_prepared(line["image"]), size)]).tobytes()


def _index_schema(copies_by: str) -> pa.Schema:
    """Columns of the index of a shard: each listed photo with its version, its digest and its record by a method of copies/methods.py."""
    look = pa.binary(METHODS[copies_by or FINGERPRINT].bytes)
    return pa.schema([("key", pa.string()), ("size", pa.int64()), ("etag", pa.string()), ("sha256", pa.binary()), ("look", look)])


def _finished(work: IngestJob, part: ShardPaths, fingerprint: str, left_out: str) -> Receipt | None:
    """The receipt of a part if it is finished."""
    receipt = read_receipt(work.out, part)
    if receipt is None or (receipt.fingerprint, receipt.left_out) != (fingerprint, left_out) or not receipt.complete(work.out):
        return None
    if work.again and MOMENTARY & receipt.reasons.keys():
        return None
    return receipt if receipt.decoder == DECODER or receipt.reasons.keys() <= UNREAD else None


def _shard(description: Written, rows: int, row_group: int) -> ShardInfo:
    groups = tuple(min(row_group, rows - start) for start in range(0, rows, row_group))
    return ShardInfo(rows=rows, row_groups=groups, **description.model_dump())


def _results(work: IngestJob, part: ShardPaths, rows: list[dict[str, Any]], clean: Clean) -> Iterator[tuple[dict[str, Any], Cleaned]]:
    """Each row, in order, with its result from an earlier ingest or from this one."""
    results: dict[str, Cleaned] = {row["key"]: refused for row in rows if (refused := _refusal(row, work.recipe)) is not None}
    wanted = {(row["key"], row["size"], row["etag"]) for row in rows if row["key"] not in results}
    columns = (*DERIVED_COLUMNS, *(ATTRIBUTE_PREFIX + name for name in work.recipe.automatic))
    earlier_parts = [earlier_part for of in (work.parts, *work.earlier) for earlier_part in part.overlapping(of)]
    rules = ReuseRules(work.recipe_digest, columns, DECODER, work.again)
    reused = reuse_results(work.out, dict.fromkeys(earlier_parts), wanted, rules)
    results |= {photo[0]: result for photo, result in reused.items()}
    known = next((key for key, result in results.items() if isinstance(result, dict)), "")
    for row, fresh in _cleaned(work, [row for row in rows if row["key"] not in results], known, clean):
        results[row["key"]] = fresh
    return ((row, results.pop(row["key"])) for row in rows)


def _cleaned(work: IngestJob, rows: list[dict[str, Any]], readable: str, clean: Clean) -> Iterator[tuple[dict[str, Any], Cleaned]]:
    """Each row with its cleaned columns or its error; `readable` is a key that could be read, if one is known."""
    fetched = zip(rows, (data for _, data in work.source.get_many(row["key"] for row in rows)), strict=True)
    broken: StorageError | None = None
    for batch in _batches(fetched):
        good = []
        for row, data in batch:
            if isinstance(data, SINGLE):
                broken = broken if isinstance(data, CERTAIN) else data
                yield row, data
            elif isinstance(data, StorageError):
                raise data
            else:
                good.append((row, data))
                readable = row["key"]
        for (row, data), result in zip(good, clean([data for _, data in good]), strict=True):
            if isinstance(result, ImageError):
                cut = len(data) != row["size"] and f"{len(data):,} bytes were received, {row['size']:,} are listed: {result}"
                yield row, ImageError("unreadable", cut) if cut else result  # cut in transit, or replaced: transient
            else:
                yield row, {"image": result[0], "sha256": _sha256(data), **_columns(result[1])}
    if broken is not None:
        _check_store(work.source, readable, broken)


def _columns(note: dict[str, Any]) -> dict[str, Any]:
    """What the decoder says of a photo, as columns of a shard."""
    attributes = {ATTRIBUTE_PREFIX + name: value for name, value in note["attributes"].items()}
    return {"width": note["width"], "height": note["height"], **attributes}


def _check_store(source: Store, key: str, broken: StorageError) -> None:
    """Raise unless the store serves another object: `key`, which it served before, or one of the first SAMPLED of the source if `key` is
    empty. Expired credentials are not a problem of single records."""
    if key:
        try:
            source.get_range(key, 0, 1)
        except ObjectNotFound:
            return
    elif not any(_is_served(source, info.key) for info in islice(source.list(), SAMPLED)):
        raise broken


def _is_served(source: Store, key: str) -> bool:
    try:
        source.get_range(key, 0, 1)
    except StorageError:
        return False
    return True


def _refusal(row: dict[str, Any], recipe: Recipe) -> ImageError | None:
    """The error that is known without reading the object."""
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


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
