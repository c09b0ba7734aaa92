"""The HTTP face without Ray and without a socket."""

import asyncio
import base64
import json
import threading

import httpx
import numpy as np
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.engine import Engine
from ganray.errors import ImageError
from ganray.images.provenance import read_label
from ganray.output.sample_file import SampleFile, encode_sample
from ganray.requests import GenerateRequest
from ganray.serving import app as http
from ganray.serving import batcher

ATTRIBUTES = {"category": ("bag", "mug"), "colour": ("red", "grün")}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), ATTRIBUTES)
    return Engine.load(folder, "cpu", threads=2)


CONFIG = ServeConfig(wait_ms=1.0)


def ask(engine, *bodies, config=CONFIG, headers=None):
    """Post all bodies at once; the replies in order."""

    async def run():
        app = http.make_app(engine, config)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await asyncio.gather(*(client.post("/v1/generate", json=body, headers=headers) for body in bodies))

    return asyncio.run(run())


def get(engine, path, config=CONFIG):
    return send(engine, "GET", path, config)


def send(engine, method, path, config=CONFIG, errors=True, **options):
    """One request of any kind; an error of the app's own is raised here unless not `errors`."""

    async def run():
        transport = httpx.ASGITransport(http.make_app(engine, config), raise_app_exceptions=errors)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(run())


@pytest.mark.parametrize("format", ["png", "jpeg", "webp", "avif"])
def test_one_image_comes_as_its_bytes_with_its_facts_in_headers(engine, format):
    (reply,) = ask(engine, {"id": "SKU ü", "seed": 5, "attributes": {"colour": "grün"}, "format": format})
    (sample,) = engine.generate([GenerateRequest(id="SKU ü", seed=5, attributes={"colour": "grün"})])
    assert reply.status_code == 200
    assert reply.headers["content-type"] == f"image/{format}"
    assert reply.content == encode_sample(sample.pixels, SampleFile("SKU ü", 0, 5, format, engine.info.digest))
    assert reply.headers["x-ganray-model"] == engine.info.digest
    assert (reply.headers["x-ganray-seed"], reply.headers["x-ganray-request-id"]) == ("5", "SKU%20%C3%BC")
    assert json.loads(reply.headers["x-ganray-attributes"]) == sample.attributes


def test_json_carries_images_with_their_metadata(engine):
    (one,) = ask(engine, {"id": "a"}, headers={"Accept": "application/json"})
    (many,) = ask(engine, {"id": "a", "count": 11})
    assert one.json()["images"] == many.json()["images"][:1]
    assert [image["name"] for image in many.json()["images"]] == [f"a-{i}" for i in range(11)]
    label = read_label(base64.b64decode(many.json()["images"][3]["data"]))
    assert label["ganray:RequestID"] == "a-3"
    assert many.json()["model"] == engine.info.digest


def test_every_reply_can_be_asked_for_again(engine):
    first, second = ask(engine, {}, {})
    assert first.headers["x-ganray-seed"] != second.headers["x-ganray-seed"]
    again = {"seed": int(first.headers["x-ganray-seed"])}
    assert ask(engine, again)[0].content == first.content


def test_many_requests_at_once_are_batched_and_each_gets_its_own(engine):
    bodies = [{"id": f"r{i}", "count": 1 + i % 3} for i in range(40)]
    alone = [ask(engine, body)[0].content for body in bodies[:6]]
    assert [reply.content for reply in ask(engine, *bodies)][:6] == alone


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"attributes": {"category": "mugg"}}, 400, "The model knows bag, mug"),
        ({"attributes": {"size": "L"}}, 400, "The model knows category, colour"),
        ({"title": "Red mug"}, 400, "title 'Red mug': the model was not trained with titles"),
        ({"count": 65}, 400, "at most 64 images"),
        ({"attributes": {f"a{i}": "x" * 200 for i in range(400)}}, 413, "the body has over 65,536 bytes"),
        ({"count": 0}, 422, "count 0: Input should be greater than or equal to 1"),
        ({"seed": -1, "format": "gif"}, 422, "seed -1: Input should be greater than or equal to 0 (and 1 more)"),
        ({"sed": 1}, 422, "sed: no such field, the fields are id, attributes, title, seed, count, format"),
        ([], 422, "[]: Input should be a valid dictionary"),
        ({"id": "a\uffff"}, 422, "id 'a\\uffff': control characters, unpaired surrogates"),
        ({"id": "a\x1b"}, 422, "id 'a\\x1b': control characters, unpaired surrogates"),
    ],
)
def test_a_bad_body_gets_one_clear_line(engine, body, status, expected):
    (reply,) = ask(engine, body)
    assert reply.status_code == status
    error = reply.json()
    assert expected in f"{error['message']}. {error['remedy']}"


