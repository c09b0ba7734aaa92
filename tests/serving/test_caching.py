"""Answers that a client may keep: the same request has the same tag, and 304 needs no drawing."""

import asyncio

import httpx
import pytest

from ganray.benchmarks.random_model import make_model
from ganray.config import ModelConfig, ServeConfig
from ganray.engine import Engine
from ganray.serving.app import make_app
from ganray.serving.caching import matches, tag_of
from ganray.serving.photos import EXAMPLE_PHOTO


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model"))
    make_model(folder, ModelConfig(name="mlp", resolution=8, z_dim=8, embed_dim=8, widths=(16,)), {"colour": ("red", "blue")})
    return Engine.load(folder, "cpu", threads=1)


def ask(engine, body, path="/v1/generate", **headers):
    async def run():
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(make_app(engine, ServeConfig(wait_ms=0.0))), base_url="http://test"
        ) as client:
            return await client.post(path, json=body, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/generate", {"seed": 1}), ("/v1/generate", {"id": "SKU-1"}), ("/v1/edit", {"image": EXAMPLE_PHOTO, "edits": "white"})],
)
def test_who_has_the_answer_is_told_so_without_a_picture_being_made(engine, monkeypatch, path, body):
    first = ask(engine, body, path)
    assert (first.status_code, first.headers["cache-control"].split(",")[0]) == (200, "private")
    monkeypatch.setattr(Engine, "render", lambda *_: 1 / 0)
    monkeypatch.setattr("ganray.edit_engine.EditEngine.edit", lambda *_: 1 / 0)
    again = ask(engine, body, path, If_None_Match=first.headers["etag"])
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert again.headers["x-ganray-seed"] == first.headers["x-ganray-seed"]


def test_what_is_drawn_by_chance_is_not_kept(engine):
    reply = ask(engine, {})
    assert ("etag" in reply.headers, reply.headers["cache-control"]) == (False, "no-store")


def test_other_requests_and_other_forms_have_other_tags(engine):
    bodies = [{"seed": 1}, {"seed": 2}, {"seed": 1, "format": "jpeg"}, {"seed": 1, "attributes": {"colour": "red"}}]
    tags = [ask(engine, body).headers["etag"] for body in bodies]
    tags.append(ask(engine, {"seed": 1}, Accept="application/json").headers["etag"])
    assert len(set(tags)) == len(tags)


def test_a_wrong_request_is_told_so_whatever_the_client_has(engine):
    assert ask(engine, {"seed": 1, "attributes": {"colour": "green"}}, If_None_Match="*").status_code == 400


@pytest.mark.parametrize(
    ("header", "known"),
    [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("", False), ("*", False), ('"b"', False), ("a", False), ('"a', False)],
)
def test_a_header_may_name_several(header, known):
    assert matches(header, '"a"') is known


def test_parts_do_not_run_into_each_other():
    assert tag_of("a", "bc") != tag_of("ab", "c") != tag_of("abc")
