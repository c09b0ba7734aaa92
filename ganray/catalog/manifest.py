"""The source manifest: a prefix of images listed once, joined, spread over shards in an order that depends only on the keys.

Shards are the unit of work; Ray sees their numbers, never the paths. Rows are ordered by a hash of the key, so that every row group is a
fair mix of categories. It is held in memory once, about 200 bytes an image.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ganray.catalog.attributes import AMBIGUOUS, Attributes, load_attributes
from ganray.catalog.schema import ATTRIBUTE_PREFIX
from ganray.config import IngestConfig
from ganray.errors import CatalogError
from ganray.storage import ObjectInfo, Store

# What counts as an image by its name; some of these no decoder here accepts, and their owner should hear of it from quarantine.
IMAGE_NAME = re.compile(
    r"[^.].*\.(jpe?g|jpe|jfif|mpo|a?png|webp|gif|bmp|dib|tiff?|avif|heic|heif|jp2|j2k|jxl|psd|tga|p[gp]m|fli|eps|svg|ico|dng|cr2|nef)", re.I
)
SHARD_PIXELS = 1 << 26  # bounds the memory of a task at high resolution


@dataclass(frozen=True)
class Manifest:
    """What an ingest is to do: one table per shard with key, size, etag, sku, reason ("" = to be cleaned) and the attributes."""

    attributes: tuple[str, ...]
    shards: tuple[pa.Table, ...]
    listed: int

    def values(self, name: str) -> set[str]:
        """The values of an attribute among the images that are to be cleaned."""
        parts = (shard.filter(pc.equal(shard.column("reason"), "")).column(ATTRIBUTE_PREFIX + name) for shard in self.shards)
        return {value for part in parts for value in pc.unique(part).to_pylist()}


def build_manifest(store: Store, config: IngestConfig, skip: Callable[[str], bool] = lambda key: False) -> Manifest:
    """List `store` once, but for keys to `skip`, and join `config.table` to it, or take the category from folder names.

    Raises CatalogError when there are no images, none of them is in the table, or a category has too few.
    """
    images = list(islice((info for info in _images(store) if not skip(info.key)), config.limit or None))
    if not images:
        raise CatalogError(f"{store.url} holds no images", "Check the URL; an image is known by its ending, such as .jpg, .png, .webp")
    attributes = load_attributes(config) if config.table else None
    rows = _from_table(images, attributes) if attributes else _from_folders(images)
    names = attributes.names if attributes else ("category",) if any(row[1] for row in rows) else ()
    _check(config, store, names, rows)
    table = pa.table(
        {
            "key": pa.array([image.key for image in images], pa.string()),
            "size": pa.array([image.size for image in images], pa.int64()),
            "etag": pa.array([image.etag for image in images], pa.string()),
            "sku": pa.array([row[0] for row in rows], pa.string()),
            "reason": pa.array([row[2] for row in rows], pa.string()),
            **{
                ATTRIBUTE_PREFIX + name: pa.array([row[1][i] if row[1] else "" for row in rows], pa.string())
                for i, name in enumerate(names)
            },
        }
    )
    return Manifest(names, tuple(_shards(table, config)), len(images))


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


Row = tuple[str, tuple[str, ...], str]  # sku, attribute values, reason


def _images(store: Store) -> Iterator[ObjectInfo]:
    return (info for info in store.list() if IMAGE_NAME.fullmatch(info.key.rpartition("/")[2]))


def _stem(key: str) -> str:
    name = key.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _from_folders(images: list[ObjectInfo]) -> list[Row]:
    in_folders = any("/" in image.key for image in images)
    return [_from_folder(image.key, in_folders) for image in images]


def _from_folder(key: str, in_folders: bool) -> Row:
    if not in_folders:
        return _stem(key), (), ""
    folder, slash, _ = key.partition("/")
    return (_stem(key), (folder,), "") if slash else (_stem(key), (), "no_category")


def _from_table(images: list[ObjectInfo], attributes: Attributes) -> list[Row]:
    rows: list[Row] = []
    for image, row in zip(images, attributes.join([image.key for image in images]), strict=True):
        if row is None or row == AMBIGUOUS:
            rows.append((_stem(image.key), (), "not_in_table" if row is None else "ambiguous"))
        else:
            rows.append(((attributes.skus[row] if attributes.skus else "") or _stem(image.key), attributes.of(row), ""))
    return rows


def _check(config: IngestConfig, store: Store, names: tuple[str, ...], rows: list[Row]) -> None:
    if all(row[2] == "ambiguous" for row in rows):
        raise CatalogError(
            f"{config.table}: each file name in it fits several of the {len(rows):,} images under {store.url}",
            "Name the images by path, as in mugs/1.png, or by a SKU",
        )
    if all(row[2] for row in rows):
        raise CatalogError(
            f"{config.table}: none of the {len(rows):,} images under {store.url} is in it",
            "Name the column with the file or SKU with --join",
        )
    name = primary(names)
    if name is not None and not config.table and (num := len({row[1] for row in rows if row[1]})) > config.max_values:
        raise CatalogError(
            f"{store.url}: {num:,} folders cannot all be categories, max_values is {config.max_values}",
            "Name a table of attributes with --table, or raise max_values",
        )
    if name is not None:
        place = names.index(name)
        check_categories(Counter(row[1][place] for row in rows if not row[2]), name, config)


def _shards(table: pa.Table, config: IngestConfig) -> Iterator[pa.Table]:
    """Cut the table, in hash order, into shards of even size."""
    keys = table.column("key").to_pylist()
    order = np.argsort(np.array([hashlib.blake2b(key.encode(), digest_size=8).digest() for key in keys], "S8").view(">u8"), kind="stable")
    per_shard = max(1, min(config.shard_images, SHARD_PIXELS // config.resolution**2))
    for part in np.array_split(order, -(-len(keys) // per_shard)):
        yield table.take(pa.array(part))
