"""Calls as the server reads them."""

import asyncio
import json

import pytest
from fastapi import Request

from ganray.client.calls import Options, check_call, edit_call, generate_call, submit_call
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
    request, files = read(edit_call(PNG, ["white", {"background": "#fff"}], fields, Options()))
    assert (request.image, request.id, request.count) == ("photo", "SKU ü", 2)
    assert request.edits == ("white", {"background": "#fff"})
    assert request.pictures == {'ma"sk\u2028': "picture-0", "ground": "a/key.png"}
    assert files == {"photo": PNG, "picture-0": b"\r\n"}


def test_a_key_is_json_and_a_key_that_is_a_part_of_the_form_is_refused():
    call = edit_call("photo", ["white"], {}, Options())
    assert call.headers["Content-Type"] == "application/json" and read(call)[0].image == "photo"
    with pytest.raises(ValueError, match="'photo' is a key"):
        edit_call(PNG, [], {"pictures": {"mask": "photo"}}, Options())
    with pytest.raises(TypeError, match="not bytearray"):
        edit_call(bytearray(PNG), [], {}, Options())


def test_a_request_that_could_not_be_repeated_gets_a_seed_and_is_not_kept():
    drawn, other = generate_call({"title": "mug"}, Options()), generate_call({"title": "mug"}, Options())
    assert json.loads(drawn.content)["seed"] != json.loads(other.content)["seed"] and not drawn.repeatable
    for fields in ({"id": "a"}, {"seed": 0}):
        assert json.loads(generate_call(fields, Options()).content) == fields and generate_call(fields, Options()).repeatable
    assert "seed" in json.loads(generate_call({"id": "", "seed": None}, Options()).content)


def test_equal_requests_have_one_fingerprint_and_others_another():
    one = generate_call({"id": "a", "seed": 1}, Options())
    assert one.fingerprint() == generate_call({"seed": 1, "id": "a"}, Options(priority="batch", request_id="r")).fingerprint()
    assert edit_call(PNG, ["white"], {}, Options()).fingerprint() == edit_call(PNG, ["white"], {}, Options()).fingerprint()
    seed, model = generate_call({"id": "a", "seed": 2}, Options()), generate_call({"id": "a", "seed": 1}, Options(model="b"))
    others = [seed, model, check_call("a", "b", "", "")]
    assert len({one.fingerprint(), *(call.fingerprint() for call in others)}) == 4


def test_a_job_without_options_has_none_and_each_its_own_key():
    first, second = (submit_call("edit", [{"image": "a"}], {}, "") for _ in range(2))
    assert json.loads(first.content) == {"kind": "edit", "requests": [{"image": "a"}]}
    assert json.loads(submit_call("generate", (), {"requests_key": "a.csv"}, "").content) == {"kind": "generate", "requests_key": "a.csv"}
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
    with pytest.raises(ValueError, match="idempotency_key"):
        submit_call("edit", [], {}, "a\r\nb")


@pytest.mark.parametrize(
    ("options", "match"), [({"timeout": -1.0}, "timeout"), ({"timeout": float("nan")}, "timeout"), ({"request_id": "a b"}, "request_id")]
)
def test_options_that_no_header_can_hold_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        Options(**options)


def test_a_number_that_json_cannot_hold_is_refused():
    with pytest.raises(ValueError):
        generate_call({"truncation": float("nan"), "seed": 1}, Options())
