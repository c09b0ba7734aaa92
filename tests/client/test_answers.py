"""Answers that are not as they should be, and those of newer servers."""

import base64
import hashlib
import json

import pytest

from ganray.client.answers import Answer, error_of, read_answer, read_images, read_job, read_report
from ganray.client.errors import BadAnswer

FILE = b"picture"
ROW = {"name": "a-0", "sha256": hashlib.sha256(FILE).hexdigest(), "data": base64.b64encode(FILE).decode(), "attributes": {"colour": "red"}}
BODY = {"id": "a", "seed": 1, "model": "d", "media_type": "image/png", "images": [ROW]}
JSON = {"content-type": "application/json; charset=utf-8", "x-request-id": "r"}
PNG = {"content-type": "image/png", "x-ganray-request-id": "SKU%20%C3%BC", "x-ganray-seed": "7", "x-ganray-model": "d"}


def of(body, headers=JSON):
    return Answer(200, headers, json.dumps(body).encode())


def test_pictures_in_json_and_as_bytes():
    made = read_images(of(BODY))
    assert (made.data, made.id, made.seed, made[0].media_type, made.request_id) == (FILE, "a", 1, "image/png", "r")
    single = read_images(Answer(200, PNG | {"x-ganray-facts": '{"doubt": 0.1}'}, FILE))
    assert (single.id, single.seed, single[0].name, single[0].facts, single[0].edits) == ("SKU ü", 7, "SKU ü-0", {"doubt": 0.1}, ())
    assert single[0].sha256 == ROW["sha256"]


def test_fields_of_a_newer_server_are_passed_over():
    row = {"id": "j", "state": "paused", "more": 1, "error": None}
    assert read_job(of(row)).state == "paused" and not read_job(of(row)).ended
    finding = {"rule": "r", "state": "ok", "found": "f", "wanted": "w", "colour": "new"}
    report = {"ok": True, "profile": "p", "version": "1", "findings": [finding], "mending": ["white"], "score": 3}
    assert read_report(of(report)).findings[0].rule == "r"


@pytest.mark.parametrize(
    "answer",
    [
        of({**BODY, "images": [{**ROW, "sha256": "0" * 64}]}),
        of({**BODY, "images": [{**ROW, "data": "%%%"}]}),
        of({**BODY, "images": {}, "seed": None}),
        of([]),
        Answer(200, JSON, b"[" * 100_000),
        Answer(200, {**PNG, "x-ganray-seed": "seven"}, FILE),
        Answer(200, {"content-type": "text/html"}, b"<html>"),
        Answer(200, {}, b""),
    ],
)
def test_an_answer_that_is_none_is_one_error(answer):
    with pytest.raises(BadAnswer, match="the answer cannot be read"):
        read_answer(answer, read_images)


@pytest.mark.parametrize("body", [{"id": "j"}, {"id": 1, "state": "queued"}, None, "text"])
def test_a_job_that_is_none_is_one_error(body):
    with pytest.raises(BadAnswer):
        read_answer(of(body), read_job)


def test_an_error_is_the_servers_or_what_stands_between_is_quoted():
    own = {"error": "image", "message": "m", "remedy": "r", "reason": "too_small"}
    detail, written = error_of(of(own), "mine")
    assert written and (detail.code, detail.reason, detail.request_id) == ("image", "too_small", "r")
    detail, written = error_of(Answer(502, {}, b"<html>\x1b[31m\r\nBad gateway" + b"x" * 900), "mine")
    assert not written and detail.message.startswith("HTTP 502, not written by ganray: <html> [31m Bad gateway")
    assert len(detail.message) < 260 and detail.message.isprintable() and detail.request_id == "mine"
    for body in ([], {"error": 1}, {"error": "a"}, None):
        assert not error_of(of(body), "")[1]
