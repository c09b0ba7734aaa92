"""Calls as the server reads them."""

import asyncio
import json

import pytest
from fastapi import Request

from ganray.client.calls import JobSpec, Options, check, edit, generate, submit_job
from ganray.requests import EditRequest
from ganray.serving.bodies import read_form

PNG = b"\x89PNG\r\n\r\n--ganray-\r\n\x00\xff"


def read(call):
    """What the server makes of a form."""
    headers = [(name.lower().encode(), value.encode()) for name, value in call.headers.items()]
    scope = {"type": "http", "method": call.method, "path": call.path, "headers": headers, "query_string": b""}

    async def receive():
        return {"type": "http.request", "body": call.content}

    return asyncio.run(read_form(Request(scope, receive), EditRequest))


def test_a_form_is_read_as_it_was_written_whatever_is_in_it():
    fields = {"id": "SKU ü", "pictures": {'ma"sk\u2028': b"\r\n", "ground": "a/key.png"}, "count": 2}
    request, files = read(edit(PNG, ["white", {"background": "#fff"}], fields, Options()))
    assert (request.image, request.id, request.count) == ("photo", "SKU ü", 2)
    assert request.edits == ("white", {"background": "#fff"})
    assert request.pictures == {'ma"sk\u2028': "picture-0", "ground": "a/key.png"}
    assert files == {"photo": PNG, "picture-0": b"\r\n"}


def test_a_key_is_json_and_a_key_that_is_a_part_of_the_form_is_refused():
    call = edit("photo", ["white"], {}, Options())
    assert call.headers["Content-Type"] == "application/json" and read(call)[0].image == "photo"
    with pytest.raises(ValueError, match="'photo' is a key"):
        edit(PNG, [], {"pictures": {"mask": "photo"}}, Options())
    with pytest.raises(TypeError, match="not bytearray"):
        edit(bytearray(PNG), [], {}, Options())


def test_a_request_that_could_not_be_repeated_gets_a_seed_and_is_not_kept():
    drawn, other = generate({"title": "mug"}, Options()), generate({"title": "mug"}, Options())
    assert json.loads(drawn.content)["seed"] != json.loads(other.content)["seed"] and not drawn.repeatable
    for fields in ({"id": "a"}, {"seed": 0}):
        assert json.loads(generate(fields, Options()).content) == fields and generate(fields, Options()).repeatable
    assert "seed" in json.loads(generate({"id": "", "seed": None}, Options()).content)


def test_equal_requests_have_one_fingerprint_and_others_another():
    one = generate({"id": "a", "seed": 1}, Options())
    assert one.fingerprint() == generate({"seed": 1, "id": "a"}, Options(priority="batch", request_id="r")).fingerprint()
    assert edit(PNG, ["white"], {}, Options()).fingerprint() == edit(PNG, ["white"], {}, Options()).fingerprint()
    others = [generate({"id": "a", "seed": 2}, Options()), generate({"id": "a", "seed": 1}, Options(model="b")), check("a", "b", "", "")]
    assert len({one.fingerprint(), *(call.fingerprint() for call in others)}) == 4


def test_a_job_without_options_has_none_and_each_its_own_key():
    first, second = (submit_job(JobSpec("edit", [{"image": "a"}])) for _ in range(2))
    assert json.loads(first.content) == {"kind": "edit", "requests": [{"image": "a"}]}
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
    with pytest.raises(ValueError, match="idempotency_key"):
        submit_job(JobSpec("edit", [], idempotency_key="a\r\nb"))


@pytest.mark.parametrize(
    ("options", "match"), [({"timeout": -1.0}, "timeout"), ({"timeout": float("nan")}, "timeout"), ({"request_id": "a b"}, "request_id")]
)
def test_options_that_no_header_can_hold_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        Options(**options)


def test_a_number_that_json_cannot_hold_is_refused():
    with pytest.raises(ValueError):
        generate({"truncation": float("nan"), "seed": 1}, Options())
