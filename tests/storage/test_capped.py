import pytest

from ganray.errors import ObjectNotFound, ObjectUnavailable
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


def test_a_refused_object_keeps_the_reason_that_the_store_gave(tmp_path, monkeypatch):
    """A HEAD has no body, so its answer has no code."""
    store = open_store(str(tmp_path))
    store.put("a", b"x")

    def refuse(*_):
        raise ObjectUnavailable("its KMS key cannot be used (KMS.DisabledException)")

    monkeypatch.setattr(type(store), "get_range", refuse)
    monkeypatch.setattr(type(store), "head", lambda *_: pytest.fail("the object was asked for again"))
    with pytest.raises(ObjectUnavailable, match="KMS.DisabledException"):
        read_capped(store, "a", 10)
