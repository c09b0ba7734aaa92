import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ganray.errors import AccessDenied, ObjectExists, ObjectNotFound, StorageError
from ganray.storage import local, open_store
from ganray.storage.local import LocalStore


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "store"))


def test_a_url_that_ends_with_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert open_store("photos/").url == str(tmp_path / "photos")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert open_store("~/photos").url == str(tmp_path / "home/photos")
    assert open_store("file:///a%20b/c").url == "/a b/c"
    assert open_store("file://photos").url == str(tmp_path / "photos")
    assert LocalStore(Path("photos")).url == str(tmp_path / "photos")
    assert open_store("/").url_of("etc/hosts") == "/etc/hosts"


@pytest.fixture(params=[True, False], ids=["unnamed files", "links"])
def system(request, monkeypatch):
    """Both ways to create: some systems have no unnamed files."""
    if not request.param:
        monkeypatch.delattr(os, "O_TMPFILE")


@pytest.mark.parametrize("verb", ["put", "create"])
def test_a_full_disk_is_reported_and_leaves_nothing(store, verb, system, monkeypatch):
    store.put("k", b"before")

    def half(descriptor, data):
        os.write(descriptor, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(local, "pour", half)
    with pytest.raises(StorageError, match=r"k2? could not be written: the disk is full\. Free some space"):
        {"put": lambda: store.put("k", b"after"), "create": lambda: store.create("k2", b"after")}[verb]()
    assert store.get("k") == b"before"
    assert [path.name for path in Path(store.url).iterdir()] == ["k"]


def test_one_of_many_concurrent_creates_succeeds_and_no_reader_sees_a_part(store, system):
    """Each writes its own megabyte; whoever finds the file reads one of them completely."""

    def create(number):
        try:
            store.create("deep/er/k", bytes([number]) * 1_000_000)
        except ObjectExists:
            data = store.get("deep/er/k")
            assert len(data) == 1_000_000 and len(set(data)) == 1
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(16))) == 1
    assert [path.name for path in (Path(store.url) / "deep/er").iterdir()] == ["k"]


def test_a_created_file_has_the_usual_permissions(store, system):
    store.create("k", b"1")
    (Path(store.url) / "plain").write_bytes(b"1")
    assert (Path(store.url) / "k").stat().st_mode == (Path(store.url) / "plain").stat().st_mode


def test_an_unfinished_write_is_not_listed(store):
    store.put("k", b"")
    (Path(store.url) / ".ganray-0123").write_bytes(b"half")
    assert [info.key for info in store.list()] == ["k"]


def test_conflicts_between_files_and_folders(store):
    store.put("a/b", b"")
    for verb in (store.put, store.create):
        with pytest.raises(StorageError, match="the name is taken by a file or folder"):
            verb("a/b/c", b"")
    with pytest.raises(StorageError, match="the name is taken by a file or folder"):
        store.put("a", b"")
    assert [info.key for info in store.list()] == ["a/b"]


def test_listing_follows_links_and_skips_pipes_cycles_and_broken_links(store):
    store.put("photos/1.png", b"1")
    root = Path(store.url)
    (root / "linked").symlink_to(root / "photos")
    (root / "photos" / "again").symlink_to(root)
    (root / "broken").symlink_to(root / "nowhere")
    os.mkfifo(root / "pipe")
    assert [info.key for info in store.list()] == ["linked/1.png", "photos/1.png"]


def test_a_name_that_is_not_utf8_is_listed_and_cannot_be_read(store):
    store.put("k", b"")
    (Path(store.url) / os.fsdecode(b"bad\xff.png")).write_bytes(b"1")
    assert [info.key for info in store.list()] == ["bad\\xff.png", "k"]
    with pytest.raises(ObjectNotFound):
        store.get("bad\\xff.png")


def test_odd_names_are_listed(store):
    for name in ("new\nline", "tab\t", "back\\slash"):
        store.put(name, b"1")
    assert len(list(store.list())) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission(store):
    store.put("k", b"")
    (Path(store.url) / "k").chmod(0)
    with pytest.raises(AccessDenied, match=r"k: Permission denied\. Check the owner"):
        store.get("k")


def test_settling_a_missing_folder_is_an_error(store):
    with pytest.raises(ObjectNotFound):
        store.settle()
    store.put("k", b"")
    store.settle()
