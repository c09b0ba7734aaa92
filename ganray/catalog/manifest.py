"""The source manifest: the images of a prefix, listed once, joined with attributes, and divided into shards by their keys.

Shards are the unit of work; tasks get their numbers, not paths. Rows are ordered by a hash of the key, the first bits of which are the
number of the shard (`parts.py`): every row group is a random mix of categories, and a photo stays in its shard. The listing is on disk
(`listing.py`): memory grows with the table of attributes, if there is one, but not with the bucket.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa

from ganray.catalog.attributes import load_attributes
from ganray.catalog.inventory import inventory
from ganray.catalog.joining import Folders, Joined, Table, primary
from ganray.catalog.listing import Listing, Parts
from ganray.catalog.schema import TableRemarks
from ganray.catalog.shard_paths import num_parts
from ganray.config import IngestConfig
from ganray.errors import CatalogError
from ganray.images.names import NAME_RULE, is_image_name, kind_of_name
from ganray.storage import ObjectInfo, Store, absolute_url

CHUNK = 1 << 14  # images per step of the listing
LISTED = pa.schema([("key", pa.string()), ("size", pa.int64()), ("etag", pa.string())])
SHOWN = 6  # of what is counted, in messages
SHARD_PIXELS = 1 << 26  # of an average shard: bounds the memory of a task at high resolution


MATCH_FIELDS = (pa.field("row", pa.int32()), pa.field("how", pa.int8()))


@dataclass(frozen=True)
class Manifest:
    """The input of an ingest: one table per shard with key, size, etag, sku, reason ("" = usable), the attributes and the title.

    Each table is created when it is accessed. `listed` is the number of photos, `bytes` their total size; `usable` the photos of each value
    of the primary attribute that have a row or a folder; `passed_over` the objects without the name of an image, by suffix; `table` what
    table and photos do not agree on.
    """

    attributes: tuple[str, ...]
    shards: Sequence[pa.Table]
    listed: int
    bytes: int
    usable: Counter[str]
    passed_over: Counter[str]
    table: TableRemarks


class Shards(Sequence[pa.Table]):
    """The parts of a listing with the joined attributes."""

    def __init__(self, parts: Parts, joined: Joined) -> None:
        self._parts, self._joined = parts, joined

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, number: int | slice) -> pa.Table:
        part = self._parts[number]
        keys, *matches = (part.column(name).to_pylist() for name in ("key", *(field.name for field in MATCH_FIELDS)))
        rows = list(self._joined.rows(keys, (matches[0], matches[1])))
        table = part.select(LISTED.names).combine_chunks()
        table = table.append_column("sku", pa.array([row[0] for row in rows], pa.string()))
        table = table.append_column("reason", pa.array([row[2] for row in rows], pa.string()))
        for place, name in enumerate(self._joined.columns):
            table = table.append_column(name, pa.array([row[1][place] if row[1] else "" for row in rows], pa.string()))
        return table


def build_manifest(store: Store, config: IngestConfig, skip: Callable[[str], bool] = lambda key: False) -> Manifest:
    """List `store` once, or read `config.inventory` of it, and join `config.table` to it, or take the category from folder names.

    Keys for which `skip` is true are ignored.

    Raises CatalogError when there are no images, none of them is in the table, every category has too few, or titles have no table.
    """
    if config.title and not config.table:
        raise CatalogError(f"title = {config.title!r} needs a table", "Name one with --table, or omit --title")
    joined: Joined = Table(load_attributes(config)) if config.table else Folders()
    objects = inventory(config.inventory, store) if config.inventory else store.list()
    passed_over: Counter[str] = Counter()
    table = absolute_url(config.table)
    others = (info for info in objects if not skip(info.key) and not (table and store.url_of(info.key) == table))
    images = islice(_images(others, passed_over), config.limit or None)
    listing, total_bytes = Listing(pa.schema([*LISTED, *MATCH_FIELDS])), 0
    while chunk := list(islice(images, CHUNK)):
        keys = [info.key for info in chunk]
        total_bytes += sum(info.size for info in chunk)
        columns = [keys, [info.size for info in chunk], [info.etag for info in chunk], *joined.add(keys)]
        listing.add(pa.record_batch(columns, pa.schema([*LISTED, *MATCH_FIELDS])))
    if not listing.num_rows:
        problem = f"{config.inventory} has no images under {store.url}" if config.inventory else f"{store.url} holds no images"
        raise CatalogError(f"{problem}, but {named(passed_over)}" if passed_over else problem, f"Check the URL: {NAME_RULE}")
    for name in config.auto_attributes:
        if name in joined.names:
            raise CatalogError(
                f"{config.table or store.url} has an attribute {name!r} already", "Remove it from --auto-attributes or --attributes"
            )
    _check(config, store, joined)
    shard_images = max(1, min(config.shard_images, SHARD_PIXELS // config.resolution**2))
    shards = Shards(Parts(listing, num_parts(listing.num_rows, shard_images)), joined)
    return Manifest(joined.names, shards, listing.num_rows, total_bytes, joined.counts()[0], passed_over, joined.remarks())


def check_categories(counts: Mapping[str, int], name: str, config: IngestConfig) -> None:
    """Raise CatalogError when every value of the primary attribute has fewer than min_images images.

    A few of them are no error: they are named in the remarks of the catalog.
    """
    rare = sorted((count, value) for value, count in counts.items() if count < config.min_images)
    if rare and len(rare) == len(counts):
        shown = ", ".join(f"{value or '(none)'} ({count})" for count, value in rare[:5]) + (", ..." if len(rare) > 5 else "")
        raise CatalogError(
            f"{config.source}: every {name} has fewer than {config.min_images} images: {shown}", "Add images, or lower min_images"
        )


def named(counts: Counter[str]) -> str:
    """The most frequent ones of what is counted, for messages: `.txt 3, no suffix 1`."""
    shown = ", ".join(f"{name} {num:,}" for name, num in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:SHOWN])
    return shown + (", ..." if len(counts) > SHOWN else "")


def _images(objects: Iterator[ObjectInfo], passed_over: Counter[str]) -> Iterator[ObjectInfo]:
    for info in objects:
        if is_image_name(info.key):
            yield info
        elif kind := kind_of_name(info.key):
            passed_over[kind] += 1


def _check(config: IngestConfig, store: Store, joined: Joined) -> None:
    usable, reasons = joined.counts()
    if not usable and reasons.keys() == {"ambiguous"}:
        raise CatalogError(
            f"{config.table}: each file name matches several of the {reasons.total():,} images under {store.url}",
            "Name the images by path, as in mugs/1.png, or by a SKU",
        )
    if not usable and reasons:
        raise CatalogError(
            f"{config.table}: none of the {reasons.total():,} images under {store.url} is in it",
            "Name the column with the file or SKU with --join",
        )
    name = primary(joined.names)
    if name is None:
        return
    if not config.table and len(usable) > config.max_values:
        raise CatalogError(
            f"{store.url}: {len(usable):,} folders cannot all be categories, max_values is {config.max_values}",
            "Name a table of attributes with --table, or raise max_values",
        )
    check_categories(usable, name, config)
