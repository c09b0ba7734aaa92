"""A proxy that injects faults, and a client of S3 behind it."""

import hashlib
import os

import pytest

from ganray.benchmarks.fault_proxy import Fault, FaultProxy
from ganray.bulk.layouts import create_once
from ganray.errors import AccessDenied, ObjectCorrupt, StorageError
from ganray.storage import buckets, open_store

pytestmark = pytest.mark.s3


@pytest.fixture
def proxied(s3_environment, s3_url, monkeypatch):
    """A proxy, and how to open the store behind it."""
    with FaultProxy(s3_environment["AWS_ENDPOINT_URL"]) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        yield proxy, open_store(s3_url)


def once(kind, method="GET"):
    struck = []

    def plan(call):
        if call.method == method and not struck:
            struck.append(call)
            return Fault(kind)
        return None

    return plan


def test_what_passes_through_is_unchanged(proxied):
    _, store = proxied
    data = bytes(range(256)) * 1000
    store.put("a b/ü.bin", data)
    assert store.get("a b/ü.bin") == data
    assert [info.key for info in store.list()] == ["a b/ü.bin"]


@pytest.mark.parametrize("kind", ["refuse", "cut", "lose", "short"])
def test_a_call_that_fails_once_is_made_again(proxied, kind):
    proxy, store = proxied
    store.put("a", b"x" * 1000)
    proxy.plan = once(kind)
    assert store.get("a") == b"x" * 1000


def test_a_body_that_shrinks_with_its_length_is_found_by_its_digest(proxied):
    proxy, store = proxied
    store.put("a", b"x" * 1000)
    proxy.plan = once("shrink")
    digest = hashlib.sha256(b"x" * 1000).hexdigest()
    assert store.get_verified("a", 1000, digest) == b"x" * 1000
    proxy.plan = lambda call: Fault("shrink") if call.method == "GET" else None
    with pytest.raises(ObjectCorrupt, match="500 bytes"):
        store.get_verified("a", 1000, digest)


@pytest.mark.parametrize("read", [lambda store: store.get("a"), lambda store: store.get_range("a", 10, 600)])
def test_a_body_that_shrinks_with_its_length_is_read_again_and_three_times_are_an_error(proxied, read):
    proxy, store = proxied
    store.put("a", bytes(range(250)) * 4)
    whole = read(store)
    proxy.plan = once("shrink")
    assert read(store) == whole
    proxy.plan = lambda call: Fault("shrink") if call.method == "GET" else None
    with pytest.raises(
        ObjectCorrupt,
        match=r"/a: \d+ bytes of \d+ were received, in 3 attempts\. Check the proxy or cache",
    ):
        read(store)


def test_a_listing_that_shrinks_is_asked_for_again(proxied):
    proxy, store = proxied
    for name in "abc":
        store.put(name, b"1")
    proxy.plan = once("shrink")
    assert [info.key for info in store.list()] == ["a", "b", "c"]


def test_an_empty_object_is_empty(proxied):
    _, store = proxied
    store.put("empty", b"")
    assert store.get("empty") == b""


@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (400, "ExpiredToken", AccessDenied, r"access is denied \(ExpiredToken\)\. Log in again"),
        (403, "AccessDenied", AccessDenied, r"access is denied \(AccessDenied\)\. Log in again"),
        (403, "QuotaExceeded", StorageError, r"the store is full \(QuotaExceeded\)\. Make room"),
        (507, "InsufficientStorage", StorageError, r"the store is full \(InsufficientStorage\)\. Make room"),
    ],
)
def test_a_refusal_says_what_to_do(proxied, status, code, kind, said, monkeypatch):
    proxy, _ = proxied
    monkeypatch.setitem(buckets.RETRY, "max_retries", 2)
    store = open_store(proxied[1].url)
    store.put("a", b"1")
    proxy.plan = lambda call: Fault("refuse", status=status, code=code)
    for call in (lambda: store.create("b", b"1"), lambda: store.put("a", b"1")):
        with pytest.raises(kind, match=said) as caught:
            call()
        assert type(caught.value) is kind
    if kind is AccessDenied:
        with pytest.raises(AccessDenied):
            store.exists("a") if status == 403 else store.get("a")


def test_a_lost_reply_to_a_create_is_no_conflict(proxied):
    proxy, store = proxied
    proxy.plan = once("lose", "PUT")
    assert create_once(store, "a", b"1") in ("written", "existing")
    assert store.get("a") == b"1"


def test_a_caller_is_known_by_its_port(proxied):
    proxy, store = proxied
    seen = []
    proxy.plan = lambda call: seen.append(call.pid)
    store.put("a", b"1")
    assert set(seen) == {os.getpid()}
