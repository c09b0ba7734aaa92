"""What a job has made: rows of its manifest a page at a time, and the files with their labels.

Before a job has ended its receipts are read in place of the manifest: a gallery fills while the job runs. Names of results are those of
their objects under the job's `images/`, so that a file is found without a search; of a job that writes an object a shard, that object and
the file within it.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from io import BytesIO
from typing import Any, NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ganray.errors import InvalidKey, ObjectNotFound
from ganray.images.codec import MEDIA_TYPES
from ganray.serving.refusals import NotFound
from ganray.storage import Store

IMAGES = "images/"
NAME = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?")  # as the layouts of bulk jobs name objects and what is in them
MAX_PAGE = 500
HIDDEN = ("key", "member", "reason", "message", "shown", "time", "software", "model_digest", "policy_digest")  # columns that rows leave out
LEFT_OUT = ("untouched", "ranked_out")  # reasons of receipts that are neither results nor failures, and their names in the books
SUFFIXES = {"jpg": "jpeg", "png": "png", "webp": "webp", "avif": "avif"}


class Part(NamedTuple):
    """A Parquet object with rows, and how many there are."""

    key: str
    rows: int


class Page(NamedTuple):
    """Rows, and where the next page begins; None at the end. `complete` says that the job will add none."""

    rows: list[dict[str, Any]]
    next: int | None
    complete: bool


def read_page(out: Store, quarantined: bool, offset: int, limit: int) -> Page:
    """The rows from `offset` on of a job's images, or of those that could not be made; while a job runs, `offset` counts both."""
    closed = _read_json(out, "job.json")
    name = "quarantine" if quarantined else "manifest"
    parts = _parts(out, closed, name) if closed else _receipts(out)
    end = offset + limit
    rows, first = list[dict[str, Any]](), 0
    for part in parts:
        last = first + part.rows
        if first < end and last > offset:
            rows += _rows(out, part, max(0, offset - first), min(end, last) - first)
        first = last
    if not closed:
        rows = [row for row in rows if bool(row.get("reason")) == quarantined and row.get("reason") not in LEFT_OUT]
    shown = [_shown(row, quarantined) for row in rows]
    return Page(shown, end if first > end else None, closed is not None)


def read_result(out: Store, name: str) -> tuple[bytes, str]:
    """A file and its media type. Raises NotFound for a name that is none, or not yet."""
    suffix = name.rpartition(".")[2]
    missing = NotFound(f"there is no result {name[:100]!r}", "GET /v1/jobs/ID/results lists those there are")
    if not NAME.fullmatch(name) or suffix not in SUFFIXES:
        raise missing
    place, _, member = name.partition("/")
    try:
        if place.endswith(".parquet"):
            data = _parquet_member(out, IMAGES + place, member)
        elif place.endswith(".tar"):
            data = _tar_member(out, IMAGES + place, member)
        else:
            data = out.get(IMAGES + name)
    except (ObjectNotFound, InvalidKey, KeyError):
        raise missing from None
    return data, MEDIA_TYPES[SUFFIXES[suffix]]


def _parts(out: Store, closed: dict[str, Any], name: str) -> list[Part]:
    """Of a job that is closed: one object, or those that job.json lists."""
    listed = closed.get(name)
    if isinstance(listed, list):
        return [Part(part["key"], part["rows"]) for part in listed]
    rows = closed["quarantined" if name == "quarantine" else "images"]
    return [Part(f"{name}.parquet", rows)] if rows else []


def _receipts(out: Store) -> Iterator[Part]:
    """Of the shards that are finished: all are full but the last one of the job."""
    plan = _read_json(out, "plan.json")
    if plan is None:
        return
    for info in out.list("receipts", ".parquet"):
        shard = int(info.key.rpartition("/")[2].partition(".")[0])
        yield Part(info.key, min(plan["shard_images"], plan["images"] - shard * plan["shard_images"]))


def _rows(out: Store, part: Part, start: int, end: int) -> list[dict[str, Any]]:
    """Rows [start, end) of an object; row groups outside are not read."""
    rows, first = list[dict[str, Any]](), 0
    with out.open_seekable(part.key) as source:
        file = pq.ParquetFile(source)
        for number in range(file.metadata.num_row_groups):
            last = first + file.metadata.row_group(number).num_rows
            if first < end and last > start:
                table = file.read_row_group(number, use_threads=False)
                low = max(0, start - first)
                rows += table.slice(low, min(end, last) - first - low).to_pylist()
            first = last
    return rows


def _shown(row: dict[str, Any], quarantined: bool) -> dict[str, Any]:
    """A row for a caller: attributes in one object, and the name of its file. No prompts or places of the operator's."""
    attributes = {name[5:]: value for name, value in row.items() if name.startswith("attr:")}
    shown = {name: value for name, value in row.items() if value is not None and name not in HIDDEN and not name.startswith("attr:")}
    if attributes:
        shown["attributes"] = attributes
    if quarantined:
        return shown | {"reason": row["reason"], "message": row["message"]}
    member = f"/{row['member']}" if row.get("member") else ""
    return shown | {"name": row["key"].removeprefix(IMAGES) + member}


def _parquet_member(out: Store, key: str, member: str) -> bytes:
    with out.open_seekable(key) as source:
        file = pq.ParquetFile(source)
        for number in range(file.metadata.num_row_groups):
            images = file.read_row_group(number, columns=["image"], use_threads=False).column("image").combine_chunks()
            place = pc.index(images.field("path"), member).as_py()
            if place >= 0:
                data: bytes = images.field("bytes")[place].as_py()
                return data
    raise KeyError(member)


def _tar_member(out: Store, key: str, member: str) -> bytes:
    with tarfile.open(fileobj=BytesIO(out.get(key))) as tar:
        file = tar.extractfile(member)
        if file is None:
            raise KeyError(member)
        return file.read()


def _read_json(out: Store, key: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(out.get(key))
    except ObjectNotFound:
        return None
    return found
