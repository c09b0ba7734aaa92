import pickle

import pytest
from obstore.store import MemoryStore

from ganray.errors import ObjectExists, StorageError
from ganray.storage import open_store
from ganray.storage.conditional import job_store
from ganray.storage.remote import RemoteStore

BUCKET = MemoryStore()


class Overwriting(RemoteStore):
    """A gateway that ignores If-None-Match."""

    def _create(self, path, data):
        return self._etag(self.bucket.put(path, data))


def bucket(url: str = "x://shop/out", kind: type[RemoteStore] = RemoteStore) -> RemoteStore:
    return kind(url, BUCKET, url.partition("://")[2], bucket)


def test_files_and_memory_are_not_asked(tmp_path):
    for url in (str(tmp_path), "memory://conditional"):
        store = open_store(url)
        assert job_store(store) is store
        assert job_store(store, allow_unsafe=True) is store


def test_a_bucket_with_conditional_writes_is_taken_and_nothing_stays_in_it():
    store = bucket()
    assert job_store(store) is store
    assert list(store.list()) == []


def test_a_bucket_that_overwrites_is_refused_and_nothing_stays_in_it():
    store = bucket("x://shop/old", Overwriting)
    with pytest.raises(StorageError, match="x://shop/old: the store overwrites objects .* or pass --allow-unsafe-store and run one driver"):
        job_store(store)
    assert list(store.list()) == []


def test_a_gateway_that_knows_no_batch_deletes_is_found_out_too(monkeypatch):
    def refuse(*_):
        raise StorageError("the store does not support this request (501)")

    monkeypatch.setattr(RemoteStore, "delete", refuse)
    assert job_store(good := bucket("x://shop/kept")) is good
    with pytest.raises(StorageError, match="overwrites objects"):
        job_store(bucket("x://shop/older", Overwriting))


def test_with_allow_unsafe_a_create_looks_first_in_every_process():
    store = job_store(bucket("x://shop/unsafe"), allow_unsafe=True)
    for same in (store, store.child("a"), pickle.loads(pickle.dumps(store))):
        same.create("k", b"1")
        with pytest.raises(ObjectExists):
            same.create("k", b"2")
        assert same.get("k") == b"1"
        same.delete("k")
