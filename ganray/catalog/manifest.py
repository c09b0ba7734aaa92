"""The source manifest: a prefix of images listed once, joined, divided into shards in an order that depends only on the keys.

Shards are the unit of work; Ray sees their numbers, never the paths. Rows are ordered by a hash of the key, whose first bits are the
number of the shard (`parts.py`), so that every row group is a fair mix of categories, and a photo keeps its shard. The driver has it on
its disk (`listing.py`): what it holds does not grow with the bucket, but with the table of attributes where there is one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

from ganray.catalog.attributes import load_attributes
from ganray.catalog.inventory import inventory
from ganray.catalog.joining import Folders, Joined, Table, primary
from ganray.catalog.listing import Listing, Parts
from ganray.catalog.schema import ATTRIBUTE_PREFIX
from ganray.catalog.shard_paths import num_parts
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


SEEN = (pa.field("row", pa.int32()), pa.field("how", pa.int8()))


@dataclass(frozen=True)
class Manifest:
    """What an ingest is to do: one table per shard with key, size, etag, sku, reason ("" = to be cleaned), the attributes and the title.

    Each table is made when it is asked for.
    """

    attributes: tuple[str, ...]
    shards: Sequence[pa.Table]
    listed: int

    def values(self, name: str) -> set[str]:
        """The values of an attribute among the images that are to be cleaned."""
        parts = (shard.filter(pc.equal(shard.column("reason"), "")).column(ATTRIBUTE_PREFIX + name) for shard in self.shards)
        return {value for part in parts for value in pc.unique(part).to_pylist()}


class Shards(Sequence[pa.Table]):
    """The parts of a listing with what is joined to them."""

    def __init__(self, parts: Parts, joined: Joined) -> None:
        self._parts, self._joined = parts, joined

    def __len__(self) -> int:
        return len(self._parts)

    def __getitem__(self, number: int | slice) -> pa.Table:
        part = self._parts[number]
        keys, *seen = (part.column(name).to_pylist() for name in ("key", *(field.name for field in SEEN)))
        rows = list(self._joined.rows(keys, (seen[0], seen[1])))
        table = part.select(LISTED.names).combine_chunks()
        table = table.append_column("sku", pa.array([row[0] for row in rows], pa.string()))
        table = table.append_column("reason", pa.array([row[2] for row in rows], pa.string()))
        for place, name in enumerate(self._joined.columns):
            table = table.append_column(name, pa.array([row[1][place] if row[1] else "" for row in rows], pa.string()))
        return table


def build_manifest(store: Store, config: IngestConfig, skip: Callable[[str], bool] = lambda key: False) -> Manifest:
    """List `store` once, or read `config.inventory` of it, and join `config.table` to it, or take the category from folder names.

    Keys to `skip` are no photos of the source.

    Raises CatalogError when there are no images, none of them is in the table, a category has too few, or titles have no table.
    """
    if config.title and not config.table:
        raise CatalogError(f"title = {config.title!r} is a column, and there is no table", "Name one with --table, or leave --title out")
    joined: Joined = Table(load_attributes(config)) if config.table else Folders()
    objects = inventory(config.inventory, store) if config.inventory else store.list()
    images = islice((info for info in _images(objects) if not skip(info.key)), config.limit or None)
    listing = Listing(pa.schema([*LISTED, *SEEN]))
    while chunk := list(islice(images, CHUNK)):
        keys = [info.key for info in chunk]
        columns = [keys, [info.size for info in chunk], [info.etag for info in chunk], *joined.see(keys)]
        listing.add(pa.record_batch(columns, pa.schema([*LISTED, *SEEN])))
    if not listing.num_rows:
        where = f"{config.inventory} has no images under {store.url}" if config.inventory else f"{store.url} holds no images"
        raise CatalogError(where, "Check the URL; an image is known by its ending, such as .jpg, .png, .webp")
    for name in config.auto_attributes:
        if name in joined.names:
            raise CatalogError(
                f"{config.table or store.url} has an attribute {name!r} already", "Leave it out of --auto-attributes or --attributes"
            )
    _check(config, store, joined)
    each = max(1, min(config.shard_images, SHARD_PIXELS // config.resolution**2))
    shards = Shards(Parts(listing, num_parts(listing.num_rows, each)), joined)
    return Manifest(joined.names, shards, listing.num_rows)


def check_categories(counts: Counter[str], name: str, config: IngestConfig) -> None:
    """Raise CatalogError when a value of the primary attribute has fewer than min_images images."""
    rare = sorted((count, value) for value, count in counts.items() if count < config.min_images)
    if rare:
        shown = ", ".join(f"{value or '(none)'} ({count})" for count, value in rare[:5]) + (", ..." if len(rare) > 5 else "")
        raise CatalogError(
            f"{config.source}: {name} with fewer than {config.min_images} images: {shown}", "Add images, remove it, or lower min_images"
        )


def _images(objects: Iterator[ObjectInfo]) -> Iterator[ObjectInfo]:
    return (info for info in objects if IMAGE_NAME.fullmatch(info.key.rpartition("/")[2]))


def _check(config: IngestConfig, store: Store, joined: Joined) -> None:
    usable, reasons = joined.counts()
    if not usable and reasons.keys() == {"ambiguous"}:
        raise CatalogError(
            f"{config.table}: each file name in it fits several of the {reasons.total():,} images under {store.url}",
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
