"""Read an S3 Inventory instead of listing a bucket.

`manifest.json` names the files, their MD5 and their columns (AWS, "Amazon S3 Inventory list"): CSV.gz without a header, keys URL-encoded
(a space is `+`), or Parquet with snake_case columns and plain keys. Old versions and delete markers are skipped. A file is copied to disk
and its digest is checked before its rows are used; memory does not grow with the inventory.
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

PIECE = 8 << 20  # bytes per range request
BATCH = 1 << 14  # rows of Parquet per batch
COLUMNS = {
    "key": "Key",
    "version_id": "VersionId",
    "is_latest": "IsLatest",
    "is_delete_marker": "IsDeleteMarker",
    "size": "Size",
    "last_modified_date": "LastModifiedDate",
    "e_tag": "ETag",
}

Row = dict[str, str]  # names of COLUMNS -> text; missing values are absent or empty


class File(BaseModel):
    """A file of the inventory; its key is in the destination bucket."""

    key: str
    size: int
    MD5checksum: str


class Inventory(BaseModel):
    """The fields of `manifest.json` that are used."""

    sourceBucket: str
    fileFormat: str
    fileSchema: str
    files: tuple[File, ...]


def inventory(url: str, source: Store) -> Iterator[ObjectInfo]:
    """The current objects under `source` from the inventory with `manifest.json` at `url`, in its order; keys are relative to `source`.

    The etag is that of the inventory, or the time of the last change if it has no such column. Raises CatalogError if this is not an
    inventory of that bucket or has no size or version; StorageError for missing files.
    """
    store, name = open_object(url)
    try:
        manifest = Inventory.model_validate_json(store.get(name))
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise CatalogError(f"{url} is not the manifest of an S3 Inventory: {field or 'not JSON'}", "Give its manifest.json") from error
    reader = READERS.get(manifest.fileFormat)
    if reader is None:
        raise CatalogError(f"{url}: unknown format {manifest.fileFormat}", f"Set its output format to {' or '.join(READERS)}")
    bucket, prefix = _bucket(source)
    if bucket and bucket != manifest.sourceBucket:
        raise CatalogError(f"{url} is an inventory of {manifest.sourceBucket}, but the source is in {bucket}", "Give that of the source")
    files = _destination(url, manifest)
    return _objects(url, manifest, files, reader, prefix)


def _objects(
    url: str, manifest: Inventory, files: Store, reader: Callable[[IO[bytes], str], Iterator[Row]], prefix: str
) -> Iterator[ObjectInfo]:
    never = datetime.fromtimestamp(0, UTC)
    for file in manifest.files:
        with _copy(files, file) as data:
            for row in reader(data, manifest.fileSchema):
                key = row["key"]
                if not key.startswith(prefix) or row.get("is_latest") == "false" or row.get("is_delete_marker") == "true":
                    continue
                version = row.get("e_tag") or row.get("last_modified_date")
                if not row.get("size") or not version:
                    raise CatalogError(
                        f"{url}: {key} has no {'size' if version else 'ETag'}", "Add the fields Size and ETag to the inventory"
                    )
                yield ObjectInfo(key.removeprefix(prefix), int(row["size"]), version.strip('"'), never)


def _bucket(source: Store) -> tuple[str, str]:
    """The bucket of a store and the prefix of its keys; both empty for a local folder."""
    scheme, _, rest = source.url.rpartition("://")
    bucket, _, prefix = rest.partition("/") if scheme else ("", "", "")
    return bucket, f"{prefix}/" if prefix else ""


def _destination(url: str, manifest: Inventory) -> Store:
    """The store that the keys of the files are relative to: the bucket of `manifest.json`, or the parent folder of a local copy."""
    scheme, separator, rest = url.partition("://")
    if separator and scheme != "file":
        return open_store(f"{scheme}://{rest.partition('/')[0]}")
    folder = open_store(url.rpartition("/")[0] or ".")
    for _ in range(16):
        if not manifest.files or folder.exists(manifest.files[0].key):
            return folder
        folder = open_store(folder.url.rpartition("/")[0] or "/")
    raise ObjectNotFound(f"{manifest.files[0].key} is not in any parent folder of {url}", "Copy the inventory with its folders")


@contextmanager
def _copy(store: Store, file: File) -> Iterator[IO[bytes]]:
    """A temporary copy of the file, at position 0. Raises CatalogError if its digest is not that of the manifest."""
    digest, start = hashlib.md5(usedforsecurity=False), 0
    with tempfile.TemporaryFile() as copy:
        while start < file.size:
            piece = store.get_range(file.key, start, min(PIECE, file.size - start))
            digest.update(piece)
            copy.write(piece)
            start += PIECE  # a short piece makes the digest wrong
        if digest.hexdigest() != file.MD5checksum:
            file_url = store.url_of(file.key)
            raise CatalogError(f"{file_url} is not the file of the inventory: its MD5 differs", "Copy it again, or use a later inventory")
        copy.seek(0)
        yield copy


def _csv(data: IO[bytes], schema: str) -> Iterator[Row]:
    names = [name.strip() for name in schema.split(",")]
    places = {name: names.index(header) for name, header in COLUMNS.items() if header in names}
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
