import numpy as np
import pytest

from ganray.catalog.shard_paths import Receipt, ShardPaths, boundaries, divisions, is_part, key_hashes, num_parts, written
from ganray.storage import open_store


def test_parts_are_a_power_of_two_of_at_most_so_many_images_on_average():
    assert [num_parts(images, 100) for images in (1, 100, 101, 200, 201, 400, 401, 1_000_000)] == [1, 1, 2, 2, 4, 4, 8, 16384]
    assert all(num_parts(images, 7) * 7 >= images for images in range(1, 300))


def test_a_photo_keeps_its_part_while_others_come_and_a_part_is_halved_when_they_double():
    hashes = np.sort(key_hashes(f"mug/{index}.jpg" for index in range(4000)))
    places = {of: np.searchsorted(boundaries(hashes, of), np.arange(4000), "right") - 1 for of in (1, 2, 8, 16)}
    some = np.sort(np.random.default_rng(0).choice(4000, 1000, replace=False))
    assert (np.searchsorted(boundaries(hashes[some], 8), np.arange(1000), "right") - 1 == places[8][some]).all()
    assert (places[16] // 2 == places[8]).all()
    assert (places[1] == 0).all()
    assert 400 < np.bincount(places[8]).min() <= np.bincount(places[8]).max() < 600


def test_parts_of_another_division_that_share_photos():
    assert ShardPaths(5, 8).overlapping(8) == [ShardPaths(5, 8)]
    assert ShardPaths(5, 8).overlapping(16) == [ShardPaths(10, 16), ShardPaths(11, 16)]
    assert ShardPaths(5, 8).overlapping(2) == [ShardPaths(1, 2)]
    assert ShardPaths(0, 1).overlapping(4) == [ShardPaths(number, 4) for number in range(4)]


def test_parts_are_known_by_their_whole_key():
    for part in (ShardPaths(0, 1), ShardPaths(7, 8), ShardPaths(123456, 262144)):
        assert all(
            is_part(key) for key in (part.manifest, part.shard, part.index, part.aside, part.quarantine, part.duplicates, part.receipt)
        )
    assert is_part("shards/part-00007.parquet")  # of a time when they were not counted
    for key in (
        "shards/part-00001-a.parquet",
        "shards/part-00001-of-00002-a.parquet",
        "shards/part-1.parquet",
        "x/shards/part-00001-of-00002.parquet",
        "source/part-00001.parquet",
        "a.png",
    ):
        assert not is_part(key)


@pytest.fixture
def receipt():
    return Receipt(
        number=0,
        fingerprint="f",
        recipe="r",
        decoder="d",
        left_out="",
        listed=2,
        shard=None,
        objects=(written("index/x", b"data"),),
        reasons={},
        histograms={},
    )


def test_a_receipt_tells_whether_its_objects_lie_there_whole(receipt):
    store = open_store("memory://parts-whole")
    assert not receipt.complete(store)
    store.put("index/x", b"dat")
    assert not receipt.complete(store)
    store.put("index/x", b"data")
    assert receipt.complete(store)


def test_divisions_are_told_by_their_receipts(receipt):
    store = open_store("memory://parts-divisions")
    for key in (
        ShardPaths(0, 8).receipt,
        ShardPaths(7, 8).receipt,
        ShardPaths(1, 4).receipt,
        "receipts/part-00001.json",
        "receipts/may.pdf",
    ):
        store.put(key, b"{}")
    assert divisions(store) == (4, 8)
