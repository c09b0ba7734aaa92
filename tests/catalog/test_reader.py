import pickle
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ganray.catalog.reader import Catalog
from ganray.catalog.sample import draw, photo_key, product
from ganray.errors import CatalogError, ObjectNotFound
from ganray.storage import open_store


@pytest.fixture
def catalog(catalog_url) -> Catalog:
    return Catalog.open(catalog_url)


def test_every_image_comes_once_with_its_label(catalog):
    images, labels = (np.concatenate(part) for part in zip(*catalog.iter_images(), strict=True))
    assert images.shape == (240, 32, 32, 3)
    assert images.dtype == np.uint8
    assert labels.shape == (240, 1)
    assert labels.dtype == np.int64
    keys = [
        row for shard, group, _ in catalog.row_groups() for row in catalog.read_row_group(shard, group).column("source_key").to_pylist()
    ]
    values = catalog.vocabulary()["category"]
    assert [key.partition("/")[0] for key in keys] == [values[label] for label in labels[:, 0]]
    place = keys.index(photo_key(product(0, 30)))
    difference = np.abs(images[place].astype(int) - draw(product(0, 30), 32)[0]).mean()
    assert difference < 8  # 40 px shrunk to 32 against drawn at 32
    assert difference < np.abs(images.astype(int) - draw(product(0, 30), 32)[0]).mean(axis=(1, 2, 3))[np.arange(240) != place].min()


def test_row_groups_mix_categories(catalog):
    for images, labels in catalog.iter_images():
        assert len(images) in (16, 7, 9)  # shards of 119 and 121
        assert len(set(labels[:, 0])) >= 4


@pytest.mark.parametrize("num", [5, 100, 239, 240, 1000])
def test_sample_draws_without_replacement_and_spreads(catalog, num):
    images, labels = catalog.sample(num, np.random.default_rng(0))
    assert len(images) == len(labels) == min(num, 240)
    assert len({image.tobytes() for image in images}) == min(num, 240)
    if num >= 100:
        assert set(labels[:, 0]) == set(range(12))
    again, _ = catalog.sample(num, np.random.default_rng(0))
    assert (again == images).all()


def test_a_small_sample_reads_few_row_groups(catalog, monkeypatch):
    read = []
    original = Catalog.read_row_group
    monkeypatch.setattr(Catalog, "read_row_group", lambda self, *args: read.append(args[:2]) or original(self, *args))
    catalog.sample(20, np.random.default_rng(0))
    assert len(read) <= 2


def test_vocabulary_and_labels_follow_the_attributes_asked_for(catalog):
    assert catalog.vocabulary(()) == {}
    assert catalog.labels(catalog.read_row_group(0, 0), ()).shape == (16, 0)
    with pytest.raises(CatalogError, match=r"attribute 'size' is not in catalog .*\. It has: category"):
        catalog.vocabulary(["size"])


def test_it_travels_and_is_shared_between_threads(catalog):
    other = pickle.loads(pickle.dumps(catalog))
    groups = catalog.row_groups() * 4
    with ThreadPoolExecutor(8) as pool:
        tables = list(pool.map(lambda group: other.read_row_group(group[0], group[1]), groups))
    assert Counter(table.num_rows for table in tables) == Counter(rows for _, _, rows in groups)
    assert tables[3].equals(catalog.read_row_group(*groups[3][:2]))


def test_no_catalog_is_one_clear_line(tmp_path):
    with pytest.raises(CatalogError, match=r"holds no catalog\.json\. Run `ganray ingest` to the end"):
        Catalog.open(str(tmp_path))


def test_broken_shards_are_named(catalog, tmp_path):
    def copied(change):
        store = open_store(str(tmp_path / change.__name__))
        for key in ["catalog.json", *(shard.key for shard in catalog.info.shards)]:
            store.put(key, catalog.store.get(key))
        change(store)
        return Catalog.open(store.url)

    def flipped(store):
        data = bytearray(store.get("shards/part-00001-of-00002.parquet"))
        data[len(data) // 3] ^= 255
        store.put("shards/part-00001-of-00002.parquet", bytes(data))

    def swapped(store):
        store.put("shards/part-00001-of-00002.parquet", b"not parquet at all, only some text")

    def gone(store):
        Path(store.url, "shards/part-00001-of-00002.parquet").unlink()

    for change, error in ((flipped, CatalogError), (swapped, CatalogError), (gone, ObjectNotFound)):
        with pytest.raises(error, match="part-00001"):
            list(copied(change).iter_images())


def test_titles_of_a_catalog(titled_url, catalog):
    titled = Catalog.open(titled_url)
    assert titled.columns(()) == catalog.columns((), titled=True) == ["image"]
    table = titled.read_row_group(0, 0, titled.columns(titled=True))
    skus = titled.read_row_group(0, 0, ["source_key"]).column(0).to_pylist()
    assert titled.titles(table) == [f"Title of {key}" for key in skus]
    assert catalog.titles(catalog.read_row_group(0, 0)) == [""] * 16
    assert titled.some_titles(3) == tuple(titled.titles(table)[:3])
    assert len(titled.some_titles(1000)) == 240
    assert catalog.some_titles(3) == ()


def test_a_sample_of_rows_is_that_of_images(titled_url):
    titled = Catalog.open(titled_url)
    pixels, _ = titled.sample(40, np.random.default_rng(0))
    tables = list(titled.sample_tables(40, np.random.default_rng(0), titled.columns(titled=True)))
    assert (np.concatenate([titled.images(table) for table in tables]) == pixels).all()
    assert len({title for table in tables for title in titled.titles(table)}) == 40
