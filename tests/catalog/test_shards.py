import hashlib
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.catalog import shards
from ganray.catalog.shard_paths import ShardPaths
from ganray.errors import AccessDenied, InvalidKey, ObjectUnavailable, StorageError
from ganray.storage import open_store
from tests.tools.shards import prepare_shard

ONLY = ShardPaths(0, 1)


def read(store, key: str) -> pa.Table:
    return pq.read_table(pa.BufferReader(store.get(key)))


@pytest.fixture
def mixed(photos, tmp_path) -> str:
    """Ten good photos of two categories and four bad files."""
    store, good = open_store(str(tmp_path / "mixed")), open_store(photos)
    keys = [info.key for info in good.list() if info.key.startswith(("mug/", "cap/"))]
    for key in keys[:5] + keys[-5:]:
        store.put(key, good.get(key))
    data = good.get(keys[0])
    store.put("mug/empty.png", b"")
    store.put("mug/cut.png", data[: len(data) // 2])
    store.put("mug/text.jpg", b"hello")
    store.put("loose.png", data)
    return store.url


def test_a_shard_holds_every_good_image_and_quarantine_every_bad_one(plan, mixed, tmp_path):
    work, num = plan(mixed, str(tmp_path / "out"))
    receipt = prepare_shard(work, 0)
    assert num == 1
    assert (receipt.listed, receipt.shard.rows) == (14, 10)
    assert receipt.reasons == {"empty": 1, "no_category": 1, "truncated": 1, "unknown_format": 1}
    assert receipt.histograms == {"category": {"cap": 5, "mug": 5}}
    table = read(work.out, ONLY.shard)
    for row in table.to_pylist():
        assert row["sha256"] == hashlib.sha256(work.source.get(row["source_key"])).hexdigest()
        assert (row["width"], row["height"]) == (40, 40)
        assert row["attr:category"] == row["source_key"].partition("/")[0]
    rejected = {row["source_key"]: row["reason"] for row in read(work.out, ONLY.quarantine).to_pylist()}
    assert rejected == {"mug/empty.png": "empty", "mug/cut.png": "truncated", "mug/text.jpg": "unknown_format", "loose.png": "no_category"}
    data = work.out.get(ONLY.shard)
    assert (receipt.shard.bytes, receipt.shard.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert receipt.shard.row_groups == (10,)


def test_a_shard_holds_titles_where_the_table_has_them(plan, mixed, tmp_path):
    keys = sorted(info.key for info in open_store(mixed).list() if info.key.endswith(".png") and "-" in info.key)
    (tmp_path / "t.csv").write_text("file,kind,name\n" + "".join(f"{key},{key[:3]},Title of {key}\n" for key in keys))
    options = {"table": str(tmp_path / "t.csv"), "attributes": ("kind",)}
    work, _ = plan(mixed, str(tmp_path / "out"), title="name", **options)
    assert prepare_shard(work, 0).histograms == {"kind": {"cap": 5, "mug": 5}}
    assert [row["title"] for row in read(work.out, ONLY.shard).to_pylist()] == [
        f"Title of {row['source_key']}" for row in read(work.out, ONLY.shard).to_pylist()
    ]
    plain, _ = plan(mixed, str(tmp_path / "out"), **options)  # without titles it is another catalog
    prepare_shard(plain, 0)
    assert "title" not in read(plain.out, ONLY.shard).column_names


def test_a_receipt_is_written_when_the_shard_is_on_the_disk(plan, mixed, tmp_path, monkeypatch):
    work, _ = plan(mixed, str(tmp_path / "out"))
    before = []
    monkeypatch.setattr(type(work.out), "settle", lambda self: before.extend(info.key for info in self.list()))
    prepare_shard(work, 0)
    assert ONLY.shard in before
    assert ONLY.quarantine in before
    assert ONLY.receipt not in before


def test_a_finished_shard_is_not_done_again(plan, mixed, tmp_path, monkeypatch):
    work, _ = plan(mixed, str(tmp_path / "out"))
    first = prepare_shard(work, 0)
    monkeypatch.setattr(shards, "_results", None)
    assert prepare_shard(work, 0) == first


@pytest.mark.parametrize("lost", [ONLY.shard, ONLY.quarantine, ONLY.index, ONLY.receipt])
def test_a_half_finished_shard_is_done_again_to_the_same_bytes(plan, mixed, tmp_path, lost):
    work, _ = plan(mixed, str(tmp_path / "out"))
    first = prepare_shard(work, 0)
    before = {info.key: work.out.get(info.key) for info in work.out.list()}
    work.out.delete(lost)
    assert prepare_shard(work, 0) == first
    assert {info.key: work.out.get(info.key) for info in work.out.list()} == before


def test_a_cut_shard_is_done_again(plan, mixed, tmp_path):
    work, _ = plan(mixed, str(tmp_path / "out"))
    first = prepare_shard(work, 0)
    data = work.out.get(ONLY.shard)
    work.out.put(ONLY.shard, data[:-9])
    assert prepare_shard(work, 0) == first
    assert work.out.get(ONLY.shard) == data


@pytest.mark.parametrize("options", [{"resolution": 24}, {"square": "crop"}, {"format": "webp"}, {"max_pixels": 9}, {"row_group": 4}])
def test_other_options_are_another_shard(plan, mixed, tmp_path, options):
    work, _ = plan(mixed, str(tmp_path / "out"))
    first = prepare_shard(work, 0)
    other = prepare_shard(plan(mixed, str(tmp_path / "out"), **options)[0], 0)
    assert other.fingerprint != first.fingerprint


def test_a_changed_source_is_read_again(plan, mixed, tmp_path):
    prepare_shard(plan(mixed, str(tmp_path / "out"))[0], 0)
    store = open_store(mixed)
    store.put("mug/empty.png", store.get("loose.png"))
    work, _ = plan(mixed, str(tmp_path / "out"))
    assert prepare_shard(work, 0).shard.rows == 11


def test_what_vanished_is_quarantined_but_a_store_that_gives_nothing_is_an_error(plan, mixed, tmp_path):
    work, _ = plan(mixed, str(tmp_path / "out"))
    keys = [key for key in read(work.out, ONLY.manifest).column("key").to_pylist() if key != "loose.png"]
    work.source.delete(keys[0])
    assert prepare_shard(work, 0).reasons["unreadable"] == 1
    work.out.delete(ONLY.receipt)
    for key in [*keys, "loose.png"]:
        work.source.delete(key)
    with pytest.raises(StorageError):
        prepare_shard(work, 0)
    assert not work.out.exists(ONLY.receipt)


def test_a_shard_of_rejects_has_no_parquet(plan, tmp_path):
    store = open_store(str(tmp_path / "bad"))
    for index in range(3):
        store.put(f"mug/{index}.png", b"")
    work, _ = plan(store.url, str(tmp_path / "out"))
    receipt = prepare_shard(work, 0)
    assert receipt.shard is None
    assert Counter(receipt.reasons) == {"empty": 3}
    assert not work.out.exists(ONLY.shard)


def test_large_files_are_refused_without_reading_them(plan, mixed, tmp_path, monkeypatch):
    work, _ = plan(mixed, str(tmp_path / "out"), max_bytes=10)
    requested = []
    monkeypatch.setattr(
        type(work.source), "get_many", lambda self, keys: ((key, self.get(key)) for key in keys if requested.append(key) is None)
    )
    receipt = prepare_shard(work, 0)
    assert receipt.reasons == {"empty": 1, "no_category": 1, "too_many_bytes": 11, "unknown_format": 1}
    assert sorted(requested) == ["mug/empty.png", "mug/text.jpg"]


def failing(work, monkeypatch, errors: dict[str, Exception], only: tuple[str, ...] = ("get",)):
    """Make the source raise for some keys."""
    for name in only:
        real = getattr(type(work.source), name)

        def answer(self, key, *more, real=real):
            if self.url == work.source.url and key in errors:
                raise errors[key]
            return real(self, key, *more)

        monkeypatch.setattr(type(work.source), name, answer)


def test_an_outage_ends_the_shard_without_a_receipt_and_the_next_run_finishes_it(plan, mixed, tmp_path, monkeypatch):
    work, _ = plan(mixed, str(tmp_path / "out"))
    keys = [key for key in read(work.out, ONLY.manifest).column("key").to_pylist() if key != "loose.png"]
    with monkeypatch.context() as outage:
        failing(work, outage, {keys[5]: StorageError("the store answers 503 SlowDown")})
        with pytest.raises(StorageError, match="503"):
            prepare_shard(work, 0)
    assert not work.out.exists(ONLY.receipt)
    assert prepare_shard(work, 0).shard.rows == 10


def test_a_refused_object_is_quarantined_and_asked_for_again(plan, mixed, tmp_path, monkeypatch):
    work, _ = plan(mixed, str(tmp_path / "out"))
    good = [key for key in read(work.out, ONLY.manifest).column("key").to_pylist() if key.endswith(".png") and "-" in key]
    with monkeypatch.context() as refusal:
        failing(work, refusal, {good[0]: AccessDenied("no"), good[1]: InvalidKey("odd")})
        receipt = prepare_shard(work, 0)
    assert (receipt.shard.rows, receipt.reasons["unreadable"], receipt.reasons["invalid_key"]) == (8, 1, 1)
    assert prepare_shard(work, 0).shard.rows == 10


def test_objects_that_cannot_be_had_are_quarantined_with_the_store_s_reason(plan, mixed, tmp_path, monkeypatch):
    """Not one of the shard can be read, and the next run asks again."""
    work, _ = plan(mixed, str(tmp_path / "out"))
    keys = [key for key in read(work.out, ONLY.manifest).column("key").to_pylist() if key != "loose.png"]
    with monkeypatch.context() as archived:
        failing(work, archived, dict.fromkeys(keys, ObjectUnavailable("its KMS key cannot be used (KMS.DisabledException)", "Enable it")))
        receipt = prepare_shard(work, 0)
    assert receipt.shard is None and receipt.reasons["unreadable"] >= 10
    messages = {row["message"] for row in read(work.out, ONLY.quarantine).to_pylist() if row["reason"] == "unreadable"}
    assert messages == {"its KMS key cannot be used (KMS.DisabledException). Enable it"}
    assert prepare_shard(work, 0).shard.rows == 10


@pytest.mark.parametrize("others", ["served", "refused"])
def test_a_shard_that_is_refused_as_a_whole_ends_an_ingest_only_if_other_objects_are_refused_too(
    plan, mixed, tmp_path, monkeypatch, others
):
    work, _ = plan(mixed, str(tmp_path / "out"))
    keys = [key for key in read(work.out, ONLY.manifest).column("key").to_pylist() if key != "loose.png"]
    failing(work, monkeypatch, dict.fromkeys(keys, AccessDenied("denied")))
    if others == "refused":
        failing(work, monkeypatch, dict.fromkeys([*keys, "loose.png"], AccessDenied("denied")), ("get_range",))
        with pytest.raises(AccessDenied, match="denied"):
            prepare_shard(work, 0)
    else:
        assert prepare_shard(work, 0).reasons["unreadable"] >= 10


def test_credentials_that_end_in_the_middle_are_an_error(plan, mixed, tmp_path, monkeypatch):
    work, _ = plan(mixed, str(tmp_path / "out"))
    keys = [key for key in read(work.out, ONLY.manifest).column("key").to_pylist() if key != "loose.png"]
    failing(work, monkeypatch, dict.fromkeys(keys[6:], AccessDenied("expired")))
    failing(work, monkeypatch, dict.fromkeys(keys, AccessDenied("expired")), ("get_range",))
    with pytest.raises(AccessDenied, match="expired"):
        prepare_shard(work, 0)
    assert not work.out.exists(ONLY.receipt)
