"""The catalogs that benchmarks read: drawn and ingested once, then kept under out/benchmark."""

from __future__ import annotations

import json

from ganray.catalog.reader import Catalog
from ganray.catalog.schema import CATALOG_KEY
from ganray.config import IngestConfig, RayConfig
from ganray.errors import CatalogError
from ganray.storage import open_store
from ganray.verbs.ingest import ingest

ROOT = "out/benchmark"


def sample_catalog(images: int, resolution: int, ray: RayConfig) -> Catalog:
    """A prepared sample catalog of `images` products."""
    url = f"{ROOT}/catalog-{images}-{resolution}"
    try:
        return Catalog.open(url)
    except CatalogError:
        ingest(IngestConfig(source=f"sample:{images}", out=url, resolution=resolution, ray=ray))
        return Catalog.open(url)


def repeated(catalog: Catalog, times: int) -> Catalog:
    """The same catalog with every shard `times` over: as large to read, and no work to make."""
    url = f"{catalog.url}-x{times}"
    try:
        return Catalog.open(url)
    except CatalogError:
        pass
    store = catalog.store
    description = json.loads(store.get(CATALOG_KEY))
    target = open_store(url)
    shards = []
    for copy in range(times):
        for shard in catalog.info.shards:
            key = shard.key.replace(".parquet", f"-{copy}.parquet")
            target.put(key, store.get(shard.key))
            shards.append(shard.model_dump() | {"key": key})
    description["shards"] = shards
    description["counts"] = {name: value * times for name, value in description["counts"].items()}
    target.put(CATALOG_KEY, json.dumps(description).encode())
    return Catalog.open(url)
