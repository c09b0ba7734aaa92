import pytest

from ganray.errors import StorageError
from ganray.storage import absolute_url, open_object, open_store


def test_an_unknown_scheme_lists_the_known_ones():
    with pytest.raises(StorageError, match=r"ftp://host/x: unknown scheme ftp://\. Use a plain path or one of file://, memory://, s3://"):
        open_store("ftp://host/x")


@pytest.mark.parametrize("url", ["s3://", "gs:///prefix", "az://"])
def test_a_url_without_a_bucket(url):
    with pytest.raises(StorageError, match="names no bucket"):
        open_store(url)


def test_azure_without_an_account(monkeypatch):
    for name in ("AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_CONNECTION_STRING"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(StorageError, match=r"az://photos/x: .*Account must be specified.*AZURE_STORAGE_ACCOUNT_NAME"):
        open_store("az://photos/x")


def test_memory_is_one_per_name():
    open_store("memory://shop/photos").put("a", b"1")
    assert open_store("memory://shop").get("photos/a") == b"1"
    assert not open_store("memory://other/photos").exists("a")


def test_open_object_of_a_plain_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_bytes(b"1")
    for url in ("table.csv", str(tmp_path / "table.csv")):
        store, key = open_object(url)
        assert store.get(key) == b"1"


def test_an_absolute_url_does_not_depend_on_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert absolute_url("photos/mugs/") == str(tmp_path / "photos/mugs")
    assert absolute_url("~/photos") == str(tmp_path / "home/photos")
    assert absolute_url("memory://shop/photos") == "memory://shop/photos"
    assert absolute_url("") == ""
    with pytest.raises(StorageError, match="unknown scheme"):
        absolute_url("ftp://host/x")
