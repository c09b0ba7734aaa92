"""POST /v1/edit without Ray and without a socket."""

import asyncio
import base64
import io
import json
import threading

import httpx
import pytest
from PIL import Image

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.edit_engine import EditEngine
from ganray.edits import EDITS, Edit, NoParams, Stage
from ganray.images.provenance import read_label
from ganray.images.untrusted import SafeDecoder
from ganray.output.edited_file import encode_edited
from ganray.requests import EditRequest
from ganray.serving import app as http
from ganray.serving import body_limit
from tests.tools.jobs import put_photos
from tests.tools.onnx_files import larger, put_networks

CONFIG = ServeConfig()


@pytest.fixture(scope="module")
def engine():
    return EditEngine.load(threads=2, decode=SafeDecoder(2))


@pytest.fixture
def source(seller_photos, tmp_path):
    return ServeConfig(source=put_photos(tmp_path / "photos", seller_photos).url)


def ask(engine, *bodies, config=CONFIG, headers=None, path="/v1/edit"):
    async def run():
        app = http.make_app(engine.product, config, engine)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await asyncio.gather(*(client.post(path, json=body, headers=headers) for body in bodies))

    return asyncio.run(run())


def inline(data):
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def test_one_picture_comes_as_its_bytes_with_its_facts_in_headers(engine, seller_photos):
    body = {"id": "SKU ü", "image": inline(seller_photos["mugs/red ü.jpg"]), "edits": ["white"], "seed": 4}
    (reply,) = ask(engine, body)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/jpeg")
    (edited,) = engine.edit(EditRequest(**body), {}.__getitem__)
    assert reply.content == encode_edited(edited, engine.digest)
    assert read_label(reply.content)["ganray:EditRequestID"] == "SKU ü-0"
    assert (reply.headers["x-ganray-request-id"], reply.headers["x-ganray-seed"]) == ("SKU%20%C3%BC", "4")
    assert json.loads(reply.headers["x-ganray-edits"]) == [{"white": {}}]
    assert json.loads(reply.headers["x-ganray-facts"])["matte"] == "border"


