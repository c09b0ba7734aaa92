import os
from pathlib import Path

import numpy as np
import pytest

from ganray.catalog.reader import Catalog
from ganray.catalog.sample import draw, photo_key, product
from ganray.config import IngestConfig
from ganray.errors import CatalogError, ConfigError, ObjectNotFound, StorageError
from ganray.execution.local import LocalExecutor
from ganray.images.codec import decode_prepared, encode
from ganray.storage import open_store
from ganray.verbs import ingest as module
from ganray.verbs.ingest import ingest, photo_seconds, sample_plan, sample_seconds, show

DATA = Path(os.environ.get("GANRAY_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
CATALOG = ("aside", "catalog.json", "contact_sheet.png", "index", "quarantine", "receipts", "shards", "source")


def contents(url: str) -> dict[str, bytes]:
    store = open_store(url)
    return {info.key: store.get(info.key) for info in store.list() if info.key.partition("/")[0] in CATALOG}


def rewrite(path: Path, data: bytes) -> None:
    """Replace the bytes only: the file keeps its time and its inode."""
    stat = path.stat()
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> str:
    store = open_store(str(tmp_path_factory.mktemp("photos")))
    for item in (product(0, index) for index in range(60)):
        store.put(photo_key(item), encode(draw(item, 32)[0], "png"))
    store.put("mug/broken.jpg", b"no image")
    return store.url


def test_a_sample_catalog_with_its_truth(tmp_path):
    info = ingest(IngestConfig(source="sample:72", out=str(tmp_path), resolution=32, shard_images=30, row_group=16))
    assert info.counts.model_dump() == {"listed": 72, "accepted": 72, "quarantined": 0}
    assert {name: len(values) for name, values in info.attributes.items()} == {"category": 12, "colour": 9, "pattern": 3}
    assert info.source == "sample:72"
    catalog = Catalog.open(str(tmp_path))
    assert catalog.info == info
    images, labels = catalog.sample(72, np.random.default_rng(0))
    assert images.shape == (72, 32, 32, 3)
    assert labels.shape == (72, 3)
    item = product(0, 67)
    store = open_store(str(tmp_path))
    assert (decode_prepared(store.get(f"photos/{photo_key(item)}")) == draw(item, 64)[0]).all()
    assert (decode_prepared(store.get(f"truth/{photo_key(item)}"))[..., 0] == draw(item, 64)[1]).all()
    assert len(info.shards) == 4
    assert max(decode_prepared(store.get("contact_sheet.png")).shape) > 500


def test_the_result_has_counts_reasons_and_the_most_frequent_values(photos, tmp_path):
    lines = show(ingest(IngestConfig(source=photos, out=str(tmp_path)))).splitlines()
    assert lines[0] == "listed 61 = accepted 60 + quarantined 1 (unknown_format 1)"
    assert lines[1].startswith("category (12): backpack 5, ") and lines[1].endswith(", ...")
    assert lines[2].startswith("digest sha256:")


def test_the_estimate_grows_with_photos_bytes_and_resolution():
    config = IngestConfig(resolution=32)
    assert photo_seconds(config, 1000, 32_000_000) == pytest.approx(1.3, abs=0.2)  # measured: 1.3 ms of a JPEG of 400x533
    assert photo_seconds(config, 10, 16_000_000) == pytest.approx(0.25, abs=0.05)  # 25 ms of a JPEG of 3000x4000
    assert photo_seconds(config.model_copy(update={"resolution": 1024}), 10, 320_000) > 1.5


def test_a_sample_is_counted_until_it_is_drawn(tmp_path):
    config = IngestConfig(source="sample:24", out=str(tmp_path))
    plan, out = sample_plan(config), open_store(config.out)
    assert (plan.products, plan.side) == (24, 64)
    assert sample_seconds(plan, out) > 0
    ingest(config)
    assert sample_seconds(plan, out) == 0
    assert sample_plan(IngestConfig(source="photos")) is None


def test_the_choice_of_executor_is_said_once_and_a_finished_catalog_needs_no_cluster(photos, tmp_path, monkeypatch, capsys):
    config = IngestConfig(source=photos, out=str(tmp_path / "out"))
    ingest(config)
    assert capsys.readouterr().err.count("ingest: runs in this process") == 1
    monkeypatch.setattr("ganray.verbs.ingest.PHOTO_SECONDS", 1000.0)
    monkeypatch.setattr("ganray.execution.choice.RAY_EXECUTOR", ("no.cluster", "here"))
    ingest(config)
    assert capsys.readouterr().err.count("ingest: runs in this process") == 1
    with pytest.raises(ModuleNotFoundError):
        ingest(config.model_copy(update={"out": str(tmp_path / "other")}))


def test_folders_quarantine_and_a_second_run_that_changes_nothing(photos, tmp_path):
    config = IngestConfig(source=photos, out=str(tmp_path / "out"), shard_images=25, row_group=8)
    info = ingest(config)
    assert info.counts.model_dump() == {"listed": 61, "accepted": 60, "quarantined": 1}
    assert info.reasons == {"unknown_format": 1}
    assert info.histograms["category"]["mug"] == 5
    before = contents(config.out)
    assert ingest(config) == info
    assert contents(config.out) == before
    for key in ("catalog.json", "shards/part-00001-of-00004.parquet"):
        open_store(config.out).delete(key)
    again = ingest(config)
    assert again.model_copy(update={"created": info.created}) == info
    del before["catalog.json"]
    assert before.items() <= contents(config.out).items()


def test_changes_of_a_source_are_ingested_and_the_result_is_that_of_a_fresh_ingest(photos, tmp_path):
    shop, good = open_store(str(tmp_path / "shop")), open_store(photos)
    keys = [info.key for info in good.list()]
    for key in keys[:-20]:
        shop.put(key, good.get(key))
    config = IngestConfig(source=shop.url, out=str(tmp_path / "out"), shard_images=25)
    before = ingest(config)
    for key in keys[-20:]:  # a fourth shard's worth: each is halved
        shop.put(key, good.get(key))
    shop.put(keys[0], encode(draw(product(7, 5), 32)[0], "png"))
    shop.delete(keys[2])
    unchanged = {Path(shop.url, key): shop.get(key) for key in keys[1:-20] if key != keys[2]}
    for path in unchanged:  # the same version by its etag: who reads it again gets no image
        rewrite(path, bytes(path.stat().st_size))
    info = ingest(config)
    for path, data in unchanged.items():
        rewrite(path, data)
    fresh = ingest(config.model_copy(update={"out": str(tmp_path / "fresh")}))
    assert info.model_copy(update={"created": ""}) == fresh.model_copy(update={"created": ""})
    assert info.digest != before.digest
    updated, new = contents(config.out), contents(str(tmp_path / "fresh"))
    del updated["catalog.json"], new["catalog.json"]
    assert updated == new


def test_duplicates_are_left_out_and_listed_and_the_counts_add_up(photos, tmp_path):
    shop, good = open_store(str(tmp_path / "shop")), open_store(photos)
    keys = [info.key for info in good.list() if info.key.endswith(".png")]
    for key in keys:
        shop.put(key, good.get(key))
        shop.put(key.replace("/", "/again-"), good.get(key))
    config = IngestConfig(source=shop.url, out=str(tmp_path / "out"), shard_images=25, row_group=8)
    info = ingest(config)
    assert info.counts.model_dump() == {"listed": 120, "accepted": 60, "quarantined": 60}
    assert info.reasons == {"duplicate": 60}
    assert set(info.histograms["category"].values()) == {5}
    before = contents(config.out)
    assert sum(key.startswith("quarantine/duplicates-") for key in before) == 8
    assert ingest(config) == info
    assert contents(config.out) == before
    everything = ingest(config.model_copy(update={"duplicates": "keep"}))
    assert everything.counts.accepted == 120
    assert not any(key.startswith(("quarantine", "aside")) for key in contents(config.out))
    near = ingest(config.model_copy(update={"duplicates": "near", "copies_by": "fingerprint"}))
    assert near.reasons["duplicate"] + near.reasons.get("near_duplicate", 0) == near.counts.quarantined
    assert ingest(config).model_copy(update={"created": info.created}) == info
    assert contents(config.out).keys() == before.keys()


def test_automatic_attributes_are_attributes(photos, tmp_path):
    config = IngestConfig(source=photos, out=str(tmp_path / "out"), auto_attributes=("dominant_colour", "background"))
    info = ingest(config)
    assert list(info.attributes) == ["category", "dominant_colour", "background"]
    assert info.histograms["background"]["white"] > 55
    assert sum(info.histograms["dominant_colour"].values()) == 60
    _, labels = Catalog.open(config.out).sample(60, np.random.default_rng(0), ["dominant_colour", "background"])
    assert labels.shape == (60, 2)


def test_other_options_replace_the_catalog_and_delete_its_old_parts(photos, tmp_path):
    config = IngestConfig(source=photos, out=str(tmp_path / "out"), shard_images=25)
    first = ingest(config)
    second = ingest(config.model_copy(update={"shard_images": 100, "limit": 60}))
    assert second.digest != first.digest
    assert sorted(key for key in contents(config.out) if key.startswith(("index", "shards", "source", "receipts"))) == [
        "index/part-00000-of-00001.parquet",
        "receipts/part-00000-of-00001.json",
        "shards/part-00000-of-00001.parquet",
        "source/manifest-00000-of-00001.parquet",
    ]


def test_foreign_files_beside_the_catalog_stay(photos, tmp_path):
    store = open_store(str(tmp_path / "shop"))
    foreign = [
        "source/part-1.csv",
        "shards/part-00009-a.parquet",
        "index/part-1-of-2.parquet",
        "receipts/2026/may.pdf",
        "quarantine/readme.txt",
        "photos/a.jpg",
        "truth/b",
    ]
    for key in foreign:
        store.put(key, b"mine")
    config = IngestConfig(source=photos, out=store.url, shard_images=25)
    ingest(config)
    ingest(config.model_copy(update={"shard_images": 100}))
    assert [key for key in foreign if store.get(key) != b"mine"] == []
    assert not store.exists("shards/part-00001-of-00004.parquet")


@pytest.mark.parametrize("key", ["photos/mug/a.jpg", "truth/b.png", "sample.json"])
def test_a_sample_is_not_drawn_over_files_of_another_origin(tmp_path, key):
    store = open_store(str(tmp_path / "shop"))
    store.put(key, b"{}")
    with pytest.raises(CatalogError, match=rf"{key} exists and is not part of a sample\. Name another folder with --out"):
        ingest(IngestConfig(source="sample:24", out=store.url))
    assert [info.key for info in store.list()] == [key]


def test_a_catalog_json_of_another_origin_stays(photos, tmp_path):
    store = open_store(str(tmp_path / "shop"))
    store.put("catalog.json", b'{"products": []}')
    with pytest.raises(CatalogError, match=r"catalog\.json exists and is not a catalog of ganray"):
        ingest(IngestConfig(source=photos, out=store.url))
    assert store.get("catalog.json") == b'{"products": []}'


def test_another_sample_replaces_a_sample_even_after_an_interruption(tmp_path):
    store = open_store(str(tmp_path))
    config = IngestConfig(source="sample:48", out=store.url)
    ingest(config)
    white = store.get(f"photos/{photo_key(product(0, 0))}")
    store.put("photos/own.png", b"mine")
    store.delete(f"photos/{photo_key(product(0, 1))}")
    store.put("sample.json", store.get("sample.json").replace(b"true", b"false"))
    info = ingest(config.model_copy(update={"source": "sample:24", "cluttered": 1.0}))
    assert info.counts.model_dump() == {"listed": 25, "accepted": 24, "quarantined": 1}
    assert info.reasons == {"not_in_table": 1}
    assert store.get(f"photos/{photo_key(product(0, 0))}") != white
    assert len(list(store.list("truth"))) == 24
    assert b",cluttered," in store.get("photos/attributes.csv")


@pytest.mark.parametrize("place", ["", "/catalog"])
def test_a_catalog_inside_its_source_is_not_ingested(photos, tmp_path, place):
    source, shop = open_store(photos), open_store(str(tmp_path))
    for info in source.list():
        shop.put(info.key, source.get(info.key))
    config = IngestConfig(source=shop.url, out=shop.url + place)
    assert ingest(config) == ingest(config)
    ingest(IngestConfig(source="sample:24", out=shop.url + place))
    assert ingest(config).counts.listed == 61


def test_a_failed_run_leaves_no_catalog(photos, tmp_path):
    config = IngestConfig(source=photos, out=str(tmp_path / "out"))
    ingest(config)
    with pytest.raises(CatalogError, match="none of the 61 images of .* can be used: too_many_pixels"):
        ingest(config.model_copy(update={"max_pixels": 100}))
    with pytest.raises(CatalogError, match=r"holds no catalog\.json"):
        Catalog.open(config.out)


def test_bad_images_can_empty_a_category(photos, tmp_path):
    source = open_store(photos)
    copy = open_store(str(tmp_path / "in"))
    for info in source.list():
        copy.put(info.key, b"" if info.key.startswith("cap/") and not info.key.endswith("2.png") else source.get(info.key))
    info = ingest(IngestConfig(source=copy.url, out=str(tmp_path / "out")))
    cap = info.remarks.scarce["cap"]
    assert (cap.accepted, cap.reasons) == (info.histograms["category"].get("cap", 0), {"empty": cap.listed - cap.accepted})
    assert cap.accepted < 2
    assert f"of {cap.listed} can be used (empty {cap.listed - cap.accepted})" in show(info)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("sample:many", ConfigError, "source 'sample:many': 'many' is not a number of products"),
        ("sample:0", ConfigError, "is not a number of products"),
        ("nowhere", CatalogError, "holds no images"),
        ("ftp://x/y", StorageError, "unknown scheme ftp"),
    ],
)
def test_unusable_sources(tmp_path, source, error, message):
    source = str(tmp_path / source) if source == "nowhere" else source
    with pytest.raises(error, match=message) as caught:
        ingest(IngestConfig(source=source, out=str(tmp_path / "out")))
    assert "\n" not in str(caught.value)


