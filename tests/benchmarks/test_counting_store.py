import pytest

from ganray.benchmarks import simulate
from ganray.benchmarks.counting_store import RECEIPTS, CountingStore
from ganray.bulk import commit
from ganray.bulk.layouts import create_once
from ganray.errors import ObjectExists, ObjectNotFound


def test_the_store_reads_back_what_the_writer_made():
    plan = simulate.simulated_job(200 * 64 + 5, 64)
    store = CountingStore(plan.shards, lambda shard: commit.parquet_bytes(simulate.receipt_of(plan, shard)))
    store.make_pool()
    with pytest.raises(ObjectNotFound):
        store.get("receipts/00003.parquet")
    store.create("receipts/00003.parquet", b"some")
    with pytest.raises(ObjectExists):
        store.create("receipts/00003.parquet", b"some")
    assert store.get("receipts/00003.parquet") == commit.parquet_bytes(simulate.receipt_of(plan, 3))
    store.finish(range(100, plan.shards))
    assert store.get(f"receipts/{RECEIPTS + 3:05d}.parquet") == store.get("receipts/00003.parquet")
    assert store.get("receipts/00200.parquet") == commit.parquet_bytes(simulate.receipt_of(plan, 200))
    assert commit.finished(store) == {3, *range(100, 201)}
    assert store.written == {"receipts": (1, 4)}
    assert create_once(store, "plan.json", b"{}") == "written" and create_once(store, "plan.json", b"{}") == "existing"
    store.put("plan.json", b"[]")
    assert (store.get("plan.json"), store.head("plan.json").size) == (b"[]", 2)
