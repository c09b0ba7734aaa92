"""The source manifest: a prefix of images listed once, joined, divided into shards in an order that depends only on the keys.

Shards are the unit of work; Ray sees their numbers, never the paths. Rows are ordered by a hash of the key, whose first bits are the
number of the shard (`parts.py`), so that every row group is a fair mix of categories, and a photo keeps its shard. The driver holds it as
Arrow: at its peak about 0.5 kB an image, 0.8 kB where a table is joined (measured, keys of 35 characters).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ganray.catalog.attributes import AMBIGUOUS, Attributes, load_attributes
from ganray.catalog.inventory import inventory
from ganray.catalog.parts import boundaries, key_hashes, num_parts
from ganray.catalog.schema import ATTRIBUTE_PREFIX
from ganray.config import IngestConfig
from ganray.errors import CatalogError
from ganray.storage import ObjectInfo, Store

# What counts as an image by its name; some of these no decoder here accepts, and their owner should hear of it from quarantine.
IMAGE_NAME = re.compile(
    r"[^.].*\.(jpe?g|jpe|jfif|mpo|a?png|webp|gif|bmp|dib|tiff?|avif|heic|heif|jp2|j2k|jxl|psd|tga|p[gp]m|fli|eps|svg|ico|dng|cr2|nef)", re.I
)
CHUNK = 1 << 14  # images that are Python objects at a time
LISTED = pa.schema([("key", pa.string()), ("size", pa.int64()), ("etag", pa.string())])
SHARD_PIXELS = 1 << 26  # bounds the memory of a task at high resolution: of an average shard


@dataclass(frozen=True)
class Manifest:
    """What an ingest is to do: one table per shard with key, size, etag, sku, reason ("" = to be cleaned), the attributes and the title."""

    attributes: tuple[str, ...]
    shards: tuple[pa.Table, ...]
    listed: int

    def values(self, name: str) -> set[str]:
        """The values of an attribute among the images that are to be cleaned."""
        parts = (shard.filter(pc.equal(shard.column("reason"), "")).column(ATTRIBUTE_PREFIX + name) for shard in self.shards)
        return {value for part in parts for value in pc.unique(part).to_pylist()}


def build_manifest(store: Store, config: IngestConfig, skip: Callable[[str], bool] = lambda key: False) -> Manifest:
    """List `store` once, or read `config.inventory` of it, and join `config.table` to it, or take the category from folder names.

    Keys to `skip` are no photos of the source.

    Raises CatalogError when there are no images, none of them is in the table, a category has too few, or titles have no table.
    """
    if config.title and not config.table:
        raise CatalogError(f"title = {config.title!r} is a column, and there is no table", "Name one with --table, or leave --title out")
    objects = inventory(config.inventory, store) if config.inventory else store.list()
    listed = _listing(islice((info for info in _images(objects) if not skip(info.key)), config.limit or None))
    if not listed.num_rows:
        where = f"{config.inventory} has no images under {store.url}" if config.inventory else f"{store.url} holds no images"
        raise CatalogError(where, "Check the URL; an image is known by its ending, such as .jpg, .png, .webp")
    table, names = _from_table(listed, load_attributes(config)) if config.table else _from_folders(listed)
    for name in config.auto_attributes:
        if name in names:
            raise CatalogError(
                f"{config.table or store.url} has an attribute {name!r} already", "Leave it out of --auto-attributes or --attributes"
            )
    _check(config, store, names, table)
    return Manifest(names, tuple(_shards(table, config)), table.num_rows)


def primary(attributes: tuple[str, ...]) -> str | None:
    """The attribute that stands for the category: the one of that name, or the first."""
    return "category" if "category" in attributes else next(iter(attributes), None)


def check_categories(counts: Counter[str], name: str, config: IngestConfig) -> None:
    """Raise CatalogError when a value of the primary attribute has fewer than min_images images."""
    rare = sorted((count, value) for value, count in counts.items() if count < config.min_images)
    if rare:
        shown = ", ".join(f"{value or '(none)'} ({count})" for count, value in rare[:5]) + (", ..." if len(rare) > 5 else "")
        raise CatalogError(
            f"{config.source}: {name} with fewer than {config.min_images} images: {shown}", "Add images, remove it, or lower min_images"
        )


Row = tuple[str, tuple[str, ...], str]  # sku, attribute values and title (none where there is a reason), reason


def _images(objects: Iterator[ObjectInfo]) -> Iterator[ObjectInfo]:
    return (info for info in objects if IMAGE_NAME.fullmatch(info.key.rpartition("/")[2]))


def _stem(key: str) -> str:
    name = key.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _listing(images: Iterator[ObjectInfo]) -> pa.Table:
    """Key, size and etag of each image, as Arrow from the start: a fifth of what they take as Python objects."""
    parts = [pa.record_batch([[], [], []], LISTED)]
    while chunk := list(islice(images, CHUNK)):
        parts.append(pa.record_batch([[info.key for info in chunk], [info.size for info in chunk], [info.etag for info in chunk]], LISTED))
    return pa.Table.from_batches(parts)


def _keys(table: pa.Table) -> Iterator[list[str]]:
    return (batch.column("key").to_pylist() for batch in table.to_batches(CHUNK))


def _with_rows(listed: pa.Table, columns: tuple[str, ...], parts: Iterator[list[Row]]) -> pa.Table:
    """The listing with the columns that its rows give, a part of it at a time."""
    fields = [pa.field(name, pa.string()) for name in ("sku", "reason", *columns)]
    batches = [
        pa.record_batch(
            [
                [row[0] for row in part],
                [row[2] for row in part],
                *([row[1][i] if row[1] else "" for row in part] for i in range(len(columns))),
            ],
            pa.schema(fields),
        )
        for part in parts
    ]
    more = pa.Table.from_batches(batches)
    for field in fields:
        listed = listed.append_column(field, more.column(field.name))
    return listed


def _from_folders(listed: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    in_folders = any("/" in key for keys in _keys(listed) for key in keys)
    names = ("category",) if in_folders else ()
    columns = tuple(ATTRIBUTE_PREFIX + name for name in names)
    return _with_rows(listed, columns, ([_from_folder(key, in_folders) for key in keys] for keys in _keys(listed))), names


def _from_folder(key: str, in_folders: bool) -> Row:
    if not in_folders:
        return _stem(key), (), ""
    folder, slash, _ = key.partition("/")
    return (_stem(key), (folder,), "") if slash else (_stem(key), (), "no_category")


def _from_table(listed: pa.Table, attributes: Attributes) -> tuple[pa.Table, tuple[str, ...]]:
    found = iter(attributes.join([key for keys in _keys(listed) for key in keys]))
    parts = ([_of_table(key, row, attributes) for key, row in zip(keys, found, strict=False)] for keys in _keys(listed))
    return _with_rows(listed, attributes.columns, parts), attributes.names


def _of_table(key: str, row: int | None, attributes: Attributes) -> Row:
    if row is None or row == AMBIGUOUS:
        return _stem(key), (), "not_in_table" if row is None else "ambiguous"
    return (attributes.skus[row] if attributes.skus else "") or _stem(key), attributes.of(row), ""


def _check(config: IngestConfig, store: Store, names: tuple[str, ...], table: pa.Table) -> None:
    usable = table.filter(pc.equal(table.column("reason"), ""))
    if not usable.num_rows and pc.all(pc.equal(table.column("reason"), "ambiguous")).as_py():
        raise CatalogError(
            f"{config.table}: each file name in it fits several of the {table.num_rows:,} images under {store.url}",
            "Name the images by path, as in mugs/1.png, or by a SKU",
        )
    if not usable.num_rows:
        raise CatalogError(
            f"{config.table}: none of the {table.num_rows:,} images under {store.url} is in it",
            "Name the column with the file or SKU with --join",
        )
    name = primary(names)
    if name is None:
        return
    counts = Counter({item["values"]: item["counts"] for item in pc.value_counts(usable.column(ATTRIBUTE_PREFIX + name)).to_pylist()})
    if not config.table and len(counts) > config.max_values:
        raise CatalogError(
            f"{store.url}: {len(counts):,} folders cannot all be categories, max_values is {config.max_values}",
            "Name a table of attributes with --table, or raise max_values",
        )
    check_categories(counts, name, config)


def _shards(table: pa.Table, config: IngestConfig) -> Iterator[pa.Table]:
    """Cut the table, in hash order, by the first bits of the hashes."""
    hashes = np.concatenate([key_hashes(keys) for keys in _keys(table)])
    order = np.argsort(hashes, kind="stable")
    each = max(1, min(config.shard_images, SHARD_PIXELS // config.resolution**2))
    bounds = boundaries(hashes[order], num_parts(table.num_rows, each)).tolist()
    for start, stop in pairwise(bounds):
        yield table.take(pa.array(order[start:stop]))
