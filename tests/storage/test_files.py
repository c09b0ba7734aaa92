import io

import pytest

from ganray.storage import open_store
from ganray.storage.files import ObjectReader


@pytest.fixture
def reader():
    store = open_store("memory://files")
    store.put("a", bytes(range(100)))
    return store.open_seekable("a")


def test_an_object_reads_like_a_file(reader):
    expected = io.BytesIO(bytes(range(100)))
    for file in (reader, expected):
        assert file.seekable() and file.readable()
    for offset, whence, size in ((10, 0, 5), (3, 1, 7), (-4, 2, 10), (0, 0, 1000), (200, 0, 3)):
        assert reader.seek(offset, whence) == expected.seek(offset, whence)
        assert reader.read(size) == expected.read(size)
        assert reader.tell() == expected.tell()
    assert isinstance(reader, ObjectReader) or isinstance(getattr(reader, "raw", reader), ObjectReader)
