"""What changed in a source is done, and nothing else; the end is that of an ingest from nothing."""

import numpy as np
import pytest

from ganray.catalog import shards
from ganray.catalog.shard_paths import ShardPaths, read_receipt
from ganray.catalog.shards import IngestJob
from ganray.errors import AccessDenied, StorageError
from ganray.images.codec import encode
from ganray.storage import Store, open_store
from tests.tools.shards import prepare_shard


@pytest.fixture
def shop(photos, tmp_path) -> Store:
    """40 photos of 12 categories and two bad files, that may be changed."""
    store, good = open_store(str(tmp_path / "shop")), open_store(photos)
    for number, info in enumerate(good.list()):
        if number % 6 == 0:
            store.put(info.key, good.get(info.key))
    store.put("mug/empty.png", b"")
    store.put("mug/text.jpg", b"hello")
    return store


@pytest.fixture
def fetched(monkeypatch, shop) -> list[str]:
    """The keys that are fetched from the shop, as they are."""
    keys: list[str] = []
    real = type(shop).get

    def get(self, key):
        if self.url == shop.url:
            keys.append(key)
        return real(self, key)

    monkeypatch.setattr(type(shop), "get", get)
    return keys


def run(plan, shop: Store, out: str, **options) -> IngestJob:
    work, num = plan(shop.url, out, **{"shard_images": 20, **options})
    for number in range(num):
        prepare_shard(work, number)
    return work


def contents(work: IngestJob) -> dict[str, bytes]:
    """All that the receipts name: what is beside it an ingest sweeps away."""
    keys = [key for number in range(work.parts) for key in read_receipt(work.out, ShardPaths(number, work.parts)).keys]
    return {key: work.out.get(key) for key in keys}


def picture(seed: int) -> bytes:
    return encode(np.random.default_rng(seed).integers(0, 256, (40, 40, 3), np.uint8), "png")


def same_as_fresh(plan, shop, work, tmp_path, **options):
    fresh = run(plan, shop, str(tmp_path / "fresh"), **options)
    assert contents(work) == contents(fresh)


def test_only_what_is_new_or_changed_is_fetched(plan, shop, fetched, tmp_path):
    out = str(tmp_path / "out")
    run(plan, shop, out)
    keys = [info.key for info in shop.list()]
    shop.put("mug/new.png", picture(1))
    shop.put(keys[3], picture(2))
    shop.put("mug/text.jpg", picture(3))  # was bad
    for key in keys[10:13]:
        shop.delete(key)
    del fetched[:]
    work = run(plan, shop, out)
    assert sorted(fetched) == sorted(["mug/new.png", keys[3], "mug/text.jpg"])
    same_as_fresh(plan, shop, work, tmp_path)


def test_another_table_fetches_nothing(plan, shop, fetched, tmp_path):
    out = str(tmp_path / "out")
    run(plan, shop, out)
    keys = [info.key for info in shop.list() if info.key != "mug/text.jpg"]
    (tmp_path / "t.csv").write_text("file,kind\n" + "".join(f"{key},{key[:3]}\n" for key in keys[:-3]))
    del fetched[:]
    work = run(plan, shop, out, table=str(tmp_path / "t.csv"))
    assert fetched == []
    same_as_fresh(plan, shop, work, tmp_path, table=str(tmp_path / "t.csv"))


@pytest.mark.parametrize(("before", "after"), [(40, 20), (20, 40), (100, 10), (10, 100)])
def test_another_number_of_shards_fetches_nothing(plan, shop, fetched, tmp_path, before, after):
    out = str(tmp_path / "out")
    run(plan, shop, out, shard_images=before)
    shop.put("mug/new.png", picture(1))
    del fetched[:]
    work = run(plan, shop, out, shard_images=after)
    assert fetched == ["mug/new.png"]
    same_as_fresh(plan, shop, work, tmp_path, shard_images=after)


def test_automatic_attributes_are_taken_over(plan, shop, fetched, tmp_path):
    out, options = str(tmp_path / "out"), {"auto_attributes": ("dominant_colour", "background")}
    run(plan, shop, out, **options)
    shop.put("mug/new.png", picture(1))
    del fetched[:]
    work = run(plan, shop, out, **options)
    assert fetched == ["mug/new.png"]
    assert set(read_receipt(work.out, ShardPaths(0, work.parts)).histograms) == {"category", "dominant_colour", "background"}
    same_as_fresh(plan, shop, work, tmp_path, **options)


