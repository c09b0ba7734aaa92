"""Contract: an ingest gives the same objects with the same bytes, and the same errors, in this process and on Ray."""

import json

import pytest

from ganray.catalog.sample import draw, photo_key, product
from ganray.config import IngestConfig
from ganray.errors import CatalogError
from ganray.images.codec import encode
from ganray.storage import open_store
from ganray.verbs.ingest import ingest

RAY = pytest.param("ray", marks=pytest.mark.ray)
OPTIONS = {"shard_images": 25, "row_group": 8, "resolution": 24, "duplicates": "near", "auto_attributes": ("dominant_colour",)}


@pytest.fixture(params=["local", RAY])
def executor(request):
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return request.param


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> str:
    """40 products, 5 of them twice, and a file that is not an image."""
    store = open_store(str(tmp_path_factory.mktemp("photos")))
    for item in (product(0, index) for index in range(40)):
        store.put(photo_key(item), encode(draw(item, 32)[0], "png"))
    for item in (product(0, index) for index in range(5)):
        store.put(photo_key(item).replace("/", "/again-"), encode(draw(item, 32)[0], "png"))
    store.put("mug/broken.jpg", b"not an image")
    return store.url


def objects(url: str) -> dict[str, object]:
    """All objects of a catalog; of catalog.json without the time of creation."""
    store = open_store(url)
    contents: dict[str, object] = {info.key: store.get(info.key) for info in store.list()}
    return contents | {"catalog.json": json.loads(store.get("catalog.json")) | {"created": ""}}


@pytest.fixture(scope="module")
def expected(photos, tmp_path_factory) -> dict[str, object]:
    """The catalog of an ingest in this process, uninterrupted."""
    out = str(tmp_path_factory.mktemp("expected"))
    ingest(IngestConfig(source=photos, out=out, executor="local", **OPTIONS))
    return objects(out)


def test_the_same_objects_with_the_same_bytes(executor, photos, expected, tmp_path):
    info = ingest(IngestConfig(source=photos, out=str(tmp_path), executor=executor, **OPTIONS))
    assert info.counts.quarantined >= 6
    assert objects(str(tmp_path)) == expected


def test_an_ingest_that_was_begun_elsewhere_is_finished_with_the_same_bytes(executor, photos, expected, tmp_path):
    """Two shards and catalog.json are missing, as after a crash under the other executor."""
    store = open_store(str(tmp_path))
    for key, data in expected.items():
        if key != "catalog.json" and "part-00001" not in key and not key.startswith("receipts/part-00000"):
            store.put(key, data)
    ingest(IngestConfig(source=photos, out=store.url, executor=executor, **OPTIONS))
    assert objects(store.url) == expected


def test_errors_arrive_as_themselves(executor, photos, tmp_path):
    with pytest.raises(CatalogError, match="none of the 46 images of .* can be used: too_many_pixels") as caught:
        ingest(IngestConfig(source=photos, out=str(tmp_path), executor=executor, max_pixels=100, **OPTIONS))
    assert type(caught.value) is CatalogError
    assert not open_store(str(tmp_path)).exists("catalog.json")


@pytest.mark.parametrize("executor", ["local", pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.long])], indirect=True)
def test_a_sample_is_the_same(executor, tmp_path):
    config = IngestConfig(source="sample:60", out=str(tmp_path / "a"), executor=executor, resolution=32)
    info = ingest(config)
    store = open_store(config.out)
    assert info.counts.accepted + info.counts.quarantined == 60
    for index in (0, 59):
        item = product(0, index)
        assert store.get(f"photos/{photo_key(item)}") == encode(draw(item, 64)[0], "png")
