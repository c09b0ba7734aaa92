"""What all stores share; the contract over every store is tests/contract/test_stores.py."""

import hashlib
import threading

import pytest

from ganray.errors import InvalidKey, ObjectCorrupt, ObjectNotFound
from ganray.storage import open_store
from ganray.storage.store import check_key


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", ".", "a/../b", "./a", "a\0b"])
def test_keys_that_some_store_cannot_hold_are_refused(key):
    with pytest.raises(InvalidKey, match="cannot be an object's key"):
        check_key(key)
    assert check_key("a/b.c/ü d") == "a/b.c/ü d"


def test_a_verified_read_is_tried_twice(store, monkeypatch):
    store.put("a", b"whole")
    digest = hashlib.sha256(b"whole").hexdigest()
    replies = [b"who", b"whole", b"who", b"who"]
    monkeypatch.setattr(type(store), "get", lambda self, key: replies.pop(0))
    assert store.get_verified("a", 5, digest) == b"whole"
    with pytest.raises(ObjectCorrupt, match="a is not what was written: 3 bytes"):
        store.get_verified("a", 5, digest)


def test_many_objects_come_in_order_with_errors_in_their_place_and_few_are_held(store, monkeypatch):
    for place in range(50):
        store.put(f"{place}", b"%d" % place)
    store.delete("7")
    real, lock, started = type(store).get, threading.Lock(), []

    def get(self, key):
        with lock:
            started.append(key)
        return real(self, key)

    monkeypatch.setattr(type(store), "get", get)
    reads = store.get_many((f"{place}" for place in range(50)), parallel=4)
    first = next(reads)
    assert len(started) <= 8
    results = [first, *reads]
    assert [key for key, _ in results] == [f"{place}" for place in range(50)]
    assert isinstance(results[7][1], ObjectNotFound) and results[8][1] == b"8"


def test_who_reads_many_and_stops_waits_for_no_read(store, monkeypatch):
    """The garbage collector may be who stops."""
    for place in range(2 * store.run):
        store.put(f"{place}", b"")
    go_on, real = threading.Event(), type(store).get

    def get(self, key):
        assert int(key) < store.run or go_on.wait(30)
        return real(self, key)

    monkeypatch.setattr(type(store), "get", get)
    reads = store.get_many((f"{place}" for place in range(2 * store.run)), parallel=2 * store.run)
    assert next(reads) == ("0", b"")
    stopping = threading.Thread(target=reads.close)
    stopping.start()
    stopping.join(20)
    stopped = not stopping.is_alive()
    go_on.set()
    assert stopped


def test_urls_and_prefixes(store):
    assert store.url_of("a/b") == f"{store.url}/a/b" and store.url_of("") == store.url
    memory = open_store("memory://shop/photos")
    assert memory.prefix_of(open_store("memory://shop/photos/new")) == "new"
    assert (memory.prefix_of(memory), memory.prefix_of(open_store("memory://shop/photo"))) == ("", None)