def test_another_row_group_fetches_nothing(plan, shop, fetched, tmp_path):
    out = str(tmp_path / "out")
    run(plan, shop, out)
    del fetched[:]
    work = run(plan, shop, out, row_group=4)
    assert fetched == []
    same_as_fresh(plan, shop, work, tmp_path, row_group=4)


@pytest.mark.parametrize("options", [{"resolution": 24}, {"square": "crop"}, {"max_pixels": 900}, {"auto_attributes": ("background",)}])
def test_another_recipe_reuses_nothing(plan, shop, fetched, tmp_path, options):
    out = str(tmp_path / "out")
    run(plan, shop, out)
    del fetched[:]
    work = run(plan, shop, out, **options)
    assert len(fetched) == 42
    same_as_fresh(plan, shop, work, tmp_path, **options)


def test_the_same_keys_in_another_bucket_are_other_photos(plan, shop, tmp_path):
    other = open_store(str(tmp_path / "other"))
    for info in shop.list():
        other.put(info.key, shop.get(info.key))
    work, again = run(plan, shop, str(tmp_path / "out")), run(plan, other, str(tmp_path / "out"))
    assert work.recipe_digest != again.recipe_digest


@pytest.mark.parametrize("name", ["shard", "index", "quarantine"])
@pytest.mark.parametrize("same_size", [True, False])
def test_what_is_not_as_the_receipt_says_is_not_reused(plan, shop, tmp_path, name, same_size):
    out = str(tmp_path / "out")
    work = run(plan, shop, out, shard_images=100)
    key = getattr(ShardPaths(0, 1), name)
    data = work.out.get(key)
    work.out.put(key, data[:-20] + data[-19:] + b"x" * same_size)
    shop.put("mug/new.png", picture(1))
    work = run(plan, shop, out, shard_images=100)
    same_as_fresh(plan, shop, work, tmp_path, shard_images=100)


class Cut(BaseException):
    pass


@pytest.mark.parametrize("writes", range(8))
def test_a_shard_struck_while_it_is_replaced_ends_as_it_would_have(plan, shop, tmp_path, monkeypatch, writes):
    out = str(tmp_path / "out")
    run(plan, shop, out, shard_images=100)
    for info in list(shop.list())[:5]:
        shop.put(info.key, picture(len(info.key)))
    work, _ = plan(shop.url, out, shard_images=100)
    left = [writes]
    with monkeypatch.context() as strike:
        for name in ("put", "delete"):
            real = getattr(type(work.out), name)

            def cut(self, *arguments, real=real):
                if left[0] == 0:
                    raise Cut
                left[0] -= 1
                return real(self, *arguments)

            strike.setattr(type(work.out), name, cut)
        try:
            prepare_shard(work, 0)
        except Cut:
            receipt = work.out.exists(ShardPaths(0, 1).receipt)
            assert receipt == (writes == 0)  # before the first write the old shard is there, whole
    for change in ("keep", "undo"):  # the next run has the same source, or what was before
        if change == "undo":
            shop.put("mug/empty.png", picture(9))
        work = run(plan, shop, out, shard_images=100)
        same_as_fresh(plan, shop, work, tmp_path / change, shard_images=100)


def test_failures_of_the_moment_are_tried_again_and_others_by_another_decoder(plan, shop, fetched, tmp_path, monkeypatch):
    out = str(tmp_path / "out")
    run(plan, shop, out)
    del fetched[:]
    run(plan, shop, out)
    assert fetched == []
    monkeypatch.setattr(shards, "DECODER", "Pillow 99")
    work = run(plan, shop, out)
    assert fetched == ["mug/text.jpg"]
    same_as_fresh(plan, shop, work, tmp_path)


def test_what_was_refused_once_is_asked_for_again_alone(plan, shop, fetched, tmp_path, monkeypatch):
    key = next(info.key for info in shop.list())
    work, _ = plan(shop.url, str(tmp_path / "out"), shard_images=100)
    real, broken = type(shop).get, [AccessDenied("no")]

    def get(self, name):
        if name == key and broken:
            raise broken[0]
        return real(self, name)

    monkeypatch.setattr(type(shop), "get", get)
    for _ in range(2):  # the second time no other photo is fetched beside it
        assert prepare_shard(work, 0).reasons["unreadable"] == 1
    broken[0] = StorageError("the store answers 503")
    with pytest.raises(StorageError, match="503"):
        prepare_shard(work, 0)
    broken.clear()
    del fetched[:]
    assert "unreadable" not in prepare_shard(work, 0).reasons
    assert fetched == [key]
