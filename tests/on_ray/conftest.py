"""One Ray cluster per test run, and a small prepared catalog."""

import hashlib

import pyarrow as pa
import pytest

from ganray.catalog.reader import Catalog
from ganray.catalog.sample import draw, product
from ganray.catalog.schema import CATALOG_KEY, CatalogInfo, Counts, ShardInfo, catalog_digest, parquet_bytes, shard_schema
from ganray.config import RayConfig
from ganray.images.codec import encode
from ganray.storage import open_store

SIDE, PRODUCTS, ROW_GROUP = 32, 192, 16


@pytest.fixture(scope="session")
def cluster():
    """A cluster of 4 logical CPUs; everything that needs Ray runs in it, by `RayConfig()`."""
    import ray

    from ganray.on_ray.cluster import connect

    yield connect(RayConfig(num_cpus=4))
    ray.shutdown()


@pytest.fixture(scope="session")
def small_catalog(tmp_path_factory) -> str:
    """URL of a catalog of 192 products at 32 px in 2 shards of 6 row groups, made without Ray."""
    url = str(tmp_path_factory.mktemp("catalogs") / "small")
    store, shards = open_store(url), []
    items = [product(0, index) for index in range(PRODUCTS)]
    for number, part in enumerate((items[: PRODUCTS // 2], items[PRODUCTS // 2 :])):
        table = pa.table(
            {
                "sku": [item.sku for item in part],
                "image": [encode(draw(item, SIDE)[0], "png") for item in part],
                "source_key": [f"{item.sku}.png" for item in part],
                "sha256": [hashlib.sha256(item.sku.encode()).hexdigest() for item in part],
                "width": pa.array([SIDE] * len(part), pa.int32()),
                "height": pa.array([SIDE] * len(part), pa.int32()),
                "attr:category": [item.category for item in part],
                "attr:colour": [item.colour for item in part],
            },
            schema=shard_schema(["category", "colour"]),
        )
        data, key = parquet_bytes(table, ROW_GROUP), f"shards/part-{number:05d}.parquet"
        store.put(key, data)
        groups = tuple(min(ROW_GROUP, len(part) - start) for start in range(0, len(part), ROW_GROUP))
        shards.append(ShardInfo(key=key, rows=len(part), row_groups=groups, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
    histograms = {name: count([getattr(item, name) for item in items]) for name in ("category", "colour")}
    attributes = {name: tuple(values) for name, values in histograms.items()}
    info = CatalogInfo(
        resolution=SIDE,
        format="png",
        counts=Counts(listed=PRODUCTS, accepted=PRODUCTS, quarantined=0),
        reasons={},
        attributes=attributes,
        histograms=histograms,
        shards=tuple(shards),
        digest=catalog_digest(SIDE, "png", shards, attributes),
        fingerprint="test",
        source="sample",
        created="2026-11-23",
    )
    store.put(CATALOG_KEY, info.to_json())
    assert Catalog.open(url).num_images == PRODUCTS
    return url


def count(values):
    return {value: values.count(value) for value in sorted(set(values))}
