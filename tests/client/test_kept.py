import json

import pytest

from ganray.client.answers import Answer
from ganray.client.calls import Options, generate_call
from ganray.client.kept import find, keep, renewed

CALL = generate_call({"id": "a"}, Options())
ANSWER = Answer(200, {"etag": '"1"', "content-type": "image/png", "x-request-id": "old"}, b"\x00\n\xff")


def test_what_is_kept_is_found_again():
    cache = {}
    keep(cache, CALL, ANSWER)
    assert find(cache, CALL) == ANSWER
    assert find(cache, generate_call({"id": "b"}, Options())) is None


@pytest.mark.parametrize("headers", [{}, {"etag": ""}, {"etag": '"1"', "cache-control": "no-store"}])
def test_what_may_not_be_kept_is_not(headers):
    cache = {}
    keep(cache, CALL, Answer(200, headers, b"x"))
    keep(cache, generate_call({}, Options()), ANSWER)  # its seed was drawn: nobody will ask for it again
    keep(None, CALL, ANSWER)
    assert not cache and find(None, CALL) is None


@pytest.mark.parametrize("entry", [b"", b"{}\nx", b"[]\nx", b"\xff\nx", b'{"etag": ""}\nx', b"[" * 100_000])
def test_an_entry_that_cannot_be_read_counts_as_none(entry):
    assert find({CALL.fingerprint(): entry}, CALL) is None


def test_what_the_server_says_now_stands_over_what_it_said_then():
    answer = renewed(ANSWER, Answer(304, {"x-request-id": "new", "content-length": "0"}, b""))
    assert (answer.status, answer.content) == (200, ANSWER.content)
    assert json.dumps(dict(answer.headers)) == '{"etag": "\\"1\\"", "content-type": "image/png", "x-request-id": "new"}'
