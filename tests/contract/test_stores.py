"""The contract of Store, on every store that can run here: memory, files, and a real S3 server."""

import hashlib
import pickle
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ganray.errors import ObjectCorrupt, ObjectExists, ObjectNotFound, StorageError
from ganray.storage import SCHEMES, open_object, open_store

CLOUDS = ("gs", "az")  # the same code as s3; there is no server to test against
ODD_KEYS = [
    "a b+c&d=e.png",
    "ü/日本.png",
    "a%2Fb",
    "100%.png",
    "a*b?c|d.png",
    "x#1",
    "~tilde",
    ".hidden",
    "'quoted\".png",
    "deep/er/and/deeper",
]


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.s3 if name == "s3" else ()) for name in SCHEMES if name not in CLOUDS])
def url(request, tmp_path):
    if request.param == "s3":
        return request.getfixturevalue("s3_url")
    return f"memory://{uuid.uuid4().hex}/in/here" if request.param == "memory" else f"file://{tmp_path}/not/yet/there"


@pytest.fixture
def store(url):
    return open_store(url)


def test_put_then_get(store):
    assert store.put("k", b"one") != store.put("k", b"two")
    assert store.get("k") == b"two"


@pytest.mark.parametrize("size", [0, 1, 20_000_000])
def test_any_size(store, size):
    data = hashlib.shake_128(b"seed").digest(size)
    store.put("k", data)
    assert store.get("k") == data
    assert store.head("k").size == size


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_keys_are_kept(store, key):
    store.put(key, key.encode())
    assert [info.key for info in store.list()] == [key]
    assert store.get(key) == key.encode()
    store.delete(key)
    assert not store.exists(key)


@pytest.mark.parametrize("key", ["", "/", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\0b"])
def test_invalid_keys(store, key):
    for verb in (lambda: store.put(key, b""), lambda: store.get(key), lambda: store.head(key), lambda: store.delete(key)):
        with pytest.raises(StorageError, match="cannot be an object's key"):
            verb()


def test_head(store):
    etag = store.put("folder/k", b"12345")
    info = store.head("folder/k")
    assert (info.key, info.size, info.etag) == ("folder/k", 5, etag)
    assert abs(datetime.now(UTC) - info.modified) < timedelta(minutes=1)
    assert next(store.list()) == info._replace(modified=next(store.list()).modified)


def test_absent(store):
    assert not store.exists("k")
    store.delete("k")
    store.put("folder/inner", b"")
    for key in ("k", "folder", "folder/inner/below"):
        for verb in (store.get, store.head, store.open_seekable):
            with pytest.raises(ObjectNotFound, match=store.url_of(key)):
                verb(key)


def test_range(store):
    store.put("k", bytes(range(100)))
    assert store.get_range("k", 10, 5) == bytes(range(10, 15))
    assert store.get_range("k", 99, 50) == bytes([99])
    with pytest.raises(ObjectNotFound):
        store.get_range("absent", 0, 1)


def test_create_conflicts_with_an_existing_object(store):
    etag = store.create("k", b"first")
    with pytest.raises(ObjectExists, match=store.url_of("k")):
        store.create("k", b"second")
    assert (store.get("k"), store.head("k").etag) == (b"first", etag)


def test_one_of_many_concurrent_creates_succeeds(store):
    def attempt(writer):
        try:
            store.create("k", bytes([writer]))
        except ObjectExists:
            return None
        return writer

    with ThreadPoolExecutor(16) as pool:
        winners = [writer for writer in pool.map(attempt, range(16)) if writer is not None]
    assert len(winners) == 1
    assert store.get("k") == bytes(winners)


def test_list_is_sorted_by_bytes_and_filtered(store):
    keys = ["a.png", "a/2.png", "a/10.png", "a-b/1.png", "ab/1.txt", "a/b/c.png", "B.png", "é.png"]
    for key in keys:
        store.put(key, b"")
    assert [info.key for info in store.list()] == sorted(keys, key=str.encode)
    assert [info.key for info in store.list("a")] == ["a/10.png", "a/2.png", "a/b/c.png"] == [info.key for info in store.list("a/")]
    assert [info.key for info in store.list(suffix=".txt")] == ["ab/1.txt"]
    assert list(store.list("nowhere")) == []


def test_list_of_more_than_a_page(store, url, request):
    if url.startswith("s3:"):
        url, keys = request.getfixturevalue("s3_pages")
        store = open_store(url)
    else:
        keys = [f"{i:04d}" for i in range(1010)]
        for key in keys:
            store.put(key, b"")
    assert [info.key for info in store.list()] == keys


def test_get_many_keeps_order_and_yields_errors(store):
    keys = [f"{i:03d}" for i in range(70)]
    for key in keys:
        store.put(key, key.encode())
    keys[33] = "absent"
    results = list(store.get_many(iter(keys), parallel=4))
    assert [key for key, _ in results] == keys
    assert all(data == key.encode() for key, data in results if key != "absent")
    assert isinstance(results[33][1], ObjectNotFound)
    assert next(store.get_many(keys)) == ("000", b"000")


def test_child(store):
    child = store.child("folder/inner")
    child.put("k", b"1")
    assert store.get("folder/inner/k") == b"1"
    assert child.url == f"{store.url}/folder/inner"
    assert open_store(child.url).get("k") == b"1"


def test_get_verified(store):
    data = b"as written"
    store.put("k", data)
    digest = hashlib.sha256(data).hexdigest()
    assert store.get_verified("k", len(data), digest) == data
    for size, sha256 in ((len(data) - 1, digest), (len(data), "0" * 64)):
        with pytest.raises(ObjectCorrupt, match=store.url_of("k")):
            store.get_verified("k", size, sha256)


def test_open_object(store, url):
    store.put("tables/t.csv", b"sku,colour")
    folder, key = open_object(f"{url}/tables/t.csv")
    assert folder.get(key) == b"sku,colour"


def test_pyarrow_reads_one_row_group_without_the_rest(store, monkeypatch):
    table = pa.table({"image": [hashlib.shake_128(bytes([i])).digest(50_000) for i in range(40)]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=4, compression="none")
    store.put("part.parquet", sink.getvalue().to_pybytes())
    lengths = []
    get_range = type(store).get_range
    monkeypatch.setattr(
        type(store), "get_range", lambda self, key, start, length: lengths.append(length) or get_range(self, key, start, length)
    )
    with store.open_seekable("part.parquet") as source, pq.ParquetFile(source) as file:
        assert file.read_row_group(7).equals(table.slice(28, 4))
    assert sum(lengths) < 400_000


def test_pickles_as_its_url(store, url):
    store.put("k", b"1")
    if url.startswith("memory://"):
        with pytest.raises(StorageError, match="exists in this process only"):
            pickle.dumps(store)
    else:
        pickled = pickle.dumps(store)
        assert b"secret" not in pickled
        assert pickle.loads(pickled).get("k") == b"1"


def test_prefix_of_another_store(store):
    assert store.prefix_of(store.child("a/b")) == "a/b"
    assert store.child("a").prefix_of(store.child("a")) == ""
    assert store.child("a").prefix_of(store) is None
    assert store.child("a").prefix_of(store.child("ab")) is None
