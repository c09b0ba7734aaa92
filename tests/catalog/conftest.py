"""A source of images, and a catalog prepared from it without Ray."""

import numpy as np
import pytest

from ganray.catalog.cleaning import Recipe
from ganray.catalog.drawing import Canvas, white
from ganray.catalog.look import CREAM, Look
from ganray.catalog.manifest import build_manifest
from ganray.catalog.products import CATEGORIES
from ganray.catalog.sample import draw, photo_key, product
from ganray.catalog.schema import CATALOG_KEY, CatalogInfo, Counts, catalog_digest, parquet_bytes
from ganray.catalog.shard_paths import ShardPaths, divisions
from ganray.catalog.shards import IngestJob
from ganray.config import IngestConfig
from ganray.images.codec import encode
from ganray.storage import open_store
from tests.tools.shards import prepare_shard


@pytest.fixture(scope="session")
def painted():
    """The function that paints one style of a category, of so many, in blue without a pattern; `picks` are other choices by place."""
    return _painted


def _painted(category: str, style: int, of: int, side: int = 64, **picks: float) -> Canvas:
    choices = [0.99] * 8
    choices[0] = (style + 0.5) / of
    for place, value in picks.items():
        choices[int(place.removeprefix("pick"))] = value
    canvas = Canvas(side, white(side))
    CATEGORIES[category](canvas, Look((38.0, 92.0, 196.0), CREAM, "plain", (0.0,) * 8, tuple(choices)))
    return canvas


@pytest.fixture(scope="session")
def outlines(painted):
    """The function that returns the masks [side, side] of all styles of a category."""

    def draw_all(category: str, num: int, **picks: float) -> list[np.ndarray]:
        return [painted(category, style, num, **picks).mask > 0.5 for style in range(num)]

    return draw_all


@pytest.fixture(scope="session")
def photos(tmp_path_factory) -> str:
    """URL of 240 sample photos of 40 px in folders by category."""
    store = open_store(str(tmp_path_factory.mktemp("source") / "photos"))
    for item in (product(0, index) for index in range(240)):
        store.put(photo_key(item), encode(draw(item, 40)[0], "png"))
    return store.url


@pytest.fixture(scope="session")
def plan():
    """The function that writes the manifest of an ingest and returns what its shards have in common, and their number."""
    return _plan


def _plan(source: str, out: str, copies_by: str = "", **options) -> tuple[IngestJob, int]:
    config = IngestConfig(**{"source": source, "out": out, "resolution": 32, "shard_images": 120, "row_group": 16, **options})
    photos, place = open_store(source), open_store(out)
    manifest = build_manifest(photos, config)
    work = IngestJob(photos, place, Recipe.of(config), config.row_group, len(manifest.shards), divisions(place), copies_by)
    for number, table in enumerate(manifest.shards):
        place.put(ShardPaths(number, work.parts).manifest, parquet_bytes(table, max(1, len(table))))
    return work, len(manifest.shards)


@pytest.fixture(scope="session")
def catalog_url(photos, tmp_path_factory) -> str:
    """URL of a catalog of 240 images at 32 px: 2 shards of 8 row groups."""
    return _catalog(photos, str(tmp_path_factory.mktemp("catalog")))


@pytest.fixture(scope="session")
def titled_url(photos, tmp_path_factory) -> str:
    """URL of the same catalog with the title `Title of KEY` for each image."""
    folder = tmp_path_factory.mktemp("titled")
    keys = [info.key for info in open_store(photos).list()]
    lines = (f"{key},{key.partition('/')[0]},Title of {key}\n" for key in keys)
    (folder / "table.csv").write_text("file,category,name\n" + "".join(lines))
    return _catalog(photos, str(folder / "catalog"), table=str(folder / "table.csv"), title="name", attributes=("category",))


def _catalog(photos: str, url: str, **options) -> str:
    work, num = _plan(photos, url, **options)
    receipts = [prepare_shard(work, number) for number in range(num)]
    parts = tuple(receipt.shard for receipt in receipts)
    values = {value for receipt in receipts for value in receipt.histograms["category"]}
    attributes = {"category": tuple(sorted(values))}
    info = CatalogInfo(
        resolution=32,
        format="png",
        counts=Counts(listed=240, accepted=240, quarantined=0),
        reasons={},
        attributes=attributes,
        histograms={"category": dict.fromkeys(sorted(values), 20)},
        title=options.get("title", ""),
        shards=parts,
        digest=catalog_digest(32, "png", parts, attributes),
        fingerprint="",
        source=photos,
        created="",
    )
    work.out.put(CATALOG_KEY, info.to_json())
    return url
