"""Read a prepared catalog: one row group at a time, by range requests, from any store."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ganray.catalog.schema import ATTRIBUTE_PREFIX, CATALOG_KEY, TITLE, CatalogInfo
from ganray.errors import CatalogError, ObjectNotFound
from ganray.images.codec import Pixels, decode_prepared
from ganray.storage import Store, open_store

Labels = NDArray[np.int64]
MAX_OPEN = 64  # shards with footers in memory
SPREAD = 16  # maximum number of images that `sample` takes from a row group while there are other groups


class Catalog:
    """A prepared catalog, open for reading; thread-safe, and cheap to pickle."""

    def __init__(self, store: Store, info: CatalogInfo) -> None:
        self.store, self.info, self.url = store, info, store.url
        self._files: dict[int, pq.ParquetFile] = {}
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Catalog], tuple[Store, CatalogInfo]]:
        return Catalog, (self.store, self.info)

    @staticmethod
    def open(url: str) -> Catalog:
        """Open by URL. Raises CatalogError if there is no complete catalog."""
        store = open_store(url)
        try:
            data = store.get(CATALOG_KEY)
        except ObjectNotFound as error:
            raise CatalogError(f"{url} holds no {CATALOG_KEY}", "Run `ganray ingest` to the end with this URL as out") from error
        return Catalog(store, CatalogInfo.from_json(data, f"{url}/{CATALOG_KEY}"))

    def close(self) -> None:
        """Close all open shards; reading opens them again."""
        with self._lock:
            while self._files:
                self._files.popitem()[1].close(force=True)

    def __del__(self) -> None:
        self.close()

    @property
    def num_images(self) -> int:
        """The number of images in all shards."""
        return self.info.counts.accepted

    def vocabulary(self, attributes: Sequence[str] | None = None) -> dict[str, tuple[str, ...]]:
        """Attribute -> its sorted values, in the given order; None means all attributes. Raises CatalogError for an unknown one."""
        known = self.info.attributes
        for name in attributes or ():
            if name not in known:
                available = ", ".join(known) or "none"
                raise CatalogError(f"attribute {name!r} is not in catalog {self.url}", f"It has: {available}")
        return {name: known[name] for name in (known if attributes is None else attributes)}

    def row_groups(self) -> list[tuple[int, int, int]]:
        """(shard index, group index, rows) of every row group, in catalog order."""
        return [(s, g, rows) for s, shard in enumerate(self.info.shards) for g, rows in enumerate(shard.row_groups)]

    def read_row_group(self, shard_index: int, group_index: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One row group as a table (all columns by default), by range requests; page checksums are verified.

        Raises CatalogError when the shard does not match `catalog.json`, StorageError when it cannot be read.
        """
        shard = self.info.shards[shard_index]
        try:
            with self._lock:  # a ParquetFile has one read position
                file = self._files.get(shard_index) or self._open(shard_index)
                table = file.read_row_group(group_index, columns=None if columns is None else list(columns), use_threads=False)
        except (pa.ArrowException, IndexError, OSError) as error:
            raise CatalogError(f"shard {self.url}/{shard.key}, row group {group_index}: {error}", "Ingest the catalog again") from error
        if table.num_rows != shard.row_groups[group_index]:
            raise CatalogError(f"shard {self.url}/{shard.key} has other row groups than {CATALOG_KEY}", "Ingest the catalog again")
        return table

    def images(self, table: pa.Table) -> Pixels:
        """The table's images decoded: uint8 [n, R, R, 3]."""
        side = self.info.resolution
        pixels = np.empty((table.num_rows, side, side, 3), np.uint8)
        for row, data in zip(pixels, table.column("image").to_pylist(), strict=True):
            row[:] = decode_prepared(data)
        return pixels

    def labels(self, table: pa.Table, attributes: Sequence[str] | None = None) -> Labels:
        """The table's attribute values as positions in their vocabularies: int64 [n, A]."""
        vocabulary = self.vocabulary(attributes)
        labels = np.empty((table.num_rows, len(vocabulary)), np.int64)
        for column, (name, values) in enumerate(vocabulary.items()):
            place = {value: index for index, value in enumerate(values)}
            labels[:, column] = [place[value] for value in table.column(ATTRIBUTE_PREFIX + name).to_pylist()]
        return labels

    def titles(self, table: pa.Table) -> list[str]:
        """The table's titles, all empty if the catalog has none."""
        titles: list[str] = table.column(TITLE).to_pylist() if self.info.title else [""] * table.num_rows
        return titles

    def some_titles(self, num: int) -> tuple[str, ...]:
        """The first `num` different titles; empty if the catalog has none."""
        if not self.info.title:
            return ()
        titles: dict[str, None] = {}
        for shard, group, _ in self.row_groups():
            titles |= dict.fromkeys(filter(None, self.titles(self.read_row_group(shard, group, [TITLE]))))
            if len(titles) >= num:
                break
        return tuple(titles)[:num]

    def columns(self, attributes: Sequence[str] | None = None, titled: bool = False) -> list[str]:
        """The columns that `images`, `labels` and, if the catalog has titles, `titles` need."""
        names = [ATTRIBUTE_PREFIX + name for name in self.vocabulary(attributes)]
        return ["image", *names, *([TITLE] if titled and self.info.title else [])]

    def sample(self, num: int, rng: np.random.Generator, attributes: Sequence[str] | None = None) -> tuple[Pixels, Labels]:
        """`num` images (or all, if fewer) without replacement: uint8 [n, R, R, 3], int64 [n, A]. See `sample_tables`."""
        parts = [(self.images(table), self.labels(table, attributes)) for table in self.sample_tables(num, rng, self.columns(attributes))]
        pixels, labels = zip(*parts, strict=True)
        return np.concatenate(pixels), np.concatenate(labels)

    def sample_tables(self, num: int, rng: np.random.Generator, columns: Sequence[str]) -> Iterator[pa.Table]:
        """`num` rows (or all, if fewer) without replacement, one table per row group.

        Row groups are drawn first and give up to 16 rows each, so that a small sample of a large catalog reads few row groups.
        """
        groups = self.row_groups()
        order = rng.permutation(len(groups)).tolist()
        remaining, spare = min(num, self.num_images), self.num_images
        for position in order:
            shard, group, rows = groups[position]
            spare -= rows
            take = min(rows, remaining, max(SPREAD, remaining - spare, round(remaining * rows / max(1, spare + rows))))
            chosen = np.sort(rng.choice(rows, take, replace=False))
            yield self.read_row_group(shard, group, columns).take(pa.array(chosen))
            remaining -= take
            if remaining == 0:
                break

    def iter_images(self, attributes: Sequence[str] | None = None) -> Iterator[tuple[Pixels, Labels]]:
        """Every image once, in catalog order, by row group: uint8 [n, R, R, 3], int64 [n, A]."""
        for shard, group, _ in self.row_groups():
            table = self.read_row_group(shard, group, self.columns(attributes))
            yield self.images(table), self.labels(table, attributes)

    def _open(self, shard_index: int) -> pq.ParquetFile:
        source = self.store.open_seekable(self.info.shards[shard_index].key)
        try:
            file = pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=True)
        except pa.ArrowException:
            source.close()
            raise
        while len(self._files) >= MAX_OPEN:
            self._files.pop(next(iter(self._files))).close(force=True)
        self._files[shard_index] = file
        return file