def test_own_networks_are_named_by_the_reply(seller_photos, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    own = put_networks(tmp_path / "own", upscale=(larger(48), {"size": 48, "halo": 4}))
    engine = EditEngine.load(networks=own, threads=2, decode=SafeDecoder(2))
    body = {"id": "a", "image": inline(seller_photos["same.jpg"]), "edits": "upscale:2", "seed": 4}
    for reply in ask(engine, body, body):
        assert reply.headers["x-ganray-model"] == engine.digest == read_label(reply.content)["ganray:EditModelDigest"]
        (edited,) = EditEngine.load(networks=own, threads=1).edit(EditRequest(**body), {}.__getitem__)
        assert reply.content == encode_edited(edited, engine.digest)


def test_without_an_id_the_same_body_gives_the_same_bytes(engine, seller_photos):
    body = {"image": inline(seller_photos["same.jpg"]), "edits": "cutout"}
    one, two, other = ask(engine, body, body, body | {"edits": "white"})
    assert one.content == two.content and one.headers["etag"] == two.headers["etag"] != other.headers["etag"]
    assert one.headers["x-ganray-request-id"] == two.headers["x-ganray-request-id"]
    assert one.headers["x-ganray-request-id"] != other.headers["x-ganray-request-id"]
    assert Image.open(io.BytesIO(one.content)).mode == "RGBA"


def test_json_carries_pictures_with_what_was_done(engine, source, seller_photos, monkeypatch):
    def noisy(photo, params, tools):
        return photo.having(pixels=photo.pixels ^ tools.rng().integers(0, 4, photo.pixels.shape, "uint8"))

    monkeypatch.setitem(EDITS, "noisy", Edit(NoParams, noisy, Stage.REPAIR))
    body = {"id": "a", "image": "same.webp", "edits": ["noisy", "white"], "count": 3}
    (reply,) = ask(engine, body, config=source)
    images = reply.json()["images"]
    assert [image["name"] for image in images] == ["a-0", "a-1", "a-2"] and len({image["sha256"] for image in images}) == 3
    assert images[0]["edits"] == [{"noisy": {}}, {"white": {}}]
    assert (images[0]["media_type"], images[0]["width"], images[0]["height"]) == ("image/webp", 96, 96)
    (alone,) = ask(engine, body | {"count": 1}, config=source)
    assert alone.content == base64.b64decode(images[0]["data"])
    (refused,) = ask(engine, body, config=source, headers={"Accept": "image/webp"})
    assert refused.status_code == 400 and "Accept: application/json" in refused.json()["remedy"]


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"edits": "whiten"}, 400, "edit 'whiten' is unknown. Use some of " + ", ".join(EDITS)),
        ({"edits": []}, 400, "the request has no edits"),
        ({"edits": ["white", "cutout"]}, 400, "cutout cannot come after white"),
        ({"edits": [{"background": {"colour": "red"}}]}, 400, "must be #rrggbb"),
        ({"edits": "conform:/etc/passwd"}, 400, "profile '/etc/passwd' is unknown. Use one of"),
        ({"count": 65}, 400, "at most 64 images"),
        ({"image": "gone.jpg"}, 400, "image 'gone.jpg' is not among the server's photos"),
        ({"image": "../secret"}, 400, "is not among the server's photos"),
        ({"image": "mugs"}, 400, "is not among the server's photos"),
        ({"image": "http://169.254.169.254/latest"}, 400, "is not a data: URL"),
        ({"image": "file:///etc/passwd"}, 400, "is not a data: URL"),
        ({"image": "data:image/png;base64,?"}, 422, "is not base64"),
        ({"image": "animated.gif"}, 422, "2 frames"),
        ({"image": "empty.png"}, 422, "the file has no bytes"),
        ({"image": "one.png"}, 422, "1x1 pixels are too few"),
        ({"image": "cluttered.png"}, 422, "no network for mattes"),
        ({"edits": "cutout", "format": "jpeg"}, 422, "which jpeg does not support"),
        ({"edits": [{"background": {"picture": "p"}}]}, 400, "picture 'p' is not among the request's pictures: none"),
        ({"format": "gif"}, 422, "format 'gif'"),
        ({"sed": 1}, 422, "the fields are id, image, edits, pictures, attributes"),
        ({"edits": "[white"}, 422, "edits '[white'"),
        ({"edits": ["white"] * 33}, 422, "at most 32 items"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(engine, source, body, status, expected):
    (reply,) = ask(engine, {"image": "same.jpg", "edits": "white", **body}, config=source)
    error = reply.json()
    assert (reply.status_code, expected in f"{error['message']}. {error['remedy']}") == (status, True), error
    assert source.source not in reply.text


def test_why_a_photo_cannot_have_its_edit_is_a_word_for_programs(engine, source):
    replies = ask(engine, *({"image": image, "edits": "white"} for image in ("one.png", "cluttered.png", "broken.jpg")), config=source)
    assert [reply.json()["reason"] for reply in replies] == ["too_small", "no_network", "truncated"]


def test_a_server_without_photos_takes_only_what_is_sent(engine):
    (reply,) = ask(engine, {"image": "same.jpg", "edits": "white"})
    assert reply.status_code == 400
    assert "Send the picture itself" in reply.json()["remedy"]


def test_bodies_of_photos_may_be_larger_than_others(engine, monkeypatch, seller_photos):
    large = {"image": inline(seller_photos["same.jpg"] + b"\0" * 200_000), "edits": "white"}
    assert ask(engine, large)[0].status_code == 200
    monkeypatch.setattr(http, "MAX_EDIT_BODY", 100_000)
    (reply,) = ask(engine, large)
    assert (reply.status_code, reply.json()["message"]) == (413, "the body has over 100,000 bytes")


def test_when_too_many_wait_the_next_is_told_so_before_it_is_read(engine, source, monkeypatch):
    working, go_on = threading.Event(), threading.Event()

    def slow(photo, *_):
        working.set()
        assert go_on.wait(20)
        return photo

    monkeypatch.setitem(EDITS, "slow", Edit(NoParams, slow, Stage.REPAIR))

    async def run():
        app = http.make_app(None, source.model_copy(update={"edit_queue": 1}), engine)
        body = {"image": "same.jpg", "edits": "slow"}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            first = [asyncio.create_task(client.post("/v1/edit", json=body)) for _ in range(3)]  # two lanes, and one waits
            await asyncio.to_thread(working.wait, 20)
            full = await client.post("/v1/edit", json=body)
            health = await client.get("/healthz")  # nobody else waits
            go_on.set()
            return full, health, [reply.status_code for reply in await asyncio.gather(*first)]

    full, health, others = asyncio.run(run())
    assert (full.status_code, full.headers["retry-after"], full.json()["error"]) == (503, "1", "busy")
    assert (health.status_code, others) == (200, [200, 200, 200])


def test_a_server_may_have_no_generator(engine):
    (reply,) = ask(engine, {}, path="/v1/generate")
    assert (reply.status_code, reply.json()["error"]) == (404, "not_found")


def test_a_generator_s_server_edits_too_and_says_with_what(tmp_path, seller_photos):
    make_model(str(tmp_path), ModelConfig(name="r3", resolution=8, widths=(16, 16), z_dim=8, embed_dim=8), {"colour": ("red", "blue")})
    engine = EditEngine.load(str(tmp_path), threads=1, device="cpu")
    (reply,) = ask(engine, {"image": inline(seller_photos["same.jpg"]), "edits": "white"})
    assert reply.headers["x-ganray-model"] == engine.product.info.digest
    assert ask(engine, {}, path="/v1/generate")[0].status_code == 200

    async def card():
        app = http.make_app(engine.product, ServeConfig(), engine)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return [(await client.get(path)).json() for path in ("/v1/models", "/openapi.json")]

    models, described = asyncio.run(card())
    assert models["edits"]["background"] == ["colour", "picture", "shadow"]
    assert set(described["components"]["schemas"]["EditRequest"]["properties"]) == set(EditRequest.model_fields)


def test_a_limit_frees_its_place_whatever_happens():
    async def fails(scope, receive, send):
        raise ZeroDivisionError

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    limit = body_limit.BodyLimit(fails, {"/v1/edit": body_limit.Limit(10, max_requests=1), "": body_limit.Limit(10)})
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            asyncio.run(limit({"type": "http", "path": "/v1/edit"}, receive, None))
