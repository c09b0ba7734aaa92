"""The work of a data reader: fetch, decode, augment and shuffle windows. No torch, so that a reader process starts in half the time."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ganray.catalog.order import Order, Window
from ganray.catalog.reader import Catalog
from ganray.config import DataConfig
from ganray.errors import CatalogError
from ganray.images.codec import decode_prepared
from ganray.images.transforms import augment
from ganray.titles import NO_TITLES, Pieces, drop_title_words


@dataclass(frozen=True)
class Source:
    """What is streamed; small enough to send with each task. The label columns are `attributes`, in order, then `pieces`.

    `digest` is the catalog's: reading a catalog that was replaced is an error. The window (images that are shuffled together) is divided
    by the number of `lanes`.
    """

    url: str
    digest: str
    attributes: tuple[str, ...]
    data: DataConfig
    seed: int
    lanes: int = 1
    pieces: Pieces = NO_TITLES

    @staticmethod
    def of(catalog: Catalog, attributes: Iterable[str], data: DataConfig, seed: int, lanes: int = 1, pieces: Pieces = NO_TITLES) -> Source:
        """The source of an open catalog, with labels of `attributes` and of the `pieces` of titles."""
        return Source(catalog.url, catalog.info.digest, tuple(attributes), data, seed, lanes, pieces)


def catalog_order(source: Source) -> Order:
    """The order of a source's catalog."""
    info = _catalog(source.url, source.digest).info
    return Order([shard.row_groups for shard in info.shards], source.seed, max(1, source.data.window // source.lanes))


def read_bytes(source: Source) -> int:
    """Bytes of the images of one window, approximately: windows end at row groups."""
    return source.data.window * 3 * _catalog(source.url, source.digest).info.resolution ** 2


def read_window(source: Source, window: Window) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Fetch, decode, augment and shuffle one window: images uint8 [n, H, W, 3], labels int64 [n, A + T].

    With titles, some attributes and title words of each image are omitted at random: `drop_title_words`.
    """
    catalog = _catalog(source.url, source.digest)
    rng = window.rng()
    side = catalog.info.resolution
    columns = catalog.columns(source.attributes, titled=bool(source.pieces.num))
    sizes = [len(values) for values in catalog.vocabulary(source.attributes).values()]
    images = np.empty((window.rows, side, side, 3), np.uint8)
    labels = np.empty((window.rows, len(sizes) + source.pieces.num), np.int64)
    places = rng.permutation(window.rows)
    row = 0
    for shard, group in window.groups:
        table = catalog.read_row_group(shard, group, columns)
        label = catalog.labels(table, source.attributes)
        if source.pieces.num:
            label = drop_title_words(label, catalog.titles(table), sizes, source.pieces, source.data.word_drop, rng)
        labels[places[row : row + table.num_rows]] = label
        for data in table.column("image").to_pylist():
            images[places[row]] = augment(decode_prepared(data), rng, source.data)
            row += 1
    return images, labels


def packed(windows: Sequence[Window]) -> str:
    """Windows as JSON, to send to a reader."""
    return json.dumps([(window.epoch, window.groups, window.rows, window.key) for window in windows])


def unpacked(text: str) -> list[Window]:
    """Parse the result of `packed`."""
    return [
        Window(epoch, tuple((shard, group) for shard, group in groups), rows, tuple(key)) for epoch, groups, rows, key in json.loads(text)
    ]


def joined(parts: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Concatenate arrays; a single one is not copied."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@functools.lru_cache(maxsize=8)
def _catalog(url: str, digest: str) -> Catalog:
    catalog = Catalog.open(url)
    if catalog.info.digest != digest:
        raise CatalogError(
            f"{url} was replaced while it was read: its digest is {catalog.info.digest[:19]}, not {digest[:19]}",
            "Train into another --out, or restore the catalog and continue with --resume",
        )
    return catalog
