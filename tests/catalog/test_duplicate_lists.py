"""Duplicates of a whole catalog: left out, listed, and back again when the photo goes that was kept."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ganray.catalog.duplicate_lists import delete_lists, update_lists
from ganray.catalog.shard_paths import Receipt, ShardPaths, read_receipt
from ganray.catalog.shards import IngestJob
from ganray.storage import Store, open_store
from tests.tools.copy_methods import BOTH, without
from tests.tools.shards import prepare_shard


def scene(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).resize((120, 120), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def shop(tmp_path) -> Store:
    """20 scenes; of 0..4 the same bytes lie there twice more, of 5..9 other encodings."""
    store = open_store(str(tmp_path / "shop"))
    for seed in range(20):
        store.put(f"mug/{seed}.jpg", jpeg(scene(seed), 90))
        if seed < 5:
            store.put(f"mug/{seed}-copy.jpg", jpeg(scene(seed), 90))
            store.put(f"cap/{seed}-copy.jpg", jpeg(scene(seed), 90))
        elif seed < 10:
            store.put(f"mug/{seed}-small.jpg", jpeg(scene(seed).resize((90, 90)), 70))
    store.put("mug/broken.jpg", b"nothing")
    return store


def run(plan, shop: Store, out: str, copies_by: str = "", keep: bool = False, **options) -> tuple[IngestJob, list[Receipt]]:
    work, num = plan(shop.url, out, copies_by=copies_by, **{"shard_images": 16, "min_images": 1, **options})
    if keep:
        delete_lists(work)
    receipts = [prepare_shard(work, number) for number in range(num)]
    for number in [] if keep else update_lists(work, receipts):
        receipts[number] = prepare_shard(work, number)
    return work, receipts


def contents(work: IngestJob, receipts: list[Receipt]) -> dict[str, bytes]:
    lists = {ShardPaths(receipt.number, work.parts).duplicates for receipt in receipts if receipt.left_out}
    return {key: work.out.get(key) for key in lists.union(*(receipt.keys for receipt in receipts))}


def keys(work: IngestJob, receipts: list[Receipt]) -> list[str]:
    tables = [pq.read_table(pa.BufferReader(work.out.get(receipt.shard.key))) for receipt in receipts if receipt.shard]
    return [key for table in tables for key in table.column("source_key").to_pylist()]


def lists(work: IngestJob, receipts: list[Receipt]) -> dict[str, tuple[str, str]]:
    parts = [ShardPaths(receipt.number, work.parts) for receipt in receipts if receipt.left_out]
    rows = [row for part in parts for row in pq.read_table(pa.BufferReader(work.out.get(part.duplicates))).to_pylist()]
    assert all(f"{row['kept']}, which is kept" in row["message"] and row["replay"] for row in rows)
    return {row["source_key"]: (row["reason"], row["kept"]) for row in rows}


def test_the_first_of_the_same_bytes_is_kept_and_the_books_close(plan, shop, tmp_path):
    all_work, all_receipts = run(plan, shop, str(tmp_path / "keep"), keep=True)
    order = keys(all_work, all_receipts)
    assert len(order) == 35
    work, receipts = run(plan, shop, str(tmp_path / "out"))
    duplicates = lists(work, receipts)
    assert len(duplicates) == 10
    assert keys(work, receipts) == [key for key in order if key not in duplicates]
    for key, (reason, kept) in duplicates.items():
        assert reason == "duplicate"
        assert shop.get(key) == shop.get(kept)
        assert order.index(kept) < order.index(key)
        assert kept not in duplicates
    accepted = sum(receipt.shard.rows for receipt in receipts if receipt.shard)
    reasons = [receipt.reasons for receipt in receipts]
    assert sum(receipt.listed for receipt in receipts) == accepted + sum(sum(reason.values()) for reason in reasons) == 36
    assert sum(sum(receipt.histograms["category"].values()) for receipt in receipts) == accepted


@pytest.mark.parametrize("copies_by", BOTH)
def test_near_ones_are_found_beside_exact_ones(plan, shop, tmp_path, copies_by):
    work, receipts = run(plan, shop, str(tmp_path / "out"), copies_by=copies_by)
    duplicates = lists(work, receipts)
    assert sorted(reason for reason, _ in duplicates.values()) == ["duplicate"] * 10 + ["near_duplicate"] * 5
    for key, (_, kept) in duplicates.items():
        assert key.partition("/")[2].partition(".")[0].partition("-")[0] == kept.partition("/")[2].partition(".")[0].partition("-")[0]


@pytest.mark.parametrize("copies_by", BOTH)
def test_a_copy_of_a_near_duplicate_names_the_photo_that_is_kept(plan, shop, tmp_path, copies_by):
    for seed in range(10, 20):
        small = jpeg(scene(seed).resize((90, 90)), 70)
        shop.put(f"mug/{seed}-small.jpg", small)
        shop.put(f"mug/{seed}-small-again.jpg", small)
    work, receipts = run(plan, shop, str(tmp_path / "out"), copies_by=copies_by)
    duplicates = lists(work, receipts)
    assert all(kept not in duplicates for _, kept in duplicates.values())
    assert all((shop.get(key) == shop.get(kept)) == (reason == "duplicate") for key, (reason, kept) in duplicates.items())
    assert len(duplicates) == 35


@pytest.mark.parametrize("copies_by", ["", "fingerprint", pytest.param("imagenet", marks=[without, pytest.mark.long])])
def test_a_run_again_changes_nothing_and_other_choices_fetch_nothing(plan, shop, tmp_path, monkeypatch, copies_by):
    out = str(tmp_path / "out")
    work, receipts = run(plan, shop, out, copies_by)
    before = contents(work, receipts)
    monkeypatch.setattr(
        "ganray.catalog.shards._cleaned", lambda work, rows, readable, clean: iter([]) if not rows else pytest.fail(str(rows))
    )
    work, receipts = run(plan, shop, out, copies_by)
    assert update_lists(work, receipts) == []
    assert contents(work, receipts) == before
    run(plan, shop, out, "" if copies_by else "fingerprint")
    work, receipts = run(plan, shop, out, keep=True)
    assert len(keys(work, receipts)) == 35
    assert contents(*run(plan, shop, out, copies_by)) == before
    assert contents(*run(plan, shop, out, copies_by, shard_images=4)).keys() != before.keys()


def test_a_duplicate_comes_back_when_the_photo_goes_that_was_kept(plan, shop, tmp_path, monkeypatch):
    out = str(tmp_path / "out")
    duplicates = lists(*run(plan, shop, out, copies_by="fingerprint"))
    gone = {kept for _, kept in duplicates.values()}
    for key in gone:
        shop.delete(key)
    with monkeypatch.context() as strict:
        strict.setattr(
            "ganray.catalog.shards._cleaned", lambda work, rows, readable, clean: iter([]) if not rows else pytest.fail(str(rows))
        )
        work, receipts = run(plan, shop, out, copies_by="fingerprint")
    again = lists(work, receipts)
    assert not gone & set(keys(work, receipts))
    assert len(again) == 5
    fresh = run(plan, shop, str(tmp_path / "fresh"), copies_by="fingerprint")
    assert contents(work, receipts) == contents(*fresh)


def test_a_list_that_was_written_and_not_followed_is_followed_by_the_next_run(plan, shop, tmp_path):
    out = str(tmp_path / "out")
    work, num = plan(shop.url, out, shard_images=16, min_images=1)
    assert update_lists(work, [prepare_shard(work, number) for number in range(num)])  # and struck here
    work, receipts = run(plan, shop, out)
    assert contents(work, receipts) == contents(*run(plan, shop, str(tmp_path / "fresh")))


def test_what_is_left_out_is_not_decided_by_what_was_left_out_before(plan, shop, tmp_path):
    """A photo that comes earlier in catalog order takes the place of the one that was kept."""
    out = str(tmp_path / "out")
    kept = keys(*run(plan, shop, out))
    order = keys(*run(plan, shop, str(tmp_path / "all"), keep=True))
    late = next(key for key in reversed(order) if key in kept and "-" not in key)
    names = [f"mug/{name}.jpg" for name in range(1000, 1060)]
    data = shop.get(late)
    for name in names:
        shop.put(name, data)
    work, receipts = run(plan, shop, out)
    assert late not in keys(work, receipts)
    fresh = run(plan, shop, str(tmp_path / "fresh"))
    assert contents(work, receipts) == contents(*fresh)
    assert read_receipt(work.out, ShardPaths(0, work.parts)) == receipts[0]
