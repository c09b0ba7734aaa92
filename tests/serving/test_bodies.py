"""Bodies: JSON read strictly, and forms with a photo."""

import asyncio
import json

import httpx
import pytest
from fastapi import FastAPI, Request
from hypothesis import given, settings
from hypothesis import strategies as st

from ganray.requests import EditRequest, GenerateRequest
from ganray.serving.bodies import parse, read_form
from ganray.serving.errors import add_errors
from ganray.serving.refusals import Invalid


@pytest.mark.parametrize("text", ['{"id": "a", "id": "b"}', '{"attributes": {"c": "x", "c": "x"}}', '[{"a": 1, "a": 1}]'])
def test_a_key_that_stands_twice_is_refused(text):
    with pytest.raises(Invalid, match=r"the key '\w+' stands twice"):
        parse(text.encode(), GenerateRequest)


@settings(deadline=None)
@given(
    st.binary(max_size=300)
    | st.text(max_size=100).map(str.encode)
    | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_request_or_one_line(body):
    try:
        assert isinstance(parse(body, GenerateRequest), GenerateRequest)
    except Invalid as error:
        assert error.message and "\n" not in str(error)


def post(**options):
    app = FastAPI()
    add_errors(app)

    @app.post("/")
    async def read(http: Request):
        request, files = await read_form(http, EditRequest)
        return {"image": request.image, "files": {name: len(data) for name, data in files.items()}}

    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.post("/", **options)

    return asyncio.run(run())


def test_a_form_s_photo_is_the_image():
    reply = post(files={"photo": ("a.jpg", b"12345"), "mask": ("m.png", b"12")}, data={"request": '{"id": "a"}'})
    assert reply.json() == {"image": "photo", "files": {"photo": 5, "mask": 2}}


def test_the_request_may_be_a_file_and_may_be_left_out():
    assert post(files={"photo": b"12", "request": ("r.json", b'{"id": "a"}', "application/json")}).json()["image"] == "photo"
    assert post(files={"photo": b"12"}).json()["files"] == {"photo": 2}


@pytest.mark.parametrize(
    ("options", "status", "expected"),
    [
        ({"files": {"mask": b"1"}}, 422, "image is missing"),
        ({"files": {f"p{i}": b"1" for i in range(40)}}, 422, "the form cannot be read: Too many files"),
        ({"files": {"photo": b"1"}, "data": {"request": "{", "more": "1"}}, 422, "the form cannot be read: Too many fields"),
        ({"files": {"photo": b"1"}, "data": {"request": "{"}}, 422, "the body is not JSON"),
        ({"content": b"--x", "headers": {"content-type": "multipart/form-data"}}, 422, "the form cannot be read: Missing boundary"),
        ({"content": b"\x89PNG", "headers": {"content-type": "image/png"}}, 415, "the Content-Type is image/png"),
    ],
)
def test_a_form_that_is_none_is_one_clear_line(options, status, expected):
    reply = post(**options)
    assert (reply.status_code, reply.json()["message"][: len(expected)]) == (status, expected), reply.text
