import pytest

from ganray.errors import ObjectNotFound
from ganray.storage import open_store
from ganray.storage.capped import read_capped


@pytest.mark.parametrize("scheme", ["local", "memory"])
def test_one_byte_more_than_the_limit_is_read(scheme, tmp_path):
    store = open_store(str(tmp_path) if scheme == "local" else "memory://capped")
    for size in (0, 9, 10, 11, 1000):
        store.put(f"{size}", b"x" * size)
        assert len(read_capped(store, f"{size}", 10)) == min(size, 11)
    with pytest.raises(ObjectNotFound):
        read_capped(store, "none", 10)
