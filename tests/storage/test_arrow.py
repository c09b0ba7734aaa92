import pickle
import resource
import signal

import pytest
from pyarrow import fs

from ganray.storage import arrow_filesystem, open_store


@pytest.fixture(params=["file", pytest.param("s3", marks=pytest.mark.s3)])
def url(request, tmp_path):
    return request.getfixturevalue("s3_url") if request.param == "s3" else str(tmp_path / "runs")


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_goes_up_and_comes_back(url, tmp_path):
    there = tmp_path / "checkpoint"
    (there / "deep" / "er").mkdir(parents=True)
    (there / "model").write_bytes(bytes(20_000_000))
    (there / "deep" / "er" / "state.json").write_bytes(b"{}")
    filesystem, path = arrow_filesystem(url)
    filesystem = pickle.loads(pickle.dumps(filesystem))
    filesystem.create_dir(path)
    fs.copy_files(str(there), f"{path}/c1", source_filesystem=fs.LocalFileSystem(), destination_filesystem=filesystem)
    assert open_store(url).head("c1/model").size == 20_000_000
    fs.copy_files(f"{path}/c1", str(tmp_path / "back"), source_filesystem=filesystem, destination_filesystem=fs.LocalFileSystem())
    assert files(tmp_path / "back") == files(there)


def test_a_small_file_is_written_through_a_stream(url):
    filesystem, path = arrow_filesystem(url)
    filesystem.create_dir(path)
    with filesystem.open_output_stream(f"{path}/snapshot.json") as stream:
        stream.write(b'{"a": 1}')
        stream.write(memoryview(b"[]").cast("b"))
    assert open_store(url).get("snapshot.json") == b'{"a": 1}[]'


def test_a_stream_that_is_never_closed_leaves_what_was_there(url):
    store = open_store(url)
    store.put("snapshot.json", b"before")
    filesystem, path = arrow_filesystem(url)
    stream = pickle.loads(pickle.dumps(filesystem)).open_output_stream(f"{path}/snapshot.json")
    stream.write(b"half")
    assert store.get("snapshot.json") == b"before"
    assert [info.key for info in store.list()] == ["snapshot.json"]
    stream.close()
    assert store.get("snapshot.json") == b"half"


def test_a_full_disk_leaves_what_was_there(tmp_path):
    (tmp_path / "snapshot.json").write_bytes(b"before")
    filesystem, path = arrow_filesystem(str(tmp_path))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
        with pytest.raises(OSError, match="too large"), filesystem.open_output_stream(f"{path}/snapshot.json") as stream:
            stream.write(bytes(10_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert files(tmp_path) == {"snapshot.json": b"before"}


def test_what_is_there(url):
    store = open_store(url)
    for key in ("run/a", "run/b/c", "run/b/d"):
        store.put(key, b"12")
    filesystem, path = arrow_filesystem(url)
    kinds = [info.type for info in filesystem.get_file_info([f"{path}/run/a", f"{path}/run/b", f"{path}/run/none"])]
    assert kinds == [fs.FileType.File, fs.FileType.Directory, fs.FileType.NotFound]
    flat = filesystem.get_file_info(fs.FileSelector(f"{path}/run"))
    assert sorted(info.base_name for info in flat) == ["a", "b"]
    deep = filesystem.get_file_info(fs.FileSelector(f"{path}/run", recursive=True))
    assert sorted((info.base_name, info.size) for info in deep) == [("a", 2), ("b", None), ("c", 2), ("d", 2)]
    assert filesystem.get_file_info(fs.FileSelector(f"{path}/none", allow_not_found=True)) == []
    with pytest.raises(FileNotFoundError):
        filesystem.get_file_info(fs.FileSelector(f"{path}/none"))
    with pytest.raises(FileNotFoundError):
        filesystem.open_input_file(f"{path}/run/none")


def test_delete_and_move(url):
    store = open_store(url)
    for key in ("run/a", "run/b/c", "run/b/d"):
        store.put(key, b"12")
    filesystem, path = arrow_filesystem(url)
    filesystem.move(f"{path}/run/a", f"{path}/run/z")
    filesystem.delete_dir(f"{path}/run/b")
    assert [info.key for info in store.list()] == ["run/z"]
    filesystem.delete_file(f"{path}/run/z")
    assert list(store.list()) == []


@pytest.mark.s3
def test_credentials_are_not_pickled(s3_url, s3_environment):
    assert s3_environment["AWS_SECRET_ACCESS_KEY"].encode() not in pickle.dumps(arrow_filesystem(s3_url)[0])