def test_null_fields_are_absent_ones(engine):
    nulls = {"id": "a", "attributes": {"category": "bag", "colour": None}, "title": None, "seed": None, "count": None, "format": None}
    asked, plain = ask(engine, nulls, {"id": "a", "attributes": {"category": "bag"}})
    assert (asked.status_code, asked.content) == (200, plain.content)


@pytest.mark.parametrize(
    "body", [rb'{"id": "\ud800"}', rb'{"\ud800": 1}', rb'{"attributes": {"\ud800": "x"}}', rb'{"attributes": {"category": "\udfff"}}']
)
def test_half_of_a_surrogate_pair_is_no_text(engine, body):
    """JSON can spell it, UTF-8 cannot: neither the label nor the reply could."""
    reply = send(engine, "POST", "/v1/generate", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 422
    assert "unpaired surrogates" in reply.json()["message"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", "the body is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b" " * 65536, "the body is not JSON: Expecting value: line 1 column 65537 (char 65536)"),
        (b'{\n "seed": 1,\n "count"= 2}', "the body is not JSON: Expecting ':' delimiter: line 3 column 9 (char 22)"),
        (b'{"id": "\xff"}', "the body is not JSON: 'utf-8' codec can't decode byte 0xff in position 8: invalid start byte"),
        (b"[" * 60_000, "the body is not JSON: maximum recursion depth exceeded"),
        (b"1" * 5000, "the body is not JSON: Exceeds the limit (4300 digits) for integer string conversion"),
        (b"", "the body is missing"),
        (b"{}{}", "the body is not JSON: Extra data: line 1 column 3 (char 2)"),
        (b"null", "the body None: Input should be a valid dictionary"),
        (b'{"attributes": {"a": {}}}', "attributes.a {}: Input should be a valid string"),
    ],
)
def test_what_is_no_json_is_told_where_and_what_to_do(engine, body, expected):
    reply = send(engine, "POST", "/v1/generate", content=body, headers={"content-type": "application/json"})
    assert (reply.status_code, reply.json()["error"]) == (422, "invalid")
    assert reply.json()["message"].startswith(expected)
    assert "\n" not in reply.text and reply.json()["remedy"]


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=a", None])
def test_a_body_needs_the_content_type_of_json(engine, content_type):
    """`curl -d` sends a form by default."""
    reply = send(engine, "POST", "/v1/generate", content=b'{"seed": 1}', headers={"content-type": content_type} if content_type else {})
    assert (reply.status_code, reply.json()["error"]) == (415, "unsupported")
    assert reply.json()["message"] == (
        f"the Content-Type is {content_type}, not application/json" if content_type else "the request has no Content-Type"
    )
    assert reply.json()["remedy"] == "Send Content-Type: application/json"


def test_a_page_that_is_not_there_and_another_method_are_answered_in_the_same_form(engine):
    missing, wrong = send(engine, "GET", "/v2"), send(engine, "GET", "/v1/generate")
    assert (missing.status_code, missing.json()["error"]) == (404, "not_found")
    assert missing.json()["message"] == "GET /v2: Not Found"
    assert (wrong.status_code, wrong.json()["error"], wrong.headers["allow"]) == (405, "method_not_allowed", "POST")


