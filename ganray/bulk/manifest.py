"""The manifest and the quarantine of a job, put together out of its receipts: one object each, or a folder of parts where the job is large.

A store takes an object in one conditional write, which must be through in 10 s (`storage/buckets.py`), and not every store knows a
conditional multipart upload. So a job of more than PART_IMAGES images has `manifest/00000.parquet` and so on; `job.json` lists them.
Datasets, pyarrow and DuckDB read such a folder as one table. A part is put together on the disk, sent and dropped: neither disk nor memory
grows with the job.
"""

from __future__ import annotations

import hashlib
import mmap
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from ganray.bulk.job import JobIdentity
from ganray.bulk.layouts import create_large_once
from ganray.storage import Store

ROW_GROUP = 65_536  # rows
PART_IMAGES = 2**20  # rows of a part, and the most images of a job that has none: 160 MB, or 300 of an edit job


def is_large(plan: JobIdentity) -> bool:
    """Whether the manifest of a job has parts."""
    return plan.images > PART_IMAGES


def manifest_key(plan: JobIdentity, name: str = "manifest") -> str:
    """The object with the manifest (or another `name`) of a job, or the folder of its parts, with a slash."""
    return f"{name}/" if is_large(plan) else f"{name}.parquet"


class PartInfo(NamedTuple):
    """A written part: its key, rows, size in bytes and digest."""

    key: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The rows of a manifest, read a row group at a time: `groups` are (key of the part, number in it, rows).

    A manifest of one object is read from the driver's disk, where it lies already.
    """

    store: Store
    parts: tuple[PartInfo, ...]
    groups: tuple[tuple[str, int, int], ...]
    local: IO[bytes] | None

    @property
    def num_rows(self) -> int:
        """All rows."""
        return sum(rows for _, _, rows in self.groups)

    def tables(self, wanted: list[int], columns: list[str] | None = None) -> Iterator[pa.Table]:
        """The row groups with these numbers, which ascend, or some of their columns; each part is opened once."""
        opened, file, source = "", None, None
        try:
            for number in wanted:
                key, place, _ = self.groups[number]
                if key != opened or file is None:
                    if source is not None:
                        source.close()
                    source = None if self.local else self.store.open_seekable(key)
                    opened, file = key, pq.ParquetFile(self.local or source)
                yield file.read_row_group(place, columns)
        finally:
            if source is not None:
                source.close()


class ManifestWriter:
    """Writes the rows that it is given under `name`: as one object by `finish`, or a part at a time where the job is large.

    The parts depend on the receipts alone: a closing that was cut off finds those that are there. The caller sees to it that the rows are
    right before it adds them.
    """

    def __init__(self, store: Store, plan: JobIdentity, name: str) -> None:
        self.rows = 0
        self._store, self._plan, self._name = store, plan, name
        self._spool = _Spool()
        self._parts: list[PartInfo] = []
        self._groups: list[tuple[str, int, int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._spool.file.close()

    def add(self, table: pa.Table) -> None:
        """Take the rows of a receipt."""
        self.rows += table.num_rows
        self._spool.add(table)
        if is_large(self._plan) and self._spool.rows >= PART_IMAGES:
            self._send()
            self._spool.file.close()
            self._spool = _Spool()

    def finish(self) -> Manifest:
        """Write what is left: a part without rows only where nothing else is written."""
        if self._spool.rows or not self._parts:
            self._send()
        return Manifest(self._store, tuple(self._parts), tuple(self._groups), None if is_large(self._plan) else self._spool.file)

    def _send(self) -> None:
        key = f"{self._name}/{len(self._parts):05d}.parquet" if is_large(self._plan) else manifest_key(self._plan, self._name)
        data = self._spool.finish()
        create_large_once(self._store, key, data)
        self._parts.append(PartInfo(key, self._spool.rows, len(data), hashlib.sha256(data).hexdigest()))
        self._groups += [(key, place, rows) for place, rows in enumerate(self._spool.groups())]


class _Spool:
    """A Parquet object that grows by tables of one schema, kept on disk until it is whole."""

    def __init__(self) -> None:
        self.rows = 0
        self.file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self._writer: pq.ParquetWriter | None = None

    def add(self, table: pa.Table) -> None:
        """Take rows. An empty table only says which columns there are: a million of them are not kept."""
        if self._waiting and not table.num_rows:
            return
        self.rows += table.num_rows
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= ROW_GROUP:
            self._flush()

    def finish(self) -> memoryview:
        """The whole object, where it lies."""
        self._flush()
        assert self._writer is not None
        self._writer.close()
        self.file.flush()
        return memoryview(mmap.mmap(self.file.fileno(), 0, access=mmap.ACCESS_READ))

    def groups(self) -> list[int]:
        """The rows of each row group, once it is whole."""
        metadata = pq.ParquetFile(self.file).metadata
        return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]

    def _flush(self) -> None:
        group = pa.concat_tables(self._waiting)
        self._writer = self._writer or pq.ParquetWriter(self.file, group.schema, compression="zstd")
        self._writer.write_table(group)
        self._waiting, self._waiting_rows = [group.schema.empty_table()], 0  # a slice would keep the rows in memory
