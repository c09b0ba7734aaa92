"""Photos of requests: inline, from a form, or by key; nothing else is fetched."""

import pytest

from ganray.errors import EditError, RequestError
from ganray.serving.photos import EXAMPLE_PHOTO, PhotoSource


def test_a_name_is_a_data_url_a_file_of_the_form_or_a_key(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"key")
    source = PhotoSource(str(tmp_path))
    assert source.read(EXAMPLE_PHOTO, {})[:4] == b"\x89PNG"
    assert source.read("photo", {"photo": b"form"}) == b"form"
    assert source.read("a.jpg", {"photo": b"form"}) == b"key"


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "http://10.0.0.1/a.jpg", "s3://other/a.jpg", "gone.jpg", ""])
def test_nothing_else_is_fetched(tmp_path, name):
    (tmp_path / "a.jpg").write_bytes(b"secret")
    with pytest.raises(RequestError) as caught:
        PhotoSource(str(tmp_path / "photos")).read(name, {})
    assert str(tmp_path) not in str(caught.value)


def test_a_broken_data_url_is_the_photo_s_fault():
    with pytest.raises(EditError):
        PhotoSource("").read("data:image/png;base64,?", {})
