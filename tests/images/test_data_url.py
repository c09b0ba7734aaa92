import base64

import pytest

from ganray.errors import ImageError
from ganray.images.data_url import inline_bytes, is_inline

DATA = bytes(range(256))


@pytest.mark.parametrize("head", ["data:image/png;base64,", "data:;base64,", "DATA:image/svg+xml;charset=utf-8;BASE64,"])
def test_the_bytes_come_out(head):
    url = head + base64.b64encode(DATA).decode()
    assert is_inline(url)
    assert inline_bytes(url) == DATA
    assert inline_bytes(head + base64.b64encode(DATA).decode().replace("+", "%2B").replace("=", "%3D")) == DATA


@pytest.mark.parametrize("spelling", ["76 columns", "last newline", "CRLF", "URL-safe", "no padding", "blanks"])
def test_base64_is_read_as_browsers_read_it(spelling):
    text, mime = base64.b64encode(DATA).decode(), base64.encodebytes(DATA).decode()
    body = {
        "76 columns": mime,
        "last newline": text + "\n",
        "CRLF": mime.replace("\n", "\r\n"),
        "URL-safe": base64.urlsafe_b64encode(DATA).decode(),
        "no padding": text.rstrip("="),
        "blanks": " ".join(text),
    }[spelling]
    assert inline_bytes(f"data:image/png;base64,{body}") == DATA


def test_a_key_is_not_inline():
    assert not is_inline("data/photo.png")
    assert not is_inline("http://x/data:")


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png,abc",
        "data:image/png;base64",
        "data:image/png;base64,a",
        "data:;base64,\u00fc",
        "data:;base64,A A=",
        "data:;base64,AA=A",
    ],
)
def test_what_is_no_base64_is_an_error_of_that_picture(url):
    with pytest.raises(ImageError, match="base64") as caught:
        inline_bytes(url)
    assert caught.value.reason == "data_url"