@pytest.mark.parametrize("path", ["/healthz", "/v1/models", "/docs", "/openapi.json"])
def test_head_is_get_without_its_body(engine, path):
    head, whole = (send(engine, method, path, headers={"X-Request-Id": "a"}) for method in ("HEAD", "GET"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == whole.headers


@pytest.mark.parametrize(("path", "status"), [("/v1/generate", 405), ("/nothing", 404)])
def test_head_where_there_is_no_get_is_refused(engine, path, status):
    assert send(engine, "HEAD", path).status_code == status


def test_an_error_that_nobody_expects_is_answered_in_the_same_form_and_goes_into_the_log(engine, monkeypatch):
    monkeypatch.setattr(Engine, "render", lambda *_: 1 / 0)
    reply = send(engine, "POST", "/v1/generate", json={}, errors=False)
    assert (reply.status_code, reply.json()["message"]) == (500, "the server failed: ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        send(engine, "POST", "/v1/generate", json={})


@pytest.mark.parametrize(
    ("accept", "one", "several"),
    [
        ("*/*", "image/png", 200),
        ("image/png", "image/png", 400),
        ("image/*;q=0.9", "image/png", 400),
        ("image/png, */*;q=0.1", "image/png", 200),
        ("image/png, application/json", "application/json", 200),
        ("image/png,application/json;q=0.5", "image/png", 200),
        ("image/png, application/json;q=0", "image/png", 400),
        ("application/json, text/plain, */*", "application/json", 200),
        ("Application/JSON; q=0.8, image/*; q=0.2", "application/json", 200),
        ("text/html", "image/png", 200),
    ],
)
def test_accept_decides_between_image_and_json_and_several_images_do_not_fit_in_one(engine, accept, one, several):
    assert ask(engine, {}, headers={"Accept": accept})[0].headers["content-type"] == one
    (reply,) = ask(engine, {"count": 2}, headers={"Accept": accept})
    assert reply.status_code == several
    assert reply.headers["content-type"] == "application/json"
    assert several == 200 or "Accept: application/json" in reply.json()["remedy"]


def test_a_full_queue_answers_503_and_says_when_to_come_back(engine):
    replies = ask(engine, *({"id": f"r{i}"} for i in range(60)), config=ServeConfig(queue=4, wait_ms=50.0))
    status = [reply.status_code for reply in replies]
    assert set(status) == {200, 503}
    assert status.count(200) >= 4
    full = replies[status.index(503)]
    assert full.headers["retry-after"] == "1"
    assert full.json()["error"] == "busy"


def test_what_never_fits_into_the_queue_is_no_503(engine):
    config = ServeConfig(queue=4, max_count=64, wait_ms=1.0)
    (reply,) = ask(engine, {"id": "r", "count": 5}, config=config)
    assert reply.status_code == 400
    assert "count 5: one HTTP request makes at most 4 images" in reply.json()["message"]
    assert ask(engine, {"id": "r", "count": 4}, config=config)[0].status_code == 200
    assert get(engine, "/v1/models", config).json()["models"][0]["max_count"] == 4


@pytest.mark.parametrize("length", [b"1000000000", None], ids=["length", "chunked"])
def test_a_body_that_does_not_end_is_refused_before_it_is_read(engine, length):
    """Straight through ASGI: httpx's transport would hand over the whole body at once."""
    chunks, sent = 0, []

    async def receive():
        nonlocal chunks
        chunks += 1
        return {"type": "http.request", "body": b" " * 4096, "more_body": True}

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", b"application/json"), *([(b"content-length", length)] if length else [])]
    scope = {"type": "http", "method": "POST", "path": "/v1/generate", "query_string": b"", "headers": headers}
    asyncio.run(http.make_app(engine, CONFIG)(scope, receive, send))
    assert sent[0]["status"] == 413
    assert json.loads(sent[1]["body"])["error"] == "too_large"
    assert chunks * 4096 <= http.MAX_BODY + 4096


def test_a_body_in_many_chunks_is_one_request(engine):
    async def chunks():
        for byte in json.dumps({"id": "a", "seed": 1}).encode():
            yield bytes([byte])

    reply = send(engine, "POST", "/v1/generate", content=chunks(), headers={"content-type": "application/json"})
    assert reply.content == ask(engine, {"id": "a", "seed": 1})[0].content


def test_an_image_that_cannot_be_labelled_fails_alone_and_is_logged(engine, monkeypatch, caplog):
    whole = batcher.encode_sample

    def unlabelled(pixels, file):
        if file.request_id == "bad":
            raise ImageError("label_unverified", "the label does not read back")
        return whole(pixels, file)

    monkeypatch.setattr(batcher, "encode_sample", unlabelled)
    assert [reply.status_code for reply in ask(engine, {"id": "good"}, {"id": "bad"}, {"id": "fine"})] == [200, 500, 200]
    assert caplog.messages == ["the label does not read back"]


def test_the_event_loop_is_free_while_a_batch_computes(engine, monkeypatch):
    computing, go_on = threading.Event(), threading.Event()

    def stuck(self, z, labels):
        computing.set()
        assert go_on.wait(20)
        return np.zeros((len(z), 8, 8, 3), np.uint8)

    monkeypatch.setattr(Engine, "render", stuck)

    async def run():
        app = http.make_app(engine, ServeConfig(wait_ms=0.0))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            image = asyncio.create_task(client.post("/v1/generate", json={}))
            await asyncio.to_thread(computing.wait, 20)
            health = await client.get("/healthz")
            assert not image.done()
            go_on.set()
            return health.status_code, (await image).status_code

    assert asyncio.run(run()) == (200, 200)


def test_models_lists_attributes_with_their_values(engine):
    (model,) = get(engine, "/v1/models").json()["models"]
    assert model["attributes"] == {name: list(values) for name, values in ATTRIBUTES.items()}
    assert model["titles"] == {"read": False, "examples": []}
    assert (model["digest"], model["resolution"], model["formats"]) == (engine.info.digest, 8, ["png", "jpeg", "webp", "avif"])


def test_the_api_is_described(engine):
    assert get(engine, "/docs").status_code == 200
    described = get(engine, "/openapi.json").json()
    assert "503" in described["paths"]["/v1/generate"]["post"]["responses"]
    assert set(described["components"]["schemas"]["GenerateRequest"]["properties"]) == set(GenerateRequest.model_fields)