def test_a_catalog_in_memory_needs_no_other_process(photos):
    info = ingest(IngestConfig(source=photos, out="memory://here/out"))
    assert Catalog.open("memory://here/out").info == info


def test_an_absent_table(photos, tmp_path):
    with pytest.raises(ObjectNotFound, match=r"none\.csv"):
        ingest(IngestConfig(source=photos, table=str(tmp_path / "none.csv"), out=str(tmp_path / "out")))


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "clothing-small").is_dir(), reason=f"no clothing-small under {DATA}: set GANRAY_TEST_DATA")
def test_real_photos_with_their_table(tmp_path):
    folder = DATA / "clothing-small"
    config = IngestConfig(source=str(folder / "images"), table=str(folder / "metadata.csv"), out=str(tmp_path), resolution=32, limit=600)
    info = ingest(config.model_copy(update={"min_images": 1}))
    assert info.counts.model_dump() == {"listed": 600, "accepted": 600, "quarantined": 0}
    assert set(info.attributes) <= {"label", "split", "label_in_full_set"}
    assert {"label", "split"} & set(info.attributes)


class Watched(LocalExecutor):
    """The executor of this process, with somebody who watches."""

    def __init__(self):
        self.published = []

    def publish(self, name, values, tags):
        self.published.append((name, values, tags))


def test_live_numbers_are_published_as_photos_are_prepared_and_as_it_fails(photos, tmp_path, monkeypatch):
    watched = Watched()
    monkeypatch.setattr(module, "choose_executor", lambda *_: watched)
    config = IngestConfig(source=photos, out=str(tmp_path / "catalog"), resolution=16, min_images=1)
    counts = ingest(config).counts
    (name, begin, tags), (_, end, _) = watched.published[0], watched.published[-1]
    assert (name, tags) == (module.METRIC, {"job": open_store(config.out).url, "step": "ingest"})
    assert (begin["running"], begin["done"], begin["images"]) == (1.0, 0.0, counts.listed)
    assert (end["running"], end["failed"], end["done"], end["quarantined"]) == (0.0, 0.0, counts.listed, counts.quarantined)
    assert counts.quarantined and begin["updated"] <= end["updated"]

    def broken(*_):
        raise StorageError("the store is away", "Wait")
        yield

    monkeypatch.setattr(watched, "map_shards", broken)
    with pytest.raises(StorageError):
        ingest(config.model_copy(update={"resolution": 8}))
    assert (watched.published[-1][1]["running"], watched.published[-1][1]["failed"]) == (0.0, 1.0)
