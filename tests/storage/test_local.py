import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ganray.errors import AccessDenied, ObjectExists, ObjectNotFound, StorageError
from ganray.storage import local, open_store
from ganray.storage.local import LocalStore

INCREASE = """
import sys
from ganray.errors import ObjectChanged
from ganray.storage import open_store
store = open_store(sys.argv[1])
done = 0
while done < 25:
    etag = store.head("count").etag
    number = int(store.get("count"))
    try:
        store.replace("count", str(number + 1).encode(), etag)
        done += 1
    except ObjectChanged:
        pass
"""


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


def test_swaps_of_several_processes_are_not_lost(store):
    store.create("count", b"0")
    workers = [subprocess.Popen([sys.executable, "-c", INCREASE, store.url]) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert store.get("count") == b"75"


@pytest.fixture(params=[True, False], ids=["nameless files", "links"])
def system(request, monkeypatch):
    """Both ways to create: some systems have no files without a name."""
    if not request.param:
        monkeypatch.delattr(os, "O_TMPFILE")


@pytest.mark.parametrize("verb", ["put", "create", "replace"])
def test_a_full_disk_is_said_and_leaves_nothing(store, verb, system, monkeypatch):
    etag = store.put("k", b"before")

    def half(descriptor, data):
        os.write(descriptor, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(local, "pour", half)
    with pytest.raises(StorageError, match=r"k2? could not be written: the disk is full\. Free some space"):
        {
            "put": lambda: store.put("k", b"after"),
            "create": lambda: store.create("k2", b"after"),
            "replace": lambda: store.replace("k", b"after", etag),
        }[verb]()
    assert store.get("k") == b"before"
    assert [path.name for path in Path(store.url).iterdir() if "lock" not in path.name] == ["k"]


def test_of_many_that_create_one_succeeds_and_nobody_reads_half(store, system):
    """Each writes a megabyte of its own; whoever finds the file finds one of them whole."""

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


def test_a_created_file_has_the_rights_that_any_file_gets(store, system):
    store.create("k", b"1")
    (Path(store.url) / "plain").write_bytes(b"1")
    assert (Path(store.url) / "k").stat().st_mode == (Path(store.url) / "plain").stat().st_mode


def test_an_unfinished_write_of_a_killed_process_is_no_object(store):
    store.put("k", b"")
    (Path(store.url) / ".ganray-0123").write_bytes(b"half")
    assert [info.key for info in store.list()] == ["k"]


def test_a_file_in_the_way_of_a_folder_and_a_folder_in_the_way_of_a_file(store):
    store.put("a/b", b"")
    for verb in (store.put, store.create):
        with pytest.raises(StorageError, match="something else has that name"):
            verb("a/b/c", b"")
    with pytest.raises(StorageError, match="something else has that name"):
        store.put("a", b"")
    assert [info.key for info in store.list()] == ["a/b"]


def test_listing_takes_links_to_photos_and_leaves_pipes_circles_and_broken_links(store):
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


def test_one_odd_name_does_not_end_a_listing(store):
    for name in ("new\nline", "tab\t", "back\\slash"):
        store.put(name, b"1")
    assert len(list(store.list())) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(store):
    store.put("k", b"")
    (Path(store.url) / "k").chmod(0)
    with pytest.raises(AccessDenied, match=r"k: Permission denied\. Check the owner"):
        store.get("k")


def test_a_swap_is_on_the_disk_before_it_has_the_name(store, monkeypatch):
    etag = store.put("k", b"before")
    synced = []
    monkeypatch.setattr(local, "sync", lambda path: synced.append((path.name, path.is_dir() or path.read_bytes(), store.get("k"))))
    store.replace("k", b"after", etag)
    (unfinished, *first), second = synced
    assert unfinished.startswith(".ganray-")
    assert first == [b"after", b"before"]
    assert second == ("store", True, b"after")


def test_settling_an_absent_folder_is_an_error(store):
    with pytest.raises(ObjectNotFound):
        store.settle()
    store.put("k", b"")
    store.settle()
