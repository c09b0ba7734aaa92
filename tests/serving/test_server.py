"""A server from its configuration: one model, or a table of them."""

import asyncio

import httpx
import pytest
import yaml

from ganray.benchmarks.random_model import make_model
from ganray.config import ServeConfig
from ganray.serving.server import make_server
from tests.tools.models import ATTRIBUTES, SMALLEST


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    url = str(tmp_path_factory.mktemp("model"))
    make_model(url, SMALLEST, ATTRIBUTES)
    return url


def ask(server, *requests):
    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://test") as client:
            return [await client.request(method, path, **options) for method, path, options in requests]

    return asyncio.run(run())


def test_one_model(folder):
    server = make_server(ServeConfig(model=folder, wait_ms=0.0), "cpu", 1)
    image, numbers, page = ask(server, ("POST", "/v1/generate", {"json": {"seed": 1}}), ("GET", "/metrics", {}), ("GET", "/studio", {}))
    assert (image.status_code, image.headers["x-ganray-device"]) == (200, "cpu")
    assert "ganray_samples_drawn_total 1.0" in numbers.text and "ganray_batch_rows_total 16.0" in numbers.text
    assert "ganray_images_outstanding 0.0" in numbers.text and page.headers["content-type"].startswith("text/html")
    assert "ganray_queue_length 0.0" in numbers.text and (server.models.outstanding, len(server.models.healths())) == (0, 1)
    assert ask(make_server(ServeConfig(model=folder, studio=False), "cpu", 1), ("GET", "/studio", {}))[0].status_code == 404


def test_a_table_of_models_by_name(folder, tmp_path):
    table = tmp_path / "models.yaml"
    table.write_text(yaml.safe_dump({"models": {"shop-a/latest": folder, "shop-b/latest": folder}, "default": "shop-a/latest"}))
    server = make_server(ServeConfig(models=str(table), wait_ms=0.0), "cpu", 1)

    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(server.app), base_url="http://test") as client:
            try:
                body = {"id": "a", "seed": 1}
                replies = [await client.post(f"/v1/generate?model={name}", json=body) for name in ("", "shop-b/latest", "shop-c")]
                return replies, (await client.get("/v1/models")).json(), (await client.get("/metrics")).text
            finally:
                await server.models.close()

    (first, second, unknown), models, numbers = asyncio.run(run())
    assert (first.content == second.content, unknown.status_code) == (True, 404)
    assert [card["name"] for card in models["models"]] == ["shop-a/latest", "shop-b/latest"]
    assert 'model="shop-b/latest@' in numbers and "ganray_models_loaded 1.0" in numbers
    assert "ganray_samples_drawn_total 2.0" in numbers
