import pytest
import yaml

from ganray.errors import ConfigError, ObjectNotFound, StorageError
from ganray.network_table import has_networks, networks_of, read_file, read_networks, version_of
from ganray.storage import open_store

ROW = {"url": "nets/a.onnx", "sha256": "0" * 64, "size": 64}


def table(store, read):
    store.put("networks.yaml", (read if isinstance(read, str) else yaml.safe_dump(read)).encode())
    return store.url_of("networks.yaml")


@pytest.mark.parametrize("place", ["file", "memory"])
def test_files_are_sought_from_where_the_table_lies(place, tmp_path):
    store = open_store(str(tmp_path) if place == "file" else "memory://network-table")
    assert not has_networks(store.url)
    store.put("nets/a.onnx", b"abc")
    url = table(store, {"matte": ROW, "upscale": ROW | {"url": f"{store.url}/nets/a.onnx", "factor": 4}})
    assert has_networks(store.url) and networks_of(store.url) == url
    rows = read_networks(url)
    assert list(rows) == ["matte", "upscale"] and rows["upscale"].factor == 4
    assert [read_file(row) for row in rows.values()] == [b"abc", b"abc"]
    before = version_of(rows["matte"])
    store.put("nets/a.onnx", b"another")
    assert version_of(rows["matte"]) != before
    with pytest.raises(ObjectNotFound, match=r"nets/b\.onnx does not exist"):
        read_file(rows["matte"].model_copy(update={"url": f"{store.url}/nets/b.onnx"}))


def test_a_file_beside_the_table_s_folder(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"beside")
    (row,) = read_networks(table(open_store(str(tmp_path / "tables")), {"matte": ROW | {"url": "../a.onnx"}})).values()
    assert read_file(row) == b"beside"


@pytest.mark.parametrize(
    ("read", "said"),
    [
        ("matte: [", "not valid YAML"),
        ("", "names no network. Give it keys among matte, inpaint, upscale, enhance"),
        ("- matte", "names no network"),
        ("matte: " + "[" * 20_000, "not valid YAML"),
        ("matte: " + "9" * 5000, "not valid YAML"),
        ({"mat": ROW}, "mat: no such key (did you mean matte?)"),
        ({"matte": ROW | {"scale": 2}}, "matte.scale: no such key, the keys are url, sha256, size"),
        ({"matte": ROW | {"meen": [0, 0, 0]}}, "matte.meen: no such key (did you mean mean?)"),
        ({"matte": {"url": "a", "size": 64}}, "matte.sha256 is missing. `sha256sum FILE` prints it"),
        ({"matte": ROW | {"sha256": "12"}}, "matte.sha256 = '12': must be 64 hex digits"),
        ({"matte": ROW | {"size": 8}}, "matte.size = 8: "),
        ({"matte": ROW | {"factor": 4}}, "matte.factor: is for upscale alone"),
        ({"matte": ROW | {"std": [0, 1, 1]}}, "matte: std has a zero"),
        ({"matte": "isnet.onnx"}, "matte = 'isnet.onnx': "),
        ({"matte": ROW | {"std": 1, "mean": 1}}, "(and 1 more)"),
    ],
)
def test_a_table_that_is_wrong_is_one_line_with_its_remedy(read, said, tmp_path):
    url = table(open_store(str(tmp_path)), read)
    with pytest.raises(ConfigError) as caught:
        read_networks(url)
    text = str(caught.value)
    assert text.startswith(f"{url}: ") and said in text and "\n" not in text and ": : " not in text
    assert "jobs/README.md" in text or "sha256sum" in text


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(ObjectNotFound, match="does not exist"):
        read_networks(str(tmp_path / "networks.yaml"))
    with pytest.raises(StorageError, match="unknown scheme https://"):
        read_networks("https://shop/networks.yaml")
