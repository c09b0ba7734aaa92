"""An S3 Inventory as the listing: what AWS wrote down of a bucket, so that nothing has to be listed.

`manifest.json` names the files, their MD5 and their columns (AWS, "Amazon S3 Inventory list"): CSV.gz without a header, keys URL-encoded
(a space is `+`), or Parquet with snake_case columns and plain keys. Old versions and delete markers are passed over. A file is copied to
the disk and checked before a row of it counts; memory does not grow with the inventory.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO
from urllib.parse import unquote_plus

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from ganray.errors import CatalogError, ObjectNotFound
from ganray.storage import ObjectInfo, Store, open_object, open_store

PIECE = 8 << 20  # bytes that are copied at a time
BATCH = 1 << 14  # rows of Parquet that are read at a time
COLUMNS = {
    "key": "Key",
    "version_id": "VersionId",
    "is_latest": "IsLatest",
    "is_delete_marker": "IsDeleteMarker",
    "size": "Size",
    "last_modified_date": "LastModifiedDate",
    "e_tag": "ETag",
}

Row = dict[str, str]  # COLUMNS' names -> text; what is missing is absent or empty


class File(BaseModel):
    """A file of the inventory; its key is in the destination bucket."""

    key: str
    size: int
    MD5checksum: str


class Inventory(BaseModel):
    """`manifest.json`, as far as it is read."""

    sourceBucket: str
    fileFormat: str
    fileSchema: str
    files: tuple[File, ...]


def inventory(url: str, source: Store) -> Iterator[ObjectInfo]:
    """The current objects under `source` by the inventory whose `manifest.json` lies at `url`, in its order; keys relative to `source`.

    An object's etag is the inventory's, or the time of its last change where there is no such column. Raises CatalogError for what is
    no inventory of that bucket, or for one without size or version; StorageError for files that are absent.
    """
    store, name = open_object(url)
    try:
        told = Inventory.model_validate_json(store.get(name))
    except ValidationError as error:
        wrong = ".".join(map(str, error.errors()[0]["loc"]))
        raise CatalogError(f"{url} is no manifest of an S3 Inventory: {wrong or 'no JSON'}", "Give its manifest.json") from error
    reader = READERS.get(told.fileFormat)
    if reader is None:
        raise CatalogError(f"{url}: files of format {told.fileFormat}", f"Let the inventory be written as {' or '.join(READERS)}")
    bucket, prefix = _bucket(source)
    if bucket and bucket != told.sourceBucket:
        raise CatalogError(f"{url} is an inventory of {told.sourceBucket}, and the source is in {bucket}", "Give the one of the source")
    files = _destination(url, told)
    return _objects(url, told, files, reader, prefix)


def _objects(
    url: str, told: Inventory, files: Store, reader: Callable[[IO[bytes], str], Iterator[Row]], prefix: str
) -> Iterator[ObjectInfo]:
    never = datetime.fromtimestamp(0, UTC)
    for file in told.files:
        with _copy(files, file) as data:
            for row in reader(data, told.fileSchema):
                key = row["key"]
                if not key.startswith(prefix) or row.get("is_latest") == "false" or row.get("is_delete_marker") == "true":
                    continue
                version = row.get("e_tag") or row.get("last_modified_date")
                if not row.get("size") or not version:
                    raise CatalogError(
                        f"{url}: {key} has no {'size' if version else 'ETag'}", "Let the inventory have the fields Size and ETag"
                    )
                yield ObjectInfo(key.removeprefix(prefix), int(row["size"]), version.strip('"'), never)


def _bucket(source: Store) -> tuple[str, str]:
    """The bucket of a store and the prefix of its keys there; both empty for a folder."""
    scheme, _, rest = source.url.rpartition("://")
    bucket, _, prefix = rest.partition("/") if scheme else ("", "", "")
    return bucket, f"{prefix}/" if prefix else ""


def _destination(url: str, told: Inventory) -> Store:
    """Where the files' keys begin: the bucket of `manifest.json`, or, of a copy in a folder, the folder above it that has them."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme != "file":
        return open_store(f"{scheme}://{rest.partition('/')[0]}")
    folder = open_store(url.rpartition("/")[0] or ".")
    for _ in range(16):
        if not told.files or folder.exists(told.files[0].key):
            return folder
        folder = open_store(folder.url.rpartition("/")[0] or "/")
    raise ObjectNotFound(f"{told.files[0].key} lies in no folder above {url}", "Copy the inventory with its folders")


@contextmanager
def _copy(store: Store, file: File) -> Iterator[IO[bytes]]:
    """The file on the disk, to be read from its beginning; raises CatalogError when it is not what the manifest says."""
    digest, start = hashlib.md5(usedforsecurity=False), 0
    with tempfile.TemporaryFile() as copy:
        while start < file.size:
            piece = store.get_range(file.key, start, min(PIECE, file.size - start))
            digest.update(piece)
            copy.write(piece)
            start += PIECE  # a piece that is short is the last one, and the digest will tell
        if digest.hexdigest() != file.MD5checksum:
            where = store.url_of(file.key)
            raise CatalogError(f"{where} is not the file of the inventory: its MD5 differs", "Copy it again, or take a later one")
        copy.seek(0)
        yield copy


def _csv(data: IO[bytes], schema: str) -> Iterator[Row]:
    names = [name.strip() for name in schema.split(",")]
    places = {ours: names.index(theirs) for ours, theirs in COLUMNS.items() if theirs in names}
    with gzip.open(data) as plain:
        for line in csv.reader(io.TextIOWrapper(plain, "utf-8", newline="")):
            row = {name: line[place] for name, place in places.items()}
            yield {**row, "key": unquote_plus(row["key"])}


def _parquet(data: IO[bytes], schema: str) -> Iterator[Row]:
    file = pq.ParquetFile(data)
    names = [name for name in file.schema_arrow.names if name in COLUMNS]
    for batch in file.iter_batches(BATCH, columns=names):
        texts = {name: _texts(batch.column(name)) for name in names}
        yield from (dict(zip(texts, values, strict=True)) for values in zip(*texts.values(), strict=True))


def _texts(column: pa.Array) -> list[str]:
    return ["" if value is None else value for value in column.cast(pa.string()).to_pylist()]


READERS: dict[str, Callable[[IO[bytes], str], Iterator[Row]]] = {"CSV": _csv, "Parquet": _parquet}
