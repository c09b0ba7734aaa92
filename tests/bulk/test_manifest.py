"""Manifests of one object and of parts, out of receipts that the job's own writer made."""

import json
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.benchmarks.simulate import receipt_of, simulated_job
from ganray.bulk import commit, manifest
from ganray.errors import StorageError
from ganray.storage import open_store

IMAGES, SHARD = 1000, 64


@pytest.fixture
def receipts(tmp_path):
    """A store with all receipts of a job of 16 shards, five images of which are quarantined."""
    store, plan = open_store(str(tmp_path)), simulated_job(IMAGES, SHARD)
    for shard in range(plan.shards):
        commit.create_receipt(store, shard, receipt_of(plan, shard, refuse_every=211))
    return store, plan


def close(store, plan):
    shown = []
    books = commit.close_job(store, plan, lambda store, plan, written: shown.append((written.num_rows, list(every(written)))))
    return books, shown[0]


def every(written):
    return [row for table in written.tables([*range(len(written.groups))]) for row in table.to_pylist()]


def rows_of(store, keys):
    return [row for key in keys for row in pq.read_table(BytesIO(store.get(key))).to_pylist()]


def test_a_large_job_has_the_rows_of_a_small_one_in_parts(receipts, monkeypatch, tmp_path):
    store, plan = receipts
    monkeypatch.setattr(manifest, "ROW_GROUP", 128)
    books, (num, shown) = close(store, plan)
    assert books == {"images": 995, "quarantined": 5} and num == 995
    whole, refused = rows_of(store, ["manifest.parquet"]), rows_of(store, ["quarantine.parquet"])
    assert shown == whole and len(whole) == 995
    store.delete("job.json")
    monkeypatch.setattr(manifest, "PART_IMAGES", 300)
    again, (num, shown) = close(store, plan)
    assert (again, num, shown) == (books, 995, whole)
    job = json.loads(store.get("job.json"))
    assert [part["key"] for part in job["manifest"]] == [info.key for info in store.list("manifest")]
    assert [part["rows"] for part in job["manifest"]] == [318, 318, 319, 40]
    assert rows_of(store, [part["key"] for part in job["manifest"]]) == whole
    assert rows_of(store, [part["key"] for part in job["quarantine"]]) == refused and len(refused) == 5
    for part in job["manifest"] + job["quarantine"]:
        store.get_verified(part["key"], part["bytes"], part["sha256"])
    assert pq.read_table(tmp_path / "manifest").to_pylist() == whole  # what other tools see


def test_a_closing_that_was_cut_off_goes_on(receipts, monkeypatch):
    store, plan = receipts
    monkeypatch.setattr(manifest, "ROW_GROUP", 128)
    monkeypatch.setattr(manifest, "PART_IMAGES", 300)
    close(store, plan)
    before = {info.key: store.get(info.key) for info in store.list()}
    for key in ("job.json", "manifest/00001.parquet"):
        store.delete(key)
    close(store, plan)
    assert {info.key: store.get(info.key) for info in store.list()} == before


def test_no_part_is_written_of_a_receipt_that_is_too_short(receipts, monkeypatch):
    store, plan = receipts
    monkeypatch.setattr(manifest, "PART_IMAGES", 300)
    store.put("receipts/00000.parquet", store.get("receipts/00015.parquet"))
    with pytest.raises(StorageError, match="receipts/00000.parquet counts 40 images, the plan 64"):
        close(store, plan)
    assert list(store.list("manifest")) == []


def test_a_large_job_of_which_nothing_could_be_made_has_an_empty_part(tmp_path, monkeypatch):
    monkeypatch.setattr(manifest, "PART_IMAGES", 300)
    store, plan = open_store(str(tmp_path)), simulated_job(400, 200)
    for shard in range(plan.shards):
        commit.create_receipt(store, shard, receipt_of(plan, shard, refuse_every=1))
    books, (num, shown) = close(store, plan)
    assert (books, num, shown) == ({"images": 0, "quarantined": 400}, 0, [])
    assert [part["rows"] for part in json.loads(store.get("job.json"))["manifest"]] == [0]


def test_the_place_of_the_quarantine_is_told_beside_that_of_the_manifest():
    books = {"requests": 1, "images": 1, "written": 0, "existing": 0, "quarantined": 1, "doubtful": 0, "seconds": 1.0}
    assert commit.format_books(books | {"manifest": "s3://b/manifest/out/manifest/"}).endswith("s3://b/manifest/out/quarantine/")
    assert commit.format_books(books | {"manifest": "out/manifest.parquet"}).endswith("out/quarantine.parquet")


def test_sums_of_an_empty_table_are_no_error():
    assert commit.num_doubtful(pa.table({"doubt": pa.array([], pa.float32())})) == 0
