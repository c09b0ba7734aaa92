import dataclasses
import hashlib
import io
import json
import tarfile

import numpy as np
import pyarrow.parquet as pq
import pytest

from ganray.bulk import layouts
from ganray.bulk.layouts import LAYOUTS, Picture, create_all, create_large_once, create_once
from ganray.errors import ObjectExists, StorageError
from ganray.images.codec import decode_prepared, encode
from ganray.images.provenance import Label, encode_labelled
from ganray.output.first_writer import same_sample
from ganray.storage import open_store
from ganray.storage.local import LocalStore

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
PICTURES = [
    Picture("SKU.1/x", 0, "png", encode(PIXELS[0], "png"), {"seed": 7, "attr:colour": "red", "attr:size": None}),
    Picture("SKU.1/x", 1, "png", encode(PIXELS[1], "png"), {"seed": 7, "attr:colour": "red", "attr:size": "XL"}),
    Picture("b", 0, "webp", encode(PIXELS[2], "webp"), {"seed": 8, "attr:colour": "blue", "attr:size": None}),
]


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_picture_is_found_at_its_place_and_written_once(name, tmp_path):
    layout, store = LAYOUTS[name], open_store(str(tmp_path))
    assert outcomes(layout.write(store, 3, iter(PICTURES), same_sample)) == ["written"] * 3
    before = {info.key: store.get(info.key) for info in store.list()}
    assert outcomes(layout.write(store, 3, iter(PICTURES), same_sample)) == ["existing"] * 3
    assert {info.key: store.get(info.key) for info in store.list()} == before
    for one in PICTURES:
        key, member = layout.place(3, one.id, one.index, one.format)
        assert member_of(store.get(key), key, member) == one.data
    with pytest.raises(StorageError, match="is there already with other bytes"):
        layout.write(store, 3, iter([Picture(one.id, one.index, one.format, one.data + b"x", one.facts) for one in PICTURES]), same_sample)


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_first_writer_wins_where_another_processor_drew_the_same_samples(name, tmp_path):
    layout, store = LAYOUTS[name], open_store(str(tmp_path))
    ours, theirs = (drawn_by_another_processor(noise) for noise in (0, 1))
    first = layout.write(store, 3, iter(theirs), same_sample)
    before = {info.key: store.get(info.key) for info in store.list()}
    second = layout.write(store, 3, iter(ours), same_sample)
    assert outcomes(second) == ["existing"] * 3
    assert (
        [file[1:] for file in second]
        == [file[1:] for file in first]
        != [(len(one.data), hashlib.sha256(one.data).hexdigest()) for one in ours]
    )
    assert {info.key: store.get(info.key) for info in store.list()} == before
    other = [dataclasses.replace(one, facts=one.facts | {"seed": 9}) for one in ours]
    if name != "objects":  # which writes no facts beside the label
        with pytest.raises(StorageError, match="is there already with other bytes"):
            layout.write(store, 3, iter(other), same_sample)
        with pytest.raises(StorageError, match="is there already with other bytes"):
            layout.write(store, 3, iter(ours[:2]), same_sample)


def drawn_by_another_processor(noise):
    labels = [Label("sha256:1", f"{one.id}-{one.index}", 7) for one in PICTURES]
    images = [encode_labelled(PIXELS[i] ^ noise, one.format, labels[i]) for i, one in enumerate(PICTURES)]
    return [
        dataclasses.replace(one, data=data, facts=one.facts | {"facts": f'{{"psnr": {noise}}}'})
        for one, data in zip(PICTURES, images, strict=True)
    ]


def outcomes(written):
    return [one.outcome for one in written]


def member_of(data, key, member):
    if not member:
        return data
    if key.endswith(".tar"):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            return tar.extractfile(member).read()
    (found,) = [row["image"]["bytes"] for row in pq.read_table(io.BytesIO(data)).to_pylist() if row["image"]["path"] == member]
    return found


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_shard_without_pictures_is_no_object(name, tmp_path):
    store = open_store(str(tmp_path))
    assert LAYOUTS[name].write(store, 0, iter([]), same_sample) == []
    assert list(store.list()) == []


def test_a_tar_is_what_webdataset_takes_samples_from(tmp_path):
    """Names that are alike up to the first dot are one sample, and no two samples share one."""
    store = open_store(str(tmp_path))
    LAYOUTS["webdataset"].write(store, 0, iter(PICTURES), same_sample)
    samples = {}
    with tarfile.open(fileobj=io.BytesIO(store.get("images/00000.tar"))) as tar:
        facts = [json.load(tar.extractfile(name)) for name in tar.getnames() if name.endswith(".json")]
        assert {(member.mtime, member.uid) for member in tar} == {(0, 0)}
        for name in tar.getnames():
            stem, _, suffix = name.partition(".")
            samples.setdefault(stem, set()).add(suffix)
    assert list(samples.values()) == [{"png", "json"}, {"png", "json"}, {"webp", "json"}]
    assert facts[1] == {"id": "SKU.1/x", "index": 1, "seed": 7, "attr:colour": "red", "attr:size": "XL"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # webdataset leaves its file to the collector
def test_webdataset_and_datasets_read_them(tmp_path):
    webdataset, datasets = pytest.importorskip("webdataset"), pytest.importorskip("datasets")
    store = open_store(str(tmp_path))
    for name in ("webdataset", "parquet"):
        LAYOUTS[name].write(store, 0, iter(PICTURES), same_sample)
    samples = list(webdataset.WebDataset(str(tmp_path / "images" / "00000.tar"), shardshuffle=False))
    assert [next(sample[kind] for kind in ("png", "webp") if kind in sample) for sample in samples] == [one.data for one in PICTURES]
    rows = datasets.Dataset.from_parquet(str(tmp_path / "images" / "00000.parquet"), cache_dir=str(tmp_path / "cache"))
    assert np.array_equal(np.array(rows[2]["image"].convert("RGB")), PIXELS[2])


def test_a_lost_reply_is_told_by_the_bytes(tmp_path):
    class Lost(LocalStore):
        def create(self, key, data):
            super().create(key, data)
            raise ObjectExists(f"{key} is there")  # what a retry of a client is told whose first answer was lost

    assert create_once(Lost(tmp_path), "a", b"1") == "existing"
    with pytest.raises(StorageError, match="other bytes"):
        create_once(open_store(str(tmp_path)), "a", b"2")


@pytest.mark.parametrize("quick", [0.0, 9.0])
def test_slow_and_quick_stores_get_the_same(tmp_path, monkeypatch, quick):
    monkeypatch.setattr("ganray.bulk.layouts.QUICK", quick)
    store = open_store(str(tmp_path))
    objects = {f"k/{i:03d}": str(i).encode() for i in range(150)}
    assert create_all(lambda one: create_once(store, *one), iter(objects.items())) == ["written"] * 150
    assert {info.key: store.get(info.key) for info in store.list()} == objects


def test_pixels_survive():
    assert np.array_equal(decode_prepared(PICTURES[0].data), PIXELS[0])


@pytest.mark.parametrize("other", [b"x" * 999, b"x" * 1001, b"x" * 700 + b"y" + b"x" * 299])
def test_a_large_object_that_is_there_is_compared_part_by_part(other, tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "PART", 64)
    store, data = open_store(str(tmp_path)), memoryview(b"x" * 1000)
    assert [create_large_once(store, "a", data) for _ in range(2)] == ["written", "existing"]
    store.put("b", other)
    with pytest.raises(StorageError, match="is there already with other bytes"):
        create_large_once(store, "b", data)
