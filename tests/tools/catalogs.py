"""Prepared catalogs written without Ray."""

import hashlib

import pyarrow as pa

from ganray.catalog.reader import Catalog
from ganray.catalog.sample import draw, product
from ganray.catalog.schema import CATALOG_KEY, CatalogInfo, Counts, ShardInfo, catalog_digest, parquet_bytes, shard_schema
from ganray.images.codec import encode
from ganray.storage import open_store

SIDE, PRODUCTS, ROW_GROUP = 32, 192, 16


def write_catalog(url, products, side, times=1, row_group=ROW_GROUP):
    """A catalog of so many products, all of them `times` over, in 2 shards."""
    items = [product(0, index) for index in range(products)]
    write_items(url, [(encode(draw(item, side)[0], "png"), item.category, item.colour) for item in items] * times, side, row_group)


def write_items(url, items, side, row_group=ROW_GROUP):
    """A catalog of (picture as PNG, category, colour), perhaps with a title, in 2 shards."""
    store, shards = open_store(url), []
    numbered = [(f"SKU-{place:07d}", *item) for place, item in enumerate(items)]
    for number, part in enumerate((numbered[: len(items) // 2], numbered[len(items) // 2 :])):
        skus, images, categories, colours, *titles = zip(*part, strict=True)
        table = pa.table(
            {
                "sku": skus,
                "image": images,
                "source_key": [f"{sku}.png" for sku in skus],
                "sha256": [hashlib.sha256(sku.encode()).hexdigest() for sku in skus],
                "width": pa.array([side] * len(part), pa.int32()),
                "height": pa.array([side] * len(part), pa.int32()),
                "attr:category": categories,
                "attr:colour": colours,
                **({"title": titles[0]} if titles else {}),
            },
            schema=shard_schema(["category", "colour"], titled=bool(titles)),
        )
        data, key = parquet_bytes(table, row_group), f"shards/part-{number:05d}.parquet"
        store.put(key, data)
        groups = tuple(min(row_group, len(part) - start) for start in range(0, len(part), row_group))
        shards.append(ShardInfo(key=key, rows=len(part), row_groups=groups, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
    histograms = {name: count([item[place] for item in items]) for place, name in enumerate(("category", "colour"), 1)}
    attributes = {name: tuple(values) for name, values in histograms.items()}
    info = CatalogInfo(
        resolution=side,
        format="png",
        counts=Counts(listed=len(items), accepted=len(items), quarantined=0),
        reasons={},
        attributes=attributes,
        histograms=histograms,
        title="title" if titles else "",
        shards=tuple(shards),
        digest=catalog_digest(side, "png", shards, attributes),
        fingerprint="test",
        source="sample",
        created="2026-11-23",
    )
    store.put(CATALOG_KEY, info.to_json())
    assert Catalog.open(url).num_images == len(items)


def count(values):
    return {value: values.count(value) for value in sorted(set(values))}
